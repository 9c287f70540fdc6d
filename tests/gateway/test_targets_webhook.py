"""The HTTP client and the webhook under odd servers, and what a secret has to be."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bellgate.config_values import check_secret
from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery
from bellgate.targets.http import ANSWER_BYTES_MAX, HttpClient
from bellgate.targets.webhook import Webhook

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
WAIT_S = 20.0
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(handle: Handler) -> AsyncIterator[int]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await handle(reader, writer)
        writer.close()

    made = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1])
    return head + await reader.readexactly(size)


def answering(*answers: bytes, then_close: bool = False) -> tuple[Handler, list[bytes]]:
    """Answers in turn, over all connections, the last one for ever."""
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await request(reader))
            writer.write(answers[min(len(seen), len(answers)) - 1])
            await writer.drain()
            if then_close:
                return

    return handle, seen


def post(handle: Handler, times: int = 1, path: str = "/hook") -> list[int]:
    async def main() -> list[int]:
        async with asyncio.timeout(WAIT_S), server(handle) as port:
            client = HttpClient(f"http://127.0.0.1:{port}{path}")
            try:
                found = []
                for _ in range(times):
                    found.append(await client.post([("content-type", "text/plain")], "안심".encode()))
                    await asyncio.sleep(0.01)  # a server that closes does so now
                return found
            finally:
                await client.close()

    return asyncio.run(main())


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def test_request_as_it_goes_out() -> None:
    handle, seen = answering(NO_CONTENT)
    assert post(handle, path="/성수?a=1 2") == [204]
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /%EC%84%B1%EC%88%98?a=1%202 HTTP/1.1"
    assert lines[1].lower().startswith(b"host: 127.0.0.1:")
    assert body.decode() == "안심"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ],
    ids=["length", "chunks", "continue first"],
)
def test_answers_of_all_shapes_and_the_connection_goes_on(answer: bytes) -> None:
    handle, seen = answering(answer)
    assert post(handle, 3) == [200, 200, 200]
    assert len(seen) == 3


def test_answer_without_length_ends_with_the_connection() -> None:
    handle, _ = answering(b"HTTP/1.0 202 Accepted\r\n\r\nthanks", then_close=True)
    assert post(handle, 2) == [202, 202]


def test_idle_connection_that_the_server_closed_is_not_a_failure() -> None:
    handle, seen = answering(NO_CONTENT, then_close=True)
    assert post(handle, 3) == [204, 204, 204]
    assert len(seen) == 3


def test_endless_answer_is_not_read() -> None:
    handle, _ = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"x" * (ANSWER_BYTES_MAX + 1))
    assert post(handle) == [200]


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n\r\n", b"\x00" * 50 + b"\r\n\r\n", b"HTTP/1.1 huh\r\n\r\n"])
def test_what_is_no_http_is_said(answer: bytes) -> None:
    handle, _ = answering(answer, then_close=True)
    with pytest.raises(TargetError, match="does not answer in HTTP"):
        post(handle)


def test_server_that_hangs_up_is_said() -> None:
    handle, _ = answering(b"", then_close=True)
    with pytest.raises(TargetError, match="broke off before it answered"):
        post(handle)


def test_nobody_listens_and_no_such_name() -> None:
    async def main(url: str) -> None:
        async with asyncio.timeout(WAIT_S):
            await HttpClient(url).post([], b"")

    with pytest.raises(TargetError, match=r"127\.0\.0\.1:9 cannot be reached"):
        asyncio.run(main("http://127.0.0.1:9/"))
    with pytest.raises(TargetError, match="cannot be reached"):
        asyncio.run(main("http://nobody.invalid/"))


def test_https_to_a_server_without_tls_is_said() -> None:
    async def main(port: int) -> None:
        await HttpClient(f"https://127.0.0.1:{port}/").post([], b"")

    async def whole() -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with asyncio.timeout(WAIT_S), server(plain) as port:
            with pytest.raises(TargetError, match="cannot be reached"):
                await main(port)

    asyncio.run(whole())


@pytest.mark.parametrize(("status", "says"), [(302, "final address"), (404, "refuses"), (500, "500 Internal")])
def test_webhook_says_why(status: int, says: str) -> None:
    async def main() -> None:
        handle, _ = answering(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
        async with asyncio.timeout(WAIT_S), server(handle) as port:
            hook = Webhook("station", f"http://127.0.0.1:{port}/very/secret/path", SECRET, 10)
            with pytest.raises(TargetError, match=says) as fault:
                await hook.send(Delivery("id", "station", "t", 1, 1, 0, "{}", 0, 0, 0))
            assert "secret/path" not in str(fault.value)  # an address may hold a token
            await hook.close()

    asyncio.run(main())


def encoded(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize("secret", ["", "whsec_", "secret", SECRET[6:], "whsec_%%%%", encoded(15), encoded(65)])
def test_bad_secret(secret: str) -> None:
    with pytest.raises(ValueError, match=r"write .whsec_. and the base64 of 16 to 64 random bytes"):
        check_secret(secret)


@pytest.mark.parametrize("size", [16, 64])
def test_good_secret(size: int) -> None:
    check_secret(encoded(size))
