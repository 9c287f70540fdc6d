"""What an event means and when it happened, with the uncertainty said and nothing dropped."""

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from bellgate.core.signal import LATE_AFTER_MS, MEANINGS, TRANSIT_ERR_MS, Signal, read_event
from bellwire import MAX_INT, WHATS

NOW_MS = 1_795_430_400_000


def read(waited_ms: int = 0, **more: object):
    event = {"boot": "0" * 16, "seq": 1, "what": "panic", "state": "alarm", "age_ms": 0} | more
    return read_event(event, "site", "b-1", NOW_MS, waited_ms, False)


def test_every_kind_of_event_has_a_meaning() -> None:
    assert set(MEANINGS) == set(WHATS)
    assert all(not (one.opens and one.trouble) for one in MEANINGS.values())
    for silent in ("holdup", "duress"):
        assert MEANINGS[silent].silent and MEANINGS[silent].opens


@given(st.integers(0, MAX_INT), st.integers(0, 86_400_000))
def test_age_gives_the_moment_and_waiting_widens_it(age_ms: int, waited_ms: int) -> None:
    signal = read(waited_ms, age_ms=age_ms)
    assert signal.occurred.at_ms == NOW_MS - age_ms and signal.occurred.source == "age"
    assert signal.occurred.err_ms == TRANSIT_ERR_MS + waited_ms
    assert signal.late == (age_ms + waited_ms > LATE_AFTER_MS)


def test_unknown_age_is_late_and_has_no_bound() -> None:
    signal = read(age_ms=None)
    assert signal.late and signal.occurred.err_ms is None and signal.occurred.source == "received"


def test_the_bells_own_estimate_is_taken_with_its_uncertainty() -> None:
    signal = read(age_ms=None, t_ms=NOW_MS - 5, t_err_ms=40)
    assert (signal.occurred.at_ms, signal.occurred.err_ms, signal.occurred.source) == (NOW_MS - 5, 40, "bell")


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just({"a": 1}))
SIGNALS = st.builds(Signal, **{field.name: VALUES for field in fields(Signal)})


@given(SIGNALS, st.integers())
def test_numbered_is_what_replace_makes(signal: Signal, number: int) -> None:
    before = replace(signal)
    after = signal.numbered(number)
    assert after == replace(signal, number=number) and type(after) is Signal and after.number == number
    assert signal == before and after.info is signal.info
