"""DC-09 against an independent receiver, over loopback: every kind of event, and what goes wrong on the way."""

import asyncio
import calendar
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from centre import (
    ACCOUNT,
    KEYS,
    SILENT,
    Centre,
    OddReceiver,
    Ticking,
    ack,
    deliveries,
    now,
    reply,
    running,
    settled,
    target,
)
from gatehouse import CONSOLE, STATION, Bell, Clock, Gatehouse
from pysiaalarm import SIAAccount
from station import until

from bellgate import clock, lanes
from bellgate.core.alarm_codes import EVENTS, TEST_CODES, TROUBLES
from bellgate.errors import DiskFault, TargetError
from bellgate.store import Store, Tx, facts
from bellgate.store.deliveries import Delivery
from bellgate.targets import open_targets
from bellgate.targets.dc09 import frame
from bellgate.targets.dc09.frame import Premises


@pytest.fixture
def centre() -> Iterator[Centre]:
    made = Centre()
    yield made
    made.close()


def bells(gate: Gatehouse, count: int) -> list[Bell]:
    return [gate.enrol(Bell(f"b-{number:04d}", f"site-{number}")) for number in range(count)]


@pytest.mark.parametrize("bits", [None, *sorted(KEYS)])
def test_every_kind_of_event_new_and_over_plain_and_encrypted(tmp_path: Path, bits: int | None) -> None:
    key, text = KEYS[bits] if bits else ("", None)
    centre = Centre(SIAAccount(ACCOUNT, text))
    settings = f'key = "{key}"\n' if bits else ""
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings=settings + "test = true\n") + CONSOLE, Ticking())
    expected: list[tuple[str, str, str | None]] = []
    with running(gate):
        opening = [what for what in EVENTS if what not in ("contact", "cancel")]
        for bell, what in zip(bells(gate, len(opening)), opening, strict=True):
            info = {"info": {"input": "button"}} if what == "test" else {}
            gate.press(bell, what, zone=7, age_ms=3_000, **info)
            expected.append((bell.bell_id, EVENTS[what].new, "7"))
            if EVENTS[what].over:
                gate.press(bell, what, state="restore", zone=7)
                expected.append((bell.bell_id, EVENTS[what].over or "", "7"))
            if what in ("panic", "intrusion"):
                gate.press(bell, "cancel")
                expected.append((bell.bell_id, "BC" if what == "intrusion" else "OC", None))
                gate.press(bell, "contact", zone=2)
                gate.press(bell, "contact", state="restore", zone=2)
                expected += [(bell.bell_id, "BA", "2"), (bell.bell_id, "BR", "2")]
        until(lambda: len(centre.events()) == len(expected), f"{len(centre.events())} of {len(expected)} came")
        settled(gate, *["delivered"] * len(expected))
    found = []
    for one in centre.events():
        extended = {item.identifier: item.value for item in one.extended_data}
        found.append((extended["L"], one.code, one.message))
        assert extended["S"] == f"site-{int(extended['L'][2:])}" and "R" not in extended  # a Hangul name is left out
        assert one.encrypted == bool(bits) and one.line == "L0" and one.receiver == "R0"
    # An alarm comes before what takes it back; different incidents have no order.
    for bell_id in {bell_id for bell_id, _, _ in expected}:
        assert sorted(row for row in found if row[0] == bell_id) == sorted(row for row in expected if row[0] == bell_id)
        mine = [code for place, code, _ in found if place == bell_id]
        for pair in EVENTS.values():
            if pair.over in mine:
                assert mine.index(pair.new) < mine.index(pair.over)
    first = next(one for one in centre.events() if one.code == "PA")
    heard = {item.identifier: item.value for item in first.extended_data}
    age_s = first.timestamp.timestamp() - calendar.timegm(time.strptime(heard["H"], "%H:%M:%S,%m-%d-%Y"))
    assert age_s >= 3 and heard["T"] == "M"  # the press, not the sending
    assert [int(one.sequence) for one in centre.events()] == sorted(int(one.sequence) for one in centre.events())
    assert not {one.code for one in centre.events()} & {"YN", "ZZ"}
    gate.close()
    centre.close()


