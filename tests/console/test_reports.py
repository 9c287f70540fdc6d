"""Reports: every figure equals a plain recomputation from the rows, by hand for a small set and by hypothesis."""

import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import many
import past
import pytest
from browser import Dispatcher, text
from desk import Desk, until
from hypothesis import given, settings
from hypothesis import strategies as st
from test_history import bound, rows_of

from bellgate.console import figures, tables
from bellgate.core.incident import DISPOSITIONS
from bellgate.duty import Calendar
from bellgate.errors import StoreBusy
from bellgate.store import Store, Tx, audit, history, open_store, reports, troubles
from bellgate.store.history import Wanted
from bellgate.store.reports import Span
from bellsim import postgresql

DAY_MS = many.DAY_MS
T0 = 1_788_188_400_000  # 2026-09-01 00:00 in Seoul
SEOUL = Calendar(ZoneInfo("Asia/Seoul"))
STEPS = {"presented": "presented", "acknowledged": "acknowledge", "dispatched": "dispatch"}


@dataclass(frozen=True)
class Case:
    """An incident in the words of this test; times of steps are ms after the press, None: never."""

    bell: str
    opened_ms: int
    what: str = "panic"
    disposition: str | None = "genuine"
    age_ms: int = 0
    presented: int | None = None
    acknowledged: int | None = None
    dispatched: int | None = None
    closed: int | None = 60_000
    merged: bool = False

    @property
    def test(self) -> bool:
        return self.what == "test"


SITES = {"b-1": "seongsu-001", "b-2": "seongsu-002", "b-3": "wangsimni-001"}


class Undo(Exception):
    """Carries a result out of a job that shall leave nothing."""


