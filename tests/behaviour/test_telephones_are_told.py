"""apprise against real receivers on loopback (HTTP and SMTP): short, with the least in it, and never in the way."""

import asyncio
import email
import email.policy
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiosmtpd.controller import Controller
from gatehouse import Bell, Gatehouse
from station import WAIT_S, Station, until
from test_station_is_told import running, states

from bellgate.config import load
from bellgate.errors import ConfigError


def target(*urls: str, more: str = "", name: str = "guards", timeout_s: int = 15) -> str:
    return (
        f'\n[[target]]\nname = "{name}"\nkind = "apprise"\nurls = {json.dumps(urls)}\ntimeout_s = {timeout_s}\n{more}\n'
    )


def url(station: Station, path: str = "tok-3n-geheim") -> str:
    return f"json://127.0.0.1:{station.port}/{path}"


def texts(station: Station) -> list[tuple[str, str]]:
    return [(one["title"], one["message"]) for one in (json.loads(body) for _, body in station.requests)]


@pytest.fixture
def phone() -> Iterator[Station]:
    made = Station(lambda _: 200)
    yield made
    made.close()


def test_least_is_told_by_default_and_what_matters_to_the_called(tmp_path: Path, phone: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target(url(phone)))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, "duress")
        until(lambda: states(gate, "guards") == ["delivered"], "not delivered")
        gate.clock.at_ms += 60_000
        until(lambda: states(gate, "guards") == ["delivered"] * 2, "no round")
        for number, (action, more) in enumerate(
            (("acknowledge", {}), ("dispatch", {}), ("close", {"disposition": "genuine"})), 3
        ):
            gate.command(1, action, **more)
            count = number if action == "acknowledge" else number - 1
            until(lambda n=count: states(gate, "guards") == ["delivered"] * n, "not delivered")
    assert texts(phone) == [
        ("안심벨 #1", "비상벨 알림: 미접수. 관제 화면을 확인하세요."),
        ("안심벨 #1", "비상벨 알림: 아직 아무도 접수하지 않았습니다. 관제 화면을 확인하세요."),
        ("안심벨 #1", "비상벨 알림: 접수됨."),
        ("안심벨 #1", "비상벨 알림: 종결: 실제 상황."),
    ]
    assert all(len(title) + len(text) < 70 for title, text in texts(phone))  # one Korean text message
    proof = gate.view(1)["deliveries"][0]["proof"]
    assert proof == "taken by 1 of 1: json"
    gate.close()


def test_more_is_told_where_the_file_says_so(tmp_path: Path, phone: Station) -> None:
    gate = Gatehouse(
        tmp_path / "gate",
        target(url(phone), more='detail = "full"\nlanguage = "both"\ntell = ["alarm"]\ntest = true'),
    )
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, "holdup")
        until(lambda: states(gate, "guards") == ["delivered"], "not delivered")
        gate.press(bell, "test")
        until(lambda: states(gate, "guards") == ["delivered"] * 2, "not delivered")
        gate.command(1, "acknowledge")
        gate.fast_forward(120_000)
        assert gate.count("delivery") == 2
    (_, first), (_, second) = texts(phone)
    korean, english = first.split("\n")
    assert korean.startswith("GS25 성수점: 강도, 무음 신고, 미접수. 아차산로 1. 2026-11-23 19:40:00 KST ±2 s.")
    assert korean.endswith("무음 신고입니다. 현장에 전화하지 마세요.") and "do not telephone" in english
    assert second.startswith("[시험] ") and "\n[TEST] " in second
    gate.close()


class _Box:
    """A mailbox behind a real SMTP server."""

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []

    async def handle_DATA(self, server: object, session: object, envelope) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken as 4711"


def test_mail_arrives_readable(tmp_path: Path) -> None:
    box = _Box()
    free = Station()
    free.close()
    server = Controller(box, hostname="127.0.0.1", port=free.port)
    server.start()
    mail = f"mailto://127.0.0.1:{server.port}/?from=bells@district.kr&to=boss@district.kr&mode=insecure"
    gate = Gatehouse(tmp_path / "gate", target(mail, more='detail = "place"'))
    try:
        with running(gate):
            gate.press(gate.enrol(Bell()))
            until(lambda: states(gate, "guards") == ["delivered"], "not delivered")
    finally:
        server.stop()
        gate.close()
    (mail_,) = box.mails
    assert mail_["Subject"] == "안심벨 #1" and "boss@district.kr" in mail_["To"]
    text = mail_.get_body(("plain", "html")).get_content()
    assert "GS25 성수점: 비상벨 누름, 미접수." in text and "아차산로" not in text


def test_service_that_refuses_is_asked_again_and_the_others_are_not(tmp_path: Path, phone: Station) -> None:
    refusing = Station(lambda number: 503 if number < 3 else 200)
    gate = Gatehouse(tmp_path / "gate", target(url(phone), url(refusing)))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        for number in (1, 2):
            until(lambda n=number: len(refusing.requests) == n and states(gate, "guards") == ["failed"], "not failed")
            assert gate.view(1)["deliveries"][0]["last_error"] == "url 2: json: refused (503)"
            gate.clock.at_ms += 1_000 * number
        until(lambda: states(gate, "guards") == ["delivered"], "not delivered")
    assert len(phone.requests) == 1 and len(refusing.requests) == 3
    gate.close()
    refusing.close()


