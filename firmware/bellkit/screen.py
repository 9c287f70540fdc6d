"""What a person reads in an ordinary terminal: steps with progress bars, a diagnosis, a walk test as it climbs."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bellkit import verdict, walktest
from bellkit.texts import Words
from bellkit.verdict import Verdict
from bellkit.walktest import Ask, Asked

COLOURS = {verdict.STOP: "bold red", verdict.WARN: "yellow", verdict.NOTE: "dim"}
RESULT_COLOURS = {walktest.PASSED: "green", walktest.FAILED: "bold red", walktest.UNPROVED: "yellow"}
MARKS = {walktest.PASSED: "✔", walktest.FAILED: "✘", walktest.UNPROVED: "?"}

Step = Callable[[int, int], None]


class Screen:
    """words: the language; console: where to; quiet: nothing is shown, for --json."""

    def __init__(self, words: Words, console: Console, quiet: bool = False) -> None:
        self.words = words
        self.console = console
        self.quiet = quiet
        self._number = (0, 0)

    def say(self, text: str | Text | Table | Panel) -> None:
        """One line or more."""
        if not self.quiet:
            self.console.print(text)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step that may take over a second; gives a function of (done, total) for its bar. name: a text."""
        title = self.words.known(f"step.{name}", name)
        if self.quiet:
            yield lambda done, total: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
        self.say(Text.assemble(("✔ ", "green"), title))

    def hello(self, hello: Mapping[str, Any]) -> None:
        """Whom we speak with."""
        name = hello.get("bell_id") or self.words("cause.not_enrolled")
        parts = [hello.get("board"), hello.get("fw"), hello.get("runtime"), hello.get("unique")]
        said = "  ".join(str(part) for part in parts if part)
        self.say(Text.assemble((f"{self.words('part.hello')}  ", "bold"), str(name), "  ", (said, "dim")))

    def verdicts(self, found: tuple[Verdict, ...]) -> None:
        """A diagnosis in plain words: cause, where, and what to do."""
        words = self.words
        for one in found:
            body = Text(words(f"do.{one.cause}"))
            if one.subjects:
                body.append(f"\n{words('verdict.where')}: {', '.join(one.subjects)}", "dim")
            if one.reason:
                body.append(f"\n{words('verdict.reason')}: {one.reason}", "dim")
            title = f"{words(f'cause.{one.cause}')} · {words(f'severity.{one.severity}')}"
            self.say(Panel(body, title=Text(title), title_align="left", border_style=COLOURS[one.severity]))
        graver = [one for one in found if one.severity != verdict.NOTE]
        last = "good" if not graver else "fit" if verdict.fit(found) else "unfit"
        self.say(Text(words(f"verdict.{last}"), {"good": "green", "fit": "yellow", "unfit": "bold red"}[last]))

    def parts(self, answers: Mapping[str, Any]) -> None:
        """Every answer of a diagnosis, as it was measured."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for part, answer in answers.items():
            table.add_row(self.words.known(f"part.{part}", part), plain(part, answer))
        self.say(table)

    def outcome(self, path: Path, kept: bool, document: Mapping[str, Any]) -> None:
        """A certificate: where it is, what it says."""
        words = self.words
        passed = bool(document.get("passed"))
        lacking = [one for one in document.get("results", ()) if one.get("verdict") == "not_proved"]
        result = walktest.UNPROVED if passed and lacking else walktest.PASSED if passed else walktest.FAILED
        line = Text.assemble(
            (f"{MARKS[result]} ", RESULT_COLOURS[result]),
            (f"{words('done.certificate')} {document.get('bell_id', '')}: ", "bold"),
            (words(f"walk.{result}"), RESULT_COLOURS[result]),
            "  ",
            words("done.kept" if kept else "done.later"),
        )
        for one in document.get("results", ()):
            if one.get("verdict") != "ok":
                line.append(f"\n  {one.get('name')}: {one.get('verdict')} {one.get('text', '')}", "yellow")
        line.append(f"\n  {path}", "dim")
        self.say(line)

    # --- a walk test

    def asked_for(self, ask: Ask, number: int, count: int) -> None:
        """A person has to act now."""
        self._number = (number, count)
        text = self.words(f"ask.{ask.kind}", name=ask.name)
        self.say(Panel(Text(text, "bold"), title=f"{number}/{count}", title_align="left", border_style="cyan"))

    def rung(self, ask: Ask, rung: str, ms: int | None) -> None:
        """One rung more."""
        shown = "" if ms is None else f"{ms} ms"
        self.say(Text.assemble(("  ✔ ", "green"), f"{self.words(f'rung.{rung}')}  ", (shown, "cyan")))

    def other(self, name: str) -> None:
        """Another input was meant."""
        self.say(Text("  " + self.words("ask.other", name=self.words.known(f"input.{name}", name)), "yellow"))

    def asked(self, asked: Asked) -> None:
        """This input is done with."""
        self.say(Text(f"  {MARKS[asked.result]} {self.result_text(asked)}", RESULT_COLOURS[asked.result]))

    def result_text(self, asked: Asked) -> str:
        """ "passed", or why not."""
        why = f": {self.words(f'walk.{asked.why}')}" if asked.why else ""
        return self.words(f"walk.{asked.result}") + why

    def left(self, seconds: int) -> None:
        """In a terminal that scrolls, a clock would fill it."""

    def close(self, names: list[str]) -> None:
        """These have to be closed again."""
        if names:
            self.say(Text("  " + self.words("do.contact_open") + f" ({', '.join(names)})", "yellow"))

    def stopped(self) -> bool:
        """Ctrl-C ends it here."""
        return False


def plain(part: str, answer: Any) -> str:
    """One answer of the bell on one or a few lines."""
    if part == "brokers":
        return "\n".join(_broker(one) for one in answer)
    if part == "scan" and "networks" in answer:
        return ", ".join(f"{one[0]} {one[1]} dBm" for one in answer["networks"])
    if isinstance(answer, Mapping):
        return "  ".join(f"{name} {value}" for name, value in answer.items() if name != "ok" and value is not None)
    return str(answer)


def _broker(one: Mapping[str, Any]) -> str:
    steps = "  ".join(f"{name} {ms} ms" for name, ms in one.get("steps", ()))
    failed = f"  ✘ {one['failed']}: {one.get('reason')}" if one.get("failed") else "  ✔"
    return f"{one.get('host')}:{one.get('port')}  {steps}{failed}"