def put(tx: Tx, cases: list[Case]) -> None:
    row = 0
    for bell_id, site in SITES.items():
        tx.run(
            "INSERT INTO bell (bell_id, site, kind, name, address, key, fingerprint, enrolled_ms, revision) "
            "VALUES (?, ?, 'store-bell', ?, '', ?, '00', ?, 1)",
            (bell_id, site, f"bell {bell_id}", b"k", T0),
        )
    for number, one in enumerate(cases, 1):
        pressed_ms = one.opened_ms - one.age_ms
        closed_ms = None if one.closed is None else pressed_ms + one.closed
        tx.run(
            "INSERT INTO incident (id, bell_id, site, what, test, priority, silent, duress, folds_by, handling, stage, "
            "version, signals, cancel_asked, restored, tampered, opened_ms, last_signal_ms, first_signal, last_signal, "
            "disposition, closed_ms, merged_into, policy, escalation_step, escalation_round, escalation_from_ms) "
            "VALUES (?, ?, ?, ?, ?, 1, 0, 0, ?, ?, 'stored', 1, 1, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, 'default', 0, 0, ?)",
            (
                *(number, one.bell, SITES[one.bell], one.what, int(one.test), f"{number}"),
                "received" if one.closed is None else "closed",
                *(one.opened_ms, one.opened_ms, number, number),
                None if one.closed is None else one.disposition,
                *(closed_ms, 1 if one.merged else None, one.opened_ms),
            ),
        )
        tx.run(
            "INSERT INTO signal (id, bell_id, boot, seq, what, state, attempt, info, received_ms, occurred_ms, "
            "occurred_source, late, clock_unsure, stage, incident_id) "
            "VALUES (?, ?, 'aa', ?, ?, 'alarm', 1, '{}', ?, ?, 'age', 0, 0, 'stored', ?)",
            (number, one.bell, number, one.what, one.opened_ms, pressed_ms, number),
        )
        for step, act in STEPS.items():
            after_ms = getattr(one, step)
            if after_ms is not None:
                row += 1
                tx.run(
                    "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) "
                    "VALUES (?, ?, ?, 'kim', ?, '{}', '')",
                    (row, pressed_ms + after_ms, number, act),
                )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Every figure on both databases."""
    folder = tmp_path_factory.mktemp("reports")
    if request.param == "sqlite":
        with open_store("sqlite:///a.db", folder) as opened:
            yield opened
        return
    if (missing := postgresql.missing()) is not None:
        pytest.skip(missing)
    with postgresql.Server(durable=False) as server, open_store(server.database("reports"), folder) as opened:
        yield opened


def reckoned(store: Store, cases: list[Case], days: int = 3, calendar: Calendar = SEOUL, **more: Any) -> dict[str, Any]:
    first = calendar.local(T0).date()
    last = first + timedelta(days=days - 1)
    starts = figures.midnights(calendar, first, last)
    span = Span(starts[0], starts[-1], **more)

    def job(tx: Tx) -> None:
        put(tx, cases)
        raise Undo(figures.report(tx, figures.Question(first, last, span, starts[-1]), starts, 365, 31, 60.0))

    with pytest.raises(Undo) as undone:
        store.write_now(job)
    return undone.value.args[0]  # type: ignore[no-any-return]


# By hand

S = 1_000
SMALL = [
    Case("b-1", T0, presented=1 * S, acknowledged=10 * S, dispatched=60 * S, closed=600 * S),
    Case("b-1", T0 + DAY_MS, presented=2 * S, acknowledged=20 * S, closed=900 * S, disposition="prank"),
    Case(
        "b-1",
        T0 + DAY_MS + 1,
        age_ms=5 * S,
        presented=7 * S,
        dispatched=30 * S,
        closed=100 * S,
        disposition="accidental",
    ),
    Case("b-2", T0 + 2 * DAY_MS, closed=None),
    Case("b-2", T0 + 2 * DAY_MS, closed=700 * S, disposition="nobody_found"),
    Case("b-2", T0 + 2 * DAY_MS, presented=1, closed=1, disposition="duplicate", merged=True),
    Case("b-3", T0, what="test", disposition="test", presented=3 * S),
    Case("b-1", T0 - 1),  # the day before
    Case("b-1", T0 + 3 * DAY_MS),  # the day after
]


def test_a_small_set_by_hand(store: Store):
    found = reckoned(store, SMALL)
    assert [(row["real"], row["genuine"], row["false"], row["tests"]) for row in found["days"]] == [
        (1, 1, 0, 1),
        (2, 0, 2, 0),
        (3, 0, 0, 0),
    ]
    steps = {row["step"]: row for row in found["response"]}
    assert {(row["total"], row["reached"] + row["never"]) for row in steps.values()} == {(5, 5)}
    # 1, 2 and 7 s: of three, the second is the median and the third every higher percentile.
    assert [steps["presented"][name] for name in ("reached", "p50", "p90", "p99")] == [3, 2 * S, 7 * S, 7 * S]
    # The third one was dispatched without a word: taken then.
    assert [steps["acknowledged"][name] for name in ("reached", "p50", "p99")] == [3, 20 * S, 30 * S]
    assert [steps["dispatched"][name] for name in ("reached", "never", "p50")] == [2, 3, 30 * S]
    assert [steps["closed"][name] for name in ("reached", "never", "p50")] == [4, 1, 600 * S]
    assert steps["presented"]["curve"] == [[1 * S, 1], [2 * S, 2], [7 * S, 3]]
    worst, other = found["false_alarms"]
    assert (worst["bell_id"], worst["alarms"], worst["false"], worst["judged"], worst["rate"]) == (
        "b-1",
        3,
        2,
        3,
        2 / 3,
    )
    assert (other["bell_id"], other["alarms"], other["unknown"], other["judged"], other["rate"]) == ("b-2", 2, 1, 1, 0)
    assert Counter((row["what"], row["test"], row["disposition"], row["n"]) for row in found["counts"]) == Counter(
        [
            ("panic", False, None, 1),
            ("panic", False, "genuine", 1),
            ("panic", False, "prank", 1),
            ("panic", False, "accidental", 1),
            ("panic", False, "nobody_found", 1),
            ("panic", False, "duplicate", 1),
            ("test", True, "test", 1),
        ]
    )


def test_an_area_counts_only_its_own(store: Store):
    found = reckoned(store, SMALL, area=("wangsimni-*",))
    assert sum(row["real"] + row["tests"] for row in found["days"]) == 1
    assert [row["bell_id"] for row in found["bells"]] == ["b-3"] and found["response"][0]["total"] == 0
    both = reckoned(store, SMALL, area=("seongsu-*",), areas=("seongsu-002", "wangsimni-*"))
    assert {row["bell_id"] for row in both["bells"]} == {"b-2"}


# By hypothesis

moments = st.one_of(st.none(), st.integers(-5_000, 400_000))
cases = st.builds(
    Case,
    bell=st.sampled_from(sorted(SITES)),
    opened_ms=st.integers(T0 - DAY_MS, T0 + 4 * DAY_MS),
    what=st.sampled_from(["panic", "holdup", "medical", "test"]),
    disposition=st.sampled_from(DISPOSITIONS),
    age_ms=st.integers(0, 120_000),
    presented=moments,
    acknowledged=moments,
    dispatched=moments,
    closed=st.one_of(st.none(), st.integers(0, 4_000_000)),
    merged=st.booleans(),
)


def nearest_rank(values: list[int], percent: int) -> int | None:
    return sorted(values)[max(0, math.ceil(percent * len(values) / 100) - 1)] if values else None


@settings(max_examples=60, deadline=None)
@given(st.lists(cases, max_size=130))
def test_figures_equal_a_plain_recomputation(store: Store, given_cases: list[Case]):
    found = reckoned(store, given_cases)
    inside = [one for one in given_cases if T0 <= one.opened_ms < T0 + 3 * DAY_MS]
    ends = Counter((one.what, one.test, one.disposition if one.closed is not None else None) for one in inside)
    assert {(row["what"], row["test"], row["disposition"]): row["n"] for row in found["counts"]} == dict(ends)
    for number, row in enumerate(found["days"]):
        own = [one for one in inside if (one.opened_ms - T0) // DAY_MS == number]
        real = [one for one in own if not one.test]
        closed = [one.disposition for one in real if one.closed is not None]
        assert (row["real"], row["tests"]) == (len(real), len(own) - len(real))
        assert row["genuine"] == closed.count("genuine")
        assert row["false"] == sum(closed.count(name) for name in ("accidental", "prank", "device_fault"))

    asked = [one for one in inside if not one.test and not one.merged]
    for row in found["response"]:
        taken = [after for one in asked if (after := reached(one, row["step"])) is not None]
        assert (row["total"], row["reached"], row["never"]) == (len(asked), len(taken), len(asked) - len(taken))
        for percent in (50, 90, 95, 99):
            assert row[f"p{percent}"] == nearest_rank(taken, percent)
        assert len(row["curve"]) <= 100
        for ms, n in row["curve"]:
            assert sorted(taken)[n - 1] == ms
        assert not taken or row["curve"][-1] == [max(taken), len(taken)]

    by_bell: dict[str, list[Case]] = defaultdict(list)
    for one in asked:
        by_bell[one.bell].append(one)
    assert {row["bell_id"]: row["alarms"] for row in found["false_alarms"]} == {k: len(v) for k, v in by_bell.items()}
    for row in found["false_alarms"]:
        closed = [one.disposition for one in by_bell[row["bell_id"]] if one.closed is not None]
        false = sum(closed.count(name) for name in ("accidental", "prank", "device_fault"))
        judged = false + closed.count("genuine") + closed.count("nobody_found")
        assert (row["false"], row["judged"]) == (false, judged)
        assert row["rate"] == (false / judged if judged else None)
    presses = Counter(one.bell for one in inside if one.test)
    assert {row["bell_id"]: row["tests"] for row in found["bells"]} == {bell: presses[bell] for bell in SITES}


def reached(one: Case, step: str) -> int | None:
    after = one.closed if step == "closed" else getattr(one, step)
    if step == "acknowledged":
        after = min((value for value in (one.acknowledged, one.dispatched) if value is not None), default=None)
    return None if after is None else max(0, after)


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    first=st.dates(date(2015, 1, 1), date(2027, 1, 1)),
    days=st.integers(1, 370),
    at=st.lists(st.integers(-2 * DAY_MS, 372 * DAY_MS), min_size=1, max_size=30),
)
def test_a_day_is_a_day_of_the_calendar_whatever_the_clocks_do(
    store: Store, zone: str, first: date, days: int, at: list[int]
):
    """Days of 23 and 25 hours, and Lord Howe's half hour."""
    calendar = Calendar(ZoneInfo(zone))
    last = first + timedelta(days=days - 1)
    starts = figures.midnights(calendar, first, last)
    opened = [starts[0] + ms for ms in at]

    def job(tx: Tx) -> None:
        put(tx, [Case("b-1", ms) for ms in opened])
        raise Undo(reports.per_day(tx, Span(starts[0], starts[-1]), starts))

    with pytest.raises(Undo) as undone:
        store.write_now(job)
    wanted = Counter(calendar.local(ms).date() for ms in opened if starts[0] <= ms < starts[-1])
    rows = undone.value.args[0]
    assert len(rows) == days
    assert {first + timedelta(days=row["day"]): row["real"] for row in rows if row["real"]} == dict(wanted)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_order_of_the_worst_is_careful(hits: int, more: int):
    of = hits + more
    assert 0 <= figures.at_least(hits, of) <= (hits / of if of else 0) + 1e-9
    assert figures.at_least(9, 10) > figures.at_least(1, 1)


