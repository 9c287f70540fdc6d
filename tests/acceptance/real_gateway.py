"""Real processes for the acceptance tests: `bellgate` as a person starts it, mosquitto, and a receiver of webhooks.

Only programs that were started here are ended, each by its own number.
"""

import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from bellgate.cli import main

BROKERS = ("embedded", "mosquitto with TLS", "mosquitto on loopback")
BELLGATE = [sys.executable, "-c", "from bellgate.cli import main; main()"]
START_S = 40.0  # a machine with two busy cores


def eventually(happened: Callable[[], Any], what: str, deadline_s: float = 20.0) -> Any:
    """What `happened` returns once it is true; asks again and again until the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = happened()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.03)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bellgate_here(*arguments: object) -> str:
    """Run one command inside this process, which saves half a second; what it printed."""
    said = io.StringIO()
    before, sys.argv = sys.argv, ["bellgate", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(said):
            main()
    except SystemExit as ended:
        assert not ended.code, f"{arguments}: {ended.code}\n{said.getvalue()}"
    finally:
        sys.argv = before
    return said.getvalue()


def _environment() -> dict[str, str]:
    # The paths that this interpreter found us by: a test also runs where nothing is installed.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "COLUMNS": "200"}


def mosquitto_program() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if found is None:
        pytest.skip("mosquitto is not here: sudo apt-get install mosquitto")
    return found


class Process:
    """One program that was started here; its output goes to a file."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=_environment()
            )

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self, number: int = signal.SIGTERM, deadline_s: float = 20.0) -> int:
        """Send the signal and wait; the exit code."""
        if self.alive:
            self.popen.send_signal(number)
        try:
            return self.popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(5)
            raise AssertionError(f"did not end within {deadline_s:g} s\n{self.said()[-3000:]}") from None


