"""How the story looks: one JSON object a line for programs, or lines and a table of the bells for people."""

import html
import json
import re
import time
from pathlib import Path
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bellnode import indicator
from bellsim.bell import OFF, UNKNOWN
from bellsim.bench import Bench
from bellsim.hops import HOPS
from bellsim.story import Stage

WIDTH = 110  # columns of a text that is no terminal's: the picture in the docs
NEWS_LINES = 8
SVG_COLUMN_PX = 12.2  # rich draws letters 20 px high and 0.61 of that wide

RUNGS_KO = {
    "idle": "대기",
    "sending": "보내는 중",
    "not_delivered": "전달 안 됨",
    "stored": "저장됨",
    "presented": "화면에 표시됨",
    "acknowledged": "담당자 접수",
    "dispatched": "출동 지령",
    "closed": "종결",
    OFF: "전원 꺼짐",
    UNKNOWN: "알 수 없는 색",
}


class Lines:
    """`--json`: every tell is one object on one line, flushed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began_s = time.monotonic()

    def tell(self, kind: str, **what: Any) -> None:
        """{"event": kind, "at_s": seconds since the start, …}"""
        self.write({"event": kind, "at_s": round(time.monotonic() - self._began_s, 3), **what})

    def write(self, line: dict[str, Any]) -> None:
        """One object as it is: the last line has no event."""
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()


class Words:
    """For people: each tell becomes a line, or none."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bench: Bench | None = None
        self.news: list[Text] = []
        self.live = False  # a live display shows the news itself

    def tell(self, kind: str, **what: Any) -> None:
        """Say it in words."""
        line = self._line(kind, what)
        if line is None:
            return
        self.news = [*self.news, line][-NEWS_LINES:]
        if not self.live:
            self.console.print(line)

    def _line(self, kind: str, what: dict[str, Any]) -> Text | None:
        if kind == "starting":
            return Text(f"… {what['text']}", style="dim")
        if kind == "chapter":
            return Text(f"\n{what['number']}. {what['text']}", style="bold")
        if kind in ("ready", "lamp"):
            return None  # `ready` has its own panel, and the lamp's changes are hops
        line = Text()
        if "bell" in what:
            line.append(f"{self._who(what['bell'])}  ", style="cyan")
        if kind == "press":
            line.append("the button is pressed", style="bold")
        elif kind == "hop":
            line.append(f"{what['ms']:9,.1f} ms  ", style="bold")
            line.append(HOPS[what["hop"]], style=style(what["hop"]))
        elif kind == "dispatcher":
            line.append(f"              dispatcher: {what['does']} incident {what['incident']}", style="dim")
        elif kind in ("network", "power"):
            line.append(f"              {kind} {'back' if what['on'] else 'cut'}", style="yellow")
        else:
            line.append(f"              {what.get('text', kind)}")
        return line

    def _who(self, bell_id: str) -> str:
        if self.bench is None:
            return bell_id
        number = [bell.bell_id for bell in self.bench.bells].index(bell_id) + 1
        return f"bell {number}"


def style(rung: str) -> str:
    """The rich style of a rung: its own colour on the lamp, lightened so that it can be read on black."""
    if rung not in indicator.TABLE or rung == "idle":
        return "dim"
    red, green, blue = (channel + (255 - channel) * 2 // 5 for channel in indicator.TABLE[rung][0])
    return f"rgb({red},{green},{blue})"


def address_panel(bench: Bench) -> Panel:
    """Where a person can look on."""
    text = Text()
    text.append("Console   ", style="dim").append(bench.url, style="bold underline")
    text.append("\nSign in   ", style="dim").append(bench.operator, style="bold")
    text.append("  password ", style="dim").append(bench.password, style="bold")
    text.append(f"\nBells     {bench.runtime.name}, one process each    ", style="dim")
    text.append(f"Broker  {bench.broker}, TLS with client certificates", style="dim")
    return Panel(text, title="안심벨 Ansimbell", title_align="left", expand=False)


def bells_table(stage: Stage) -> Table:
    """One row a bell: where, lamp, and the hops of its last press."""
    table = Table(expand=False, title_justify="left")
    table.add_column("")
    table.add_column("Bell")
    table.add_column("Lamp")
    table.add_column("Last press: ms since the edge")
    for number, bell in enumerate(stage.bench.bells, 1):
        place = stage.bench.places[bell.bell_id]
        where = Text(place.name, style="bold").append(f"  {place.gloss}\n", style="dim")
        where.append(place.address, style="dim")
        rung = bell.lamp_state()
        lamp = Text("● ", style=style(rung)).append(rung.replace("_", " "))
        lamp.append(f"\n  {RUNGS_KO[rung]}", style="dim")
        if bell.proxy is not None and bell.proxy.state != "open":
            lamp.append("\n  no network", style="yellow")
        hops = Text()
        track = stage.tracks.get(bell.bell_id)
        for hop, ms in sorted(track.ms.items(), key=lambda item: item[1]) if track else ():
            hops.append(f"{hop.replace('_', ' ')} ", style=style(hop)).append(f"{ms:,.0f}  ", style="bold")
        table.add_row(str(number), where, lamp, hops)
    return table


def live_view(stage: Stage, words: Words, keys: str) -> RenderableType:
    """The whole screen of the live demo."""
    return Group(address_panel(stage.bench), bells_table(stage), Text(keys, style="bold"), *words.news)


def save_svg(console: Console, path: Path, title: str = "bellsim demo --headless") -> None:
    """What the console has recorded, as a picture that loads nothing from anywhere."""
    path.write_text(plain_svg(console.export_svg(title=title)), encoding="utf-8")


def plain_svg(text: str) -> str:
    """A picture of Rich's without its fonts from elsewhere, and with Hangul as wide as it is."""
    text = re.sub(r"@font-face\s*\{.*?\}", "", text, flags=re.DOTALL)
    return re.sub(r'(<text [^>]*textLength=")[^"]*("[^>]*>)([^<]*)', _wide, text)


def _wide(match: re.Match[str]) -> str:
    """Rich counts a Hangul syllable as one column in textLength, but it takes two."""
    width = cell_len(html.unescape(match[3])) * SVG_COLUMN_PX
    return f"{match[1]}{width:g}{match[2]}{match[3]}"
