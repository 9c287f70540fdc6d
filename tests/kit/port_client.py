"""A plain client of the bell's port for tests: opens the path of a pty, asks, and waits with a deadline."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
import tty
from collections import deque
from typing import Any

from bellwire import frame

ANSWER_S = 20.0


class Client:
    """path: of a pty. heard: everything that came."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._file)
        self._reader = frame.Reader((frame.ANSWER, frame.EVENT), (frame.STATE, frame.ERROR, frame.RESULT), lines=True)
        self._number = 0
        self.heard = bytearray()
        self.items: deque[Any] = deque(maxlen=5_000)

    def close(self) -> None:
        os.close(self._file)

    async def send(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._file, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)

    def read(self) -> None:
        """Take what has come into `items`."""
        try:
            data = os.read(self._file, 65_536)
        except BlockingIOError:
            return
        self.heard += data
        self.items.extend(self._reader.feed(data))

    async def wait(self, wanted: Any, deadline_s: float = ANSWER_S) -> Any:
        """The first item for which wanted(item) is true; those before it are dropped."""
        end_s = time.monotonic() + deadline_s
        while True:
            self.read()
            while self.items:
                item = self.items.popleft()
                if wanted(item):
                    return item
            assert time.monotonic() < end_s, f"not within {deadline_s:g} s; heard last: {bytes(self.heard[-400:])!r}"
            await asyncio.sleep(0.005)

    def request(self, op: str, **more: Any) -> tuple[int, bytes]:
        """(number, bytes) of the next request."""
        self._number = self._number % 255 + 1
        payload = json.dumps({"op": op, **more}, ensure_ascii=False).encode()
        return self._number, b"\n" + frame.frame(frame.REQUEST, self._number, payload)

    async def ask(self, op: str, deadline_s: float = ANSWER_S, **more: Any) -> dict[str, Any]:
        number, data = self.request(op, **more)
        await self.send(data)
        item = await self.wait(lambda item: item[0] == "frame" and item[1:3] == (frame.ANSWER, number), deadline_s)
        answer = json.loads(item[3])
        assert isinstance(answer, dict)
        return answer

    async def event(self, name: str, deadline_s: float = ANSWER_S) -> dict[str, Any]:
        """The next event of this name."""

        def wanted(item: Any) -> bool:
            return item[:2] == ("frame", frame.EVENT) and json.loads(item[3])["event"] == name

        item = await self.wait(wanted, deadline_s)
        found = json.loads(item[3])
        assert isinstance(found, dict)
        return found

    async def hello(self, deadline_s: float = ANSWER_S, **wanted: Any) -> dict[str, Any]:
        """The bell's hello as soon as it says all of `wanted`: it may be starting."""
        end_s = time.monotonic() + deadline_s
        while True:
            try:
                answer = await self.ask("hello", 1.5)
            except AssertionError:
                answer = {}
            if answer and all(answer.get(name) == value for name, value in wanted.items()):
                return answer
            assert time.monotonic() < end_s, f"never {wanted}; last: {answer}"
            await asyncio.sleep(0.05)

    async def enrol(self, data: bytes, once: bytes) -> dict[str, Any]:
        """Send an enrolment file; the answer to enrol.end."""
        answer = await self.begin(data)
        assert answer["ok"], answer
        at, chunk = answer["have"], answer["chunk"]
        while at < len(data):
            at = await self.piece(data, at, chunk)
        return await self.ask("enrol.end", proof=proof(data, once))

    async def begin(self, data: bytes) -> dict[str, Any]:
        return await self.ask("enrol.begin", size=len(data), sha256=hashlib.sha256(data).hexdigest())

    async def piece(self, data: bytes, at: int, chunk: int) -> int:
        answer = await self.ask("enrol.data", at=at, data=base64.b64encode(data[at : at + chunk]).decode())
        assert answer["ok"], answer
        have = answer["have"]
        assert isinstance(have, int)
        return have


def proof(data: bytes, once: bytes) -> str:
    """As docs/port.md has it, with Python's own HMAC."""
    return hmac.new(once, data, "sha256").hexdigest()


def code(key: bytes, nonce: str) -> str:
    """The operator's code, as docs/port.md has it."""
    told = hmac.new(key, f"ansimbell port wipe {nonce}".encode(), "sha256").digest()
    return f"{int.from_bytes(told, 'big') % 10**8:08}"
