"""The mutation run in small: it catches what it must, its draw and its names stand still, and its list is not stale."""

import ast
import importlib
import json
import sys
from types import ModuleType

import pytest
from tree import ROOT

SOURCE = b'''"""Says."""
LIMIT = 3


def step(state, now_ms):
    """A docstring is no code."""
    effects = ()
    if state is not None and now_ms > LIMIT:
        effects += (("tell", "door"),)
    if not state:
        raise ValueError(f"no state at {now_ms}")
    return state, effects
'''


@pytest.fixture(scope="module")
def campaign():
    sys.path.insert(0, str(ROOT / "tests/mutants"))
    yield importlib.import_module("campaign")
    sys.path.remove(str(ROOT / "tests/mutants"))


@pytest.fixture(scope="module")
def command(campaign: ModuleType) -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants_command", ROOT / "tests/mutants/__main__.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changes(campaign: ModuleType, source: bytes) -> list[tuple[str, ...]]:
    return [mutant.name for mutant in campaign.mutants("x", source)]


def test_every_kind_of_fault_is_made(campaign: ModuleType):
    found = {change for _, _, _, change in changes(campaign, SOURCE)}
    assert {
        "constant: 3 -> 2",
        "constant: 3 -> 4",
        "compare: now_ms > LIMIT -> (now_ms >= LIMIT)",
        "compare: state is not None -> (state is None)",
        "logic: state is not None and now_ms > LIMIT -> (state is not None or now_ms > LIMIT)",
        "logic: state is not None and now_ms > LIMIT -> (now_ms > LIMIT)",
        "negate: not state -> (state)",
        'drop: effects += (("tell", "door"),) -> pass',
        "drop: effects -> ()",
    } <= found
    assert not [change for change in found if "~A docstring" in change or "~no state" in change]
    assert len(found) == len(campaign.mutants("x", SOURCE))


def test_every_mutant_is_another_program(campaign: ModuleType):
    for module, some in campaign.everything().items():
        source = (ROOT / "firmware/bellnode" / f"{module}.py").read_bytes()
        assert len({mutant.name for mutant in some}) == len(some)
        before = ast.dump(ast.parse(source))
        for mutant in campaign.chosen({module: some}, 7, 4, set()):
            assert ast.dump(ast.parse(mutant.applied(source))) != before, mutant.told()


def test_an_edit_elsewhere_changes_no_name_and_no_draw(campaign: ModuleType):
    edited = SOURCE.replace(b"LIMIT = 3", b"# why\nLIMIT = 3\nOTHER = 9")
    assert set(changes(campaign, SOURCE)) <= set(changes(campaign, edited))
    before, after = campaign.mutants("x", SOURCE), campaign.mutants("x", edited)
    drawn = [mutant.name for mutant in campaign.chosen({"x": before}, 1, 5, set())]
    later = [mutant.name for mutant in campaign.chosen({"x": after}, 1, 7, set())]
    assert set(drawn) <= set(later)
    assert drawn == [mutant.name for mutant in campaign.chosen({"x": before}, 1, 5, set())]
    assert drawn != [mutant.name for mutant in campaign.chosen({"x": before}, 2, 5, set())]


def test_the_explained_are_always_run(campaign: ModuleType):
    some = campaign.mutants("x", SOURCE)
    assert campaign.chosen({"x": some}, 1, 0, {some[3].name}) == [some[3]]


def test_no_explanation_is_stale(campaign: ModuleType):
    """Whoever changes an explained line has to look at it again, and to explain it as it is now."""
    explained = campaign.explanations()
    gone = campaign.stale(explained, campaign.everything())
    assert not gone, [one.told() for one in gone]
    moved = []
    for one in explained:
        module, function, line, change = one.name
        moved.append(campaign.Explanation((module, function, line + "  # edited", change), one.why))
    assert len(campaign.stale(moved, campaign.everything())) == len(explained) > 0
    lost = campaign.Explanation(("no_module", "", "X = 1", "constant: 1 -> 2"), "because")
    assert campaign.stale([lost], campaign.everything()) == [lost]


