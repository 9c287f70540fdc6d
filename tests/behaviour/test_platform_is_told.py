"""CAP to a smart-city platform: real HTTP servers and a real folder, in order, signed, once per document."""

import re
import threading
from pathlib import Path

import pytest
from capvalidator import Validator
from gatehouse import Bell, Gatehouse
from lxml import etree
from station import WAIT_S, Station, until
from test_station_is_told import running, states

from bellgate.errors import StoreError
from bellgate.store import deliveries
from bellgate.targets.cap_document import NAMESPACE


def target(url: str | None = None, folder: str | None = None, more: str = "", name: str = "city") -> str:
    where = (f'url = "{url}"\n' if url else "") + (f'folder = "{folder}"\n' if folder else "")
    return f'\n[[target]]\nname = "{name}"\nkind = "cap"\nsender = "bells@district.example"\n{where}{more}\n'


def said(body: bytes, name: str) -> str | None:
    found = etree.fromstring(body).find(f"{{{NAMESPACE}}}{name}")
    return None if found is None else found.text


def valid(body: bytes) -> bytes:
    right, text = Validator(body).schema()
    assert right, text
    return body


@pytest.fixture
def city():
    made = Station(lambda _: 200, answer=b"received as 4711\nand more")
    yield made
    made.close()


def test_alert_updates_and_cancel_of_one_press(tmp_path: Path, city: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target(city.url))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, "holdup")
        for action in ("acknowledge", "note", "dispatch", "close"):
            until(lambda: set(states(gate, "city")) == {"delivered"}, "not delivered")
            gate.clock.at_ms += 1_000
            more = (
                {"disposition": "accidental"} if action == "close" else {"text": "전화함"} if action == "note" else {}
            )
            gate.command(1, action, **more)
        until(lambda: states(gate, "city") == ["delivered"] * 4, "not delivered")
    bodies = [valid(body) for _, body in city.requests]
    assert [said(body, "msgType") for body in bodies] == ["Alert", "Update", "Update", "Cancel"]
    assert all(headers["content-type"].startswith("application/cap+xml") for headers, _ in city.requests)
    names = [f"{said(body, 'sender')},{said(body, 'identifier')},{said(body, 'sent')}" for body in bodies]
    assert [said(body, "references") for body in bodies] == [
        None, names[0], " ".join(names[:2]), " ".join(names[:3]),
    ]  # fmt: skip
    assert len(set(names)) == 4 and {said(body, "incidents") for body in bodies} == {"test-1-1"}
    proofs = [row["proof"] for row in gate.view(1)["deliveries"]]
    assert re.fullmatch(r"Alert; sha256 [0-9a-f]{64}; 200 OK: received as 4711", proofs[0])
    assert proofs[3].startswith("Cancel; ")
    gate.close()


def test_rounds_are_no_documents_and_every_other_change_is(tmp_path: Path, city: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target(city.url))
    bell = gate.enrol(Bell())
    gate.press(bell)
    gate.fast_forward(300_000)
    assert gate.count("delivery") == 1
    gate.press(bell)
    gate.present(1, 2)
    gate.command(1, "acknowledge")
    gate.fast_forward(180_000)  # forgotten
    assert gate.count("delivery") == 5
    gate.close()


def test_test_press_is_a_test_document_and_only_where_tests_go(tmp_path: Path, city: Station) -> None:
    police = target(city.url, name="police")
    gate = Gatehouse(tmp_path / "gate", police + target(city.url, more='test = true\ntest_status = "Exercise"'))
    with running(gate):
        gate.press(gate.enrol(Bell()), "test")
        until(lambda: states(gate, "city") == ["delivered"], "not delivered")
        assert states(gate, "police") == []
    ((_, body),) = city.requests
    assert said(valid(body), "status") == "Exercise" and "훈련" in (said(body, "note") or "")
    gate.close()


def test_folder_holds_whole_files_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "gate" / "out"
    folder.mkdir(parents=True)
    gate = Gatehouse(tmp_path / "gate", target(folder="out"))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        gate.clock.at_ms += 1_000
        gate.command(1, "close", disposition="genuine")
        until(lambda: states(gate, "city") == ["delivered"] * 2, "not delivered")
    files = sorted(path.name for path in folder.iterdir())
    assert len(files) == 2 and all(re.fullmatch(r"\d{8}T\d{6}-test-1-[0-9a-f]{32}\.xml", name) for name in files)
    assert {(folder / name).stat().st_mode & 0o777 for name in files} == {0o640}
    bodies = [valid((folder / name).read_bytes()) for name in files]
    assert [said(body, "msgType") for body in bodies] == ["Alert", "Update"]
    assert f"file {files[0]}" in gate.view(1)["deliveries"][0]["proof"]
    gate.close()


def test_folder_that_is_gone_is_trouble_and_filled_when_it_is_back(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path / "gate", target(folder="out"))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: ("target_failing", "city") in gate.troubles(), "no trouble")
        assert "check that it is there" in gate.troubles()["target_failing", "city"]["detail"]
        (tmp_path / "gate" / "out").mkdir()
        gate.clock.at_ms += 1_000
        until(lambda: states(gate, "city") == ["delivered"], "not delivered")
    assert len(list((tmp_path / "gate" / "out").iterdir())) == 1
    gate.close()


