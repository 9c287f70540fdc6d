"""[[policy]] and what belongs to it: what it means, what is refused, and what `bellgate policy explain` says of it."""

import json
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bellgate.cli import policies  # noqa: F401  (adds its commands)
from bellgate.cli.app import app
from bellgate.config import Config, load
from bellgate.config_policy import STANDARD
from bellgate.core.escalation import DEFAULT
from bellgate.errors import ConfigError
from bellgate.explain import explain

HEAD = '[gateway]\nid = "test-1"\n[mqtt]\nadvertise = ["gateway.local:8883"]\n'
SECRET = "whsec_" + "QUJD" * 11
SEOUL = ZoneInfo("Asia/Seoul")


def targets(*names: str) -> str:
    return "".join(
        f'[[target]]\nname = "{name}"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\n'
        for name in names
    )


def shift(station: str, who: str, start: str, end: str, days: str = "") -> str:
    line = f"days = [{days}]\n" if days else ""
    return f'[[shift]]\nstation = "{station}"\nwho = ["{who}"]\nstart = "{start}"\nend = "{end}"\n{line}'


def policy(name: str, *steps: str, more: str = "") -> str:
    text = f'[[policy]]\nname = "{name}"\n{more}'
    for number, names in enumerate(steps):
        text += f"[[policy.step]]\nafter_s = {20 * number}\ntargets = [{names}]\n"
    return text


TEAM = targets("desk", "kim", "lee") + '[[person]]\nname = "김하늘"\ntargets = ["kim"]\n[[station]]\nname = "team"\n'
DAY, NIGHT = shift("team", "김하늘", "09:00", "22:00"), shift("team", "lee", "22:00", "09:00")


def read(folder: Path, text: str) -> Config:
    (folder / "gateway.toml").write_text(HEAD + text, encoding="utf-8")
    return load(folder)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SEOUL).timestamp() * 1000)


def told(config: Config, when: str, what: str = "panic", bell: str = "store-bell", site: str = "seongsu-1"):
    found = explain(config, at(when), what, bell, site)
    return found.policy, [(one.after_s, one.targets) for one in found.rounds]


def test_people_are_told_in_their_shifts_and_the_shift_may_change_in_between(tmp_path: Path) -> None:
    config = read(tmp_path, TEAM + DAY + NIGHT + policy("p", '"team"', '"team", "desk"'))
    assert told(config, "2026-11-23 12:00") == ("p", [(0, ["kim"]), (20, ["desk", "kim"])])
    assert told(config, "2026-11-23 03:00") == ("p", [(0, ["lee"]), (20, ["desk", "lee"])])
    assert told(config, "2026-11-23 21:59:50") == ("p", [(0, ["kim"]), (20, ["desk", "lee"])])


def test_the_first_policy_that_fits_counts_and_without_one_everybody(tmp_path: Path) -> None:
    group = '[[group]]\nname = "seongsu"\nsites = ["seongsu-*", "ttukseom"]\n'
    text = (
        targets("desk", "kim", "lee")
        + group
        + policy("homes", '"kim"', more='groups = ["seongsu"]\nbells = ["home-set", "pendant"]\n')
        + policy("attacks", '"lee"', more='alarms = ["holdup", "duress"]\n')
        + policy("seongsu", '"desk"', more='groups = ["seongsu"]\n')
    )
    config = read(tmp_path, text)
    assert told(config, "2026-11-23 12:00", bell="pendant")[0] == "homes"
    assert told(config, "2026-11-23 12:00", "duress")[0] == "attacks"
    assert told(config, "2026-11-23 12:00", site="ttukseom")[0] == "seongsu"
    assert told(config, "2026-11-23 12:00", site="mapo-1") == ("default", [(0, ["desk", "kim", "lee"])])
    assert config.roster().plan("default", 0) == config.roster().plan("gone", 0) == DEFAULT


