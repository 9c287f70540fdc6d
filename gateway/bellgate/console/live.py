"""Server-sent events: every change in order, and nothing missed after a gap.

The hub keeps the newest events in a ring. A client has no queue of its own, only a position in that ring: a slow one
costs no memory, and one that fell out of it, or comes from before a restart of the gateway, gets a new snapshot.
A common line of troubles names up to 50 bells in each of its events: of every such line the ring keeps the newest only.
"""

import asyncio
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bellgate.errors import StoreError

# At 20 changes a second a page may be away for 100 s before it needs a snapshot; an event is about 1 kB.
RING_EVENTS = 2_048
# A client that is so far behind gets of each incident only how it stands now; a quick one gets every step.
COALESCED_FROM = 32
# A page that hears nothing for 8 s turns red: two beats may be lost, the third proves it.
HEARTBEAT_S = 3.0
# A station has a few screens; a client that opens streams in a loop must not take all the gateway's memory.
STREAMS_MAX = 100
# A client that doesn't take what it is sent for this long has gone.
SEND_TIMEOUT_S = 10.0


class Entry:
    """One event with its place in the order; written as JSON once, however many clients read it."""

    __slots__ = ("_data", "event", "seq")

    def __init__(self, seq: int, event: dict[str, Any]) -> None:
        self.seq = seq
        self.event = event
        self._data: str | None = None

    @property
    def data(self) -> str:
        """The event as JSON, with its `seq`."""
        if self._data is None:
            self._data = json.dumps({"seq": self.seq, **self.event}, ensure_ascii=False, separators=(",", ":"))
        return self._data


class Hub:
    """`publish` from any thread; `stream` in an event loop."""

    def __init__(self, ring_events: int = RING_EVENTS) -> None:
        self._lock = threading.Lock()
        self._ring: deque[Entry | None] = deque(maxlen=ring_events)  # None: a newer one says all that it said
        self._lines: dict[int, int] = {}  # of each common line that lives: the number of its newest event
        self._seq = 0
        # Numbers begin anew with each start of the gateway: without this, one from before could look valid.
        self._epoch = secrets.token_hex(4)
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._closed = False

    @property
    def streams(self) -> int:
        """How many clients listen now."""
        return len(self._listeners)

    @property
    def seq(self) -> int:
        """The number of the newest event."""
        return self._seq

    def publish(self, event: dict[str, Any]) -> None:
        """Tell every client. Never blocks and never raises: the writer of the store calls it."""
        with self._lock:
            self._seq += 1
            self._ring.append(Entry(self._seq, event))
            self._overtake(event)
        self._wake()

    def _overtake(self, event: dict[str, Any]) -> None:
        """A street that goes dark would fill the ring with the same bells over and over: let go of the event before."""
        line = event.get("trouble", {})
        if "members" not in line:
            return
        before = self._lines.pop(line["id"], None)
        if before is not None and self._seq - before < len(self._ring):
            self._ring[before - self._seq - 1] = None
        if event["change"] != "cleared":
            self._lines[line["id"]] = self._seq

    def close(self) -> None:
        """End every stream: a server that waits for its connections can stop then. Any thread."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            listeners = list(self._listeners.items())
        for woken, loop in listeners:
            try:
                loop.call_soon_threadsafe(woken.set)
            except RuntimeError:  # its loop has ended, and the stream with it
                with self._lock:
                    self._listeners.pop(woken, None)

    def _after(self, position: int) -> list[Entry] | None:
        """What came after `position` and counts, in order; None if some of it is no longer there."""
        with self._lock:
            if position > self._seq:
                return None
            wanted = self._seq - position
            if wanted > len(self._ring):
                return None
            return [entry for entry in list(self._ring)[len(self._ring) - wanted :] if entry is not None]

    def _position(self, last_id: str | None) -> int | None:
        epoch, _, number = (last_id or "").partition("-")
        if epoch != self._epoch or not number.isascii() or not number.isdigit() or len(number) > 15:
            return None
        return int(number)

    async def stream(
        self,
        last_id: str | None,
        snapshot: Callable[[], Awaitable[dict[str, Any]]],
        admitted: Callable[[], Awaitable[bool]],
        now_ms: Callable[[], int],
        for_client: Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]] | None = None,
    ) -> AsyncIterator[dict[str, str]]:
        """Events from `last_id` on, else from a snapshot on; a heartbeat every HEARTBEAT_S. Each: {event, id, data}.

        admitted: asked before each heartbeat; False (signed out, expired) ends the stream with "signed_out".
        for_client: the event as this client may see it, or None; without it, each as it is.
        """
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        with self._lock:
            self._listeners[woken] = loop
        try:
            position = self._position(last_id)
            beat_at = loop.time()
            while not self._closed:
                woken.clear()
                entries = None if position is None else self._after(position)
                if entries is None:
                    # First the number, then the database: what changes in between comes twice, never not at all.
                    position = self._seq
                    body = {"seq": position, "now_ms": now_ms(), **await snapshot()}
                    yield self._event("snapshot", position, json.dumps(body, ensure_ascii=False, separators=(",", ":")))
                    continue
                for entry in coalesced(entries):
                    position = entry.seq
                    event = entry.event if for_client is None else await for_client(entry.event)
                    if event is entry.event:
                        yield self._event(event["type"], position, entry.data)
                    elif event is not None:
                        yield self._event(event["type"], position, Entry(position, event).data)
                if loop.time() >= beat_at:
                    if not await admitted():
                        yield {"event": "signed_out", "data": "{}"}
                        return
                    assert position is not None
                    yield self._event("heartbeat", position, json.dumps({"seq": position, "now_ms": now_ms()}))
                    beat_at = loop.time() + HEARTBEAT_S
                try:
                    await asyncio.wait_for(woken.wait(), max(0.0, beat_at - loop.time()))
                except TimeoutError:
                    continue
        except StoreError:
            return  # the client comes back; until it succeeds, its page says that the connection is gone
        finally:
            with self._lock:
                self._listeners.pop(woken, None)

    def _event(self, name: str, position: int, data: str) -> dict[str, str]:
        return {"event": name, "id": f"{self._epoch}-{position}", "data": data}


def coalesced(entries: list[Entry]) -> list[Entry]:
    """The same news in fewer events, if they are many: of each incident the newest, and that it sounded.

    The newest keeps its place in the order, so a connection that breaks in between misses nothing.
    """
    if len(entries) < COALESCED_FROM:
        return entries
    newest: dict[int, Entry] = {}
    sounds: set[int] = set()
    for entry in entries:
        if entry.event["type"] == "incident":
            number = entry.event["incident"]["id"]
            newest[number] = entry
            if entry.event.get("sound"):
                sounds.add(number)
    kept: list[Entry] = []
    for entry in entries:
        if entry.event["type"] == "incident":
            number = entry.event["incident"]["id"]
            if newest[number] is not entry:
                continue
            if number in sounds and not entry.event.get("sound"):
                entry = Entry(entry.seq, entry.event | {"sound": True})  # noqa: PLW2901
        kept.append(entry)
    return kept