def test_platform_that_takes_the_file_gets_it_once_while_the_post_is_tried_again(tmp_path: Path) -> None:
    city = Station(lambda number: 503 if number < 3 else 200)
    folder = tmp_path / "gate" / "out"
    folder.mkdir(parents=True)
    gate = Gatehouse(tmp_path / "gate", target(city.url, "out"))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        for number in (1, 2):
            until(lambda n=number: len(city.requests) == n and states(gate, "city") == ["failed"], "not failed")
            for path in folder.iterdir():
                path.unlink()  # as the platform does
            gate.clock.at_ms += 1_000 * number
        until(lambda: states(gate, "city") == ["delivered"], "not delivered")
    assert list(folder.iterdir()) == []
    assert len({body for _, body in city.requests}) == 1  # each attempt is the same document
    gate.close()
    city.close()


def test_nothing_overtakes_an_alert_that_is_tried_again(tmp_path: Path) -> None:
    refusing = threading.Event()
    refusing.set()
    city = Station(lambda _: 500 if refusing.is_set() else 200)
    gate = Gatehouse(tmp_path / "gate", target(city.url))
    bell, other = gate.enrol(Bell()), gate.enrol(Bell("b-0002", "seongsu-013"))
    with running(gate):
        gate.press(bell)
        until(lambda: states(gate, "city") == ["failed"], "not failed")
        gate.command(1, "acknowledge")
        gate.command(1, "close", disposition="prank")
        gate.clock.at_ms += 500
        until(lambda: all("arrive first" in (row["last_error"] or "") for row in gate.view(1)["deliveries"][1:]), "?")
        refusing.clear()
        gate.press(other)  # another incident does not wait for this one
        until(lambda: len(city.requests) == 2, "another incident waits")
        deadline = WAIT_S
        while set(states(gate, "city")) != {"delivered"} and deadline > 0:
            gate.clock.at_ms += 1_000
            threading.Event().wait(0.3)
            deadline -= 0.3
    assert set(states(gate, "city")) == {"delivered"}
    ours = [body for _, body in city.requests if said(body, "incidents") == "test-1-1"]
    assert [said(body, "msgType") for body in ours] == ["Alert", "Alert", "Update", "Cancel"]
    assert ours[0] == ours[1]
    gate.close()
    city.close()


def test_presses_in_quick_succession_arrive_in_order_and_none_sits_out_a_second(tmp_path: Path) -> None:
    let_go = threading.Event()
    city = Station(lambda _: 200 if let_go.wait(WAIT_S) else 500)
    gate = Gatehouse(tmp_path / "gate", target(city.url))
    bells = [gate.enrol(Bell(f"b-{number:04}", f"site-{number}")) for number in range(4)]
    with running(gate):
        for bell in bells:
            for _ in range(6):
                gate.press(bell)
        until(lambda: city.requests, "nothing is sent")
        let_go.set()
        # The clock stands still: one that was put back to ask again later would never go out.
        until(lambda: states(gate, "city") == ["delivered"] * 24, "not delivered")
    for number in range(1, 5):
        ours = [valid(body) for _, body in city.requests if said(body, "incidents") == f"test-1-{number}"]
        assert [said(body, "msgType") for body in ours] == ["Alert"] + ["Update"] * 5
        counts = [len((said(body, "references") or "").split()) for body in ours]
        assert counts == [0, 1, 2, 3, 4, 5]
    gate.close()
    city.close()


def test_killed_gateway_sends_the_same_document_again(tmp_path: Path) -> None:
    let_go = threading.Event()
    city = Station(lambda number: 200 if number != 1 else let_go.wait(WAIT_S) and 0)
    gate = Gatehouse(tmp_path / "gate", target(city.url))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: len(city.requests) == 1, "not in flight")
        after = gate.killed(tmp_path / "after")
    let_go.set()
    with running(after):
        until(lambda: states(after, "city") == ["delivered"], "not sent again")
    first, second = (body for _, body in city.requests)
    assert first == second
    after.close()
    gate.close()
    city.close()


def test_alarm_goes_out_as_an_alert_if_the_tables_cannot_be_read_or_do_not_hold_it(
    tmp_path: Path, city: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gatehouse(tmp_path / "gate", target(city.url))
    bell = gate.enrol(Bell())
    with running(gate) as engine:
        gate.press(bell)
        until(lambda: states(gate, "city") == ["delivered"], "not delivered")
        row = gate.store.read_now(lambda tx: tx.one("SELECT id, body FROM delivery"))
        assert row is not None

        def unreadable(*_: object) -> None:
            raise StoreError("the disk does not answer")

        monkeypatch.setattr(deliveries, "of_target", unreadable)
        gate.press(bell)
        until(lambda: states(gate, "city") == ["delivered"] * 2, "not delivered")
        gate.command(1, "acknowledge")  # not so urgent: it waits until it is known what to refer to
        until(lambda: "failed" in states(gate, "city"), "not failed")

        def unasked(*_: object) -> None:
            raise AssertionError("an alarm told from memory has nothing before it in the tables")

        monkeypatch.setattr(deliveries, "of_target", unasked)
        body = row["body"].replace('"incident":1,', '"incident":0,').replace(row["id"], "f" * 32)
        made = deliveries.Delivery("f" * 32, "city", "ansimbell.signal", 0, 0, 0, body, 0, gate.clock.at_ms, 0)
        engine.wake([made])
        until(lambda: len(city.requests) == 3, "not sent")
    assert [said(valid(body), "msgType") for _, body in city.requests] == ["Alert"] * 3
    gate.close()
