"""Everything that can silence a console, done to a real one: `python tests/acceptance/console_breaks.py --json`.

A real gateway with its own broker, a strange bell, a real Chromium. Each console is the only one that shows its site,
and the policy would tell the next station a minute after a press. So whatever reaches the next station earlier came
because the console was lost. Measured on one clock: from the break to the red page, and to the next station's webhook.
"""

import argparse
import contextlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "console")]

from browser import Dispatcher, chromium, launched  # noqa: E402
from cut import Cut  # noqa: E402
from real_gateway import RealGateway, Receiver, eventually  # noqa: E402
from strange_bell import StrangeBell  # noqa: E402

from bellgate.config import load  # noqa: E402
from bellgate.store import open_store, people, sessions  # noqa: E402

PASSWORD = "tiger-lily-7788"
TOLD_WITHIN_S = 12.0
POLICY = """
[[policy]]
name = "desk first"
repeat_s = 60
[[policy.step]]
after_s = 0
targets = ["console"]
[[policy.step]]
after_s = 60
targets = ["station"]
"""
# Keeps the page's audio context where a test can stop it, as a browser or a sound card does.
HOLD_AUDIO = (
    "() => { const resume = AudioContext.prototype.resume;"
    "AudioContext.prototype.resume = function () { window.context = this; return resume.call(this); } }"
)


@dataclass
class Post:
    """One console with its own site, bell, person and cable."""

    name: str
    site: str
    person: Dispatcher
    bell: StrangeBell
    cut: Cut | None = None
    debugger: Any = None
    incident: int = 0
    broken_s: float = 0.0
    red_ms: int | None = None
    told_ms: int | None = None
    seen: list[str] = field(default_factory=list)


def session_of(gateway: RealGateway, name: str, areas: tuple[str, ...]) -> str:
    """A signed-in browser's cookie for a new dispatcher; signing in itself is tested elsewhere."""
    config = load(gateway.config)
    with open_store(config.store.url, config.data_dir) as store:

        def job(tx: Any) -> str:
            people.add_operator(tx, name, "dispatcher", PASSWORD, 1, areas)
            return sessions.open_session(tx, name, int(time.time() * 1000))[0]

        return str(store.write_now(job))


@contextlib.contextmanager
def posts(gateway: RealGateway, browser: Any, names: tuple[str, ...]) -> Iterator[list[Post]]:
    """Consoles in an attended watch, each with one press presented on it."""
    url = f"http://127.0.0.1:{gateway.console_port}"
    with contextlib.ExitStack() as stack:
        made: list[Post] = []
        for name in names:
            site = f"breaks-{name}"
            cut = Cut(url) if name == "network" else None
            person = Dispatcher(browser, cut.url if cut else url)
            stack.callback(person.context.close)
            if cut:
                stack.callback(cut.close)
            cookie = session_of(gateway, f"dispatcher {name}", (site,))
            person.context.add_cookies([{"name": "ansimbell", "value": cookie, "url": person.url}])
            person.page.goto("/")
            person.page.wait_for_selector("body[data-drawn]")
            person.page.evaluate(HOLD_AUDIO)
            person.start_watch()
            bell = stack.enter_context(StrangeBell(gateway.enrol(site), gateway.folder))
            made.append(Post(name, site, person, bell, cut))
        for post in made:
            post.bell.wait_stage(post.bell.press(), "presented")
            (case,) = gateway.incidents(post.bell.bell_id)
            post.incident = case["id"]
        yield made


def silence(gateway: RealGateway, post: Post) -> None:
    """The break that the console is named for."""
    page = post.person.page
    match post.name:
        case "network":
            assert post.cut is not None
            post.cut.flows.clear()
        case "audio":
            page.evaluate("window.context.suspend()")
        case "session":
            with contextlib.closing(sqlite3.connect(gateway.folder / "ansimbell.db", timeout=10)) as database:
                database.execute("DELETE FROM session WHERE operator = ?", (f"dispatcher {post.name}",))
                database.commit()
        case "tab":
            # As a browser does with a tab that it puts to sleep: nothing in the page runs any more.
            post.debugger = post.person.context.new_cdp_session(page)
            post.debugger.send("Debugger.enable")
            post.debugger.send("Debugger.pause")
    post.broken_s = time.monotonic()


def red(post: Post) -> str:
    """Why the page is red, or ""."""
    return str(post.person.page.evaluate("document.getElementById('red').hidden ? '' : document.body.dataset.red"))


