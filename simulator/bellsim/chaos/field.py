"""One combination of broker and store, ready to be broken: gateways, bells, targets, a person, and who looks."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bellsim import postgresql
from bellsim.bench import scratch_folder
from bellsim.chaos import bells as bells_module
from bellsim.chaos import disk as disk_module
from bellsim.chaos import installation
from bellsim.chaos import wall as wall_module
from bellsim.chaos.bells import ChaosBell
from bellsim.chaos.disk import Disk
from bellsim.chaos.hands import DATABASE, Ground, Hands
from bellsim.chaos.installation import Installation, webhook
from bellsim.chaos.people import Person
from bellsim.chaos.reader import Reader
from bellsim.chaos.seen import Claim, Seen
from bellsim.chaos.wall import Wall
from bellsim.chaos.watch import Watch
from bellsim.dispatcher import Dispatcher
from bellsim.receiver import Receiver

BELLS, TESTERS = 12, 3
POLICE, INSTALLER = "police", "installer"  # the second takes tests
STARTS_MAX = 200  # of a gateway in vain, one after the other: as long as a disk takes nothing


@dataclass
class Field:
    """One combination while it runs."""

    parts: Installation
    bells: list[ChaosBell]
    receivers: dict[str, Receiver]
    reader: Reader
    watch: Watch
    person: Person
    hands: Hands
    seen: Seen
    disk: Disk | None
    bitten: Counter[str] = field(default_factory=Counter)
    unfelt: Counter[str] = field(default_factory=Counter)
    evidence: dict[str, str] = field(default_factory=dict)


async def make(
    stack: contextlib.AsyncExitStack,
    broker: str,
    store: str,
    seed: int,
    say: Callable[[str], None],
    keep: bool,
    left_out: dict[str, str],
) -> Field:
    """Everything but gateways and bells runs. left_out: kind of fault -> why it can't be had here; filled in."""
    say("making a scratch installation")
    root = scratch_folder(stack, keep, say)
    gateways = 2 if store == "postgresql" else 1
    server, url = None, "sqlite:///ansimbell.db"
    if store == "postgresql":
        server = postgresql.Server()
        stack.push_async_callback(asyncio.to_thread, server.remove)
    disk = _disk(stack, root / "disk.img", root / "gateway-1" if server is None else server.folder / "disk", left_out)
    if disk is not None:
        await asyncio.to_thread(disk.make)
    if server is not None:
        if disk is not None:
            server.live_in(disk.path)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        await asyncio.to_thread(server.start)
        url = await asyncio.to_thread(server.database, DATABASE)
    receivers = {POLICE: Receiver(), INSTALLER: Receiver()}
    for receiver in receivers.values():
        await receiver.start()
        stack.push_async_callback(receiver.stop)
    walls: list[Wall] = []
    if (text := wall_module.missing()) is not None:
        left_out["clock_step"] = text
    else:
        walls = [Wall(root, f"gateway-{number}") for number in range(1, gateways + 1)]
    sections = "".join(webhook(name, one.url, one.secret, name == INSTALLER) for name, one in receivers.items())
    parts = await installation.make(
        stack, root, url, gateways, broker, sections, lambda number: walls[number - 1].environment if walls else {}
    )
    for victim in parts.victims:
        victim.failures_max = STARTS_MAX
    seen = Seen(takes_tests=frozenset({INSTALLER}))
    reader = Reader(url, parts.config.parent)

    def claimed(claim: Claim) -> None:
        seen.claims.append(claim)
        reader.claim(claim)

    say(f"enrolling {BELLS} bells, {TESTERS} of them in test mode")
    bells = await bells_module.make(stack, root, parts.config, parts.broker_port, BELLS, TESTERS, seen, claimed)
    dispatchers = [Dispatcher(one, parts.token) for one in parts.urls]
    for dispatcher in dispatchers:
        stack.push_async_callback(dispatcher.stop)
    watch = Watch([int(one.rpartition(":")[2]) for one in parts.urls])
    person = Person(dispatchers, seen.acts, random.Random(f"{seed} person"))
    hands = Hands(parts, Ground(disk, server, walls), bells, watch, reader, dispatchers, seen)
    return Field(parts, bells, receivers, reader, watch, person, hands, seen, disk)


def _disk(stack: contextlib.AsyncExitStack, image: Path, place: Path, left_out: dict[str, str]) -> Disk | None:
    """Where the database will lie."""
    if (text := disk_module.missing()) is not None:
        left_out |= dict.fromkeys(("disk_full", "disk_read_only"), text)
        return None
    disk = Disk(image, place)
    stack.push_async_callback(asyncio.to_thread, disk.remove)
    return disk
