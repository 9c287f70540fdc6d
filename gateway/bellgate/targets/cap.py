"""CAP 1.2 documents for a smart-city platform: by POST, as files in a folder that the platform empties, or both.

The documents of one incident arrive in the order in which things happened: an Update that overtook its Alert, or an
Alert that came after its Cancel, would leave the platform with a false picture. Different incidents do not wait for
one another. An attempt that is repeated carries the same identifier, `sent` and references.
"""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bellgate import __version__
from bellgate.config_targets import CapTarget
from bellgate.errors import StoreError, TargetError, TargetWaits
from bellgate.store import deliveries
from bellgate.store.base import Row, Tx
from bellgate.store.deliveries import Delivery
from bellgate.targets import cap_signature
from bellgate.targets.base import Means, Sender
from bellgate.targets.cap_document import (
    CONTENT_TYPE,
    REFERENCES_MAX,
    Letterhead,
    build,
    chain,
    identifier,
    message_type,
    to_bytes,
)
from bellgate.targets.http import HttpClient, phrase
from bellgate.targets.notice import Notice, read, read_body
from bellgate.targets.words import local

# Delivered, and the table may not say so yet: its marks ride on the next commit, a fraction of a second later.
ARRIVED_MAX = 10_000
# What is read of one incident for a document: more than its references name, less than a stuck button makes.
NEWEST = 4 * REFERENCES_MAX
_OPEN = ("pending", "sending", "failed")
_IN_FOLDER = "in folder"


@dataclass(slots=True)
class _Turn:
    """Whose turn it is in one incident, and how many want it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class Cap(Sender):
    """One [[target]] of kind cap. Raises ConfigError for a key or certificate that cannot be used."""

    at_once = 4  # incidents at once; the documents of one go one after the other

    def __init__(self, section: CapTarget, means: Means) -> None:
        super().__init__(section.name, section.timeout_s)
        base = means.config.path.parent
        self._store = means.store
        self._head = Letterhead(
            gateway=means.config.gateway.id,
            sender=section.sender,
            addresses=tuple(section.addresses),
            restriction=section.restriction,
            contact=section.contact,
            test_status=section.test_status,
            radius_m=section.radius_m,
            valid_s=section.valid_s,
        )
        self._client = None if section.url is None else HttpClient(section.url)
        self._folder = None if section.folder is None else base / section.folder
        self._signer = None
        if section.sign_key is not None and section.sign_cert is not None:
            self._signer = cap_signature.load(base / section.sign_key, base / section.sign_cert)
        # Signing takes milliseconds and a folder on the network may hang: neither may stop the loop, and a folder that
        # hangs stops nobody but this target.
        self._hand = ThreadPoolExecutor(1, f"cap-{section.name}")
        self._turns: dict[int, _Turn] = {}
        self._arrived: OrderedDict[str, None] = OrderedDict()

    async def send(self, delivery: Delivery) -> str | None:
        """Put it into the folder, POST it, or both. The proof: type, digest, and what the platform answered."""
        notice = read(delivery)
        async with self._turn(notice.incident):
            earlier = await self._earlier(notice)
            loop = asyncio.get_running_loop()
            kind = message_type(notice, chain(earlier))
            document = await loop.run_in_executor(self._hand, self._make, notice, earlier)
            said = [kind, f"sha256 {hashlib.sha256(document).hexdigest()}"]
            if self._folder is not None:
                name = f"{local(notice.sent_ms):%Y%m%dT%H%M%S}-{identifier(self._head, notice)}.xml"
                if delivery.kept != _IN_FOLDER:
                    await loop.run_in_executor(self._hand, _put, self._folder, name, document)
                    await self._remember(delivery)
                said.append(f"file {name}")
            if self._client is not None:
                said.append(await self._post(self._client, document))
            self._arrived[delivery.id] = None
            while len(self._arrived) > ARRIVED_MAX:
                self._arrived.popitem(last=False)
        return "; ".join(said)

    async def close(self) -> None:
        """Close the connections; a folder that hangs is left to the end of the process."""
        self._hand.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            await self._client.close()

    @asynccontextmanager
    async def _turn(self, incident: int) -> AsyncIterator[None]:
        """One document of an incident at a time, in the order in which they were asked for."""
        turn = self._turns.setdefault(incident, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[incident]

    async def _earlier(self, notice: Notice) -> list[Notice]:
        """What went before and arrived. Raises TargetWaits while something before it is still on its way."""
        if not notice.stored:
            return []
        try:
            rows = await self._store.read(partial(_of_target, notice.incident, self.name))
        except StoreError as error:
            if notice.change == "signal":
                return []  # better a second Alert than none
            raise TargetError(f"the messages before it cannot be read: {error}") from None
        before = [(row["state"], _notice(row)) for row in rows if row["state"] != "dead"]
        found = [(state, one) for state, one in before if one.order < notice.order]
        for state, one in found:
            if state in _OPEN and one.id not in self._arrived:
                raise TargetWaits(f"an earlier document of incident {notice.incident} has to arrive first")
        return [one for _, one in found]

    def _make(self, notice: Notice, earlier: list[Notice]) -> bytes:
        document = build(self._head, notice, earlier)
        return to_bytes(document if self._signer is None else self._signer.sign(document))

    async def _post(self, client: HttpClient, document: bytes) -> str:
        headers = [("content-type", CONTENT_TYPE), ("user-agent", f"ansimbell/{__version__}")]
        answer = await client.exchange(headers, document)
        if 200 <= answer.status < 300:
            return answer.told()
        if 300 <= answer.status < 400:
            why = ": name the final address as url of this target"
        else:
            why = ": it refuses. Check the url of this target" if answer.status < 500 else ""
        raise TargetError(f"{client.authority} answered {phrase(answer.status)}{why}")

    async def _remember(self, delivery: Delivery) -> None:
        """If the POST fails, the next attempt must not put the file there again: the platform has perhaps taken it."""
        if self._client is None:
            return
        try:
            await self._store.write(partial(_keep, delivery.id))
        except StoreError:
            return  # then the file may come twice, with the same identifier


def _put(folder: Path, name: str, document: bytes) -> None:
    """The file is there whole or not at all, and survives a power cut. Raises TargetError."""
    hidden = folder / f".{name}.tmp"
    try:
        with hidden.open("wb") as file:
            file.write(document)
            file.flush()
            # The folder's group is the platform's; the gateway itself runs with a umask that lets nobody in.
            os.fchmod(file.fileno(), 0o640)
            os.fsync(file.fileno())
        hidden.replace(folder / name)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetError(f"{folder} cannot be written ({reason}): check that it is there and has room") from None


def _of_target(incident: int, target: str, tx: Tx) -> list[Row]:
    return deliveries.of_target(tx, incident, target, NEWEST)


def _keep(delivery_id: str, tx: Tx) -> None:
    deliveries.keep(tx, delivery_id, _IN_FOLDER)


def _notice(row: Row) -> Notice:
    return read_body(row["id"], row["type"], row["round"], row["body"], row["created_ms"])