def watch(receiver: Receiver, broken: list[Post], deadline_s: float) -> None:
    """Until each page is red and each site's next station was told, or the deadline."""
    end_s = time.monotonic() + deadline_s
    # A tab that stands still can paint nothing: that others are told is all there is, until it wakes up.
    paints = [post for post in broken if post.name != "tab"]
    while time.monotonic() < end_s and (
        any(post.told_ms is None for post in broken) or any(post.red_ms is None for post in paints)
    ):
        for post in broken:
            now_ms = int((time.monotonic() - post.broken_s) * 1000)
            if post.told_ms is None and receiver.of(post.bell.bell_id):
                post.told_ms = now_ms
            if post.red_ms is None and post in paints and red(post):
                post.red_ms = now_ms
                post.seen.append(red(post))
        time.sleep(0.02)


def shown(post: Post) -> list[int]:
    """The incidents on the page."""
    ids = post.person.page.eval_on_selector_all("article[data-id]", "all => all.map(one => Number(one.dataset.id))")
    return sorted(ids)


def breaks(folder: Path, browser: Any, say: Callable[[str], None]) -> dict[str, Any]:
    """Four consoles lost at the same moment, then the gateway itself for five seconds; the figures."""
    receiver = Receiver()
    gateway = RealGateway(folder / "g", webhook=receiver)
    text = gateway.config.read_text(encoding="utf-8")
    gateway.config.write_text(text[: text.index("\n[[policy]]")] + POLICY, encoding="utf-8")
    figures: dict[str, Any] = {}
    try:
        gateway.start()
        with posts(gateway, browser, ("network", "tab", "audio", "session")) as some:
            assert not receiver.events, "the next station is told a minute later, and not before"
            say("four consoles are silenced")
            for post in some:
                silence(gateway, post)
            watch(receiver, some, TOLD_WITHIN_S + 6)
            for post in some:
                # `says` grows while it recovers: a page that stood still says so then
                figures[post.name] = {"red_ms": post.red_ms, "escalated_ms": post.told_ms, "says": post.seen}
            troubles = {row["subject"].partition(" on ")[0] for row in gateway.api("GET", "troubles")["items"]}
            figures["in_trouble_list"] = sorted(troubles)
            say("they come back")
            figures["recovered"] = {post.name: recovered(gateway, post) for post in some if post.name != "session"}
        with posts(gateway, browser, ("gateway",)) as (post,):
            say("the gateway is killed for five seconds")
            gateway.kill()
            post.broken_s = time.monotonic()
            missed = post.bell.press()
            while time.monotonic() - post.broken_s < 5.0:
                post.person.page.wait_for_timeout(50)
                if post.red_ms is None and red(post):
                    post.red_ms = int((time.monotonic() - post.broken_s) * 1000)
            gateway.start()
            figures["gateway"] = {
                "down_ms": int((time.monotonic() - post.broken_s) * 1000),
                "red_ms": post.red_ms,
                **kill_recovered(gateway, post, missed),
            }
    finally:
        gateway.close()
        receiver.close()
    return figures


def recovered(gateway: RealGateway, post: Post) -> dict[str, Any]:
    """Repair it; a press that came meanwhile is there, once, and is presented."""
    page = post.person.page
    missed = post.bell.press()
    if post.name == "network":
        assert post.cut is not None
        post.cut.flows.set()
    elif post.name == "tab":
        post.debugger.send("Debugger.resume")
        post.debugger.send("Debugger.disable")
        eventually(lambda: page.wait_for_timeout(50) or red(post) == "frozen", "it says that it stood still")
        post.seen.append("frozen")
        page.keyboard.press("Shift")
    else:
        page.click("#red-sound")
        page.click("#heard-yes")
    began_s = time.monotonic()
    post.bell.wait_stage(missed, "presented")
    eventually(lambda: page.wait_for_timeout(50) or not red(post), "the page is not red any more")
    presented_ms = int((time.monotonic() - began_s) * 1000)
    open_here = sorted(one["id"] for one in gateway.incidents(post.bell.bell_id))
    return {"again_ms": presented_ms, "same": shown(post) == open_here, "signals": signals(gateway, post)}


def kill_recovered(gateway: RealGateway, post: Post, missed: int) -> dict[str, Any]:
    """After a kill: the page is fresh again by itself, the press in between is there once."""
    page = post.person.page
    post.bell.connect_again()
    post.bell.send_event(missed, attempt=1)
    post.bell.wait_stage(missed, "presented")
    eventually(lambda: page.wait_for_timeout(50) or not red(post), "the page is not red any more")
    open_here = sorted(one["id"] for one in gateway.incidents(post.bell.bell_id))
    return {"same": shown(post) == open_here, "signals": signals(gateway, post)}


def signals(gateway: RealGateway, post: Post) -> int:
    return len(gateway.api("GET", f"incidents/{post.incident}")["signals"])


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, launched(chromium()) as browser:
        figures = breaks(Path(folder), browser, lambda text: print(text, file=sys.stderr))
    print(json.dumps(figures, ensure_ascii=False, indent=None if asked.json else 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
