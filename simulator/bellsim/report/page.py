"""docs/reliability.md and its pictures, from what was measured and what was promised."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bellsim.goals import figure as value_of
from bellsim.report.charts import bars, heat
from bellsim.report.figures import FIGURES, Figure
from bellsim.report.measure import Kept
from bellsim.report.promises import Promise

CHECKER = "../simulator/bellsim/world/checker.py"
HEAD = """# How reliable it is, and how we know

**Host, simulated.** Every figure is of a machine like the one named beside it, with real programs (MicroPython,
brokers, gateway, databases) and simulated hardware, network and time. Nothing here was measured on an ESP32 or on a
Raspberry Pi.

This page is written by `bellsim report` from the answers in [docs/figures](figures), each the last line that its
command printed; `bellsim report --measure NAME` measures one again. What the commands do stands in
[measure](measure.md).

"""


def documents(answers: Mapping[str, Kept], promises: Sequence[Promise]) -> dict[str, str]:
    """Path below docs -> text."""
    found = {"reliability.md": page(answers, promises), "img/reliability.svg": bars(_shares(answers), "goal")}
    worlds = answers.get("fuzz")
    if worlds is not None:
        found["img/reliability-faults.svg"] = heat(worlds.result.get("states", {}))
    return found


def page(answers: Mapping[str, Kept], promises: Sequence[Promise]) -> str:
    """The Markdown."""
    return HEAD + "\n".join(_lines(answers, promises)) + "\n"


def _lines(answers: Mapping[str, Kept], promises: Sequence[Promise]) -> Iterator[str]:
    yield "![Each figure as a share of its goal](img/reliability.svg)\n"
    yield "| | | holds |\n|---|---|---|"
    for figure in FIGURES:
        answer = answers.get(figure.name)
        verdict = "not measured yet" if answer is None else "yes" if answer.holds else "**no**"
        yield f"| {_link(figure.name, answers)} | {figure.says} | {verdict} |"
    yield "\n# What is promised, and what holds it\n"
    yield (
        "*Worlds* are the properties that `bellsim fuzz` looks after in every world; *figures* are measured below; "
        "*tests* run with every change. That the worlds see anything, [bugs put in on purpose](seeded-bugs.md) show.\n"
    )
    yield "| | promise | worlds | figures | tests |\n|---|---|---|---|---|"
    for promise in promises:
        links = " | ".join(_links(promise, kind, answers) for kind in ("worlds", "figure", "test"))
        yield f"| {promise.id} | {promise.text} | {links} |"
    yield "\n# Figures\n"
    for figure in FIGURES:
        answer = answers.get(figure.name)
        if answer is not None:
            yield from _section(figure, answer)


def _link(name: str, answers: Mapping[str, Kept]) -> str:
    return f"[{name}](#{name})" if name in answers else name


def _links(promise: Promise, kind: str, answers: Mapping[str, Kept]) -> str:
    found = []
    for one, link in promise.holds:
        if one == kind == "worlds":
            found.append(f"[{link}]({CHECKER})")
        elif one == kind == "figure":
            found.append(_link(link, answers))
        elif one == kind == "test":
            path, _, name = link.partition("::")
            shown = (name or path.rsplit("/", 1)[-1].removesuffix(".py")).removeprefix("test_").replace("_", " ")
            found.append(f"[{shown}](../tests/{path})")
    return ", ".join(found)


def _section(figure: Figure, answer: Kept) -> Iterator[str]:
    yield f"## {figure.name}\n"
    says = figure.says[0].upper() + figure.says[1:]
    yield f"{says}: `{answer.command}`. {answer.at}, {answer.host}; it took {_time(answer.took_s)}.\n"
    goals = answer.result.get("goal", {})
    limits = set(answer.result.get("limits", ()))
    yield "| figure | measured | goal |\n|---|---|---|"
    for name, goal in goals.items():
        wanted = f"≤ {_said(goal)}" if name in limits else _said(goal)
        yield f"| `{name}` | {_said(value_of(answer.result, name))} | {wanted} |"
    for name in figure.shows:
        if name not in goals:
            yield f"| `{name}` | {_said(value_of(answer.result, name))} | |"
    yield ""
    for text in answer.result.get("missed", ()):
        yield f"**Missed:** {text}.\n"
    if figure.name == "fuzz":
        yield "Which fault met whom in which state, the darker the more often; a column is what the lamp of the bell"
        yield "showed, or how the gateway was:\n"
        yield "![Fault by state](img/reliability-faults.svg)\n"


def _shares(answers: Mapping[str, Kept]) -> list[tuple[str, float, str]]:
    found = []
    for figure in FIGURES:
        answer = answers.get(figure.name)
        if answer is None:
            continue
        for name in answer.result.get("limits", ()):
            goal, value = answer.result["goal"][name], value_of(answer.result, name)
            if isinstance(value, int | float) and goal:
                found.append((f"{figure.name}: {name}", value / goal, f"{_said(value)} of {_said(goal)}"))
    return found


def _said(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:,g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value)) if value else "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
