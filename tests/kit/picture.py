"""Draws docs/img/kit.svg and docs/img/kit-big.svg: `bellkit commission` from a blank bell to its certificate, recorded.

    python tests/kit/picture.py

A simulated bell on MicroPython on a pty, a real gateway, the real program on a terminal of its own; what it printed is
set as a picture.
"""

import asyncio
import io
import os
import re
import struct
import termios
from fcntl import ioctl
from pathlib import Path

import bed
from rich.console import Console
from rich.text import Text
from textual.widgets import Static

from bellkit import commission
from bellkit.big import Big, BigScreen
from bellkit.gateway import Gateway
from bellkit.port import Port
from bellkit.texts import Words
from bellsim.screen import plain_svg, save_svg

IMAGES = Path(__file__).parents[2] / "docs" / "img"
COLUMNS, LINES = 88, 40
PHONE = (40, 22)


async def record(it: bed.Bed, *words: str) -> str:
    """What a kit prints on a terminal of its own."""
    master, slave = os.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = os.environ | {
        "BELLKIT_TOKEN": it.token, "BELLKIT_WIFI_PASSWORD": bed.PASSWORD, "BELLKIT_FOLDER": str(it.root / "kit"),
        "LC_ALL": "en_US.UTF-8", "TERM": "xterm-256color",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *bed.KIT, *words, "--port", it.cable.path, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    said = bytearray()
    reading = asyncio.to_thread(_read_all, master, said)
    await asyncio.gather(process.wait(), reading)
    os.close(master)
    return said.decode(errors="replace")


def _read_all(master: int, said: bytearray) -> None:
    while True:
        try:
            data = os.read(master, 4_096)
        except OSError:  # the other end is closed
            return
        said += data


def settled(said: str) -> str:
    """What stands on the terminal at the end: a progress bar was wiped when it was done."""
    said = re.sub(r"\x1b\[\?25[lh]", "", said)
    lines = [""]
    for piece in re.split(r"(\r\n|\n|\r|\x1b\[2K|\x1b\[\d*A)", said):
        if piece in ("\r\n", "\n"):
            lines.append("")
        elif piece in ("\r", "\x1b[2K"):
            lines[-1] = ""
        elif re.fullmatch(r"\x1b\[\d*A", piece):
            lines = lines[: -max(1, int(piece[2:-1] or 1))] or [""]
        else:
            lines[-1] += piece
    return "\n".join(lines)


def draw(said: str, path: Path, title: str) -> None:
    """An SVG of a terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(said))
    save_svg(console, path, title)


async def in_one_go() -> None:
    """The whole way, in an ordinary terminal."""
    async with bed.bed() as it:
        it.fit()
        person = asyncio.create_task(bed.installer(it))
        words = ("commission", "--file", str(it.file), "--ssid", bed.SSID, "--by", "박도윤", *it.online)
        said = await record(it, *words)
        person.cancel()
        said = settled(said).replace(str(it.root / "kit"), "~/.local/share/bellkit")
        draw(said, IMAGES / "kit.svg", f"bellkit commission --file {it.bell_id}.json --ssid {bed.SSID} --by 박도윤")


async def full_screen() -> None:
    """One moment of a walk test on the full screen of a telephone's size, with the second input's rungs."""
    words = Words("ko")
    async with bed.bed() as it:
        await it.install(bed.SETTINGS)
        gateway = Gateway(it.url, it.token)
        wanted = commission.Wanted(None, None, gateway, "박도윤", it.root / "kit")

        def work() -> None:
            with Port(it.cable.path) as port:
                commission.prove(port, wanted, screen, screen, port.ask("hello"))

        app = Big(words, work)
        screen = BigScreen(words, app)
        person = asyncio.create_task(bed.installer(it))
        async with app.run_test(size=PHONE) as pilot:
            async with asyncio.timeout(bed.KIT_S):
                while True:
                    await pilot.pause(0.02)
                    shown = str(app.query_one("#step", Static).render()), str(app.query_one("#rungs", Static).render())
                    if shown[0].startswith("2") and words("rung.console") in shown[1]:
                        break
            drawn = plain_svg(app.export_screenshot(title="bellkit walktest --big --lang ko"))
            app.wants_stop = True
            await app.workers.wait_for_complete()
        person.cancel()
        gateway.close()
    (IMAGES / "kit-big.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(full_screen())
    asyncio.run(in_one_go())
