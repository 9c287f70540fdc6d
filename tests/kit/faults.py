"""Breaks one thing after the other around a real bell and a real gateway, and asks `bellkit` what is wrong.

    python tests/kit/faults.py --json            all of them, as JSON
    python tests/kit/faults.py --table           all of them, and docs/kit-faults.md written from what came out
    python tests/kit/faults.py --only wifi       those with this in their name

The bell is the firmware on MicroPython on a pty, with simulated pins and radio; gateway, broker and kit are the real
programs. A fault is named truly if the expected cause is named, and nothing else beside notes. Each is put right
afterwards.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bed
import faults_bell  # noqa: F401 -- they enter their faults in the list
import faults_way  # noqa: F401
from bed import PASSWORD, SETTINGS, SSID, Bed, Kit
from fault_list import FAULTS, NONE, Fault

from bellkit.texts import Words

DOCS = Path(__file__).parents[2] / "docs" / "kit-faults.md"


async def judged(it: Bed, one: Fault) -> dict[str, Any]:
    """One fault: what the kit said of it."""
    began_s = time.monotonic()
    try:
        done = await one.run(it)
    except Exception as error:  # told as what it is: this fault was not shown, the others still are
        done = Kit(-1, None, f"{type(error).__name__}: {error}")
    causes = [] if done.said is None else [each for each in done.said.get("verdict", ()) if each["severity"] != "note"]
    named = causes[0]["cause"] if causes else NONE if done.code == 0 else f"exit {done.code}"
    return {
        "name": one.name,
        "what": one.what,
        "asked": one.asked,
        "expected": one.cause,
        "named": named,
        "also": [each["cause"] for each in causes[1:]],
        "reason": causes[0]["reason"] if causes else "",
        "exit": done.code,
        "seconds": round(time.monotonic() - began_s, 1),
        "ok": named == one.cause and len(causes) <= 1,
        "said": "" if done.said is not None else done.text[-400:],
    }


async def run(only: str | None, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """All that match, each in the bed of its phase."""
    results: list[dict[str, Any]] = []
    wanted = [one for one in FAULTS if only is None or only in one.name]
    for phases, broker, station in (
        (("blank", "enrolled", "last"), "embedded", "성수지구대"),
        (("elsewhere",), "embedded", "역삼지구대"),
        (("mosquitto",), "mosquitto", "성수지구대"),
    ):
        here = [one for one in wanted if one.phase in phases]
        if not here:
            continue
        async with bed.bed(broker, station) as it:
            for one in here:
                if one.phase != "blank" and not it.enrolled:
                    await it.install(SETTINGS, wifi=(SSID, PASSWORD))
                results.append(await judged(it, one))
                last = results[-1]
                said = f"{one.name}: {last['named']} in {last['seconds']} s {last['also'] or ''}"
                say(f"{'ok ' if last['ok'] else 'NOT'} {said}")
    return results


def table(results: list[dict[str, Any]]) -> str:
    """docs/kit-faults.md."""
    ko, en = Words("ko"), Words("en")
    right = sum(one["ok"] for one in results)
    lines = [
        "# What the kit says of each fault",
        "",
        "Written by `python tests/kit/faults.py --table`; do not edit. Each fault was made for real, one at a time.",
        "The bell is the firmware on MicroPython on a pty with simulated pins and radio; gateway, broker and kit are",
        "real. Nothing was measured on hardware. *Named* is the first cause that `bellkit` named, notes apart. The",
        "times are of a busy host and say only that nobody waits for minutes.",
        "",
        f"{right} of {len(results)} were named as they are, and nothing else with them.",
        "",
        "| fault | asked | named | in words | s |",
        "|---|---|---|---|---:|",
    ]
    for one in results:
        known = one["named"] not in (NONE,) and not one["named"].startswith("exit")
        key = f"cause.{one['named']}" if known else "verdict.good"
        said = f"{en(key)} · {ko(key)}"
        mark = "" if one["ok"] else " **(not as expected)**"
        name = f"`{one['named']}`{mark}"
        lines.append(f"| {one['what']} | `{one['asked']}` | {name} | {said} | {one['seconds']:.1f} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """0 if every fault was named truly."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only")
    given = parser.parse_args()
    results = asyncio.run(run(given.only, lambda line: print(line, file=sys.stderr, flush=True)))
    ok = all(one["ok"] for one in results)
    if given.json:
        print(json.dumps({"ok": ok, "count": len(results), "faults": results}, ensure_ascii=False))
    if given.table:
        DOCS.write_text(table(results), encoding="utf-8")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