def test_an_explanation_says_why(campaign: ModuleType, tmp_path):
    path = tmp_path / "explained.toml"
    entry = '[[mutant]]\nmodule = "pin"\nfunction = ""\nline = "X = 1"\nchange = "constant: 1 -> 2"\n'
    for text in (entry, entry + 'why = " "\n', 2 * (entry + 'why = "so"\n')):
        path.write_text(text)
        with pytest.raises(campaign.CampaignError):
            campaign.explanations(path)
    path.write_text(entry + 'why = "so"\n')
    assert campaign.explanations(path)[0].why == "so"


# A change in each of these has to be noticed: (module, function, kind of change).
CAUGHT = [
    ("alarm", "", "row"),
    ("outbox", "is_alarm", "logic"),
    ("outbox", "_add", "drop"),
    ("checkin", "_let_time_pass", "compare"),
    ("pin", "_difference", "reckon"),
    ("journal", "decode", "drop"),
]


def test_six_faults_are_caught_and_a_change_that_is_none_is_not(campaign: ModuleType):
    found = campaign.everything()
    bench = campaign.Bench(found, properties=False)
    for module, function, kind in CAUGHT:
        fitting = [one for one in found[module] if (one.function, one.kind) == (function, kind)]
        assert fitting, f"{module}.{function} has no such change any more: name another in CAUGHT"
        assert bench.judge(fitting[0]).by == "tests", fitting[0].told()
    none = next(one for one in found["checkin"] if one.name in {known.name for known in campaign.explanations()})
    assert bench.judge(none).by == ""


def test_a_loop_without_an_end_is_ended_by_its_use_of_the_processor(campaign: ModuleType):
    bench = campaign.Bench(["pin"], properties=False)
    bench.limits_s["pin"] = 1
    assert bench.run("pin", b"while True:\n    pass\n")[0] == "time"


def test_tests_that_fail_by_themselves_or_see_no_mutant_are_no_judges(campaign: ModuleType, monkeypatch):
    bench = campaign.Bench(["pin"], properties=False)
    monkeypatch.setattr(bench, "run", lambda module, source: ("tests", "FAILED test_x"))
    with pytest.raises(campaign.CampaignError, match="fail without any mutant"):
        bench.prove("pin")
    monkeypatch.setattr(bench, "run", lambda module, source: ("", ""))
    with pytest.raises(campaign.CampaignError, match="do not import the copy"):
        bench.prove("pin")


def test_a_survivor_without_a_reason_and_a_reason_without_a_survivor_fail(campaign, command, monkeypatch, capsys):
    some = campaign.mutants("pin", (ROOT / "firmware/bellnode/pin.py").read_bytes())[:3]
    why = [campaign.Explanation(some[0].name, "the same")]
    monkeypatch.setattr(command, "everything", lambda modules: {"pin": some})
    monkeypatch.setattr(command, "explanations", lambda: why)
    monkeypatch.setattr(sys, "argv", ["mutants", "--json"])
    for by, code, unexplained, stale in (
        (("", "tests", "time"), 0, 0, 0),
        (("", "", "tests"), 1, 1, 0),
        (("tests", "tests", "properties"), 1, 0, 1),
    ):
        results = [campaign.Result(mutant, one) for mutant, one in zip(some, by, strict=True)]
        monkeypatch.setattr(command, "broken", lambda drawn, jobs, results=results: results)
        assert command.main() == code
        out, told = capsys.readouterr()
        figures = json.loads(out)
        assert (figures["mutants"], figures["unexplained"], figures["stale"]) == (3, unexplained, stale)
        assert figures["killed"] + figures["survived"] == 3
        assert ("SURVIVED, UNEXPLAINED" in told) == bool(unexplained) and ("STALE" in told) == bool(stale)
