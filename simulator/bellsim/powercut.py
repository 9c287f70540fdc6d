"""`bellsim powercut`: the power goes at each program and erase of the flash, and half-way through. What is still there?

The firmware's own journal runs on MicroPython, in several processes: `cuts` is what runs there, `storage` is the flash.
The same campaign also runs with journals that have one fault each, and has to see it: a campaign that cannot fail
proves nothing.
"""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bellsim.runtime import MICROPYTHON, Runtime, SimulatorError, find_runtime, link_packages

# Which share of the cuts goes to which journal, in percent. The small ring has so little room that it has to copy and
# erase all the time; the files are what a board without the partition uses, and what boot record and settings are.
SHARES = {"ring": 40, "small ring": 30, "files": 30}
RINGS = ("ring", "small ring")
MUTANTS = (
    "files without flush",
    "ring that writes later",
    "ring that marks first",
    "ring with headers left",
    "ring without CRC",
)
MUTANT_CUTS = 20_000  # at most: a mutant is let go as soon as it has been seen so often
MUTANT_ENOUGH = 5
SHARD_CUTS = 1_000  # per process: a failure names a story that is quick to run again
HEAP_BYTES = 16_000_000  # the flash images and the logs; the firmware's own heap is measured elsewhere
WORKER_DEADLINE_S = 600.0
FAULTS = ("lost", "invented", "false_fault", "boot_repeated", "mount_failures", "uncut")


@dataclass
class Shard:
    """One process: a kind of journal, a seed, how many cuts; and what came of it."""

    kind: str
    seed: int
    cuts: int
    enough: int = 1_000  # faults, after which it ends early
    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: str = ""


def shards(cuts: int, seed: int, mutants: bool = True) -> list[Shard]:
    """The work of a campaign of `cuts` cuts of the real journals."""
    found: list[Shard] = []
    for kind, percent in SHARES.items():
        left = -(-cuts * percent // 100)
        while left > 0:
            found.append(Shard(kind, seed * 1_000 + len(found), min(left, SHARD_CUTS)))
            left -= SHARD_CUTS
    if mutants:
        found += [Shard(kind, seed * 1_000, MUTANT_CUTS, MUTANT_ENOUGH) for kind in MUTANTS]
    return found


async def campaign(
    cuts: int, seed: int = 1, say: Callable[[str], None] = lambda text: None, mutants: bool = True
) -> dict[str, Any]:
    """The result as one object; "ok": nothing was lost, invented or reported falsely, and each mutant was seen."""
    runtime = find_runtime(MICROPYTHON)
    began = time.monotonic()
    work = shards(cuts, seed, mutants)
    waiting = list(reversed(work))
    with tempfile.TemporaryDirectory(prefix="bellsim-") as folder:
        packages = _link(Path(folder))

        async def take() -> None:
            while waiting:
                await _run(waiting.pop(), runtime, packages)

        tasks = [asyncio.create_task(take()) for _ in range(min(len(work), os.cpu_count() or 1))]
        try:
            pending = set(tasks)
            while pending:
                done, pending = await asyncio.wait(pending, timeout=2, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                if pending:
                    real = sum(shard.done for shard in work if shard.kind in SHARES)
                    left = sum(1 for shard in work if not shard.counts)
                    say(f"{real} of {cuts} cuts, {left} of {len(work)} parts left")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return _result(work, seed, mutants, time.monotonic() - began)


def _link(folder: Path) -> Path:
    packages = link_packages(folder / "packages")
    (packages / "bellsim").mkdir(exist_ok=True)
    for name in ("cuts.py", "storage.py"):
        (packages / "bellsim" / name).symlink_to(Path(__file__).with_name(name))
    return packages


async def _run(shard: Shard, runtime: Runtime, packages: Path) -> None:
    code = f"from bellsim import cuts; cuts.main({shard.kind!r}, {shard.seed}, {shard.cuts}, {shard.enough})"
    command = runtime.command(code, packages)
    command = [f"heapsize={HEAP_BYTES}" if word.startswith("heapsize=") else word for word in command]
    words: deque[str] = deque(maxlen=3)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=packages.parent,
        env=runtime.environment(packages),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        # A file that a power cut left open is closed by MicroPython's collector, which says so at length.
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WORKER_DEADLINE_S):
            async for line in process.stdout:
                if not line.startswith(b"{"):
                    words.append(line.decode(errors="replace").strip())
                    continue
                said = json.loads(line)
                shard.done = said.get("done", shard.done)
                shard.counts = said.get("result", {})
                shard.first = said.get("first", "")
            await process.wait()
    except TimeoutError:
        raise SimulatorError(f"the campaign on {shard.kind} took longer than {WORKER_DEADLINE_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if not shard.counts:
        raise SimulatorError(
            f"the campaign on {shard.kind} with seed {shard.seed} ended by itself, status {process.returncode}: "
            + " / ".join(words)
        )
    shard.done = shard.counts["cuts"]


def _result(work: list[Shard], seed: int, mutants: bool, took_s: float) -> dict[str, Any]:
    real = [shard for shard in work if shard.kind in SHARES]

    def total(name: str, kinds: tuple[str, ...] = tuple(SHARES)) -> int:
        return sum(shard.counts[name] for shard in real if shard.kind in kinds)

    seen = {
        shard.kind: {name: shard.counts[name] for name in ("cuts", *FAULTS) if shard.counts[name]}
        for shard in work
        if shard.kind in MUTANTS
    }
    caught = all(set(counts) - {"cuts", "uncut"} for counts in seen.values())
    result: dict[str, Any] = {
        "ok": caught and not any(total(name) for name in FAULTS),
        "cuts": total("cuts"),
        "second_cuts": total("second_cuts"),
        "half_done": total("half_done"),
        "acked_lost": total("lost"),
        "invented": total("invented"),
        "false_faults": total("false_fault"),
        "boots_repeated": total("boot_repeated"),
        "mount_failures": total("mount_failures"),
        "records": total("records", RINGS),
        "erases_per_record": round(total("erases", RINGS) / total("records", RINGS), 4),
        "files_erases_per_record": round(total("erases", ("files",)) / total("records", ("files",)), 2),
        "by_journal": {kind: total("cuts", (kind,)) for kind in SHARES},
        "runtime": MICROPYTHON,
        "seed": seed,
        "took_s": round(took_s, 1),
    }
    if mutants:
        result |= {"mutant_caught": caught, "mutants": seen}
    first = [f"{shard.kind}: {shard.first}" for shard in real if shard.first]
    if first:
        result["first"] = first
    return result