def test_troubles_and_their_end(tmp_path: Path, centre: Centre) -> None:
    gate = Gatehouse(tmp_path / "gate", target(centre.port) + CONSOLE, Ticking())
    (bell,) = bells(gate, 1)
    other = [kind for kind in TROUBLES if kind.startswith(("gateway_", "broker", "not_")) or kind == "target_failing"]
    with running(gate):
        for what in ("battery", "mains"):
            gate.press(bell, what)
        for kind in other:
            asyncio.run(gate.pipeline.trouble(kind, "station", "it is so"))
            asyncio.run(gate.pipeline.trouble(kind, "station", "it is still so"))  # counted, not told again
        gate.fast_forward(300_000)  # whatever a trouble has to last before it counts, and before it is over
        for what in ("battery", "mains"):
            gate.press(bell, what, state="restore")
        for kind in other:
            asyncio.run(gate.pipeline.trouble(kind, "station", None))
        gate.fast_forward(900_000)
        gate.hear(bell.up, bell.heartbeat())
        gate.fast_forward(200_000)
        assert ("bell_missing", bell.bell_id) in gate.troubles()
        gate.hear(bell.up, bell.heartbeat())
        gate.fast_forward(100_000)
        asyncio.run(gate.pipeline.trouble("late_due", "engine", "for the operator alone"))
        count = 2 * (len(other) + 3)
        until(lambda: len(centre.events()) == count, f"{centre.codes()}")
    expected = ["XT", "XR", "AT", "AR", "UY", "UJ"]
    expected += [code for kind in other for code in (TROUBLES[kind].new, TROUBLES[kind].over or "")]
    assert sorted(centre.codes()) == sorted(expected)
    for new, over in (("XT", "XR"), ("AT", "AR"), ("UY", "UJ")):
        assert centre.codes().index(new) < centre.codes().index(over)
    assert gate.incidents() == []  # never mixed with alarms
    gate.close()


def test_troubles_can_be_left_out_and_a_target_is_never_told_of_itself(tmp_path: Path, centre: Centre) -> None:
    without = Gatehouse(tmp_path / "without", target(centre.port, settings="troubles = false"), now())
    asyncio.run(without.pipeline.trouble("broker_down", "broker", "gone"))
    assert without.count("delivery") == 0
    without.close()
    gate = Gatehouse(tmp_path / "gate", target(centre.port) + STATION, now())
    asyncio.run(gate.pipeline.trouble("target_failing", "arc", "away"))
    asyncio.run(gate.pipeline.trouble("receiver_silent", "arc/2", "away"))
    assert gate.count("delivery") == 0
    asyncio.run(gate.pipeline.trouble("target_failing", "station", "away"))
    assert [row["target"] for row in deliveries(gate)] == ["arc"]  # and a webhook is told of no trouble
    gate.close()


def test_a_test_goes_out_as_a_test_and_only_where_tests_are_wanted(tmp_path: Path, centre: Centre) -> None:
    police = Gatehouse(tmp_path / "police", target(centre.port), now())
    police.press(police.enrol(Bell()), "test", info={"input": "button"})
    assert police.count("delivery") == 0
    police.close()
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings="test = true"), now())
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, "test", info={"input": "button"})
        gate.press(bell, "test", info={"id": "0" * 16, "name": "selftest"})
        gate.fast_forward(130_000)
        gate.command(1, "acknowledge")
        gate.command(1, "close", disposition="test")
        until(lambda: len(centre.events()) == 2, f"{centre.codes()}")
        until(lambda: {row["state"] for row in deliveries(gate)} == {"delivered"}, "not settled")
    assert sorted(centre.codes()) == ["RP", "RX"] and set(centre.codes()) <= TEST_CODES
    gate.close()


def test_closing_takes_a_press_back_but_never_what_the_device_has_to_say_itself(tmp_path: Path, centre: Centre) -> None:
    gate = Gatehouse(tmp_path / "gate", target(centre.port) + CONSOLE, Ticking())
    one, two = bells(gate, 2)
    with running(gate):
        gate.press(one, "duress")
        gate.press(two, "tamper")
        gate.fast_forward(125_000)  # two rounds of nobody having acknowledged: told once is told
        for number in (1, 2):
            gate.command(number, "acknowledge")
            gate.command(number, "close", disposition="genuine")
        until(lambda: {row["state"] for row in deliveries(gate)} == {"delivered"}, "not settled")
    assert sorted(centre.codes()) == ["HA", "HH", "TA"]
    gate.close()