def test_the_standard_ladder_by_roles(tmp_path: Path) -> None:
    roles = ("station", "control_centre", "second", "supervisor", "next_station")
    stations = "".join(f'[[station]]\nname = "S {role}"\nrole = "{role}"\ntargets = ["{role}"]\n' for role in roles)
    config = read(tmp_path, targets(*roles) + stations + policy("p"))
    ladder = [(0, list(roles[:2])), (10, ["second"]), (20, ["supervisor"]), (45, list(roles))]
    assert told(config, "2026-11-23 03:00") == ("p", ladder)
    assert [(after_s, when) for after_s, when, _ in STANDARD][1] == (10, "unseen")
    fewer = read(tmp_path, targets("x", "y") + stations_of(station="x", supervisor="y") + policy("p"))
    assert told(fewer, "2026-11-23 03:00")[1] == [(0, ["x"]), (20, ["y"]), (45, ["x", "y"])]
    late = read(tmp_path, targets("y") + stations_of(supervisor="y") + policy("p"))
    assert told(late, "2026-11-23 03:00")[1][0] == (0, ["y"]), "an alarm never waits for a role that nobody has"


def stations_of(**roles: str) -> str:
    return "".join(
        f'[[station]]\nname = "S {role}"\nrole = "{role}"\ntargets = ["{name}"]\n' for role, name in roles.items()
    )


def test_a_test_reaches_only_targets_that_take_tests_and_waits_for_nobody(tmp_path: Path) -> None:
    console = '[[target]]\nname = "page"\nkind = "console"\n'
    config = read(tmp_path, targets("desk") + console + policy("p", '"desk"', '"desk", "page"'))
    assert told(config, "2026-11-23 03:00", "test") == ("p", [(0, ["page"])])
    assert told(config, "2026-11-23 03:00")[1] == [(0, ["desk"]), (20, ["desk", "page"])]


WEEK = '"mon", "tue", "wed", "thu", "fri", "sat", "sun"'
REFUSED = [
    (DAY + policy("p", '"team"'), ["policy 'p'", "Monday from 00:00 to 09:00", "more such spans", "Add a shift"]),
    (DAY + shift("team", "lee", "22:00", "08:59") + policy("p", '"team"'), ["Monday from 08:59 to 09:00"]),
    (
        shift("team", "lee", "00:00", "24:00", WEEK) + policy("p", '"team"'),
        ["on a holiday (Monday) from 00:00 to 24:00"],
    ),
    (DAY + shift("team", "lee", "22:00", "09:00", WEEK) + policy("p", '"team"'), ["a holiday"]),
    (policy("p", '"team"'), ["policy 'p', step 1", "nobody at any hour"]),
    (DAY + NIGHT + policy("p", '"taem"'), ["'taem'", "Did you mean 'team'?", "'*' for all"]),
    (DAY + policy("p", '"desk"', more='groups = ["x"]\n'), ["policy 'p'", "no group 'x'"]),
    (shift("taem", "lee", "00:00", "24:00"), ["no station 'taem'", "'team'"]),
    (shift("team", "team", "00:00", "24:00"), ["shift of 'team'", "no target or person 'team'"]),
    (shift("team", "lee", "24:00", "12:00"), ["shift[1].start", "23:59"]),
    (shift("team", "lee", "9 Uhr", "12:00"), ["shift[1].start", "HH:MM"]),
    (shift("team", "lee", "00:00", "12:00", '"Mon"'), ["shift[1].days[1]", "'mon'"]),
    ('[[person]]\nname = "desk"\ntargets = ["kim"]\n', ["a target and a person", "'desk'"]),
    ('[[person]]\nname = "이"\ntargets = ["team"]\n', ["person '이'", "no target 'team'"]),
    ('[[station]]\nname = "team"\n', ["two station sections", "'team'"]),
    ('[[station]]\nname = "x"\nrole = "chief"\n', ["station[2].role", "'supervisor'"]),
    ('[[group]]\nname = "g"\nsites = ["Seongsu?"]\n', ["group[1].sites[1]", "seongsu-*"]),
    ('[calendar]\ntimezone = "Asia/Soul"\n', ["calendar.timezone", "Asia/Seoul"]),
    ('[calendar]\ncountry = "Korea"\n', ["calendar.country", '"KR"']),
    ('[calendar]\nholidays = ["23.11.2026"]\n', ["calendar.holidays[1]", "2026-12-31"]),
    (policy("p"), ["policy 'p'", "no steps", "role"]),
    (policy("p", '"desk"', more='alarms = ["fire"]\n'), ["policy[1].alarms[1]", "panic"]),
    (policy("p", '"desk"', more='bells = ["bell"]\n'), ["policy[1].bells[1]", "store-bell"]),
    (policy("p", '"desk"') + 'when = "unseen"\n', ["'p'", "last step", "unacknowledged"]),
    (policy("p", '"desk"') + 'when = "never"\n', ["policy[1].step[1].when", "'unseen'"]),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[said[0] + " " + said[-1] for _, said in REFUSED])
