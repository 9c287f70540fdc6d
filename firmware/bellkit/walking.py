"""Carries a walk test out: the bell's events and the gateway's moments in, `walktest` decides, a screen shows.

    result = Walking(port, gateway, hello, screen).run()

A hop's time is what one part says about itself, so no two clocks are compared: the device's from the bell, the
database's, the gateway's and the console's from the gateway, and the broker's is the bell's whole time until its
receipt, less what the gateway needed: there and back.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bellkit import walktest
from bellkit.errors import GatewayError, PortError, Refused
from bellkit.gateway import Gateway
from bellkit.port import Port
from bellkit.walktest import BROKER, CONSOLE, DATABASE, DEVICE, GATEWAY, Ask, Asked, Walk

TEST_MINUTES = 15
AWAKE_S = 20.0  # the bell forgets us after 60
CLOSE_S = 60.0  # to close what was opened for the test
ASK_GATEWAY_S = 0.15  # while a press is rising: quick enough to be fun, slow enough for a Pi
# A supervised line trembles; half a band (see the bell's contacts) is more than that and less than another condition.
MOVED_PERMILLE = 60
PERMILLE_FROM = 2  # values 0 and 1 are levels of a plain line, larger ones thousandths of the supply


class Screen(Protocol):
    """What shows a walk test. Called from the thread of the walk."""

    def asked_for(self, ask: Ask, number: int, count: int) -> None:
        """A person has to act on this input now."""

    def rung(self, ask: Ask, rung: str, ms: int | None) -> None:
        """It has climbed one more."""

    def other(self, name: str) -> None:
        """Somebody acted on another input."""

    def asked(self, asked: Asked) -> None:
        """This input is done with."""

    def left(self, seconds: int) -> None:
        """So long this input is waited for yet."""

    def close(self, names: list[str]) -> None:
        """These have to be closed before the test can end; [] when they are."""

    def stopped(self) -> bool:
        """Does the person want to end it?"""


@dataclass(frozen=True, slots=True)
class Walked:
    """presses: (boot, seq) of each press that counted."""

    walk: Walk
    presses: tuple[tuple[str, int], ...]
    left_open: tuple[str, ...]


class Walking:
    """One walk test. judge: gives what speaks against the bell, when every input is done with."""

    def __init__(
        self,
        port: Port,
        gateway: Gateway | None,
        hello: Mapping[str, Any],
        screen: Screen,
        judge: Callable[[], tuple[str, ...]],
        by: str = "bellkit",
    ) -> None:
        self._port, self._gateway, self._screen, self._judge, self._by = port, gateway, screen, judge, by
        self._bell_id = str(hello.get("bell_id"))
        self._linked = bool(hello.get("linked"))
        self._walk = Walk(())
        self._values: dict[int, int] = {}  # of each line, at the start
        self._names: dict[int | None, str] = {None: walktest.BUTTON}
        self._last_zone: int | None = None  # whose edge came last: a press follows its edge
        self._boot = ""
        self._edges_ms: dict[int | None, int] = {}
        self._stored_after_ms: int | None = None
        self._presses: list[tuple[str, int]] = []
        self._awake_s = self._asked_s = 0.0
        self._shown = False
        self._second = -1

    def run(self) -> Walked:
        """Raises PortError, Refused (an alarm is on its way: no test now)."""
        port = self._port
        lines = port.ask("diag.inputs").get("lines", ())
        self._values = {line[0]: line[2] for line in lines}
        self._names |= {line[0]: str(line[1]) for line in lines}
        self._walk = Walk(walktest.asks_of(_zone(line) for line in lines), self._wanted())
        port.events.clear()
        port.ask("watch", on=True)
        port.ask("test.begin", minutes=TEST_MINUTES)
        try:
            self._give(("begin",))
            while self._walk.phase != "over":
                self._turn()
            left_open = self._wait_closed()
        finally:
            self._end_test()
        return Walked(self._walk, tuple(self._presses), tuple(left_open))

    def _wanted(self) -> tuple[str, ...]:
        if self._gateway is not None:
            return walktest.RUNGS
        return (DEVICE, BROKER, GATEWAY, DATABASE) if self._linked else (DEVICE,)

    def _end_test(self) -> None:
        try:
            self._port.ask("test.end")
            self._port.ask("watch", on=False)
        except (PortError, Refused):
            pass  # it ends by itself after TEST_MINUTES; what we were about to say matters more

    def _turn(self) -> None:
        event = next(iter(self._port.watch(0.1)), None)
        if event is not None:
            self._event(event)
        if self._screen.stopped():
            self._give(("end",))
            return
        self._look_up()
        self._give(("tick",))
        now_s = time.monotonic()
        if now_s - self._awake_s > AWAKE_S:
            self._awake_s = now_s
            self._port.ask("hello")
        if self._walk.phase == "asking" and self._walk.until_ms is not None:
            left = max(0, (self._walk.until_ms - _now_ms()) // 1000)
            if left != self._second:
                self._second = left
                self._screen.left(left)

    def _event(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event")
        if kind == "edge" and event.get("name") == "button" and event.get("closed"):
            self._last_zone = None
            self._edges_ms[None] = int(event.get("at_ms", 0))
        elif kind == "line" and self._moved(event):
            self._last_zone = int(event["zone"])
            self._edges_ms[self._last_zone] = int(event.get("at_ms", 0))
        elif kind == "press" and event.get("what") == "test":
            zone = event.get("zone", self._last_zone)
            self._boot = str(event["boot"])
            self._give(("edge", zone, int(event["seq"])))
            kept_ms = event.get("kept_ms")
            self._give(("rung", int(event["seq"]), DEVICE, None if kept_ms is None else int(kept_ms)))
        elif kind == "stage" and event.get("boot") == self._boot:
            self._stage(int(event["seq"]), str(event.get("stage")), event.get("after_ms"))

    def _moved(self, event: Mapping[str, Any]) -> bool:
        """Is it another condition than at the start?"""
        zone, value = event.get("zone"), event.get("value")
        before = self._values.get(zone) if isinstance(zone, int) else None
        if before is None or not isinstance(value, int):
            return False
        return value != before if max(before, value) < PERMILLE_FROM else abs(value - before) > MOVED_PERMILLE

    def _stage(self, seq: int, stage: str, after_ms: int | None) -> None:
        """A receipt at the bell proves broker, gateway and database at once: it is sealed after the commit."""
        if seq != self._walk.seq or stage != "stored":
            return
        self._stored_after_ms = after_ms
        if self._gateway is None:
            for rung in (BROKER, GATEWAY):
                self._give(("rung", seq, rung, None))
            self._give(("rung", seq, DATABASE, after_ms))

    def _look_up(self) -> None:
        """The gateway's moments of the press that is rising."""
        walk, gateway = self._walk, self._gateway
        if gateway is None or walk.phase != "rising" or walk.seq is None:
            return
        now_s = time.monotonic()
        if now_s - self._asked_s < ASK_GATEWAY_S:
            return
        self._asked_s = now_s
        seq = walk.seq
        try:
            press = gateway.walk(self._bell_id, self._boot, seq)
            if press is None or press.get("stored_ms") is None:
                return
            if not self._shown:
                self._shown = True
                gateway.presented(self._bell_id, self._boot, seq, self._by)
                press = gateway.walk(self._bell_id, self._boot, seq) or press
        except GatewayError:
            return  # the walk's own deadline says that this rung never came
        if self._stored_after_ms is None:
            return  # the receipt is still on its way back to the bell
        for rung, ms in hops(press, self._stored_after_ms):
            self._give(("rung", seq, rung, ms))

    def _give(self, given: tuple[Any, ...]) -> None:
        self._walk, effects = walktest.step(self._walk, given, _now_ms())
        for effect in effects:
            self._carry(effect)

    def _carry(self, effect: tuple[Any, ...]) -> None:
        name = effect[0]
        if name == "ask":
            self._stored_after_ms, self._shown = None, False
            self._screen.asked_for(effect[1], self._walk.at + 1, len(self._walk.asks))
        elif name == "rung":
            ask = self._walk.asks[self._walk.at]
            self._screen.rung(ask, effect[1], effect[2])
        elif name == "other":
            self._screen.other(self._names.get(effect[1], str(effect[1])))
        elif name == "asked":
            if effect[1].seq is not None:
                self._presses.append((self._boot, effect[1].seq))
            self._screen.asked(effect[1])
        elif name == "judge":
            self._give(("judged", self._judge()))

    def _wait_closed(self) -> list[str]:
        """Nothing that was opened as a test may be open when the test ends: it would then be an alarm."""
        end_s = time.monotonic() + CLOSE_S
        told: list[str] | None = None
        while True:
            lines = self._port.ask("diag.inputs").get("lines", ())
            still = [str(line[1]) for line in lines if self._moved({"zone": line[0], "value": line[2]})]
            if still != (told or []):
                self._screen.close(still)
                told = still
            if not still or time.monotonic() > end_s or self._screen.stopped():
                return still
            self._port.listen(0.3)


def hops(press: Mapping[str, Any], stored_after_ms: int) -> list[tuple[str, int | None]]:
    """(rung, ms) of a press as the gateway tells it; stored_after_ms: the bell's whole time until its receipt."""
    received, stored, receipt = press.get("received_ms"), press.get("stored_ms"), press.get("receipt_ms")
    found: list[tuple[str, int | None]] = []
    if received is not None and stored is not None:
        inside = (receipt if receipt is not None else stored) - received
        found.append((BROKER, max(0, stored_after_ms - inside)))
        found.append((GATEWAY, None if receipt is None else max(0, receipt - stored)))
        found.append((DATABASE, max(0, stored - received)))
    elif stored is not None:  # another gateway of the group took it: proved, but its moments are there
        found += [(BROKER, None), (GATEWAY, None), (DATABASE, stored_after_ms)]
    if press.get("presented_ms") is not None and stored is not None:
        found.append((CONSOLE, max(0, press["presented_ms"] - stored)))
    return found


def _zone(line: list[Any]) -> dict[str, Any]:
    kind = "tamper" if line[1] in ("case", "wall") else "contact"
    return {"zone": line[0], "place": str(line[1]), "kind": kind}


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
