"""The kit's end of the cable: ports that are not there, silent or full of rubbish; that it asks again."""

import json
import os
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from usb import Cable

from bellkit.errors import PortError, Refused
from bellkit.port import Port
from bellwire import frame


class Answerer(threading.Thread):
    """The other end of a pty: answers each request as `answer` says, None: not at all."""

    def __init__(self, answer: Callable[[dict, int], list[bytes] | None]) -> None:
        super().__init__(daemon=True)
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.asked: list[dict] = []
        self._answer = answer
        self.start()

    def run(self) -> None:
        reader = frame.Reader((frame.REQUEST,), ())
        while True:
            try:
                data = os.read(self.master, 512)
            except OSError:
                return
            for _, _, number, payload in reader.feed(data):
                self.asked.append(json.loads(payload))
                for piece in self._answer(self.asked[-1], number) or ():
                    os.write(self.master, piece)

    def close(self) -> None:
        os.close(self._slave)
        self.join(5)
        os.close(self.master)


def answer(number: int, **content: object) -> bytes:
    return b"\n" + frame.frame(frame.ANSWER, number, json.dumps(content).encode()) + b"\n"


@pytest.fixture
def ends() -> Iterator[list[Answerer]]:
    made: list[Answerer] = []
    yield made
    for one in made:
        one.close()


def speaking(ends: list[Answerer], how: Callable[[dict, int], list[bytes] | None]) -> str:
    ends.append(Answerer(how))
    return ends[0].path


def test_an_answer_among_log_lines_events_and_rubbish_is_found(ends: list[Answerer]) -> None:
    event = frame.frame(frame.EVENT, 0, b'{"event": "link", "up": true}')

    def how(request: dict, number: int) -> list[bytes]:
        whole = b"17 ms  linked\nANSIM\x01\x02\xff" + event + answer(number, ok=True, n=7)
        return [whole[:20], whole[20:41], whole[41:]]

    with Port(speaking(ends, how)) as port:
        assert port.ask("hello", x_=1)["n"] == 7
        assert [one["event"] for one in port.events] == ["link"] and "17 ms  linked" in port.text
    assert ends[0].asked == [{"op": "hello", "x": 1}]


def test_what_was_not_answered_is_asked_again_and_a_stale_answer_is_dropped(ends: list[Answerer]) -> None:
    seen: list[int] = []

    def how(request: dict, number: int) -> list[bytes] | None:
        seen.append(number)
        if len(seen) == 1:
            return None
        return [answer(seen[0], ok=True, late=True), answer(number, ok=True, late=False)]

    with Port(speaking(ends, how)) as port:
        assert port.ask("hello", deadline_s=0.3)["late"] is False
    assert len(set(seen)) == 2


def test_a_no_of_the_bell_is_raised_with_its_code(ends: list[Answerer]) -> None:
    path = speaking(ends, lambda request, number: [answer(number, ok=False, code="proof", text="not yours")])
    with Port(path) as port, pytest.raises(Refused, match="not yours") as refused:
        port.ask("enrol.end")
    assert refused.value.code == "proof"


def test_a_busy_bell_is_asked_again(ends: list[Answerer]) -> None:
    answers = iter([{"ok": False, "code": "busy"}, {"ok": True}])
    with Port(speaking(ends, lambda request, number: [answer(number, **next(answers))])) as port:
        assert port.ask("hello")["ok"]


@pytest.mark.parametrize(
    ("says", "state"), [(b"", "silent"), (b"waiting for download\r\n", "rom"), (b"\xff\xfe\x80" * 50 + b"\n", "silent")]
)
def test_who_does_not_answer_is_told_by_what_came_instead(ends: list[Answerer], says: bytes, state: str) -> None:
    with Port(speaking(ends, lambda request, number: [says])) as port:
        with pytest.raises(PortError) as told:
            port.ask("hello", deadline_s=0.3)
        assert told.value.state == state
        assert (port.noise_bytes > 100) == says.startswith(b"\xff")


def test_a_port_that_is_not_there_or_taken_is_told(tmp_path: Path, ends: list[Answerer]) -> None:
    with pytest.raises(PortError) as told:
        Port(str(tmp_path / "none")).open()
    assert told.value.state == "missing"
    path = speaking(ends, lambda request, number: None)
    with Port(path), pytest.raises(PortError) as told:
        Port(path).open()
    assert told.value.state == "busy"


def test_a_cable_that_comes_back_is_used_again_and_one_that_stays_away_is_told(
    tmp_path: Path, ends: list[Answerer]
) -> None:
    path = speaking(ends, lambda request, number: [answer(number, ok=True)])
    cable = Cable(path, tmp_path / "usb")
    try:
        with Port(cable.path, back_s=3) as port:
            assert port.ask("hello")["ok"]
            cable.back_after_s, cable.pull_after = 0.5, cable.passed_up
            assert cable.on_pull.wait(5)
            assert port.ask("hello")["ok"] and port.reopened == 1
            cable.back_after_s, cable.pull_after = None, cable.passed_up
            with pytest.raises(PortError) as told:
                port.ask("hello")
            assert told.value.state == "pulled"
    finally:
        cable.close()
