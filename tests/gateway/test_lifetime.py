"""What becomes of a bell: on both databases, with sealed messages through the real pipeline."""

import itertools
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workbench import made as installed

from bellgate import admission, enrolment, lifetime, portcode, qr
from bellgate.admission import NewBell
from bellgate.clock import Clock, now_ms, steady_ms
from bellgate.config import Config
from bellgate.enrolment import Enrolment
from bellgate.errors import EnrolmentError
from bellgate.pipeline import Inbound, Pipeline
from bellgate.store import audit, bell_history, bells, dues, incidents, open_store, people, places, retention, troubles
from bellgate.store.bells import ACTIVE, OTHER_KEY_MS, REVOKED, SUSPENDED
from bellsim import postgresql
from bellwire import join, open_sealed, pack

WAIT_S = 20.0
BELL = NewBell("seongsu-012", "store-bell", "성수 24시 편의점", "서울 성동구 연무장길 12", 37.5446, 127.0559)
_numbers = itertools.count(1)


class Ahead(Clock):
    def __init__(self) -> None:
        self.ahead_ms = 0
        super().__init__(lambda: now_ms() + self.ahead_ms, lambda: steady_ms() + self.ahead_ms)

    def synchronised(self) -> bool:
        return True


class Gate:
    """An installation with a pipeline and no broker."""

    def __init__(self, config: Config, url: str) -> None:
        self.config, self.clock = config, Ahead()
        self.authority = admission.open_authority(config)
        self.store = open_store(url, config.data_dir)
        self.store.start()
        self.receipts: list[tuple[str, bytes]] = []
        self.pipeline = Pipeline(
            self.store,
            config,
            self.clock,
            lambda topic, payload: self.receipts.append((topic, payload)),
            lambda event: None,
            lambda made: None,
        )
        self.files = config.data_dir / "files"
        self.files.mkdir()

    def close(self) -> None:
        self.pipeline.stop()
        self.store.stop()

    def enrol(self, new: NewBell = BELL) -> Enrolment:
        return admission.enrol(self.store, self.config, self.authority, new, None, self.clock.now_ms())

    def row(self, bell_id: str) -> bells.Bell:
        found = self.store.read_now(lambda tx: bells.get(tx, bell_id))
        assert found is not None
        return found

    def hear(self, made: Enrolment, message: dict[str, Any], key: bytes | None = None) -> None:
        taken = threading.Event()
        topic = join(made.site, made.bell_id, "up")
        payload = pack({"v": 1} | message, topic, key or made.key_bytes)
        self.pipeline.take(Inbound(topic, payload, False, self.clock.now_ms(), 0, taken.set))
        assert taken.wait(WAIT_S)

    def beat(self, made: Enrolment, boot: int, n: int = 1, **more: Any) -> None:
        body = {"type": "heartbeat", "boot": f"{boot:016x}", "seq": 0, "n": n, "up_s": 1, "pending": 0}
        self.hear(made, body | {"kind": made.kind, "fw": "0.1.0"} | more)

    def press(self, made: Enrolment, boot: int, seq: int, what: str = "panic") -> bytes:
        """The receipt's payload."""
        count = len(self.receipts)
        event = {"type": "event", "boot": f"{boot:016x}", "seq": seq, "what": what, "state": "alarm", "age_ms": 0}
        self.hear(made, event)
        assert len(self.receipts) > count, "no receipt"
        return self.receipts[-1][1]

    def acts(self, act: str) -> list[dict[str, Any]]:
        return [row["detail"] for row in self.store.read_now(lambda tx: audit.acts(tx, act))]

    def kinds(self) -> list[str]:
        return [row["kind"] for row in self.store.read_now(troubles.open_troubles)]


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    if (text := postgresql.missing()) is not None:
        pytest.skip(text)
    with postgresql.Server(durable=False) as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gate]:
    config = installed(tmp_path / "gate")
    url = config.store.url
    if request.param == "postgresql":
        url = request.getfixturevalue("server").database(f"lifetime_{next(_numbers)}")
    made = Gate(config, url)
    yield made
    made.close()


def test_the_one_time_secret_is_void_after_the_first_heartbeat(gate: Gate) -> None:
    made = gate.enrol()
    assert gate.row(made.bell_id).once_sha256 == made.once_sha256 and made.once_bytes is not None
    gate.press(made, 1, 1)
    assert gate.row(made.bell_id).once_sha256 is not None, "an event may be a replay of years ago: it proves no life"
    gate.beat(made, 1)
    gate.beat(made, 1, 2)
    assert gate.row(made.bell_id).once_sha256 is None
    assert gate.acts("enrolment_used") == [{"bell_id": made.bell_id}]
    (row,) = gate.store.read_now(bells.listing)
    assert row["enrolment"] == "done"