class Receiver:
    """Takes webhooks, checks the Standard Webhooks signature by hand, and keeps them in order."""

    def __init__(self) -> None:
        raw = secrets.token_bytes(32)
        self.secret = "whsec_" + base64.b64encode(raw).decode()
        self.events: list[tuple[str, dict]] = []  # (webhook-id, body)
        self.unsigned = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                number, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
                tag = hmac.new(raw, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()
                if "v1," + base64.b64encode(tag).decode() in self.headers["webhook-signature"].split(" "):
                    receiver.events.append((number, json.loads(body)))
                else:
                    receiver.unsigned += 1
                self.send_response(204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/press"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def of(self, bell_id: str) -> list[tuple[str, dict]]:
        return [(number, body) for number, body in list(self.events) if body["data"]["bell_id"] == bell_id]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class RealGateway:
    """One installation with one of the BROKERS."""

    def __init__(
        self,
        folder: Path,
        broker: str = "embedded",
        webhook: Receiver | None = None,
        store: str = "sqlite:///ansimbell.db",
    ) -> None:
        self.folder, self.broker = folder, broker
        self.console_port, self.mqtt_port = free_port(), free_port()
        self.config = folder / "gateway.toml"
        self.process: Process | None = None
        self.mosquitto: Process | None = None
        self.runs = 0
        made = bellgate_here(
            "init", folder, "--store", store, "--id", "acceptance", "--console", f"127.0.0.1:{self.console_port}",
            "--mqtt", f"127.0.0.1:{self.mqtt_port}", "--advertise", f"127.0.0.1:{self.mqtt_port}", "--json",
        )  # fmt: skip
        self.first_operator = json.loads(made)
        if webhook is not None:
            with self.config.open("a", encoding="utf-8") as file:
                file.write(
                    f'\n[[target]]\nname = "station"\nkind = "webhook"\nurl = "{webhook.url}"\n'
                    f'secret = "{webhook.secret}"\n\n[[policy]]\nname = "often"\nrepeat_s = 2\n\n'
                    '[[policy.step]]\nafter_s = 0\ntargets = ["*"]\n'
                )
        if broker != "embedded":
            self._start_mosquitto()
        self.token = bellgate_here("token", "-c", self.config, "--role", "dispatcher").strip()
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.console_port}", timeout=10, trust_env=False)

    @property
    def tls(self) -> bool:
        """Does the bell speak TLS here?"""
        return self.broker != "mosquitto on loopback"

    def _start_mosquitto(self) -> None:
        program = mosquitto_program()
        out = self.folder / "mosquitto"
        if self.tls:
            bellgate_here("mosquitto", "-c", self.config, "--out", out, "--port", self.mqtt_port)
            url, conf = f"mqtts://127.0.0.1:{self.mqtt_port}", out / "mosquitto.conf"
            self._hand_over(out)
        else:
            out.mkdir()
            url, conf = f"mqtt://127.0.0.1:{self.mqtt_port}", out / "mosquitto.conf"
            conf.write_text(f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\n")
        if os.geteuid() == 0:  # else it would become a user who cannot enter the tests' folder
            with conf.open("a") as file:
                file.write("user root\n")
        self.set("broker", url)
        self._mosquitto = [program, "-c", str(conf)]
        self.start_mosquitto()

    def start_mosquitto(self) -> None:
        """Start it, again if need be, and wait until it listens."""
        self.mosquitto = Process(self._mosquitto, self.folder / "mosquitto" / "log")
        eventually(lambda: self._answers(self.mqtt_port), f"mosquitto listens: {self.mosquitto.said()}")

    def _hand_over(self, out: Path) -> None:
        if os.geteuid() == 0:
            for path in (out, *out.iterdir()):
                os.chown(path, 0, 0)

    @staticmethod
    def _answers(port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def set(self, key: str, value: str) -> None:
        """Change one key of gateway.toml; one key stands on one line."""
        lines = self.config.read_text(encoding="utf-8").splitlines()
        at = next(index for index, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[at] = f'{key} = "{value}"'
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    # The process

    def start(self) -> "RealGateway":
        """Start it and wait until /healthz says that a canary came through."""
        self.runs += 1
        self.process = Process([*BELLGATE, "run", "-c", str(self.config)], self.folder / f"run-{self.runs}.log")
        process = self.process

        def ready() -> bool:
            assert process.alive, f"bellgate ended: {process.said()}"
            return self.healthy()

        eventually(ready, f"/healthz is 200: {self.config}", START_S)
        return self

    def healthy(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self._http.get("/healthz").status_code == 200
        return False

    def kill(self) -> None:
        """SIGKILL: as a power cut, or the kernel short of memory."""
        assert self.process is not None
        self.process.end(signal.SIGKILL)

    def stop(self) -> int:
        assert self.process is not None
        return self.process.end()

    def broker_process(self) -> psutil.Process | None:
        """The embedded broker of this very installation."""
        try:
            found = psutil.Process(int((self.folder / "broker" / "nats.pid").read_text()))
            mine = str(self.folder / "broker" / "nats.conf") in found.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return found if mine and found.status() != psutil.STATUS_ZOMBIE else None

    def close(self) -> None:
        self._http.close()
        try:
            if self.process is not None and self.process.alive:
                self.process.end()
        finally:
            if (left := self.broker_process()) is not None:
                left.kill()
                left.wait(5)
            if self.mosquitto is not None:
                self.mosquitto.end(signal.SIGKILL)

    # As a person and as a program

    def enrol(self, site: str = "seongsu-012", *more: object) -> Path:
        """Enrol a bell; the path of its file."""
        made = bellgate_here(
            "enrol", "-c", self.config, "--site", site, "--kind", "store-bell", "--name", "성수 24시 편의점",
            "--address", "서울 성동구 연무장길 12", "--out", self.folder, "--json", *more,
        )  # fmt: skip
        return Path(json.loads(made)["out"])

    def api(self, method: str, path: str, body: dict | None = None, code: int = 200) -> dict:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self._http.request(method, f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == code, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def incidents(self, bell_id: str | None = None) -> list[dict]:
        """Open incidents, of this bell or of all."""
        items = self.api("GET", "incidents")["items"]
        return [one for one in items if bell_id in (None, one["bell_id"])]

    def command(self, incident: dict, action: str, **more: object) -> dict:
        present = self.api("GET", f"incidents/{incident['id']}")
        return self.api("POST", f"incidents/{incident['id']}/{action}", {"version": present["version"], **more})

    def metric(self, name: str) -> float:
        """One figure of /metrics, all labels added up; `name` may hold labels."""
        text = self._http.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        if "{" in name:
            lines = [line for line in text.splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def refused(self) -> float:
        return self.metric("ansimbell_refused_total")


@contextlib.contextmanager
def real_gateway(folder: Path, broker: str = "embedded", webhook: Receiver | None = None) -> Iterator[RealGateway]:
    """A running gateway, ended with everything that was started for it."""
    gateway = RealGateway(folder, broker, webhook)
    try:
        yield gateway.start()
    finally:
        gateway.close()
