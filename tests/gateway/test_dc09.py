"""The pure parts of DC-09: frames, replies, codes, the exchange and the path, each for every input there is."""

import re

import pytest
import siadc09.account
import siadc09.message
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core import alarm_codes
from bellgate.core.signal import MEANINGS
from bellgate.errors import TargetRefused
from bellgate.targets.dc09 import exchange, frame, path, report
from bellgate.targets.dc09.exchange import Exchange
from bellgate.targets.dc09.frame import Premises, Report

ACCOUNTS = st.from_regex(r"[1-9A-Fa-f][0-9A-Fa-f]{2,15}", fullmatch=True)
KEYS = st.one_of(st.none(), *(st.binary(min_size=size, max_size=size) for size in (16, 24, 32)))
PREMISES = st.builds(Premises, ACCOUNTS, KEYS, st.none() | st.integers(1, 9999))
TEXTS = st.none() | st.text(max_size=80)
MOMENTS = st.integers(946_684_800_000, 4_102_444_800_000)  # 2000 to 2100
REPORTS = st.builds(
    Report,
    code=st.sampled_from(sorted(pair.new for pair in alarm_codes.EVENTS.values())),
    point=st.none() | st.integers(1, 64),
    occurred_ms=st.none() | MOMENTS,
    site=TEXTS,
    room=TEXTS,
    place=TEXTS,
    trigger=st.sampled_from([None, "M", "C", "S"]),
    lat=st.none() | st.floats(-90, 90),
    lon=st.none() | st.floats(-180, 180),
)
FRAME = re.compile(rb'\n[0-9A-F]{4}0[0-9A-F]{3}"\*?(SIA-DCS|NULL)"\d{4}R0L0#[0-9A-F]{3,16}\[[^\n\r]*\r')


@given(PREMISES, st.integers(1, 9999), REPORTS, MOMENTS)
def test_every_event_frame_is_ascii_short_and_says_what_was_meant(
    premises: Premises, sequence: int, given_report: Report, sent_ms: int
) -> None:
    raw = frame.event(premises, sequence, given_report, sent_ms)
    assert raw.isascii() and FRAME.fullmatch(raw) and len(raw) < 1000
    read = siadc09.message.parse_frame(raw, premises.key)
    assert (read.seq, read.encrypted) == (sequence, premises.key is not None)
    assert read.account.acct == int(premises.account, 16)
    assert int(read.timestamp.timestamp()) == sent_ms // 1000
    point = premises.point or given_report.point
    plain = frame.event(Premises(premises.account, None, premises.point), sequence, given_report, sent_ms)
    assert f"[#{premises.account.upper()}|N{given_report.code}{point or ''}]".encode() in plain
    letters = {item.prefix: item.value for item in read.xdata}
    assert all(letter in "HSRLTXY" for letter in letters)
    if given_report.occurred_ms is None:
        assert "H" not in letters
    else:
        assert int(letters["H"].timestamp()) == given_report.occurred_ms // 1000
    assert ("S" in letters) <= (given_report.site is not None and given_report.site.isascii())


@pytest.mark.parametrize(
    ("lat", "lon", "shown"),
    [
        (37.5445, 127.0557, b"[X127E03.342][Y37N32.670]"),
        (-33.8688, -0.5, b"[X000W30.000][Y33S52.128]"),
        (0.0, 179.9999999, b"[X180E00.000][Y00N00.000]"),
    ],
)
def test_place_in_degrees_and_minutes(lat: float, lon: float, shown: bytes) -> None:
    assert shown in frame.event(Premises("1234"), 1, Report("PA", lat=lat, lon=lon), 0)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("room 1", b"[Rroom 1]"),
        ("[1|2]\r\n3", b"[R123]"),
        ("x" * 60, b"[R" + b"x" * 48 + b"]"),
        ("방 1", b""),
        ("[]", b""),
    ],
)
def test_text_is_plain_or_left_out(said: str, shown: bytes) -> None:
    raw = frame.event(Premises("1234"), 1, Report("PA", room=said), 0)
    assert shown in raw and raw.count(b"[") == 1 + bool(shown)


