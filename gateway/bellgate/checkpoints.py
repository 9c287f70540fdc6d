"""Checkpoints: what the record's last row was, signed, and written to a second place every few minutes.

The chain inside the database finds a changed row. Whoever may write the whole database can build a whole new chain or
cut off its end; that is seen only from outside, by a line that says "at this moment row 417 had this hash".

One file a month, `GATEWAY-2026-11.jsonl`, one signed document a line, appended and never written again. Each line
names the digest of the line before, so that a removed line is seen too. Beside them lies `ca.pem`.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from bellgate import signing
from bellgate.errors import RecordError
from bellgate.pki import Authority
from bellgate.store.audit import Head

# Without any new row a line is still written so often: "nothing happened" is a statement too.
QUIET_MS = 3_600_000


@dataclass(slots=True)
class Read:
    """What the lines say. good: rows that the database still has as they were seen; bad: rows that it has not.

    faults: what is wrong with the lines themselves, in words.
    """

    lines: int = 0
    last_ms: int | None = None
    good: list[int] = field(default_factory=list)
    bad: list[tuple[int, int]] = field(default_factory=list)  # (row, when it was seen)
    faults: list[str] = field(default_factory=list)


class Writer:
    """Appends lines. Not thread-safe; the gateway's housekeeping is its only user."""

    def __init__(self, folder: Path, gateway_id: str, authority: Authority) -> None:
        self.folder, self._gateway_id, self._authority = folder, gateway_id, authority
        self._last: dict[str, Any] | None = None
        self._known = False

    def due(self, head: Head, at_ms: int) -> bool:
        """True if the chain has grown since the last line, or that is an hour ago."""
        if not self._known:
            self._remember()
        return self._last is None or self._last["row"] != head.row or at_ms - self._last["at_ms"] >= QUIET_MS

    def write(self, head: Head, at_ms: int, clock: str) -> Path:
        """One line, on the disk when this returns; the file. clock: "synchronised", "unsynchronised" or "unknown".

        Raises RecordError.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._known:
                self._remember()
            ca = self.folder / "ca.pem"
            if not ca.exists():
                ca.write_bytes(self._authority.path("ca.pem").read_bytes())
            document = signing.sign(
                {
                    "v": 1,
                    "gateway": self._gateway_id,
                    "n": self._last["n"] + 1 if self._last else 1,
                    "at_ms": at_ms,
                    "clock": clock,
                    "row": head.row,
                    "hash": head.hash,
                    "before": signing.digest(self._last) if self._last else "",
                },
                self._authority.signer(),
            )
            month = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")
            file = self.folder / f"{self._gateway_id}-{month}.jsonl"
            with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab+") as out:
                if out.tell() and _last_byte(out) != b"\n":
                    out.write(b"\n")  # a power cut tore the line before: it stays, and is named when it is read
                out.write(_line(document))
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            self._known = False
            raise RecordError(
                f"{self.folder}: no checkpoint can be written there ({error.strerror}). Mount it, free it, or correct "
                "audit.checkpoints"
            ) from None
        self._last = document
        return file

    def _remember(self) -> None:
        self._last = None
        for path in reversed(_files(self.folder, self._gateway_id)):
            for text in reversed(path.read_bytes().splitlines()):
                try:
                    document = json.loads(text)
                    document["n"], document["row"], document["at_ms"]
                except (ValueError, KeyError, TypeError):
                    continue  # torn by a power cut
                self._last = document
                self._known = True
                return
        self._known = True


def read(
    folder: Path, gateway_id: str, ca: x509.Certificate, hashes: Callable[[Sequence[int]], dict[int, str]]
) -> Read:
    """Compare every line with the database. hashes(rows) -> {row: hash} of the rows that exist there."""
    found = Read()
    seen: list[tuple[int, str, int]] = []
    before: dict[str, Any] | None = None
    for place, document in _documents(folder, gateway_id, found):
        try:
            signing.check(document, ca)
            row, digest, at_ms = int(document["row"]), str(document["hash"]), int(document["at_ms"])
            number, named = int(document["n"]), str(document["before"])
        except (RecordError, KeyError, TypeError, ValueError) as error:
            found.faults.append(f"{place}: {error if isinstance(error, RecordError) else 'is not a checkpoint'}")
            continue
        if before is not None and named != signing.digest(before):
            missing = number - before["n"] - 1
            what = f"{missing} lines before it were removed" if missing > 0 else "does not follow the line before"
            found.faults.append(f"{place}: {what}")
        elif before is None and named:
            found.faults.append(f"{place}: is not the first one; {number - 1} lines before it are not here")
        before = document
        found.lines += 1
        found.last_ms = at_ms
        seen.append((row, digest, at_ms))
    stand = hashes([row for row, _, _ in seen if row])
    for row, digest, at_ms in seen:
        if not row or stand.get(row) == digest:
            found.good.append(row)
        else:
            found.bad.append((row, at_ms))
    return found


def gateways(folder: Path) -> list[str]:
    """The gateways that have written here."""
    return sorted({path.stem[:-8] for path in folder.glob("*-[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl")})


def _documents(folder: Path, gateway_id: str, found: Read) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in _files(folder, gateway_id):
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            found.faults.append(f"{path.name}: cannot be read ({error.strerror})")
            continue
        for number, text in enumerate(lines, 1):
            place = f"{path.name} line {number}"
            try:
                document = json.loads(text)
            except ValueError:
                document = None
            if isinstance(document, dict):
                yield place, document
            else:
                found.faults.append(f"{place}: is torn or changed")


def _files(folder: Path, gateway_id: str) -> list[Path]:
    return sorted(folder.glob(f"{gateway_id}-[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl"))


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _last_byte(out: Any) -> bytes:
    out.seek(-1, os.SEEK_END)
    last: bytes = out.read(1)
    return last