def test_a_heartbeat_under_a_wrong_key_voids_nothing(gate: Gate) -> None:
    made = gate.enrol()
    body = {"type": "heartbeat", "boot": "1" * 16, "seq": 0, "n": 1, "up_s": 1, "pending": 0, "kind": made.kind}
    gate.hear(made, body | {"fw": "0"}, key=b"x" * 32)
    assert gate.row(made.bell_id).once_sha256 is not None


@pytest.mark.parametrize("kind", [".svg", ".png"])
def test_the_qr_code_is_drawn_into_a_new_file_of_its_own(gate: Gate, kind: str) -> None:
    out, code = gate.files / "bell.json", gate.files / f"code{kind}"
    made = admission.enrol(gate.store, gate.config, gate.authority, BELL, out, 1, code)
    assert made.once_bytes is not None and stat.S_IMODE(code.stat().st_mode) == 0o600
    assert code.read_bytes().startswith(b"<?xml" if kind == ".svg" else b"\x89PNG")
    assert qr.read(qr.text(made.bell_id, made.once_bytes)) == (made.bell_id, made.once_bytes)
    count = len(gate.store.read_now(bells.all_bells))
    with pytest.raises(EnrolmentError, match=r"exists already\. Give another --qr"):
        admission.enrol(gate.store, gate.config, gate.authority, BELL, gate.files / "other.json", 1, code)
    assert not (gate.files / "other.json").exists() and len(gate.store.read_now(bells.all_bells)) == count


@pytest.mark.parametrize(
    "said", ["", "http://x", "ansimbell:1:b-1", "ansimbell:1:b-1:AAAA", "ansimbell:1:B!:" + "A" * 22]
)
def test_other_codes_are_refused(said: str) -> None:
    with pytest.raises(EnrolmentError, match="not the QR code"):
        qr.read(said)


def replaced(gate: Gate, bell_id: str, at_once: bool = False) -> Enrolment:
    return lifetime.replace(gate.store, gate.config, gate.authority, bell_id, gate.files, None, at_once, now_ms())


def test_a_replaced_bell_speaks_until_the_new_one_is_heard(gate: Gate) -> None:
    old = gate.enrol()
    gate.press(old, 1, 1)
    gate.store.write_now(lambda tx: people.add_operator(tx, "윤가람", "owner", "tiger-lily-7788", 1))
    gate.store.write_now(lambda tx: places.set_owners(tx, old.bell_id, [], ["윤가람"], "x", 1))
    new = replaced(gate, old.bell_id)
    assert enrolment.read(gate.files / f"{new.bell_id}.json") == new and new.key != old.key
    gate.press(old, 1, 2)
    assert gate.row(old.bell_id).state == ACTIVE
    gate.beat(new, 2)
    assert (gate.row(old.bell_id).state, gate.row(new.bell_id).state) == (REVOKED, ACTIVE)
    assert gate.acts("revoked") == [{"bell_id": old.bell_id, "replaced_by": new.bell_id}]
    gate.press(new, 2, 1)
    seen = gate.store.read_now(lambda tx: bell_history.cases(tx, new.bell_id, 9))
    assert {case["bell_id"] for case in seen} == {old.bell_id, new.bell_id}
    assert gate.store.read_now(lambda tx: bells.replaced_by(tx, old.bell_id)) == new.bell_id
    assert gate.store.read_now(lambda tx: places.owned(tx, "윤가람")) == [new.bell_id]
    before, after = gate.row(old.bell_id), gate.row(new.bell_id)
    assert (before.name, before.address, before.lat) == (after.name, after.address, after.lat)


def test_a_stolen_bell_is_replaced_at_once(gate: Gate) -> None:
    old = gate.enrol()
    replaced(gate, old.bell_id, at_once=True)
    assert gate.row(old.bell_id).state == REVOKED
    with pytest.raises(EnrolmentError, match="is revoked: `bellgate enrol`"):
        replaced(gate, old.bell_id)


def test_a_moved_bell_takes_nothing_of_the_old_place_along(gate: Gate) -> None:
    old = gate.enrol()
    gate.press(old, 1, 1)
    to = NewBell("mapo-001", "store-bell", "망원 약국", "서울 마포구 포은로 1")
    new = lifetime.move(gate.store, gate.config, gate.authority, old.bell_id, to, gate.files, None, now_ms())
    gate.beat(new, 2)
    assert gate.row(old.bell_id).state == REVOKED and new.site == "mapo-001"
    assert gate.store.read_now(lambda tx: bell_history.cases(tx, new.bell_id, 9)) == []
    with pytest.raises(EnrolmentError, match="hangs there already"):
        lifetime.move(gate.store, gate.config, gate.authority, new.bell_id, to, gate.files, None, now_ms())


