"""An independent Improv client sets Wi-Fi on a bell: its frames are built here, from the public specification alone.

https://www.improv-wifi.com/serial/ -- nothing of ours is imported but the simulator that gives the bell its pty.
"""

import asyncio
import json
import os
import time
import tty
from pathlib import Path

from bellsim.desk import desk

AIR = [["달빛상회 2.4G", "correct horse", -61], ["Cafe", "", -83]]


def packet(kind: int, data: bytes) -> bytes:
    """Bytes 1-6 "IMPROV", 7 version, 8 type, 9 length, data, checksum: the sum of all bytes before it."""
    head = b"IMPROV" + bytes([1, kind, len(data)]) + data
    return head + bytes([sum(head) % 256]) + b"\n"


def command(number: int, *texts: str) -> bytes:
    """An RPC command: its number, the length of its data, each text behind its length."""
    body = b"".join(bytes([len(text.encode())]) + text.encode() for text in texts)
    return packet(3, bytes([number, len(body)]) + body)


class Improv:
    """A client that looks for the header in whatever comes."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._file)
        self._heard = b""

    def send(self, data: bytes) -> None:
        assert os.write(self._file, data) == len(data)

    async def next(self) -> tuple[int, bytes]:
        """(type, data) of the next packet that is whole and sums up."""
        end_s = time.monotonic() + 30
        while True:
            at = self._heard.find(b"IMPROV\x01")
            if at >= 0 and len(self._heard) >= at + 9:
                kind, size = self._heard[at + 7 : at + 9]
                whole = self._heard[at : at + 10 + size]
                if len(whole) == 10 + size:
                    assert sum(whole[:-1]) % 256 == whole[-1]
                    self._heard = self._heard[at + 10 + size :]
                    return kind, whole[9:-1]
            assert time.monotonic() < end_s, self._heard[-200:]
            try:
                self._heard += os.read(self._file, 4_096)
            except BlockingIOError:
                await asyncio.sleep(0.01)

    async def until(self, kind: int) -> bytes:
        """The data of the next packet of this type."""
        while True:
            found, data = await self.next()
            if found == kind:
                return data

    def close(self) -> None:
        os.close(self._file)


def texts(data: bytes) -> list[str]:
    """Of an RPC result: command, length, then texts."""
    assert data[1] == len(data) - 2
    found, at = [], 2
    while at < len(data):
        found.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return found


def test_an_independent_client_sets_wifi(tmp_path: Path):
    async def story() -> None:
        flash = tmp_path / "flash"
        flash.mkdir()
        async with desk(flash, tmp_path / "packages", networks=AIR) as (bell, cable):
            client = Improv(cable.path)
            client.send(command(2))
            assert await client.until(1) == b"\x02"  # ready
            client.send(command(3))
            info = texts(await client.until(4))
            assert info[0] == "Ansimbell" and len(info) == 4
            client.send(command(4))
            found = []
            while entry := texts(await client.until(4)):
                found.append(entry)
            assert found == [["달빛상회 2.4G", "-61", "YES"], ["Cafe", "-83", "NO"]]

            client.send(command(1, "달빛상회 2.4G", "wrong horse"))
            assert await client.until(1) == b"\x03"  # provisioning
            assert await client.until(2) == b"\x03"  # unable to connect
            client.send(command(1, "Nowhere", "x"))
            assert await client.until(2) == b"\x00"
            assert await client.until(2) == b"\x03"

            client.send(b"IMPROV\x01\x03\x02\x02\x00\x00\n")  # a wrong checksum is no packet
            client.send(packet(3, b"\x01\x05\x01a"))
            assert await client.until(2) == b"\x01"  # malformed
            client.send(command(9))
            assert await client.until(2) == b"\x02"  # unknown command

            client.send(command(1, "달빛상회 2.4G", "correct horse"))
            assert await client.until(1) == b"\x03"
            assert await client.until(1) == b"\x04"  # provisioned
            assert texts(await client.until(4)) == []
            client.send(command(2))
            assert await client.until(1) == b"\x04"
            client.close()
            kept = json.loads((flash / "settings.json").read_text())
            assert kept["wifi"] == [{"ssid": "달빛상회 2.4G", "password": "correct horse"}]

            await bell.power_cut()  # and it is known after a start
            await bell.power_on()
            client = Improv(cable.path)
            end_s = time.monotonic() + 30
            state = b""
            while state != b"\x04":
                assert time.monotonic() < end_s
                client.send(command(2))
                state = await client.until(1)
                await asyncio.sleep(0.2)
            client.close()

    asyncio.run(story())