# Availability


def test_a_silence_counts_within_the_span_and_faults_at_once_count_once(store: Store):
    hour = 3_600_000

    def job(tx: Tx) -> None:
        put(tx, [])
        tx.run("INSERT INTO presence (bell_id, last_seen_ms) VALUES ('b-1', ?), ('b-2', ?)", (T0, T0))
        for bell_id, begin, end in (("b-1", -5, 6), ("b-1", 30, 36), ("b-2", 71, None), ("b-1", 90, 95)):
            row = troubles.insert(
                tx, "bell_missing", bell_id, {}, T0 + begin * hour, place=(bell_id, SITES[bell_id], "seongsu-*")
            )
            if end is not None:
                troubles.end(tx, row["id"], T0 + end * hour)
        troubles.insert(tx, "bell_missing", "seongsu-*", {}, T0, place=(None, None, "seongsu-*"))  # the common line
        for kind, begin, end in (("broker_down", 10, 12), ("not_listening", 11, 13), ("disk_low", 20, 60)):
            row = troubles.insert(tx, kind, "x", {}, T0 + begin * hour)
            troubles.end(tx, row["id"], T0 + end * hour)
        first = date(2026, 9, 1)
        span = Span(T0, T0 + 72 * hour)
        starts = figures.midnights(SEOUL, first, first + timedelta(days=2))
        question = figures.Question(first, first + timedelta(days=2), span, T0 + 72 * hour)
        raise Undo(figures.report(tx, question, starts, 365, 31, 60.0))

    with pytest.raises(Undo) as undone:
        store.write_now(job)
    found = undone.value.args[0]
    bells = {row["bell_id"]: row for row in found["bells"]}
    assert (bells["b-1"]["silences"], bells["b-1"]["silent_ms"], bells["b-1"]["heard"]) == (2, 12 * hour, 1 - 12 / 72)
    assert (bells["b-2"]["silent_ms"], bells["b-2"]["heard"]) == (1 * hour, 1 - 1 / 72)
    assert bells["b-3"]["heard"] is None, "it was never heard, so nothing can be said"
    assert (found["gateway"]["deaf_ms"], found["gateway"]["able"]) == (3 * hour, 1 - 3 / 72)
    assert [one["bell_id"] for one in tables.least_heard(found["bells"])] == ["b-3", "b-1", "b-2"]