def test_a_suspended_bell_rings_and_is_not_missed(gate: Gate) -> None:
    made = gate.enrol()
    gate.beat(made, 1)
    lifetime.suspend(gate.store, made.bell_id, "한 달 휴업", gate.clock.now_ms())
    gate.clock.ahead_ms += 600_000
    gate.beat(made, 1, 2, mains=False, faults=["contact"])
    gate.press(made, 1, 1, "battery")
    assert gate.row(made.bell_id).state == SUSPENDED and gate.kinds() == []
    gate.press(made, 1, 2)
    (case,) = gate.store.read_now(lambda tx: incidents.views(tx, "open"))
    assert case["what"] == "panic"
    with pytest.raises(EnrolmentError, match="suspended already"):
        lifetime.suspend(gate.store, made.bell_id, "x", now_ms())
    lifetime.resume(gate.store, made.bell_id, gate.clock.now_ms())
    gate.beat(made, 1, 3, faults=["contact", "siren"])
    assert gate.kinds() == ["bell_fault"] * 2
    with pytest.raises(EnrolmentError, match="not suspended"):
        lifetime.resume(gate.store, made.bell_id, now_ms())
    assert [one["reason"] for one in gate.acts("suspended")] == ["한 달 휴업"]


def test_troubles_of_a_bell_end_when_it_is_suspended(gate: Gate) -> None:
    made = gate.enrol()
    gate.beat(made, 1, faults=["contact"])
    assert gate.kinds() == ["bell_fault"]
    lifetime.suspend(gate.store, made.bell_id, "x", now_ms())
    assert [row["kind"] for row in gate.store.read_now(troubles.of_the_gone)] == ["bell_fault"]


def test_a_resumed_bell_that_stays_silent_is_missed(gate: Gate) -> None:
    made = gate.enrol()
    gate.beat(made, 1)
    lifetime.suspend(gate.store, made.bell_id, "x", gate.clock.now_ms())
    lifetime.resume(gate.store, made.bell_id, gate.clock.now_ms())
    due = gate.store.read_now(lambda tx: tx.one("SELECT due_ms FROM due WHERE subject = ?", (made.bell_id,)))
    assert due is not None and due["due_ms"] > gate.clock.now_ms() + 170_000


def test_wiping_erases_what_no_incident_needs_and_the_rest_with_them(gate: Gate) -> None:
    made = gate.enrol()
    gate.beat(made, 1)
    gate.press(made, 1, 1)
    gate.store.write_now(lambda tx: tx.run("UPDATE bell SET entrance = '뒷문 0000', approach = '개 있음'"))
    assert not lifetime.wipe(gate.store, made.bell_id, now_ms())
    (row,) = gate.store.read_now(bells.listing)
    assert (row["state"], row["entrance"], row["approach"], row["health"]) == (REVOKED, "", "", None)
    assert row["address"] == BELL.address, "the open incident still has to be found"
    assert gate.store.write_now(retention.places) == 0
    far_ms = gate.clock.now_ms() + 10**12
    gate.store.write_now(lambda tx: tx.run("UPDATE incident SET handling = 'closed', closed_ms = 1"))
    assert gate.store.write_now(lambda tx: retention.incidents(tx, False, far_ms)) == 1
    assert gate.store.write_now(retention.places) == 1 and gate.store.write_now(retention.places) == 0
    (row,) = gate.store.read_now(bells.listing)
    assert (row["name"], row["address"], row["lat"]) == (made.bell_id, "", None)


def test_a_place_without_a_past_is_wiped_whole_at_once(gate: Gate) -> None:
    made = gate.enrol()
    assert lifetime.wipe(gate.store, made.bell_id, now_ms())
    assert gate.row(made.bell_id).address == ""
    assert gate.store.read_now(lambda tx: dues.waiting(tx, 10**15)) in (0, False)


def rotated(gate: Gate, made: Enrolment) -> Enrolment:
    for file in gate.files.glob("*.json"):
        file.unlink()
    return lifetime.rotate(gate.store, gate.config, gate.authority, made.bell_id, gate.files, None, gate.clock.now_ms())


def answers_under(gate: Gate, made: Enrolment, boot: int, seq: int) -> bool:
    """Is a press under this file's key stored, and answered under the same key?"""
    payload = gate.press(made, boot, seq)
    message, _ = open_sealed(payload, join(made.site, made.bell_id, "down"), {0: made.key_bytes})
    return message["stage"] == "stored"


