"""One bell: the real firmware as tasks of the virtual loop, on flash and files that outlive its power."""

import asyncio
import base64
import contextlib
import json
import random
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from typing import Any

from bellnode import app, config, outbox, pin, settings, staged, starts
from bellnode.indicator import rung_of
from bellsim.storage import Flash, PowerCut
from bellsim.world.board import Board, Station
from bellsim.world.inside import HERE, PowerGone
from bellsim.world.network import Listener, Road, Wire, dial

SECTORS = 8
BOOT_S = 0.4  # power on to the first line of the program
WATCHDOG_S = 30.0
BOUNCE_S = 0.08  # a contact that opens for less has not been let go
DRIFT_PPM = 80  # at most; the firmware reckons with 100
CODE, DURESS_CODE = "4711", "4712"
PIN_ROUNDS = 1  # a code takes a second on a chip; here nobody guesses it
ZONE, WALL = 1, 2  # a home's door, and the set's own wall contact

# What the world is told of a bell: (bell, what, value).
Told = Callable[["VirtualBell", str, Any], None]


class _Partition:
    """The journal's flash, which is gone with the power."""

    def __init__(self, flash: Flash) -> None:
        self.flash = flash

    def ioctl(self, request: int, argument: int) -> int:
        """As Flash's."""
        with _whole():
            return self.flash.ioctl(request, argument)

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """As Flash's."""
        with _whole():
            self.flash.readblocks(block, buffer, offset)

    def writeblocks(self, block: int, buffer: "bytes | bytearray | memoryview", offset: int = 0) -> None:
        """As Flash's."""
        with _whole():
            self.flash.writeblocks(block, buffer, offset)


@contextlib.contextmanager
def _whole() -> Any:
    try:
        yield
    except PowerCut:
        HERE.get().brown_out()
        raise PowerGone from None


