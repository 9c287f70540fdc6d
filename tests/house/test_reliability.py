"""Every promise has what holds it, each link leads somewhere, and the page says what was measured."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from tree import ROOT
from typer.testing import CliRunner

from bellsim.cli import app
from bellsim.report import promises
from bellsim.report.charts import bars, heat
from bellsim.report.figures import BY_NAME, FIGURES, Figure
from bellsim.report.measure import Kept, NoFigure, keep, kept, measure
from bellsim.report.page import documents
from bellsim.world.checker import PROPERTIES

BELL, GATEWAY = 6, 9  # promises in the two lists of the design
FOUND = promises.read(ROOT)


def test_every_promise_of_the_readme_and_of_the_two_lists_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9!]) \|", readme, re.MULTILINE)
    assert len(rows) >= 7
    wanted = {f"press {row}" for row in rows} | {"press", "press repeats", "press silent"}
    wanted |= {f"bell {n}" for n in range(1, BELL + 1)} | {f"gateway {n}" for n in range(1, GATEWAY + 1)}
    assert {one.id for one in FOUND} == wanted


def test_every_property_of_the_worlds_holds_some_promise():
    used = {link for one in FOUND for kind, link in one.holds if kind == "worlds"}
    rare = {"missed_wrongly", "silent_failure"}  # no promise names them; they keep the others honest
    assert set(PROPERTIES) - used <= rare


def test_the_page_says_what_was_measured_and_promised():
    done = CliRunner().invoke(app, ["report", "--check"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('id = "x"\ntext = "y"', "nothing holds x"),
        ('id = "x"\nworlds = ["lots"]', "no property 'lots'"),
        ('id = "x"\nfigures = ["speed"]', "no figure 'speed'"),
        ('id = "x"\ntests = ["house/test_reliability.py::test_none"]', "there is no test"),
        ('id = "x"\ntests = ["house/nothing.py"]', "there is no test"),
        ('id = "x"\nworlds = ["lost"]\n[[promise]]\nid = "x"\nworlds = ["lost"]', "stands there twice"),
    ],
)
def test_a_promise_that_nothing_holds_is_refused(tmp_path, row, reason):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "promises.toml").write_text(f"[[promise]]\n{row}\n", encoding="utf-8")
    with pytest.raises(promises.WrongPromise, match=reason):
        promises.read(tmp_path)


def _answer(**result) -> Kept:
    return Kept("bellsim latency", "2026-01-01", "2 cores", 12.0, result)


def test_what_was_missed_is_said_and_red():
    good = _answer(goal={"a_ms": 5, "n": 3}, limits=["a_ms"], a_ms=4.0, n=3, missed=[], ok=True)
    bad = replace(good, result={**good.result, "a_ms": 7.5, "missed": ["a_ms is 7.5"], "ok": False})
    for answer, verdict, colour in ((good, "| yes |", "#0d9488"), (bad, "| **no** |", "#e11d48")):
        written = documents({"latency": answer}, FOUND)
        page, picture = written["reliability.md"], written["img/reliability.svg"]
        assert verdict in page and f"| `a_ms` | {answer.result['a_ms']:g} | ≤ 5 |" in page and "| `n` | 3 | 3 |" in page
        assert ("**Missed:** a_ms is 7.5." in page) == (answer is bad)
        bar = [one for one in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}rect")][1]
        assert bar.get("fill") == colour
    assert page.count("not measured yet") == len(FIGURES) - 1


def test_pictures_stay_inside_their_frame():
    for drawn in (
        bars([("a", 0.5, "1 of 2"), ("b", 40.0, "80 of 2")], "goal"),
        heat({"air": {"idle": 3}, "cut": {"sending": 1}}),
    ):
        tree = ET.fromstring(drawn)
        width, height = float(tree.get("width")), float(tree.get("height"))
        for one in tree.iter("{http://www.w3.org/2000/svg}rect"):
            assert float(one.get("x", 0)) + float(one.get("width")) <= width
            assert float(one.get("y", 0)) + float(one.get("height")) <= height


def test_an_answer_is_measured_kept_and_read_again(tmp_path):
    said = []
    figure = Figure("fuzz", "bellsim fuzz --seeds 0..0 --days 0.05 --bells 5 --json", "one small world", 1)
    answer = measure(figure, ROOT, said.append)
    assert answer.holds and answer.result["seeds"] == 1 and said and answer.took_s > 0
    assert answer.host.count(",") == 2 and "/" not in answer.host
    keep(tmp_path, "fuzz", answer)
    assert kept(tmp_path, "fuzz") == answer and kept(tmp_path, "year") is None
    (tmp_path / "fuzz.json").write_text("{", encoding="utf-8")
    with pytest.raises(NoFigure, match="bellsim report --measure fuzz"):
        kept(tmp_path, "fuzz")


def test_a_command_without_an_answer_is_said():
    with pytest.raises(NoFigure, match="run it by hand"):
        measure(Figure("x", "bellsim fuzz --seeds x", "nothing", 1), ROOT, lambda line: None)


def test_an_unknown_figure_is_said():
    done = CliRunner().invoke(app, ["report", "--measure", "speed"])
    assert done.exit_code == 1 and "--measure speed" in str(done.exception)


def test_what_is_kept_is_an_answer_of_its_command():
    for path in (ROOT / "docs" / "figures").glob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        assert found["command"] == BY_NAME[path.stem].command, path.name