def test_both_keys_count_while_a_rotation_lasts(gate: Gate) -> None:
    old = gate.enrol()
    gate.beat(old, 1)
    new = rotated(gate, old)
    assert new.bell_id == old.bell_id and new.key != old.key and new.cert_der != old.cert_der
    assert gate.row(old.bell_id).once_sha256 == new.once_sha256
    gate.beat(old, 1, 2)
    assert gate.row(old.bell_id).once_sha256 is not None, "the new file is not in use yet"
    assert answers_under(gate, old, 1, 1) and answers_under(gate, new, 2, 1)
    gate.beat(new, 2)
    assert gate.row(old.bell_id).key == new.key_bytes and gate.row(old.bell_id).once_sha256 is None
    assert answers_under(gate, new, 2, 2) and answers_under(gate, old, 1, 2)
    gate.clock.ahead_ms += OTHER_KEY_MS + 1
    assert answers_under(gate, new, 2, 3)
    count = len(gate.receipts)
    event = {"type": "event", "boot": "1".zfill(16), "seq": 9, "what": "panic", "state": "alarm", "age_ms": 0}
    gate.hear(old, event)
    assert len(gate.receipts) == count, "the old key is void"
    assert [one["rotated"] for one in gate.acts("key_in_use")] == [True]


def test_a_bell_that_goes_back_to_its_old_file_is_not_deaf(gate: Gate) -> None:
    old = gate.enrol()
    gate.beat(old, 1)
    new = rotated(gate, old)
    gate.beat(new, 2)
    gate.beat(old, 3)
    assert gate.row(old.bell_id).key == old.key_bytes
    gate.clock.ahead_ms += OTHER_KEY_MS + 1
    assert answers_under(gate, old, 3, 1)


def test_a_rotation_that_waits_is_replaced_by_the_next(gate: Gate) -> None:
    old = gate.enrol()
    gate.beat(old, 1)
    lost = rotated(gate, old)
    new = rotated(gate, old)
    gate.beat(lost, 2)
    assert gate.row(old.bell_id).key == old.key_bytes
    gate.beat(new, 3)
    assert gate.row(old.bell_id).key == new.key_bytes


def test_no_secret_is_left_of_a_rotation_that_could_not_write_its_file(gate: Gate) -> None:
    made = gate.enrol()
    (gate.files / f"{made.bell_id}.json").write_text("another")
    with pytest.raises(EnrolmentError, match="exists already"):
        lifetime.rotate(gate.store, gate.config, gate.authority, made.bell_id, gate.files, None, 1)
    assert gate.row(made.bell_id).other_key is None


def test_the_ports_code_is_of_the_key_in_use(gate: Gate) -> None:
    made = gate.enrol()

    def give(op: str = "wipe", nonce: str = "00" * 16) -> str:
        return gate.store.write_now(lambda tx: portcode.give(tx, made.bell_id, op, nonce, "김하늘", 1))

    assert give() == portcode.code(made.key_bytes, "wipe", "00" * 16) != give("enrol")
    assert len(give()) == 8 and give(nonce="AB" * 16) == give(nonce="ab" * 16)
    assert gate.acts("port_code")[0] == {"bell_id": made.bell_id, "op": "wipe", "nonce": "00" * 16}
    for op, nonce, says in (("open", "00" * 16, "enrol or wipe"), ("wipe", "0g" * 16, "hex"), ("wipe", "00", "hex")):
        with pytest.raises(EnrolmentError, match=says):
            give(op, nonce)


def test_the_ports_code_as_it_is_written_down() -> None:
    """HMAC-SHA256 of RFC 2104 by hand: both ends must agree to the digit."""
    import hashlib

    key, text = bytes(range(32)), b"ansimbell port wipe " + b"0123456789abcdef"
    pads = [bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5C)]
    digest = hashlib.sha256(pads[1] + hashlib.sha256(pads[0] + text).digest()).digest()
    assert portcode.code(key, "wipe", "0123456789abcdef") == str(int(digest.hex(), 16))[-8:]


def test_unknown_bells_are_explained(gate: Gate) -> None:
    for job in (
        lambda: lifetime.revoke(gate.store, "b-none"),
        lambda: lifetime.wipe(gate.store, "b-none", 1),
        lambda: lifetime.suspend(gate.store, "b-none", "x", 1),
        lambda: replaced(gate, "b-none"),
    ):
        with pytest.raises(EnrolmentError, match="there is no bell b-none"):
            job()
    assert json.loads(enrolment.dumps(gate.enrol()))["once"]
