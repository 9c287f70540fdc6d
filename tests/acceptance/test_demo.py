"""The demo as a person starts it: the whole way of a press, read from the lamps; both interpreters, both brokers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bellsim.programs import SBIN

BELLSIM = [sys.executable, "-c", "from bellsim.cli import main; main()"]
DEADLINE_S = 110
STAGES = ("stored", "presented", "acknowledged", "dispatched", "closed")

needs_mosquitto = pytest.mark.skipif(
    not (shutil.which("mosquitto") or shutil.which("mosquitto", path=SBIN)),
    reason="mosquitto is not installed: sudo apt-get install mosquitto",
)


def left_over(folder: Path) -> list[psutil.Process]:
    """Processes that still work in this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


@pytest.mark.parametrize(
    ("runtime", "broker"),
    [("micropython", "embedded"), pytest.param("cpython", "mosquitto", marks=needs_mosquitto)],
)
def test_the_story_ends_well(tmp_path: Path, runtime: str, broker: str) -> None:
    ended = subprocess.run(
        [*BELLSIM, "demo", "--headless", "--json", "--runtime", runtime, "--broker", broker],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    result = lines[-1]
    assert ended.returncode == 0, (result, ended.stderr)
    assert result["ok"] is True
    assert result["runtime"] == runtime
    assert result["broker"].split()[0] == {"embedded": "nats", "mosquitto": "mosquitto"}[broker]
    times = [result["stages_ms"][stage] for stage in STAGES]
    assert times == sorted(times) and times[0] > 0
    assert result["network_cut"]["signals"] == 1
    assert result["network_cut"]["not_delivered_ms"] >= 9_900  # the bell says so after 10 s, and not before
    assert result["power_cut"]["signals"] == 1
    # The lamp of bell 1 went through every rung in this order, and no other colour was ever on a lamp.
    ready = next(line for line in lines if line["event"] == "ready")
    first, second, third = (bell["bell"] for bell in ready["bells"])
    shown = {name: [line["rung"] for line in lines if line.get("event") == "lamp" and line["bell"] == name]
             for name in (first, second, third)}  # fmt: skip
    assert [rung for rung in shown[first] if rung not in ("off", "idle")] == ["sending", *STAGES]
    assert [rung for rung in shown[second] if rung not in ("off", "idle")] == [
        *("sending", "not_delivered", "stored", "closed")
    ]
    assert [rung for rung in shown[third] if rung != "idle"][:3] == ["sending", "off", "sending"]
    assert not list(tmp_path.glob("bellsim-*"))
    assert not left_over(tmp_path)


def test_a_demo_that_cannot_run_says_why_as_its_last_line() -> None:
    ended = subprocess.run(
        [*BELLSIM, "demo", "--headless", "--json", "--broker", "carrier-pigeon"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ended.returncode == 1
    last = json.loads(ended.stdout.splitlines()[-1])
    assert last == {"ok": False, "error": "there is no broker 'carrier-pigeon': choose one of embedded, mosquitto"}
    assert ended.stderr == ""


class Played:
    """An interactive demo without a terminal: keys in, words out."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*BELLSIM, "demo"],
            env=os.environ | {"TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said = ""

    def type(self, keys: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(keys.encode())

    def hear(self, words: str, times: int = 1) -> None:
        """Until it has said these words so often."""
        end_s = time.monotonic() + DEADLINE_S
        while self.said.count(words) < times:
            assert time.monotonic() < end_s and self.process.poll() is None, self.said
            assert self.process.stdout is not None
            self.said += (self.process.stdout.read() or b"").decode(errors="replace")
            time.sleep(0.02)


def test_keys_press_cut_and_answer_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    demo = Played(tmp_path)
    try:
        demo.hear("q quit")
        demo.hear("Sign in")
        demo.type("d")
        demo.hear("nothing to do")
        demo.type("1")
        demo.hear("stored by the gateway")
        demo.type("a")
        demo.hear("a person has taken it")
        demo.type("d")
        demo.hear("help is on the way")
        demo.type("c")
        demo.hear("the lamp says: closed")
        demo.type("p2")
        demo.hear("power cut")
        demo.type("2")
        demo.hear("no power")
        demo.type("p2")
        demo.hear("power back")
        demo.type("n3")
        demo.hear("network cut")
        demo.type("3")
        demo.hear("the lamp says: sending", times=2)
        demo.type("n3")
        demo.hear("stored by the gateway", times=2)
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(30) == 130
    finally:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()
    assert not list(tmp_path.glob("bellsim-*"))
    assert not left_over(tmp_path)
