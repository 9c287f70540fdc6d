"""The HTTP client and the webhook under odd servers, on each event loop, and what a secret has to be."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import standardwebhooks

from bellgate.config_values import check_secret
from bellgate.errors import TargetError
from bellgate.pki import Authority
from bellgate.store.deliveries import Delivery
from bellgate.targets.http import ANSWER_BYTES_MAX, HEAD_BYTES_MAX, HttpClient, lines
from bellgate.targets.webhook import Webhook

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
WAIT_S = 20.0
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

POLICIES: list[type[asyncio.AbstractEventLoopPolicy]] = [asyncio.DefaultEventLoopPolicy]
with contextlib.suppress(ImportError):
    import uvloop

    POLICIES.append(uvloop.EventLoopPolicy)


@pytest.fixture(autouse=True, params=POLICIES, ids=lambda policy: policy.__module__.split(".")[0])
def _loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test on asyncio's own loop, and on the gateway's."""
    asyncio.set_event_loop_policy(request.param())
    yield
    asyncio.set_event_loop_policy(None)


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


def test_answer_in_pieces() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            answer = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nyes"
            for at in range(len(answer)):
                writer.write(answer[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0)

    assert post(handle, 2) == [201, 201]


def exchanged(*pieces: bytes, pause_s: float = 0.02) -> str:
    """What the record keeps of an answer that comes in these pieces, and then the connection ends."""

    async def main() -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)

        async with asyncio.timeout(WAIT_S), server(handle) as port:
            client = HttpClient(f"http://127.0.0.1:{port}/")
            try:
                return (await client.exchange([], b"{}")).told()
            finally:
                await client.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.0 200 OK\r\n\r\nas 4711",),
        (b"HTTP/1.0 200 OK\r\nserver: x\r\n\r\n", b"as ", b"4711"),
        (b"HTTP/1.0 200 O", b"K\r\n\r\nas 4", b"711\ncontent-length: 99"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 7\r\n\r\nas 4711",),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nas \r\n", b"4\r\n4711\r\n0\r\n\r\n"),
    ],
    ids=["to the end", "head, then body", "a line like a header", "close", "chunks"],
)
def test_answers_that_end_with_their_connection(pieces: tuple[bytes, ...]) -> None:
    assert exchanged(*pieces) == "200 OK: as 4711"


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 2",),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n",),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nas",),
        (b"HTTP/1.1 200 OK\r\ncontent-", b"length: 7\r\n\r\n", b"as"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nas",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
    ],
)
def test_answer_that_breaks_off_is_none(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(TargetError, match="broke off in the middle of its answer"):
        exchanged(*pieces)


@pytest.mark.parametrize(
    "piece",
    [
        b"HTTP/1.1 200 OK\r\nset-cookie: " + b"x" * HEAD_BYTES_MAX,
        b"HTTP/1.1 100 Continue\r\n\r\n" * (HEAD_BYTES_MAX // 25 + 1),
    ],
    ids=["one line", "continue for ever"],
)
def test_too_much_above_the_answer_is_not_read(piece: bytes) -> None:
    with pytest.raises(TargetError, match=f"does not answer in HTTP .more than {HEAD_BYTES_MAX} bytes"):
        exchanged(piece, pause_s=WAIT_S)


def test_chunks_without_end_are_not_read() -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    assert exchanged(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk * 70, pause_s=0.2)[:6] == "200 OK"


def test_answer_that_can_have_no_body_has_none() -> None:
    handle, _ = answering(b"HTTP/1.1 204 No Content\r\ncontent-length: 12\r\n\r\n")
    assert post(handle, 2) == [204, 204]


def test_switch_of_protocols_is_no_answer() -> None:
    handle, _ = answering(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
    with pytest.raises(TargetError, match="does not answer in HTTP"):
        post(handle)


@pytest.mark.parametrize("pause_s", [None, 0, 0.005], ids=["in one piece", "at once", "later"])
def test_second_answer_to_one_request_answers_no_other(pause_s: float | None) -> None:
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        while True:
            await request(reader)
            connections[-1] += 1
            surplus = b"HTTP/1.1 299 Surplus\r\ncontent-length: 2\r\n\r\nno"
            if pause_s is None:
                writer.write(NO_CONTENT + surplus)
            else:
                writer.write(NO_CONTENT)
                await writer.drain()
                await asyncio.sleep(pause_s)
                writer.write(surplus)
            await writer.drain()

    async def main() -> None:
        async with asyncio.timeout(WAIT_S), server(handle) as port:
            client = HttpClient(f"http://127.0.0.1:{port}/")
            for _ in range(3):
                assert await client.post([], b"{}") == 204
                while client._idle:  # until the surplus has come: then it is not used again
                    await asyncio.sleep(0.002)
            await client.close()

    asyncio.run(main())
    assert connections == [1, 1, 1]


def test_idle_connection_that_ends_without_an_answer_is_tried_anew() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(NO_CONTENT)
        seen.append(await request(reader))  # and hangs up: it closed the connection as this one was on its way

    assert post(handle, 2) == [204, 204]
    assert len(seen) == 3


def test_idle_connection_that_ends_in_its_answer_is_not() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(NO_CONTENT)
        seen.append(await request(reader))
        writer.write(b"HTTP/1.1 2")

    with pytest.raises(TargetError, match="broke off in the middle of its answer"):
        post(handle, 2)
    assert len(seen) == 2


def test_deadline_in_the_middle_of_an_answer_closes_the_connection() -> None:
    ended: list[bytes] = []

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow")
            with contextlib.suppress(ConnectionError):
                ended.append(await reader.read())

        async with asyncio.timeout(WAIT_S), server(handle) as port:
            client = HttpClient(f"http://127.0.0.1:{port}/")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.post([], b"{}")
            while not ended:
                await asyncio.sleep(0.005)
            await client.close()

    asyncio.run(main())
    assert ended == [b""]


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
    for name in ("nobody.invalid", "no..body", "역" * 64):
        with pytest.raises(TargetError, match="cannot be reached"):
            asyncio.run(main(f"http://{name}/"))


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


def test_certificate_of_a_stranger_is_said(tmp_path: Path) -> None:
    stranger = Authority.create(tmp_path / "ca", "strange")
    stranger.ensure_server("strange", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stranger.path("server.pem"), stranger.path("server.key"))

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)

        made = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        port = made.sockets[0].getsockname()[1]
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(TargetError, match=rf"127.0.0.1:{port}: its certificate is not valid \("):
                await HttpClient(f"https://127.0.0.1:{port}/").post([], b"")
        made.close()

    asyncio.run(main())


def test_https_connection_goes_on_and_ends_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Authority.create(tmp_path / "ca", "station")
    ours.ensure_server("station", ["127.0.0.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.path("ca.pem")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.path("server.pem"), ours.path("server.key"))
    connections: list[int] = []

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(0)
            while connections[-1] < 2:
                await request(reader)
                connections[-1] += 1
                writer.write(NO_CONTENT)
            writer.close()

        made = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        client = HttpClient(f"https://127.0.0.1:{made.sockets[0].getsockname()[1]}/")
        async with asyncio.timeout(WAIT_S):
            assert [await client.post([], b"{}") for _ in range(5)] == [204] * 5
            await client.close()
        made.close()

    asyncio.run(main())
    assert connections == [2, 2, 1]


def test_long_message_to_a_slow_reader_arrives_whole() -> None:
    body = b"x" * 3_000_000
    seen: list[int] = []

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.1)
            seen.append(len((await request(reader)).partition(b"\r\n\r\n")[2]))
            writer.write(NO_CONTENT)

        async with asyncio.timeout(WAIT_S), server(handle) as port:
            client = HttpClient(f"http://127.0.0.1:{port}/")
            assert await client.post([], body) == 204
            await client.close()

    asyncio.run(main())
    assert seen == [len(body)]


@pytest.mark.parametrize("header", [("x", "a\r\nevil: 1"), ("x y", "a"), ("x", "안심"), ("", "a"), ("x", "a\n")])
def test_header_that_would_leave_its_line_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be a header"):
        lines([header])


def test_host_in_hangul_goes_out_as_the_network_names_it() -> None:
    assert b"\r\nhost: xn--oj4boq55g.kr:8443\r\n" in HttpClient("https://성수역.kr:8443/")._start


def delivery(name: str = "id", body: str = "{}") -> Delivery:
    return Delivery(name, "station", "t", 1, 1, 0, body, 0, 0, 0)


def test_webhook_is_signed_as_standard_webhooks_signs() -> None:
    handle, seen = answering(NO_CONTENT)
    body = '{"주소":"아차산로 1 %s %b"}'

    async def main() -> None:
        async with asyncio.timeout(WAIT_S), server(handle) as port:
            hook = Webhook("station", f"http://127.0.0.1:{port}/", SECRET, 10)
            assert await hook.send(delivery("0a" * 16, body)) == "204 No Content"
            await hook.close()

    asyncio.run(main())
    head, _, sent = seen[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert sent.decode() == body and headers["webhook-id"] == "0a" * 16
    standardwebhooks.Webhook(SECRET).verify(sent, headers)
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == standardwebhooks.Webhook(SECRET).sign("0a" * 16, moment, body)
    assert set(headers) == {
        "host",
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "content-length",
    }


def test_webhook_begins_at_once_over_a_connection_that_is_open() -> None:
    answers = [204, 503, 0, 204]  # 0: it hangs up
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await request(reader))
            status = answers[len(seen) - 1]
            if not status:
                return
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())

    async def main() -> None:
        async with asyncio.timeout(WAIT_S), server(handle) as port:
            hook = Webhook("station", f"http://127.0.0.1:{port}/", SECRET, 10)
            assert hook.begin(delivery(), pytest.fail) is None  # there is none yet: nothing is sent
            assert await hook.send(delivery()) == "204 No Content"

            async def begun() -> str | TargetError | None:
                told: asyncio.Future[str | TargetError | None] = asyncio.get_running_loop().create_future()
                assert hook.begin(delivery(), told.set_result) is not None
                return await told

            fault = await begun()
            assert isinstance(fault, TargetError) and "answered 503 Service Unavailable" in str(fault)
            assert await begun() is None  # it did not arrive: `send` it
            assert hook.begin(delivery(), pytest.fail) is None
            assert await hook.send(delivery()) == "204 No Content"
            await hook.close()

    asyncio.run(main())
    assert len(seen) == 4


@pytest.mark.parametrize(("status", "says"), [(302, "final address"), (404, "refuses"), (500, "500 Internal")])
def test_webhook_says_why(status: int, says: str) -> None:
    async def main() -> None:
        handle, _ = answering(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
        async with asyncio.timeout(WAIT_S), server(handle) as port:
            hook = Webhook("station", f"http://127.0.0.1:{port}/very/secret/path", SECRET, 10)
            with pytest.raises(TargetError, match=says) as fault:
                await hook.send(delivery())
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
