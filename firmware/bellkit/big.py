"""Full screen with big letters: what to do now, and how far the press has come, read at arm's length on a ladder.

One thing at a time, for a terminal of 30 columns and more: the order in letters of its own line, the seconds that are
left and the last hop's milliseconds in digits three rows high.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Digits, Static

from bellkit.screen import MARKS, RESULT_COLOURS, Screen, Step
from bellkit.texts import Words
from bellkit.walktest import Ask, Asked

T = TypeVar("T")
KEEP_LINES = 12  # of what went before; a phone shows no more


class Big(App[None]):
    """The screen alone; who writes on it runs in a thread."""

    CSS = """
    Screen { align: center top; background: black; color: white; }
    #step { width: 100%; text-align: center; color: $text-muted; height: auto; padding: 0 1; }
    #now { width: 100%; text-align: center; text-style: bold; border: heavy cyan; padding: 1 1; height: auto; }
    #digits { width: 100%; text-align: center; color: yellow; height: 3; }
    #rungs { width: 100%; height: auto; padding: 0 1; }
    #past { height: 1fr; padding: 0 1; }
    #keys { dock: bottom; width: 100%; text-align: center; color: $text-muted; height: 1; }
    """
    BINDINGS = [Binding("q", "stop", show=False)]  # noqa: RUF012 -- textual's way
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, words: Words, work: Callable[[], None]) -> None:
        super().__init__()
        self._words = words
        self._work = work
        self.wants_stop = False
        self.over = False

    def compose(self) -> ComposeResult:
        """Top to bottom, in the order in which a person looks."""
        yield Static("", id="step")
        yield Static("", id="now")
        yield Digits("", id="digits")
        yield Static("", id="rungs")
        with VerticalScroll(id="past"):
            yield Static("", id="log")
        yield Static(self._words("big.stop"), id="keys")

    def on_mount(self) -> None:
        """Begin."""
        self.run_worker(self._work, thread=True, exit_on_error=False)

    def action_stop(self) -> None:
        """q: end what runs; a second time, or when all is over: leave."""
        if self.over or self.wants_stop:
            self.exit()
        self.wants_stop = True

    def on_key(self) -> None:
        """Any key leaves when all is over."""
        if self.over:
            self.exit()

    def show(self, place: str, text: Text | str) -> None:
        """Put a text somewhere."""
        self.query_one(f"#{place}", Static).update(text)

    def digits(self, text: str) -> None:
        """Put a number in the middle."""
        self.query_one("#digits", Digits).update(text)


class BigScreen(Screen):
    """Writes on a Big, from its thread."""

    def __init__(self, words: Words, app: Big) -> None:
        super().__init__(words, Console(file=io.StringIO(), width=40, highlight=False))
        self._app = app
        self._past: list[Text] = []
        self._climbed: list[Text] = []
        self._fresh = True

    def _on(self, call: Callable[..., None], *given: object) -> None:
        if self._app.is_running:
            self._app.call_from_thread(call, *given)

    def say(self, text: str | Text | Table | Panel) -> None:
        """Newest last, the oldest go."""
        if isinstance(text, Panel):
            title = text.title if isinstance(text.title, Text) else Text(str(text.title or ""))
            text = Text.assemble(title, "\n", text.renderable if isinstance(text.renderable, Text) else "")
        elif isinstance(text, Table):
            return  # the measured values do not fit a phone; `bellkit diag` shows them
        self._past = [*self._past, text if isinstance(text, Text) else Text(text)][-KEEP_LINES:]
        self._on(self._app.show, "log", Text("\n").join(self._past))

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Its name on top, how much is done in digits."""
        title = self.words.known(f"step.{name}", name)
        self._on(self._app.show, "now", title)

        def bar(done: int, total: int) -> None:
            self._on(self._app.digits, f"{done * 100 // max(1, total)}%")

        yield bar
        self._on(self._app.digits, "")
        self.say(Text.assemble(("✔ ", "green"), title))

    def asked_for(self, ask: Ask, number: int, count: int) -> None:
        """The order, big. The rungs of the last press stay until the next one climbs: they would be gone too soon."""
        self._fresh = True
        self._on(self._app.show, "step", f"{number} / {count}")
        self._on(self._app.show, "now", self.words(f"ask.{ask.kind}", name=ask.name))

    def rung(self, ask: Ask, rung: str, ms: int | None) -> None:
        """One line each, its time in big digits too."""
        shown = "" if ms is None else f"{ms} ms"
        if self._fresh:
            self._climbed, self._fresh = [], False
        line = Text.assemble(("✔ ", "bold green"), self.words(f"rung.{rung}"), "  ", (shown, "cyan"))
        self._climbed.append(line)
        self._on(self._app.show, "rungs", Text("\n").join(self._climbed))
        if ms is not None:
            self._on(self._app.digits, str(ms))

    def asked(self, asked: Asked) -> None:
        """Its result, big until the next order, so that nobody goes on pressing after the last one; and in the past."""
        name = self.words.known(f"input.{asked.ask.name}", asked.ask.name)
        line = Text(f"{MARKS[asked.result]} {name}: {self.result_text(asked)}", RESULT_COLOURS[asked.result])
        self._on(self._app.show, "now", line)
        self.say(line)

    def left(self, seconds: int) -> None:
        """The seconds that are left."""
        self._on(self._app.digits, str(seconds))

    def close(self, names: list[str]) -> None:
        """The order to close."""
        self._on(self._app.digits, "")
        self._on(self._app.show, "now", f"{self.words('do.contact_open')} ({', '.join(names)})" if names else "✔")

    def stopped(self) -> bool:
        """Was q pressed?"""
        return self._app.wants_stop

    def end(self, text: str) -> None:
        """All is over: say so, and wait for a key."""
        self._app.over = True
        self._on(self._app.show, "now", text)
        self._on(self._app.digits, "")
        self._on(self._app.show, "keys", self.words("big.done"))


def in_big(words: Words, run: Callable[[Screen, BigScreen], T], wait: bool = True) -> T:
    """Run something that shows its steps and its walk test, full screen; what it gave, or raised.

    wait: leave at a key only, so that the last word can be read.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(run(screen, screen))
        except BaseException as error:  # raised again below, where the terminal is as it was
            errors.append(error)
        screen.end(words("verdict.unfit" if errors else "done.certificate"))
        if errors or not wait:
            app.call_from_thread(app.exit)

    app = Big(words, work)
    screen = BigScreen(words, app)
    app.run()
    if errors:
        raise errors[0]
    if not results:
        raise KeyboardInterrupt
    return results[0]