def test_what_came_back_is_kept_as_proof(tmp_path: Path) -> None:
    key, text = KEYS[256]
    centre = Centre(SIAAccount(ACCOUNT, text))
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings=f'key = "{key}"'), now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        settled(gate, "delivered")
    (row,) = gate.view(1)["deliveries"]
    proof = json.loads(row["proof"])
    assert proof["sequence"] == 1 and proof["code"] == "PA" and proof["account"] == ACCOUNT
    assert proof["receiver"] == f"127.0.0.1:{centre.port}" and '"*ACK"0001R0L0#1234[' in proof["answer"]
    assert abs(proof["receiver_time_ms"] - clock.now_ms()) < 60_000
    assert key not in row["proof"].lower() and text not in row["proof"]
    gate.close()
    centre.close()


def test_a_receiver_on_another_time_is_told_in_its_own(tmp_path: Path, centre: Centre) -> None:
    """Ours stands ten minutes back: NAK, and the same frame again under the receiver's time; H stays what it was."""
    gate = Gatehouse(tmp_path / "gate", target(centre.port), Clock(clock.now_ms() - 600_000))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        settled(gate, "delivered")
        assert centre.counts.error_timestamp == 1 and len(centre.events()) == 1
        gate.press(bell)
        settled(gate, "delivered", "delivered")
        assert centre.counts.error_timestamp == 1  # it was learnt
        until(lambda: ("receiver_clock", "arc/1") in gate.troubles(), "the operator was not told")
        detail = gate.troubles()["receiver_clock", "arc/1"]["detail"]
        assert "+600 s" in detail or "+599 s" in detail or "+601 s" in detail
        gate.clock.at_ms = clock.now_ms()  # put right: the receiver says NAK once more, and the trouble ends
        gate.press(bell)
        settled(gate, *["delivered"] * 3)
        until(lambda: ("receiver_clock", "arc/1") not in gate.troubles(), "the trouble stays")
    heard = [item.value for one in centre.events() for item in one.extended_data if item.identifier == "H"]
    pressed = [time.strptime(moment, "%H:%M:%S,%m-%d-%Y") for moment in heard]
    assert [one.sequence for one in centre.events()] == ["0001", "0002", "0003"]
    assert 590 <= calendar.timegm(pressed[2]) - calendar.timegm(pressed[0]) <= 700  # H stays what we saw
    assert {row["attempts"] for row in deliveries(gate)} == {1}
    gate.close()