@given(PREMISES, MOMENTS)
def test_every_null_frame_has_number_0000(premises: Premises, sent_ms: int) -> None:
    raw = frame.null(premises, sent_ms)
    assert FRAME.fullmatch(raw)
    read = siadc09.message.parse_frame(raw, premises.key)
    assert (read.idtoken, read.seq) == ("NULL", 0)


@pytest.mark.parametrize("sequence", [0, 10_000, -1])
def test_event_without_a_number_of_its_own_is_our_fault(sequence: int) -> None:
    with pytest.raises(ValueError, match="1 to 9999"):
        frame.event(Premises("1234"), sequence, Report("PA"), 0)


@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda body: b'\n00000000"ACK"' + body + b"\r"), PREMISES)
def test_no_bytes_make_the_reader_raise_or_acknowledge(raw: bytes, premises: Premises) -> None:
    assert frame.read(raw, premises).kind == "" or raw.startswith(b"\n")
    frame.shown(raw)


@given(PREMISES, st.integers(0, 9999), MOMENTS, st.data())
def test_acknowledgement_made_by_another_hand_is_read_and_a_changed_one_is_not(
    premises: Premises, sequence: int, at_ms: int, data: st.DataObject
) -> None:
    account = siadc09.account.Account(acct=int(premises.account, 16), pref=0, rcvr=0, key=premises.key)
    raw = bytes(siadc09.message.AckMessage(account, sequence, frame._moment(at_ms)).encode())
    reply = frame.read(raw, premises)
    assert (reply.kind, reply.sequence, reply.sealed) == ("ACK", sequence, premises.key is not None)
    assert reply.time_ms == at_ms // 1000 * 1000 and frame.fits(reply, premises, sequence) is None
    assert frame.fits(reply, premises, sequence % 9999 + 1) is not None
    place = data.draw(st.integers(9, len(raw) - 2))
    changed = bytearray(raw)
    changed[place] ^= data.draw(st.integers(1, 127))
    assert frame.read(bytes(changed), premises).kind == ""  # the checksum sees every single changed byte


@given(PREMISES.filter(lambda premises: premises.key is not None), st.integers(1, 9999))
def test_with_a_key_only_an_encrypted_acknowledgement_counts(premises: Premises, sequence: int) -> None:
    account = siadc09.account.Account(acct=int(premises.account, 16), pref=0, rcvr=0)
    plain = bytes(siadc09.message.AckMessage(account, sequence).encode())
    assert "not encrypted" in (frame.fits(frame.read(plain, premises), premises, sequence) or "")
    stranger = siadc09.account.Account(account, key=bytes(16))
    sealed = bytes(siadc09.message.AckMessage(stranger, sequence).encode())
    if premises.key != bytes(16):
        assert frame.read(sealed, premises).kind == ""


def test_rubbish_that_opens_by_chance_is_no_acknowledgement() -> None:
    """One in some hundred blocks of rubbish ends in a bracket: without a time it proves nothing."""
    key = bytes(range(16))
    sealed = frame.util.encrypt(key, b"x" * 31 + b"]").hex().upper()
    assert frame.read(reply(f'"*ACK"0007R0L0#1234[{sealed}'), Premises("1234", key)).kind == ""


def reply(text: str) -> bytes:
    body = text.encode()
    return b"\n%04X%04X%s\r" % (frame.util.crc(body), len(body), body)


