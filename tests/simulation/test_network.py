"""The cable that can be cut: silence keeps what is on the way, a reset does not, and both can be undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bellsim.network import Proxy

DEADLINE_S = 5
SILENCE_S = 0.2  # long enough for a byte on loopback, if one were to pass

Echo = tuple[Proxy, bytearray]


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[Echo]:
    """(a proxy in front of an echo server, what the server has received)."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                heard.extend(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1])
    await proxy.start()
    try:
        yield proxy, heard
    finally:
        await proxy.stop()
        server.close()


async def within(awaitable: Awaitable[bytes]) -> bytes:
    return await asyncio.wait_for(awaitable, DEADLINE_S)


def run(story: Callable[[Proxy, bytearray], Awaitable[None]]) -> None:
    async def main() -> None:
        async with echo() as (proxy, heard):
            await story(proxy, heard)

    asyncio.run(main())


async def opened(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


def test_bytes_pass_and_are_counted() -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        passed: list[int] = []
        proxy.passed_up = lambda count, at_ns: passed.append(count)
        reader, writer = await opened(proxy)
        writer.write(b"hello")
        assert await within(reader.readexactly(5)) == b"hello"
        assert sum(passed) == 5
        writer.close()

    run(story)


def test_a_frozen_cable_is_silent_and_loses_nothing() -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        reader, writer = await opened(proxy)
        writer.write(b"1")
        assert await within(reader.readexactly(1)) == b"1"
        proxy.freeze()
        writer.write(b"2")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), SILENCE_S)
        assert bytes(heard) == b"1"
        writer.write(b"3")
        proxy.restore()
        assert await within(reader.readexactly(2)) == b"23"
        assert bytes(heard) == b"123"
        writer.close()

    run(story)


def test_a_new_connection_through_a_frozen_cable_waits() -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        proxy.freeze()
        reader, writer = await opened(proxy)
        writer.write(b"early")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), SILENCE_S)
        assert not heard
        proxy.restore()
        assert await within(reader.readexactly(5)) == b"early"
        writer.close()

    run(story)


def test_the_broker_does_not_see_a_bell_leave_through_a_frozen_cable() -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        reader, writer = await opened(proxy)
        writer.write(b"1")
        assert await within(reader.readexactly(1)) == b"1"
        proxy.freeze()
        writer.write(b"last")
        writer.close()
        await asyncio.sleep(SILENCE_S)
        assert bytes(heard) == b"1"
        proxy.restore()
        end_s = asyncio.get_running_loop().time() + DEADLINE_S
        while bytes(heard) != b"1last" and asyncio.get_running_loop().time() < end_s:
            await asyncio.sleep(0.01)
        assert bytes(heard) == b"1last"

    run(story)


def test_a_dropped_cable_resets_old_and_new_connections_until_it_is_restored() -> None:
    async def ended(reader: asyncio.StreamReader) -> bool:
        try:
            return await within(reader.read(1)) == b""
        except ConnectionError:
            return True

    async def story(proxy: Proxy, heard: bytearray) -> None:
        reader, writer = await opened(proxy)
        writer.write(b"1")
        assert await within(reader.readexactly(1)) == b"1"
        proxy.drop()
        assert await ended(reader)
        reader, writer = await opened(proxy)
        assert await ended(reader)
        proxy.restore()
        reader, writer = await opened(proxy)
        writer.write(b"back")
        assert await within(reader.readexactly(4)) == b"back"
        assert proxy.connections == 3
        writer.close()

    run(story)


def test_without_a_broker_the_bell_sees_its_connection_end() -> None:
    async def main() -> None:
        proxy = Proxy("127.0.0.1", 9)  # nobody answers there
        await proxy.start()
        try:
            reader, _ = await opened(proxy)
            with contextlib.suppress(ConnectionError):
                assert await within(reader.read(1)) == b""
        finally:
            await proxy.stop()

    asyncio.run(main())


def test_a_half_open_connection_hears_nothing_more_and_a_new_one_passes() -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        reader, writer = await opened(proxy)
        writer.write(b"one")
        assert await within(reader.readexactly(3)) == b"one"
        assert proxy.lose_sight() == 1
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), SILENCE_S)
        assert bytes(heard) == b"one" and proxy.swallowed == 3
        other_reader, other_writer = await opened(proxy)
        other_writer.write(b"new")
        assert await within(other_reader.readexactly(3)) == b"new"
        assert not reader.at_eof()  # nobody has told it
        writer.close()
        other_writer.close()

    run(story)


def test_a_reset_ends_each_connection_once_and_new_ones_pass() -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        reader, writer = await opened(proxy)
        writer.write(b"one")
        assert await within(reader.readexactly(3)) == b"one"
        proxy.reset()
        with contextlib.suppress(ConnectionError):
            assert await within(reader.read(1)) == b""
        assert proxy.aborted == 1
        reader, writer = await opened(proxy)
        writer.write(b"new")
        assert await within(reader.readexactly(3)) == b"new"
        writer.close()

    run(story)


@pytest.mark.parametrize(("latency_s", "bytes_per_s"), [(0.15, None), (0.0, 20.0)])
def test_a_slow_way_is_slow_in_both_directions_until_it_is_mended(latency_s: float, bytes_per_s: float | None) -> None:
    async def story(proxy: Proxy, heard: bytearray) -> None:
        reader, writer = await opened(proxy)
        proxy.latency_s, proxy.bytes_per_s = latency_s, bytes_per_s
        began_s = asyncio.get_running_loop().time()
        writer.write(b"one")
        assert await within(reader.readexactly(3)) == b"one"
        assert asyncio.get_running_loop().time() - began_s >= 0.29 and proxy.slowed_s >= 0.29
        proxy.latency_s, proxy.bytes_per_s = 0.0, None
        writer.write(b"two")
        assert await within(reader.readexactly(3)) == b"two" and proxy.slowed_s < 0.31
        writer.close()

    run(story)