def test_receiver_that_is_down_for_a_minute_gets_everything_under_its_first_number(tmp_path: Path) -> None:
    down = Centre()
    down.close()
    begun_ms = clock.now_ms() - 60_000
    gate = Gatehouse(tmp_path / "gate", target(down.port) + CONSOLE, Clock(begun_ms))
    mine = bells(gate, 5)
    with running(gate):
        for bell in mine:
            gate.press(bell)
        until(lambda: all(row["attempts"] for row in deliveries(gate)), "not tried")
        until(lambda: ("target_failing", "arc") in gate.troubles(), "no trouble")
        numbers = {row["id"]: row["kept"] for row in deliveries(gate)}
        for _ in range(5):
            gate.clock.at_ms += 10_000
            tries = sum(row["attempts"] for row in deliveries(gate))
            until(lambda tries=tries: sum(row["attempts"] for row in deliveries(gate)) >= tries + 5, "not tried again")
        back = Centre(port=down.port)
        gate.clock.at_ms += 10_000
        settled(gate, *["delivered"] * 5)
        gate.clock.at_ms += 60_000  # a target that has failed has to do well for a while
        until(lambda: ("target_failing", "arc") not in gate.troubles(), "the trouble stays")
    assert {row["id"]: row["kept"] for row in deliveries(gate)} == numbers
    assert sorted(one.sequence for one in back.events()) == sorted(f"{int(number):04d}" for number in numbers.values())
    pressed = time.strftime("%H:%M:%S,%m-%d-%Y", time.gmtime(begun_ms // 1000))
    assert {item.value for one in back.events() for item in one.extended_data if item.identifier == "H"} == {pressed}
    gate.close()
    back.close()


def test_backup_takes_over_under_the_same_number_and_the_primary_is_asked_again_when_it_is_back(tmp_path: Path) -> None:
    primary, backup = Centre(), Centre()
    gate = Gatehouse(tmp_path / "gate", target(primary.port, backup.port) + CONSOLE, now())
    one, two, three = bells(gate, 3)
    with running(gate):
        gate.press(one)
        settled(gate, "delivered")
        assert primary.codes() == ["PA"] and backup.codes() == []
        primary.close()
        gate.press(two)
        settled(gate, "delivered", "delivered")
        assert backup.codes() == ["PA"] and backup.events()[0].sequence == "0002"
        assert json.loads(deliveries(gate)[1]["proof"])["receiver"] == f"127.0.0.1:{backup.port}"
        assert ("target_failing", "arc") not in gate.troubles()
        gate.press(three)
        settled(gate, *["delivered"] * 3)
        assert len(backup.events()) == 2
    gate.close()
    backup.close()


def test_lost_acknowledgement_is_repeated_as_it_was_over_the_backup(tmp_path: Path) -> None:
    """The primary took it, but its ACK was lost: whoever joins the two must see one number."""
    primary, backup = OddReceiver(lambda frame, number: None), Centre()
    gate = Gatehouse(tmp_path / "gate", target(primary.port, backup.port, settings=SILENT), now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        settled(gate, "delivered")
    assert len(primary.frames) == 1 and b'"SIA-DCS"0001R0L0#1234' in primary.frames[0]
    assert [one.sequence for one in backup.events()] == ["0001"]
    gate.close()
    primary.close()
    backup.close()


def test_receiver_that_does_not_understand_is_not_asked_for_ever(tmp_path: Path) -> None:
    odd = OddReceiver(lambda sent, number: reply(f'"DUH"0001R0L0#{ACCOUNT}[]') if number == 1 else ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(odd.port) + CONSOLE, now())
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        settled(gate, "dead")
        until(lambda: ("delivery_dead", "arc") in gate.troubles(), "no trouble")
        assert "DUH" in gate.troubles()["delivery_dead", "arc"]["detail"]
        gate.clock.at_ms += 3_600_000
        gate.press(bell)  # the next one is not held up
        settled(gate, "dead", "delivered")
    assert len(odd.frames) == 2
    gate.close()
    odd.close()


def test_duh_of_one_receiver_while_the_other_is_away_ends_too(tmp_path: Path) -> None:
    gone = Centre()
    gone.close()
    odd = OddReceiver(lambda sent, number: reply(f'"DUH"0001R0L0#{ACCOUNT}[]'))
    gate = Gatehouse(tmp_path / "gate", target(odd.port, gone.port) + CONSOLE, now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        for attempts in (1, 2):
            until(lambda n=attempts: [row["attempts"] for row in deliveries(gate)] == [n], "not tried")
            gate.clock.at_ms += 10_000
        settled(gate, "dead")
    assert len(odd.frames) == 3
    gate.close()
    odd.close()


@pytest.mark.parametrize(
    ("first", "tries"),
    [
        (b'"NAK"', 2),
        (b"\n\r", 2),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 2),
        (reply('"ACK"0002R0L0#1234[]'), 2),  # of another frame
        (reply('"ACK"0001R0L0#9999[]'), 2),
        (reply('"ACK"0001R0L0#1234[]').replace(b"0001R", b"0001r"), 2),  # its checksum is wrong
        (reply('"NAK"0000R0L0A0[]'), 2),
        (reply('"RSP"0001R0L0#1234[]'), 2),
        (reply('"ACK"0002R0L0#1234[]') + reply('"ACK"0001R0L0#1234[]'), 1),  # the right one comes after
    ],
    ids=[
        "bare",
        "empty",
        "http",
        "other number",
        "other account",
        "checksum",
        "NAK without time",
        "RSP",
        "late one first",
    ],
)
def test_only_the_right_acknowledgement_counts(tmp_path: Path, first: bytes, tries: int) -> None:
    odd = OddReceiver(lambda sent, number: first if number == 1 else ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(odd.port, settings=SILENT) + CONSOLE, now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        if tries == 2:
            settled(gate, "failed")
            gate.clock.at_ms += 1_000
        settled(gate, "delivered")
    assert len(odd.frames) == tries and len({one[10:30] for one in odd.frames}) == 1
    gate.close()
    odd.close()


def test_plain_acknowledgement_of_an_encrypted_frame_does_not_count(tmp_path: Path) -> None:
    key, _ = KEYS[128]
    odd = OddReceiver(lambda sent, number: ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(odd.port, settings=f'key = "{key}"\n' + SILENT) + CONSOLE, now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        settled(gate, "failed")
    gate.close()
    odd.close()


def test_number_survives_a_kill_and_the_counter_goes_on(tmp_path: Path) -> None:
    """Sent and not answered when the gateway dies: the next one repeats it under its number, and counts on."""
    dumb = OddReceiver(lambda sent, number: None if number == 1 else ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(dumb.port), now())
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        until(lambda: len(dumb.frames) == 1, "not sent")
        later = gate.killed(tmp_path / "later")
    with running(later):
        settled(later, "delivered")
        later.press(bell, "holdup")
        settled(later, "delivered", "delivered")
    assert [one[10:22] for one in dumb.frames] == [b'SIA-DCS"0001', b'SIA-DCS"0001', b'SIA-DCS"0002']
    gate.close()
    later.close()
    dumb.close()


class Disk:
    """The store as a target sees it, until the disk is full."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False

    async def write(self, job: Callable[[Tx], Any], deadline_s: float = 5.0) -> Any:
        if self.full:
            raise DiskFault("the disk is full")
        return await self._store.write(job, deadline_s)


def test_alarm_does_not_wait_for_a_full_disk_and_numbers_go_on_after_it(tmp_path: Path) -> None:
    odd = OddReceiver(lambda sent, number: reply('"NAK"0000R0L0A0[]') if number == 2 else ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(odd.port), now())
    gate.press(gate.enrol(Bell()))
    (row,) = deliveries(gate)
    disk = Disk(gate.store)
    message = Delivery("1", "arc", row["type"], 1, 1, 0, row["body"], 0, row["created_ms"], row["created_ms"])

    async def story() -> list[int]:
        arc = open_targets(gate.config, disk, gate.clock)["arc"]
        sent = [await arc.send(message)]
        disk.full = True
        with pytest.raises(TargetError, match="NAK"):
            await arc.send(replace(message, id="2"))
        sent.append(await arc.send(replace(message, id="2")))  # again, under its number
        sent.append(await arc.send(replace(message, id="3")))
        disk.full = False
        sent.append(await arc.send(replace(message, id="4")))
        await arc.close()
        return [json.loads(proof)["sequence"] for proof in sent]

    assert asyncio.run(story()) == [1, 2, 3, 4]
    assert [one[18:22] for one in odd.frames] == [b"0001", b"0002", b"0002", b"0003", b"0004"]
    gate.close()
    odd.close()


def test_after_9999_comes_0001(tmp_path: Path, centre: Centre) -> None:
    gate = Gatehouse(tmp_path / "gate", target(centre.port), now())
    gate.store.write_now(lambda tx: facts.put(tx, "dc09/arc", "9998"))
    with running(gate):
        for bell in bells(gate, 3):
            gate.press(bell)
        settled(gate, *["delivered"] * 3)
    assert [one.sequence for one in centre.events()] == ["9999", "0001", "0002"]
    gate.close()


def test_one_frame_in_flight_and_one_connection(tmp_path: Path, centre: Centre) -> None:
    gate = Gatehouse(tmp_path / "gate", target(centre.port), now())
    mine = bells(gate, 40)
    with running(gate):
        for bell in mine:
            gate.press(bell)
        settled(gate, *["delivered"] * 40)
    assert len(centre.events()) == 40 and centre.connections == 1
    assert centre.counts.error_format == 0 and centre.counts.error_crc == 0
    gate.close()


def test_connection_that_the_receiver_closes_after_each_frame_is_no_failure(tmp_path: Path) -> None:
    centre = Centre()
    gate = Gatehouse(tmp_path / "gate", target(centre.port) + CONSOLE, now())
    one, two = bells(gate, 2)
    with running(gate):
        gate.press(one)
        settled(gate, "delivered")
        port = centre.port
        centre.close()
        centre = Centre(port=port)
        gate.press(two)
        settled(gate, "delivered", "delivered")
        assert gate.troubles() == {} and [row["attempts"] for row in deliveries(gate)] == [1, 1]
    gate.close()
    centre.close()


def test_accounts_of_bells_and_sites(tmp_path: Path) -> None:
    """pysiaalarm takes each account under its own key; an unknown one would be refused."""
    key, text = KEYS[128]
    centre = Centre(SIAAccount("AAAA"), SIAAccount("BBBB", text), SIAAccount(ACCOUNT))
    premises = (
        '[[target.premises]]\nsite = "site-0"\naccount = "AAAA"\n'
        f'[[target.premises]]\nbell = "b-0001"\naccount = "bbbb"\nkey = "{key}"\npoint = 12\n'
    )
    gate = Gatehouse(tmp_path / "gate", target(centre.port, premises=premises), now())
    with running(gate):
        for bell in bells(gate, 3):
            gate.press(bell, zone=5)
        settled(gate, *["delivered"] * 3)
    found = {(one.account, one.message, one.encrypted) for one in centre.events()}
    assert found == {("AAAA", "5", False), ("BBBB", "12", True), (ACCOUNT, "5", False)}
    gate.close()
    centre.close()


def test_later_step_of_the_policy_tells_the_centre_as_an_alarm(tmp_path: Path, centre: Centre) -> None:
    policy = """
[[policy]]
name = "p"
[[policy.step]]
after_s = 0
targets = ["desk"]
[[policy.step]]
after_s = 45
targets = ["desk", "arc"]
"""
    gate = Gatehouse(tmp_path / "gate", target(centre.port) + CONSOLE + policy, Clock(clock.now_ms() - 45_000))
    gate.attend()
    with running(gate):
        gate.press(gate.enrol(Bell()), "medical")
        pressed = time.strftime("%H:%M:%S,%m-%d-%Y", time.gmtime(gate.clock.at_ms // 1000))
        assert deliveries(gate) == []
        gate.fast_forward(45_000)
        settled(gate, "delivered")
        gate.fast_forward(120_000)
        assert len(deliveries(gate)) == 1
    (one,) = centre.events()
    assert one.code == "MA" and {item.identifier: item.value for item in one.extended_data}["H"] == pressed
    gate.close()


def test_step_of_consoles_that_nobody_attends_is_skipped_and_the_centre_is_told_at_once(
    tmp_path: Path, centre: Centre
) -> None:
    policy = """
[[policy]]
name = "p"
[[policy.step]]
after_s = 0
targets = ["desk"]
[[policy.step]]
after_s = 45
targets = ["arc"]
"""
    gate = Gatehouse(tmp_path / "gate", target(centre.port) + CONSOLE + policy, now())
    with running(gate):
        gate.press(gate.enrol(Bell()), "medical")
        settled(gate, "delivered")
    (one,) = centre.events()
    assert one.code == "MA"
    gate.close()


def test_alarm_waits_for_nothing_but_a_restore_waits_for_its_alarm(tmp_path: Path) -> None:
    """The alarm was not acknowledged at once: its restore must not be there first."""
    odd = OddReceiver(lambda sent, number: reply('"NAK"0000R0L0A0[]') if number == 1 else ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(odd.port) + CONSOLE, now())
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, "intrusion")
        settled(gate, "failed")
        gate.clock.at_ms += 10
        gate.press(bell, "intrusion", state="restore")
        until(lambda: [row["last_error"] for row in deliveries(gate) if row["state"] == "pending"] != [None], "sent")
        assert len(odd.frames) == 1
        gate.clock.at_ms += lanes.WAIT_MS
        until(lambda: len(odd.frames) >= 2, "not sent again")
        until(lambda: deliveries(gate)[0]["state"] == "delivered", "not delivered")
        gate.clock.at_ms += lanes.WAIT_MS
        settled(gate, "delivered", "delivered")
    assert [b"NBA" in one for one in odd.frames] == [True, True, False] and b"NBR" in odd.frames[2]
    gate.close()
    odd.close()


def test_reads_as_dc09_says() -> None:
    """The frame that stands in the documentation of siadc09 for an encrypted acknowledgement, made by another hand."""
    assert frame.read(reply('"ACK"9876R579BDFL789ABC#123456A[]'), Premises("123456A")).sequence == 9876