def test_what_was_taken_survives_the_gateway_but_not_another_list(tmp_path: Path, phone: Station) -> None:
    gone = Station()
    gone.close()
    gate = Gatehouse(tmp_path / "gate", target(url(phone), url(gone)))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: states(gate, "guards") == ["failed"], "not failed")
        again = gate.killed(tmp_path / "again")
        other = gate.killed(tmp_path / "other")
    gate.close()
    back = Station(lambda _: 200, port=gone.port)
    again.clock.at_ms += 1_000
    with running(again):
        until(lambda: states(again, "guards") == ["delivered"], "not delivered")
    assert len(phone.requests) == 1 and len(back.requests) == 1
    again.close()
    (other.folder / "gateway.toml").write_text(
        (other.folder / "gateway.toml").read_text().replace(url(gone), url(back, "new")), encoding="utf-8"
    )
    other.close()
    changed = Gatehouse(other.folder, target(url(phone), url(back, "new")), other.clock)
    with running(changed):
        until(lambda: states(changed, "guards") == ["delivered"], "not delivered")
    assert len(phone.requests) == 2
    changed.close()
    back.close()


def test_service_that_hangs_is_ended_at_the_deadline_and_nothing_is_left(tmp_path: Path, phone: Station) -> None:
    let_go = threading.Event()
    hanging = Station(lambda number: 200 if number > 1 else let_go.wait(WAIT_S) and 0)
    slow = url(hanging) + "?rto=300&cto=300"
    gate = Gatehouse(tmp_path / "gate", target(slow, timeout_s=5))
    ours = psutil.Process()
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: len(hanging.requests) == 1, "not asked")
        until(lambda: states(gate, "guards") == ["failed"], "not given up")
        assert gate.view(1)["deliveries"][0]["last_error"] == "no answer within 5 s"
        gate.clock.at_ms += 1_000
        until(lambda: states(gate, "guards") == ["delivered"], "not delivered")
    let_go.set()
    assert [one for one in ours.children() if "apprise_worker" in " ".join(one.cmdline())] == []
    gate.close()
    hanging.close()


def test_no_secret_is_in_any_text_list_or_table(
    tmp_path: Path, phone: Station, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = Station()
    gone.close()
    secrets = ("hunter2", "tok-3n-geheim", "01012345678")
    urls = (
        f"json://boss:hunter2@127.0.0.1:{gone.port}/tok-3n-geheim?-X=01012345678",
        "nonsense://hunter2/tok-3n-geheim/01012345678",
    )
    gate = Gatehouse(tmp_path / "gate", target(*urls))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: states(gate, "guards") == ["failed"], "not failed")
        until(lambda: ("target_misconfigured", "guards") in gate.troubles(), "no trouble")
        until(lambda: ("target_failing", "guards") in gate.troubles(), "no trouble")
        workers = [" ".join(one.cmdline()) for one in psutil.Process().children()]
        assert any("apprise_worker" in line for line in workers)
    assert "does not know url 2" in gate.troubles()["target_misconfigured", "guards"]["detail"]
    detail = gate.troubles()["target_failing", "guards"]["detail"]
    assert "url 1: json: not reached or refused" in detail and "url 2: its URL is not one that apprise knows" in detail
    said = json.dumps([gate.view(1), list(gate.troubles().values()), gate.events, workers], ensure_ascii=False)
    said += "".join(capfd.readouterr())
    assert not [secret for secret in secrets if secret in said]
    gate.close()


def test_wrong_url_in_the_file_is_said_without_it(tmp_path: Path) -> None:
    for wrong in ("hunter2@host", "://hunter2"):
        with pytest.raises(ConfigError) as fault:
            load(_file(tmp_path, target("json://ok", wrong)))
        assert "target[1].urls[2]" in str(fault.value) and "hunter2" not in str(fault.value)
    with pytest.raises(ConfigError, match="at least one"):
        load(_file(tmp_path, target()))


def _file(folder: Path, more: str) -> Path:
    from gatehouse import TOML

    (folder / "gateway.toml").write_text(TOML + more, encoding="utf-8")
    return folder


def test_worker_that_was_killed_is_started_again(tmp_path: Path, phone: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target(url(phone)))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        until(lambda: states(gate, "guards") == ["delivered"], "not delivered")
        for one in psutil.Process().children():
            if "apprise_worker" in " ".join(one.cmdline()):
                one.kill()
        asyncio.run(asyncio.sleep(0.1))
        gate.press(bell)
        deadline = WAIT_S
        while states(gate, "guards") != ["delivered"] * 2 and deadline > 0:
            gate.clock.at_ms += 1_000  # a worker that died in the middle costs one attempt
            threading.Event().wait(0.3)
            deadline -= 0.3
    assert states(gate, "guards") == ["delivered"] * 2
    gate.close()