@pytest.mark.parametrize(
    ("text", "kind", "time_ms"),
    [
        ('"NAK"0000R0L0A0[]_23:59:30,12-31-2025', "NAK", 1_767_225_570_000),
        ('"NAK"0000L0R0A0[]_00:00:00,01-01-2026', "NAK", 1_767_225_600_000),  # as pysiaalarm says it
        ('"NAK"0000R0L0#1234[]_12:00:00,06-15-2026', "NAK", 1_781_524_800_000),
        ('"NAK"0000L0A0[]', "NAK", None),
        ('"NAK"0000R0L0A0[]_99:99:99,99-99-9999', "NAK", None),
        ('"DUH"0007R0L0#1234[]', "DUH", None),
        ('"ACK"0007L0#1234[]', "ACK", None),
        ('"RSP"0007R0L0#1234[][Kab]', "RSP", None),
        ('"NULL"0007R0L0#1234[]', "", None),
    ],
)
def test_replies_of_all_shapes(text: str, kind: str, time_ms: int | None) -> None:
    read = frame.read(reply(text), Premises("1234"))
    assert (read.kind, read.time_ms) == (kind, time_ms)


@pytest.mark.parametrize("length", [0x13, 0x15, 0x1014])
def test_reply_that_says_another_length_is_not_read(length: int) -> None:
    body = b'"ACK"0007R0L0#1234[]'
    assert len(body) == 0x14
    raw = b"\n%04X%04X%s\r" % (frame.util.crc(body), length, body)
    assert frame.read(raw, Premises("1234")).why == "its length is wrong"


def test_reply_that_is_too_long_is_not_read() -> None:
    assert frame.read(reply('"ACK"0007R0L0#1234[]' + "[V" + "x" * 1024 + "]"), Premises("1234")).kind == ""


def test_key_in_a_reply_is_not_kept() -> None:
    assert frame.shown(reply('"RSP"0007R0L0#1234[][KABCDEF]')).endswith("[][K…]")


# Codes


def test_every_word_of_the_wire_is_an_event_or_a_trouble() -> None:
    troubles = {what for what, meaning in MEANINGS.items() if meaning.trouble}
    assert set(alarm_codes.EVENTS) == set(MEANINGS) - troubles
    assert all(f"bell_{what}" in alarm_codes.TROUBLES for what in troubles - {"fault"})


def test_codes_are_those_of_the_standard() -> None:
    expected = {
        "panic": "PA PH", "holdup": "HA HH", "duress": "HA HH", "medical": "MA MR", "checkin_missed": "MA MR",
        "intrusion": "BA BR", "contact": "BA BR", "tamper": "TA TR", "test": "RX None", "cancel": "OC None",
        "bell_missing": "UY UJ", "bell_battery": "XT XR", "bell_mains": "AT AR", "gateway_tamper": "TA TR",
        "gateway_battery": "YT YR", "gateway_mains": "AT AR", "broker_down": "YC YK", "not_listening": "YC YK",
        "target_failing": "YC YK", "receiver_silent": "YC YK",
    }  # fmt: skip
    found = {name: f"{row.new} {row.over}" for name, row in (alarm_codes.EVENTS | alarm_codes.TROUBLES).items()}
    assert found == expected


WORDS = st.sampled_from(sorted({*MEANINGS, *alarm_codes.TROUBLES, "nonsense"}))
CHANGES = st.sampled_from(["alarm", "restore", "unacknowledged", "close", "note", "raised", "cleared", "merge"])
INFOS = st.none() | st.dictionaries(st.sampled_from(["input", "name", "id"]), st.text(max_size=5))
TYPES = st.sampled_from([alarm_codes.SIGNAL, alarm_codes.INCIDENT, alarm_codes.TROUBLE])


@given(TYPES, WORDS, CHANGES, INFOS, st.none() | WORDS)
def test_a_test_never_has_an_alarms_code_and_an_alarm_never_a_tests(
    type_: str, what: str, change: str, info: dict[str, str] | None, incident: str | None
) -> None:
    code = alarm_codes.code(type_, what, change, info, incident)
    assert code is None or (code in alarm_codes.TEST_CODES) == (what == "test" and type_ != alarm_codes.TROUBLE)


