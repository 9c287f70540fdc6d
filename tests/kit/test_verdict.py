"""One fault makes many findings: the verdict names the true cause, and nothing that only follows from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellkit import verdict
from bellkit.texts import LANGUAGES, texts
from bellkit.verdict import STOP, TABLE, WARN, Row, judge

GOOD = {
    "line": {"state": "up", "noise_bytes": 0},
    "bell": {"enrolled": True},
    "radio": {"state": "up", "rssi_dbm": -55},
    "brokers": [{"place": "gw:8883", "failed": None, "why": None}],
    "gateway": {"state": "up", "bell": "active"},
    "inputs": {"button": "open"},
    "zones": [{"place": "case (1)", "state": "closed"}],
    "power": {"mains": True, "battery": "ok"},
    "flash": {"state": "good"},
    "memory": {"heap_bytes": 40_000},
    "starts": {"crashes": 0, "safe": False},
    "routing": {"agree": True},
    "clock": {"set": True},
}
BROKEN = {"place": "gw:8883", "failed": "dns", "why": "unknown"}


def causes(**changes: object) -> list[str]:
    return [one.cause for one in judge(GOOD | changes)]


def test_a_healthy_bell_has_no_cause() -> None:
    assert causes() == []
    assert judge({}) == ()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.chain}-{row.cause}")
def test_every_row_can_be_the_answer(row: Row) -> None:
    """What a row wants, and nothing else: then it is named."""
    found: dict = {}
    target = found if row.each is None else {"place": "here"}
    for path, relation, value in row.wants:
        first, _, last = path.partition(".")
        wanted = {"under": lambda v: v - 1, "over": lambda v: v + 1, "in": lambda v: v[0]}.get(relation, lambda v: v)(
            value
        )
        if last:
            target.setdefault(first, {})[last] = wanted
        else:
            target[first] = wanted
    if row.each is not None:
        if "gateway" in target:
            found["gateway"] = {"state": target.pop("gateway")}
        found[row.each] = [target]
    named = [one for one in judge(found) if one.cause == row.cause]
    assert named and named[0].severity == row.severity


def test_without_wifi_nobody_speaks_of_names_brokers_or_the_gateway() -> None:
    away = {"state": "away", "why": "password", "rssi_dbm": -90}
    found = causes(radio=away, brokers=[BROKEN], gateway={"state": "down"})
    assert found == ["wifi_password"]


def test_dns_is_never_told_as_tls() -> None:
    assert causes(brokers=[BROKEN]) == ["dns_down"]


def test_a_wrong_clock_is_never_the_reason() -> None:
    [one] = judge(GOOD | {"clock": {"set": False}})
    assert one.cause == "clock_unset" and one.severity == "note"
    assert not [row for row in TABLE if row.severity != "note" and any("clock" in path for path, _, _ in row.wants)]


def test_a_closed_port_is_the_gateway_that_is_down_if_we_know_it() -> None:
    shut = [BROKEN | {"failed": "tcp", "why": "refused"}]
    assert causes(brokers=shut, gateway={"state": "down"}) == ["gateway_down"]
    assert causes(brokers=shut) == ["port_closed"]
    assert causes(brokers=shut, gateway={}) == ["port_closed"]


def test_a_revoked_bell_is_told_as_revoked_and_not_as_a_broker_that_refuses() -> None:
    refused = [BROKEN | {"failed": "mqtt", "why": "refused"}]
    assert causes(brokers=refused, gateway={"state": "up", "bell": "revoked"}) == ["revoked"]
    assert causes(brokers=refused, gateway={}) == ["credentials_refused"]


def test_one_broker_that_serves_makes_the_other_a_warning() -> None:
    [one] = judge(GOOD | {"brokers": [*GOOD["brokers"], BROKEN | {"place": "spare:8883"}]})  # type: ignore[misc]
    assert (one.cause, one.severity, one.subjects) == ("dns_down", WARN, ("spare:8883",))


def test_two_brokers_with_one_fault_are_one_cause_with_two_places() -> None:
    [one] = judge(GOOD | {"brokers": [BROKEN, BROKEN | {"place": "b:1"}]})
    assert (one.severity, one.subjects) == (STOP, ("gw:8883", "b:1"))


def test_independent_faults_are_all_named_the_worst_first() -> None:
    found = causes(
        power={"mains": False, "battery": "low"}, inputs={"button": "stuck"}, radio={"state": "up", "rssi_dbm": -75}
    )
    assert found == ["button_stuck", "mains_away", "signal_thin", "battery_low"]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-200, 200), st.text(max_size=8),
    *[st.just(value) for row in TABLE for _, _, value in row.wants if isinstance(value, str)],
)  # fmt: skip
PARTS = st.dictionaries(st.sampled_from(sorted({p.split(".")[-1] for row in TABLE for p, _, _ in row.wants})), VALUES)
ITEM = st.fixed_dictionaries(
    {"place": st.text(max_size=5)}, optional={"failed": VALUES, "why": VALUES, "state": VALUES}
)


@given(
    st.dictionaries(
        st.sampled_from(sorted({path.split(".")[0] for row in TABLE for path, _, _ in row.wants if "." in path})), PARTS
    ),
    st.lists(ITEM, max_size=3),
    st.lists(ITEM, max_size=3),
)
def test_whatever_was_found_each_chain_that_stands_has_one_cause(found: dict, brokers: list, zones: list) -> None:
    try:
        judged = judge({**found, "brokers": brokers, "zones": zones})
    except TypeError:
        pytest.skip("a text where a number is measured")
    chains = {row.cause: row.chain for row in TABLE}
    named = [chains[one.cause] for one in judged if one.cause != "gateway_down"]
    assert all(named.count(chain) == 1 for chain in named if chain not in ("broker", "lines", "gateway"))
    assert [one.severity for one in judged] == sorted((one.severity for one in judged), key=verdict.SEVERITIES.index)
    broken = {chains[one.cause] for one in judged if one.severity == STOP}
    for chain, ground in verdict.STANDS_ON.items():
        if broken.intersection(ground):
            assert chain not in named


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_says_what_and_what_to_do(language: str) -> None:
    known = texts(language)
    for row in TABLE:
        assert known[f"cause.{row.cause}"] and known[f"do.{row.cause}"]
    named = {row.cause for row in TABLE}
    assert {key.split(".")[1] for key in known if key.startswith(("cause.", "do."))} == named