def test_a_bell_is_pressed_once_a_month(store: Store):
    tests = [Case("b-1", T0 + 2 * DAY_MS, what="test"), Case("b-1", T0 + 39 * DAY_MS, what="test")]
    tests += [Case("b-2", T0 + 5 * DAY_MS, what="test")]
    found = {row["bell_id"]: row for row in reckoned(store, tests, days=40)["bells"]}
    assert [found[bell]["tests"] for bell in SITES] == [2, 1, 0]
    assert [found[bell]["overdue"] for bell in SITES] == [False, True, True]
    assert found["b-1"]["last_test_ms"] == T0 + 39 * DAY_MS
    fresh = {row["bell_id"]: row for row in reckoned(store, [], days=20)["bells"]}
    assert not any(row["overdue"] for row in fresh.values()), "none has hung there for a month"


def test_a_report_that_takes_too_long_ends(store: Store):
    first = date(2026, 9, 1)
    question = figures.Question(first, first, Span(T0, T0 + DAY_MS), T0)
    with pytest.raises(StoreBusy, match="ask for fewer days"):
        store.read_now(lambda tx: figures.report(tx, question, figures.midnights(SEOUL, first, first), 365, 31, -1.0))


def test_a_year_is_reckoned_quickly(tmp_path: Path):
    """10,000 incidents here; `python tests/console/many.py` measures 100,000 on both databases."""
    with open_store("sqlite:///a.db", tmp_path) as opened:
        many.fill(opened, 10_000, 500)
        first = date(2026, 1, 1)
        span = Span(many.BEGIN_MS, many.BEGIN_MS + 365 * DAY_MS)
        question = figures.Question(first, date(2026, 12, 31), span, many.BEGIN_MS + 365 * DAY_MS)
        starts = figures.midnights(SEOUL, first, date(2026, 12, 31))
        began = time.perf_counter()
        found = opened.read_now(lambda tx: figures.report(tx, question, starts, 365, 31, 60.0))
        assert time.perf_counter() - began < 2.0  # a tenth of a second on an idle machine
        assert sum(row["real"] + row["tests"] for row in found["days"]) == 10_000


