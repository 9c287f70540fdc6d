"""`bellgate run` with the kinds that need a library of their own: they do what they say, and leave nothing behind."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from capvalidator import Validator
from real_gateway import RealGateway, bellgate_here, eventually
from strange_bell import StrangeBell


class Telephone:
    """A real HTTP receiver for apprise's json://."""

    def __init__(self) -> None:
        self.said: list[str] = []
        said = self.said

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["message"])
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self._server.server_address[1]}/geheim"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def workers(gateway: RealGateway) -> list[psutil.Process]:
    """The programs of this gateway that hold apprise."""
    assert gateway.process is not None
    children = psutil.Process(gateway.process.popen.pid).children()
    return [one for one in children if "apprise_worker" in " ".join(one.cmdline())]


@pytest.fixture
def telephone():
    made = Telephone()
    yield made
    made.close()


def test_platform_telephone_and_a_relay_that_is_not_there(tmp_path: Path, telephone: Telephone) -> None:
    made = RealGateway(tmp_path / "installation")
    out = tmp_path / "out"
    out.mkdir()
    with made.config.open("a", encoding="utf-8") as file:
        file.write(
            f'\n[[target]]\nname = "city"\nkind = "cap"\nfolder = "{out}"\nsender = "bells@district.kr"\n'
            f'\n[[target]]\nname = "boss"\nkind = "apprise"\nurls = ["{telephone.url}"]\n'
            '\n[[target]]\nname = "siren"\nkind = "sounder"\npin = 17\n'
        )
    try:
        made.start()
        ours = eventually(lambda: workers(made), "apprise has a program of its own")
        with StrangeBell(made.enrol(), made.folder) as bell:
            bell.wait_stage(bell.press(), "stored")
            (file_,) = eventually(lambda: list(out.glob("*.xml")), "the platform's file")
            assert Validator(file_.read_bytes()).schema()[0]
            eventually(lambda: telephone.said, "the telephone")
            shown = eventually(lambda: made.api("GET", "troubles")["items"], "the relay's trouble")
            assert "sounder_fault" in {one["kind"] for one in shown} and made.healthy()
            (incident,) = made.incidents(bell.bell_id)

            def proof(name: str) -> str:
                told = made.api("GET", f"incidents/{incident['id']}")["deliveries"]
                return next((one["proof"] or "" for one in told if one["target"] == name), "")

            eventually(lambda: proof("city").startswith("Alert; sha256 "), "the proof of the document")
            eventually(lambda: proof("boss") == "taken by 1 of 1: json", "the proof of the message")
            made.kill()
            eventually(lambda: not any(one.is_running() for one in ours), "its programs end with it")
            made.start()
            made.command(incident, "acknowledge")
            eventually(lambda: len(list(out.glob("*.xml"))) == 2, "the next document")
            eventually(lambda: any("접수됨" in text for text in telephone.said), "the telephone hears of it")
        ours = workers(made)
        assert ours and made.stop() == 0
        assert not any(one.is_running() for one in ours)
        assert "geheim" not in made.process.said()
    finally:
        made.close()
    assert "geheim" not in bellgate_here("incidents", "-c", made.config, "--state", "all", "--json")
