"""A station's server: a real HTTP server on a loopback port, which records what comes and answers as it is told."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAIT_S = 20.0


class Station:
    """reply: called for each request with its number from 1; the status to answer, or 0 to hang up without one."""

    def __init__(self, reply: Callable[[int], int] = lambda _: 204, port: int = 0, answer: bytes = b"") -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections = 0
        self.reply = reply
        station = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                station.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                station.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = station.reply(len(station.requests))
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                if status != 204:
                    self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer if status != 204 else b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(WAIT_S)
        self._server.server_close()

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until it is true; the deadline is for a broken program, not a measure."""
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.005)