def test_both_databases_find_the_same_incidents(store: Store):
    """The search of the history: what is asked, and who is asked, is the same."""

    def job(tx: Tx) -> None:
        put(tx, SMALL)
        tx.run("UPDATE bell SET name = ? WHERE bell_id = 'b-2'", ("Café 100%_ 온도",))
        tx.run(
            "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) VALUES (99, 1, 3, 'Kim', 'note', ?, '')",
            (json.dumps({"text": 'He said "NO"'}, separators=(",", ":")),),
        )
        asked = [
            *(Wanted(text=text) for text in ("café 100%_", "CAF", "100_", 'said "no"', "seongsu-001", "#7", "B-3")),
            *(
                Wanted(by="Kim"),
                Wanted(test=True),
                Wanted(what="panic", disposition="prank"),
                Wanted(handling="received"),
            ),
            *(Wanted(from_ms=T0, until_ms=T0 + DAY_MS), Wanted(before=3), Wanted(text="bell", by="Kim", test=False)),
        ]
        raise Undo([[row["id"] for row in history.search(tx, one, 50)] for one in asked])

    with pytest.raises(Undo) as undone:
        store.write_now(job)
    b_1, b_2 = [9, 8, 3, 2, 1], [6, 5, 4]
    assert undone.value.args[0] == [b_2, b_2, [], [3], b_1, [7], [7], [3], [7], [2], [4], [7, 1], [2, 1], [3]]


# The API


def test_the_report_over_the_api(month: Any):
    found = month.get("/api/v1/reports", month.token("auditor")).json()
    assert len(found["days"]) == 30 and found["bells"] == past.BELLS + 1
    assert sum(row["n"] for row in found["counts"]) == sum(row["real"] + row["tests"] for row in found["days"])
    assert found["never_heard"] == 2 and 0.9 < found["heard"] < 1 and found["gateway"]["deaf_ms"] == 95_000
    assert found["availability"][0]["heard"] is None and found["availability"][2]["bell_id"] == "b-0014"