def test_message_that_calls_an_alarm_a_test_is_refused() -> None:
    data = {"what": "panic", "state": "alarm", "test": True, "occurred": {"at_ms": 1}}
    with pytest.raises(TargetRefused, match="a test never goes out as PA"):
        report.report({"type": alarm_codes.SIGNAL, "data": data})


# The exchange


@given(st.integers(1, 2), st.lists(st.sampled_from(exchange.ANSWERS), min_size=6, max_size=6))
def test_every_exchange_ends_soon_and_only_an_ack_is_success(receivers: int, answers: list[str]) -> None:
    state = Exchange(tuple(range(receivers)))
    asked = []
    for answer in answers:
        asked.append(state.receiver)
        state, action = exchange.step(state, answer)
        assert (action == "end") == (state.phase != exchange.ASKING)
        if action == "end":
            break
    assert state.phase != exchange.ASKING and len(asked) <= 2 * receivers
    assert asked == sorted(asked)  # from one to the next, never back
    assert all(asked.count(receiver) <= 2 for receiver in asked)
    heard = [answer for _, answer, _ in state.said]
    assert (state.phase == exchange.ACCEPTED) == ("ack" in heard) == (heard[-1] == "ack")
    last = {receiver: answer for receiver, answer, _ in state.said}
    assert (state.phase == exchange.REFUSED) == (set(last.values()) == {"duh"})
    with pytest.raises(ValueError, match="is no answer"):
        exchange.step(state, "ack")


def test_each_receiver_may_be_on_a_time_of_its_own() -> None:
    state, actions = Exchange((0, 1)), []
    for _ in range(4):
        state, action = exchange.step(state, "late")
        actions.append(action)
    assert actions == ["correct", "next", "correct", "end"] and state.phase == exchange.FAILED


def test_table_of_the_exchange_is_whole_and_no_other_answer_is_taken() -> None:
    rows = {(answer, again, more) for answer in exchange.ANSWERS for again in (True, False) for more in (True, False)}
    assert set(exchange.TRANSITIONS) == rows
    with pytest.raises(ValueError, match="is no answer"):
        exchange.step(Exchange((0,)), "maybe")


@given(MOMENTS, st.none() | st.integers(-10_000, 10_000))
def test_nak_is_about_the_time_only_if_the_times_differ(sent_ms: int, apart_ms: int | None) -> None:
    said = exchange.judge_nak(sent_ms, None if apart_ms is None else sent_ms + apart_ms)
    assert (said == "late") == (apart_ms is not None and abs(apart_ms) > exchange.SAME_TIME_MS)


def test_silent_receivers_are_asked_last() -> None:
    assert [exchange.in_order(silent) for silent in ((False, False), (True, False), (False, True), (True, True))] == [
        (0, 1),
        (1, 0),
        (0, 1),
        (0, 1),
    ]


# The path


@given(st.integers(1, 3_600_000), st.lists(st.booleans(), max_size=30), st.integers(0, 30_000))
def test_what_is_said_of_a_path_is_true_and_said_once(null_ms: int, answers: list[bool], timeout_ms: int) -> None:
    state, now_ms, said = path.Path(), 0, ""
    answered_ms = 0
    for answered in answers:
        now_ms = max(now_ms, state.due_ms) + (0 if answered else timeout_ms)
        state, say = path.step(state, answered, now_ms, null_ms)
        assert state.due_ms > now_ms and state.due_ms - now_ms <= max(null_ms, 1)
        assert say != "raise" or said != "raise"
        if say:
            assert (say == "clear") == answered
            said = say
        if answered:
            answered_ms = now_ms
            assert state.state == path.UP and said != "raise"
        elif now_ms - answered_ms >= path.silent_within_ms(null_ms, timeout_ms):
            assert said == "raise"


def test_silence_is_noticed_in_time_with_the_default_settings() -> None:
    """EN 50136-1 wants a lost path of a DP4 reported within 90 s."""
    assert path.silent_within_ms(30_000, 5_000) == 41_000