def test_what_is_refused_is_named_with_its_remedy(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, TEAM + text)
    for part in [str(tmp_path / "gateway.toml"), *said]:
        assert part in str(caught.value)


def test_an_unseen_step_covers_no_hour(tmp_path: Path) -> None:
    steps = '[[policy.step]]\nafter_s = 0\ntargets = ["desk"]\nwhen = "unseen"\n[[policy.step]]\nafter_s = 9\n'
    with pytest.raises(ConfigError, match="nobody is told on Monday from 00:00 to 09:00"):
        read(tmp_path, TEAM + DAY + '[[policy]]\nname = "p"\n' + steps + 'targets = ["team"]\n')


HOURS = st.integers(0, 23).map(lambda hour: f"{hour:02d}:00")


@given(
    st.lists(st.tuples(HOURS, HOURS, st.sampled_from(["", WEEK, '"holiday"', '"sat", "sun", "holiday"'])), max_size=5),
    st.integers(0, 366 * 24),
)
def test_a_policy_that_is_accepted_reaches_somebody_at_every_hour(shifts, hour: int) -> None:
    """Accepted or refused with an hour: either way the calendar of the real year agrees."""
    text = TEAM + "".join(shift("team", "kim", *one) for one in shifts) + policy("p", '"team"')
    with tempfile.TemporaryDirectory() as folder:
        try:
            config = read(Path(folder), text)
        except ConfigError as error:
            assert " from " in str(error) or "at any hour" in str(error)
            return
    at_ms = at("2026-01-01") + hour * 3_600_000
    assert config.roster().plan("p", at_ms).steps[0].targets == ("kim",)


def test_explain_prints_text_and_json(tmp_path: Path) -> None:
    read(tmp_path, TEAM + DAY + shift("team", "lee", "22:00", "08:00") + policy("p", '"desk"', '"team"', '"desk"'))
    run = CliRunner().invoke(app, ["policy", "explain", "-c", str(tmp_path), "--at", "2026-09-25 08:30"])
    assert run.exit_code == 0, run.output
    assert "a holiday" in run.output and "policy p" in run.output
    assert "+20 s  08:30:20  step 3, unacknowledged: desk   (nobody is on duty for step 2: skipped)" in run.output
    assert "again every 60 s" in run.output
    asked = ["policy", "explain", "-c", str(tmp_path), "--at", "2026-11-23T03:00+09:00", "--kind", "holdup", "--json"]
    found = json.loads(CliRunner().invoke(app, asked).output)
    assert found["policy"] == "p" and found["alarm"] == "holdup" and found["day"] == "mon"
    assert [(one["after_s"], one["targets"], one["repeats"]) for one in found["rounds"]] == [
        (0, ["desk"], False),
        (20, ["lee"], False),
        (40, ["desk"], True),
    ]
    read(tmp_path, targets("desk"))
    said = CliRunner().invoke(app, ["policy", "explain", "-c", str(tmp_path)]).output
    assert "no policy is written" in said and "step 1, unacknowledged: desk" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--kind", "fire"], "panic"), (["--bell", "x"], "store-bell"), (["--at", "tomorrow"], "2026-11-23 03:00")],
)
def test_explain_refuses_what_it_does_not_know(tmp_path: Path, more: list[str], said: str) -> None:
    read(tmp_path, targets("desk"))
    run = CliRunner().invoke(app, ["policy", "explain", "-c", str(tmp_path), *more])
    assert run.exit_code != 0 and said in run.output + str(run.exception)


def test_holidays_of_the_year_are_local_days(tmp_path: Path) -> None:
    """Chuseok begins at midnight in Seoul, when it is still the day before in UTC."""
    text = TEAM + shift("team", "kim", "00:00", "24:00", WEEK) + shift("team", "lee", "00:00", "24:00", '"holiday"')
    config = read(tmp_path, text + policy("p", '"team"'))
    midnight = at("2026-09-24")
    assert [config.roster().plan("p", midnight + ms).steps[0].targets for ms in (-1, 0)] == [("kim",), ("lee",)]
    days = [date(2026, 9, 23) + timedelta(days=n) for n in range(6)]
    assert [config.roster().plan("p", at(str(on))).steps[0].targets[0] for on in days] == [
        "kim",
        "lee",
        "lee",
        "lee",
        "kim",
        "kim",
    ]