class VirtualBell:
    """told("lamp", rung), ("tap", (given, effects)), ("log", text), ("on", boot) and ("off", why) are the world's."""

    def __init__(
        self,
        enrolled: Any,
        brokers: list[str],
        listeners: Callable[[str], Listener | None],
        loop: asyncio.AbstractEventLoop,
        folder: Path,
        chance: random.Random,
        told: Told,
    ) -> None:
        """enrolled: a `year.town.Bell`. brokers: names; listeners(name): who listens there."""
        self.bell_id, self.site, self.kind, self.key = enrolled.bell_id, enrolled.site, enrolled.kind, enrolled.key
        self.enrolled = enrolled
        self.loop, self.chance, self._told, self._listeners = loop, chance, told, listeners
        self.road = Road(chance)
        self.station = Station()
        self.disk = Flash(SECTORS)
        self.flash = _Partition(self.disk)
        self.zones = {ZONE: 1, WALL: 1} if self.kind == "home-set" else {}
        self.power = False
        self.bitten = False
        self.board: Board | None = None
        self.app: Any = None
        self._rung = "idle"
        self._started_s = 0.0
        self._ms = 1000 * (1 + chance.uniform(-DRIFT_PPM, DRIFT_PPM) / 1_000_000)  # of its clock in a second
        self.tasks: dict[asyncio.Task[Any], None] = {}  # of its program, in the order of their beginning
        self._file_cut = -1  # the power goes at the file operation with this count
        self._folder = folder
        folder.mkdir()
        _enrol(folder, enrolled, brokers, chance)

    # Power

    def switch_on(self) -> None:
        """Power: the program starts."""
        if self.power:
            return
        self.power = True
        self.disk.off = False
        self.disk.cut_at = -1
        self._context = copy_context()
        self._context.run(self._begin)

    def _begin(self) -> None:
        HERE.set(self)
        self.loop.create_task(self._live())

    def cut(self) -> None:
        """The power goes, now."""
        if self.power:
            self.brown_out()

    def brown_out(self) -> None:
        """The same from within the program: what runs gets no further."""
        if not self.power:
            return
        self.power = False
        self.disk.off = True
        self._file_cut = -1
        for wire in list(self.road.wires):
            wire.vanish()
            wire.listener.missed(wire)
        self._end_tasks()
        self.board = self.app = None
        self._show("idle")
        self._told(self, "off", "power")

    def _end_tasks(self) -> None:
        current = asyncio.current_task(self.loop)
        for task in list(self.tasks):
            if task is not current:
                task.cancel()

    def hang(self) -> None:
        """The program stops where it is; the watchdog resets it after WATCHDOG_S."""
        if not self.power:
            return
        self.cut()
        self.bitten = True
        self.loop.call_later(WATCHDOG_S, self.switch_on)

    def cut_at_flash(self, operations: int, seed: int) -> None:
        """The power goes half-way through the operation of the flash after so many."""
        self.disk.cut_at = self.disk.count + operations
        self.disk.cut_seed = seed

    def cut_at_file(self, operations: int) -> None:
        """The power goes before the operation on a file after so many."""
        self._file_cut = operations

    def forget_cuts(self) -> None:
        """What was to be the last operation is not any more."""
        self.disk.cut_at = self._file_cut = -1

    def forget_starts(self) -> None:
        """Its record of starts is gone, as after a file system that had to be made anew."""
        for path in self._folder.glob("boot.*"):
            path.unlink()

    def at_file(self) -> None:
        """From within the program: it is about to change a file."""
        if not self.power:
            raise PowerGone
        if self._file_cut >= 0:
            self._file_cut -= 1
            if self._file_cut < 0:
                self.brown_out()
                raise PowerGone

    async def _live(self) -> None:
        await asyncio.sleep(BOOT_S)
        while self.power:
            try:
                again = await self._run()
            except PowerGone:
                return
            except Exception as fault:  # as main() does: note it, and start again
                self.heard_on_uart(self._record.crashed(fault))
                self._told(self, "crashed", fault)
                again = True
            if not again:
                return
            self._leave_network()
            self._told(self, "off", "restart")
            await asyncio.sleep(BOOT_S)

    async def _run(self) -> bool:
        """As `app.main` does it."""
        folder = str(self._folder)
        self._started_s = self.loop.time()
        events = app._events(folder)
        found = config.read(folder + "/" + config.FILE)
        store = (folder, found.kind, found.silent)
        loaded = staged.Staged(*store).load()
        found = config.chosen(found, loaded[0])
        self._record = starts.Starts(folder, [password for _, password in found.wifi])
        running = self.app = app.App(found, folder, store, loaded, self._record, events)
        running.tap = self._tapped
        self.bitten = False
        self._told(self, "on", running._node.rest.boot)
        self._tapped(("started",), (("save", outbox.records(running._node.outbox)),))
        await running.run()
        return bool(running.again)

    def _tapped(self, given: tuple[Any, ...], effects: tuple[Any, ...]) -> None:
        self._told(self, "tap", (given, effects))

    def _leave_network(self) -> None:
        for wire in list(self.road.wires):
            wire.close()

    # What the firmware asks

    def fit(self, stop: Callable[[], None], fitted: Any) -> Board:
        """The board of this start."""
        self.board = Board(self.loop, self.station, self.now_ms, self._saw, lambda sounding: None, self.zones)
        return self.board

    def now_ms(self) -> int:
        """Its own clock, which drifts."""
        return int((self.loop.time() - self._started_s) * self._ms)

    def heard_on_uart(self, text: str) -> None:
        """A line of its log."""
        self._told(self, "log", text)

    async def dial(self, host: str) -> Wire:
        """A connection to a broker."""
        wire = await dial(self.loop, self.road, self._listeners(host))
        wire.door = host
        return wire

    # What the world does

    def press(self, held_s: float = 0.3) -> bool:
        """The button; False: it has no power, and everybody sees that."""
        if self.board is None:
            return False
        board = self.board
        board.edge(1)
        self.loop.call_later(held_s, board.edge, 0)
        return True

    def feed(self, *given: Any) -> None:
        """An input that comes by the installer's cable."""
        if self.app is not None:
            self._context.run(self.app._feed, given)

    def type_code(self, keys: str) -> None:
        """On the keypad."""
        for place, key in enumerate(keys):
            self.loop.call_later(0.3 * place, self._key, key)

    def _key(self, key: str) -> None:
        if self.board is not None:
            self.board.key(key)

    def move_line(self, zone: int, level: int) -> None:
        """A contact, whether there is power or not."""
        if zone not in self.zones:
            return
        if self.board is not None:
            self.board.line(zone, level)
        else:
            self.zones[zone] = level

    def air(self, there: bool) -> None:
        """The access point comes or goes."""
        self.station.on_air = there
        if there:
            self.road.come_back()
        else:
            self.lose_sight()
            self.road.go()
        self.stir()

    def lose_sight(self) -> None:
        """Brokers will miss it."""
        for wire in self.road.wires:
            wire.listener.missed(wire)

    def stir(self) -> None:
        """Look again."""
        if self.board is not None:
            self.board.wake()

    @property
    def troubled(self) -> bool:
        """Its way or its radio is not as it should be."""
        return (
            self.road.away
            or self.road.mute
            or not self.station.on_air
            or self.station.driver_dead
            or self.road.stalls > 0
        )

    @property
    def stuck(self) -> bool:
        """A finger is on its button, or was a moment ago: the next one is no press of its own."""
        return self.board is not None and (self.board.held > 0 or self.loop.time() < self.board.released_s + BOUNCE_S)

    @property
    def rung(self) -> str:
        """What its lamp says."""
        return self._rung

    def _saw(self, rgb: tuple[int, int, int]) -> None:
        self._show("idle" if rgb == (0, 0, 0) else str(rung_of(rgb)))

    def _show(self, rung: str) -> None:
        if rung != self._rung:
            self._rung = rung
            self._told(self, "lamp", rung)


def _enrol(folder: Path, enrolled: Any, brokers: list[str], chance: random.Random) -> None:
    der = base64.b64encode(b"\x30\x03no").decode()  # nothing here is encrypted
    said = {
        "v": 1,
        "bell_id": enrolled.bell_id,
        "site": enrolled.site,
        "kind": enrolled.kind,
        "key": base64.b64encode(enrolled.key).decode(),
        "ca_der": der,
        "cert_der": der,
        "key_der": der,
        "brokers": [{"host": name, "port": 8883, "server_name": name} for name in brokers],
        "wifi": [{"ssid": "shop", "password": "correct horse"}],
    }
    (folder / config.FILE).write_text(json.dumps(said))
    if enrolled.kind == "home-set":
        made = {
            "v": 1,
            "zones": [
                {"zone": ZONE, "name": "door", "type": "entry", "wiring": "nc", "input": "zone1"},
                {"zone": WALL, "name": "wall", "type": "tamper", "wiring": "nc", "input": "wall"},
            ],
            "home": {"pin": pin.make(CODE, DURESS_CODE, chance.randbytes(pin.SALT_BYTES), PIN_ROUNDS)},
        }
        assert not settings.read_all(made, "home-set")[1], settings.read_all(made, "home-set")[1]
        (folder / staged.CONFIRMED).write_text(json.dumps(made))