@pytest.mark.parametrize("name", list(tables.COLUMNS))
def test_every_table_is_a_file(month: Any, name: str):
    for language in ("ko", "en"):
        answer = month.get(
            f"/api/v1/reports.csv?table={name}&language={language}", month.token("auditor", f"a-{language}")
        )
        head, *rows = rows_of(answer)
        assert rows and len(head) == len(tables.COLUMNS[name]) and {len(row) for row in rows} == {len(head)}
        assert all(head) and not any("." in one and one.islower() for one in head), "a column without words"
    acts = month.store.read_now(lambda tx: audit.acts(tx, "report_downloaded"))
    assert [one["detail"]["table"] for one in acts] == [name, name]


@pytest.mark.parametrize(
    "query",
    [
        "from=0001-01-02",
        "to=0001-01-02",
        "from=9999-01-01",
        "from=2026-05-02&to=2026-05-01",
        "from=2020-01-01&to=2022-01-01",
        "area=A",
        "area=*",
        "area=seongsu-%25",
        "from=x",
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, query: str):
    for path in (f"reports?{query}", f"reports.csv?table=days&{query}"):
        answer = desk.get(f"/api/v1/{path}", desk.token("auditor", f"a{len(path)}"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid"), answer.text


@pytest.mark.parametrize("role", ["dispatcher", "installer", "owner"])
def test_reports_are_not_for_everybody(desk: Desk, role: str):
    headers = desk.token(role)
    assert {desk.get(f"/api/v1/{path}", headers).status_code for path in ("reports", "reports.csv?table=days")} == {403}
    assert desk.get("/reports", desk.session(desk.operator("x", role))).status_code == 403
    assert desk.get("/api/v1/reports").status_code == 401


def test_nobody_sees_figures_of_what_lies_outside_the_own_areas(month: Any):
    headers = bound(month, "seongsu-*", role="supervisor")
    found = month.get("/api/v1/reports", headers).json()
    own = month.get("/api/v1/reports?area=seongsu-*", month.token("auditor")).json()
    assert {row["site"][:8] for name in ("false_alarms", "availability", "tests") for row in found[name]} == {
        "seongsu-"
    }
    assert (found["days"], found["bells"]) == (own["days"], own["bells"])
    assert month.get("/api/v1/reports?area=wangsimni-*", headers).json()["bells"] == 0
    assert "wangsimni" not in month.get("/api/v1/reports.csv?table=tests", headers).text


def test_the_page_shows_what_the_api_says(month: Any, browser: Any):
    found = month.get("/api/v1/reports", month.token("auditor")).json()
    person = Dispatcher(browser, month.url)
    person.enter(month, "이서준", "/reports")
    page = person.page
    real = sum(row["real"] for row in found["days"])
    assert f"실제 신고 {real}" in text(page.locator("#tiles"))
    assert page.locator("#days svg rect").count() > 30 and page.locator("#response svg path.curve").count() >= 4
    page.click("#days summary")
    assert page.locator("#days tbody tr").count() == 30
    shown = [int(one) for one in page.locator("#days tbody tr td:nth-child(2)").all_inner_texts()]
    assert shown == [row["real"] for row in found["days"]]
    with page.expect_download() as saved:
        page.click("#false a[download]")
    assert saved.value.suggested_filename.startswith("ansimbell-false_alarms-")
    page.fill("#area", "wangsimni-*")
    page.keyboard.press("Enter")
    until(lambda: "area=wangsimni" in page.url and "seongsu-" not in text(page.locator("#tests")), "the area counts")
    page.click("#language")
    until(lambda: "Real alarms" in text(page.locator("#tiles")), "the page is in English")
    person.context.close()
    assert not person.complaints
