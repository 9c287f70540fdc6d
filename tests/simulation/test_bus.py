"""The bus believes nobody: who is not an expected bell, or talks rubbish, is cut off and disturbs no one."""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from bellsim.bus import LINE_BYTES_MAX, Bus

DEADLINE_S = 5


async def joined(bus: Bus, hello: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = bus.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(hello + b"\n")
    return reader, writer


@pytest.mark.parametrize(
    "rubbish", [b"not json", b"[1]", b'{"hello": "a-stranger"}', b"{}", b"x" * (2 * LINE_BYTES_MAX), b"\xff\xfe"]
)
def test_strangers_and_rubbish_are_cut_off_while_a_bell_goes_on(rubbish: bytes) -> None:
    async def story() -> None:
        heard: list[dict[str, Any]] = []
        bus = Bus()
        await bus.start()
        try:
            plug = bus.plug("b-1", lambda message, at_ns: heard.append(message))
            reader, writer = await joined(bus, b'{"hello": "b-1", "runtime": "cpython"}')
            await asyncio.wait_for(plug.joined.wait(), DEADLINE_S)
            strange_reader, _ = await joined(bus, rubbish)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(strange_reader.read(), DEADLINE_S) == b""
            writer.write(b'{"lamp": [[1, 2, 3]]}\n')
            plug.send({"pin": 4, "level": 0})
            assert json.loads(await asyncio.wait_for(reader.readline(), DEADLINE_S)) == {"pin": 4, "level": 0}
            while not heard:
                await asyncio.sleep(0.01)
            assert heard == [{"lamp": [[1, 2, 3]]}]
            assert plug.runtime == "cpython"
            writer.close()
            await asyncio.wait_for(plug.left.wait(), DEADLINE_S)
            with pytest.raises(ConnectionError, match="not on the bus"):
                plug.send({"wifi": True})
        finally:
            await bus.stop()

    asyncio.run(asyncio.wait_for(story(), 4 * DEADLINE_S))
