"""What each page costs: `python tests/console/figures.py [--json]`.

Bytes of everything that a browser with an empty cache is sent, the first paint, and when the page's data is drawn, by
the browser's own clocks; the median of RUNS, each in a new browser context, on the loopback of this machine.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from browser import Dispatcher, chromium, launched
from desk import Desk

from bellgate.console.pages import WAYS

RUNS = 5
WHO = {"own": "owner"}
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def visit(browser: Any, url: str, desk: Desk, name: str, path: str) -> tuple[int, float, float]:
    """(bytes, first paint ms, drawn ms) of one first visit."""
    person = Dispatcher(browser, url, reduced_motion="no-preference")
    sizes: list[Any] = []

    def finished(request: Any) -> None:  # playwright marks what it is given, which a built-in method does not allow
        sizes.append(request)

    person.page.on("requestfinished", finished)
    cookie = desk.session(name)["Cookie"].partition("=")[2]
    person.context.add_cookies([{"name": "ansimbell", "value": cookie, "url": url}])
    person.page.goto(path)
    person.page.wait_for_selector("body[data-drawn]")
    drawn_ms = person.page.evaluate("performance.now()")
    paint_ms = person.page.wait_for_function(PAINT).json_value()
    sent = 0
    for request in sizes:
        if "/events" in request.url:
            continue  # the stream has no end
        figures = request.sizes()
        sent += figures["responseBodySize"] + figures["responseHeadersSize"]
    person.context.close()
    return sent, paint_ms, drawn_ms


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, launched(chromium()) as browser:
        desk = Desk(Path(folder))
        shop = desk.enrol()
        desk.press(shop)
        with desk.served() as url:
            for way in WAYS:
                name = desk.operator(f"person {way.name}", WHO.get(way.right or "", "administrator"))
                runs = [
                    visit(browser, url, desk, name, way.path.replace("{incident_id:int}", "1")) for _ in range(RUNS)
                ]
                sent, paint_ms, drawn_ms = (statistics.median(column) for column in zip(*runs, strict=True))
                found[way.name] = {
                    "sent_kb": round(sent / 1000, 1),
                    "first_paint_ms": round(paint_ms),
                    "drawn_ms": round(drawn_ms),
                }
            desk.hub.close()
        desk.close()
    if asked.json:
        print(json.dumps(found))
    else:
        print(f"{'page':10} {'kB sent':>8} {'first paint ms':>15} {'drawn ms':>9}")
        for name, row in found.items():
            print(f"{name:10} {row['sent_kb']:8} {row['first_paint_ms']:15} {row['drawn_ms']:9}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
