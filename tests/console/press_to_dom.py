"""From a press to the card and to the sound: `python tests/console/press_to_dom.py --presses 100 --json`.

A sealed press goes into the real pipeline on a real SQLite file; a real Chromium listens to the real server. It begins
when the packet is handed over (the broker's hop is left out), on one clock: everything runs on the one machine.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from browser import Dispatcher, chromium, launched
from desk import Desk
from gauge import PROBE, hush, many, open_numbers, others, press, spread

# Longer than the alarm sounds: a press that comes while it does is heard in it.
PAUSE_S = 1.9


def main() -> int:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--presses", type=int, default=100)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    hush()
    pressed: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, launched(chromium()) as browser:
        desk = Desk(Path(folder))
        with desk.served() as url, others(desk) as colleagues:
            desk.operator()
            person = Dispatcher(browser, url, reduced_motion="no-preference")
            person.page.add_init_script(PROBE)
            person.enter(desk, "김하늘")
            person.start_watch()
            person.page.wait_for_timeout(int(PAUSE_S * 1_000))
            person.page.evaluate("() => { gauge.sounds.length = 0; }")
            for bell in many(desk, given.presses, "new"):
                at_ms = time.time() * 1_000
                press(desk, [bell])
                number = open_numbers(desk)[bell.bell_id]
                pressed[number] = at_ms
                person.page.wait_for_timeout(int(PAUSE_S * 1_000))
                colleagues.close([number])
            found = person.page.evaluate("gauge")
            person.context.close()
            desk.hub.close()
        desk.close()
    dom = [found["dom"][str(number)] - at_ms for number, at_ms in pressed.items()]
    seen = [found["seen"][str(number)] - at_ms for number, at_ms in pressed.items()]
    first_sound = [min((s for s in found["sounds"] if s >= at_ms), default=None) for at_ms in pressed.values()]
    sound = [at - at_ms for at, at_ms in zip(first_sound, pressed.values(), strict=True) if at is not None]
    figures = {
        "presses": len(pressed),
        "press_to_card_in_document_ms": spread(dom),
        "press_to_card_painted_ms": spread(seen),
        "press_to_sound_scheduled_ms": spread(sound),
        "without_sound": sum(at > 1_000 for at in sound) + first_sound.count(None),
    }
    print(json.dumps(figures) if given.json else json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
