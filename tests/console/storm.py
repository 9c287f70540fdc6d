"""A storm on one page: `python tests/console/storm.py --open 300 --presses-per-s 20 --seconds 60 --json`.

Sealed presses go into the real pipeline on a real SQLite file; a real Chromium listens to the real server. The broker's
hop is left out, and everything (gateway, browser, this program) runs on the one machine: the figures are its own.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from browser import Dispatcher, chromium, launched
from desk import Desk, until
from gauge import PROBE, Others, heap_bytes, hush, many, open_numbers, others, press, spread

COUNTED = "n => Number(document.getElementById('open-count').textContent) >= n"
SCREEN = {"viewport": {"width": 1440, "height": 900}}


def storm(person: Dispatcher, desk: Desk, open_first: int, per_s: int, seconds: int, again: float) -> dict[str, Any]:
    """Presses of new sites at a steady rate, and a share of presses again at known ones."""
    page = person.page
    known = many(desk, open_first, "old")
    press(desk, known)
    page.wait_for_function(COUNTED, arg=open_first)
    fresh = many(desk, per_s * seconds, "new")
    page.wait_for_timeout(2_000)
    before = heap_bytes(page)
    page.evaluate("() => { gauge.long.length = 0; gauge.gaps.length = 0; }")
    pressed_ms: dict[str, float] = {}
    begun = time.monotonic()
    extra = 0.0
    for number, bell in enumerate(fresh):
        time.sleep(max(0.0, begun + number / per_s - time.monotonic()))
        pressed_ms[bell.bell_id] = time.time() * 1_000
        press(desk, [bell])
        extra += again
        if extra >= 1:
            extra -= 1
            press(desk, [known[number % len(known)]])
    took_s = time.monotonic() - begun
    numbers = open_numbers(desk)
    wanted = open_first + len(fresh)
    page.wait_for_function(COUNTED, arg=wanted)
    page.wait_for_timeout(500)
    found = page.evaluate("gauge")
    drawn = page.evaluate("document.querySelectorAll('#cards article').length")
    seen = [found["seen"].get(str(numbers[bell.bell_id])) for bell in fresh]
    waited = [at - pressed_ms[bell.bell_id] for bell, at in zip(fresh, seen, strict=True) if at is not None]
    return {
        "open_before": open_first,
        "new_sites": len(fresh),
        "presses_per_s": round(len(fresh) * (1 + again) / took_s, 1),
        "open_at_the_end": wanted,
        "cards_in_the_document": drawn,
        "never_in_the_document": sum(str(numbers[bell.bell_id]) not in found["dom"] for bell in fresh),
        "never_on_the_screen": seen.count(None),
        "visible_ms": spread(waited),
        "longest_task_ms": round(max(found["long"], default=0.0), 1),
        "longest_frame_ms": round(max(found["gaps"]), 1),
        "frames_over_200_ms": sum(gap > 200 for gap in found["gaps"]),
        "heap_before_kb": before[0] // 1024,
        "heap_after_kb": heap_bytes(page)[0] // 1024,
    }


def shift(person: Dispatcher, desk: Desk, colleagues: Others, incidents: int) -> dict[str, Any]:
    """A shift in quick motion: incidents open and are closed again, and the page must not grow."""
    page = person.page
    at_once = 50
    colleagues.close(open_numbers(desk).values())
    until(lambda: page.evaluate("document.querySelectorAll('#cards article').length") == 0, "a calm board")
    some = many(desk, at_once, "shift")
    samples: list[tuple[int, int, int]] = []
    every = max(1, incidents // at_once // 10)
    for turn in range(incidents // at_once):
        press(desk, some)
        colleagues.close(open_numbers(desk).values())
        if turn % every == every - 1:
            until(lambda: page.evaluate("document.querySelectorAll('#cards article').length") == 0, "closed")
            samples.append(((turn + 1) * at_once, *heap_bytes(page)))
    later = samples[len(samples) // 2 :]
    (first, heap, _), (last, heap_end, _) = later[0], later[-1]
    return {
        "incidents": samples[-1][0],
        "heap_kb": [one[1] // 1024 for one in samples],
        "nodes": [one[2] for one in samples],
        "growth_kb_per_1000": round((heap_end - heap) / 1024 / max(1, last - first) * 1_000, 1),
    }


def main() -> int:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--open", type=int, default=300, help="incidents that are open before")
    arguments.add_argument("--presses-per-s", type=int, default=20, help="of new sites")
    arguments.add_argument("--again", type=float, default=0.25, help="presses at known sites for each of a new one")
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--shift", type=int, default=10_000, help="incidents opened and closed afterwards; 0: none")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    hush()
    with tempfile.TemporaryDirectory() as folder, launched(chromium()) as browser:
        desk = Desk(Path(folder))
        with desk.served() as url, others(desk) as colleagues:
            desk.operator()
            person = Dispatcher(browser, url, reduced_motion="no-preference", **SCREEN)
            person.page.add_init_script(PROBE)
            person.enter(desk, "김하늘")
            person.start_watch()
            figures: dict[str, Any] = {
                "storm": storm(person, desk, given.open, given.presses_per_s, given.seconds, given.again)
            }
            complaints = person.complaints
            person.context.close()
            if given.shift:  # on a page of its own: what the probe keeps is not the page's
                person = Dispatcher(browser, url, reduced_motion="no-preference", **SCREEN)
                person.enter(desk, "김하늘")
                person.start_watch()
                figures["shift"] = shift(person, desk, colleagues, given.shift)
                complaints += person.complaints
                person.context.close()
            figures["complaints"] = complaints
            desk.hub.close()
        desk.close()
    print(json.dumps(figures, ensure_ascii=False) if given.json else json.dumps(figures, ensure_ascii=False, indent=2))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
