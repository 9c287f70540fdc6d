"""A bell whose firmware really decides, at a gateway that really decides, and no wire between them.

Both clocks are the test's; every message is sealed, read and checked as on the air.
"""

import asyncio
from typing import Any

from gatehouse import Bell, Gatehouse

from bellgate.core.press_test import PressTest
from bellgate.store import press_tests
from bellnode import node, settings
from bellwire import pack, unpack

START_MS = 1_000  # of the bell's own clock
STEP_MS = 100


class Wired:
    """`deaf`: what the gateway says is lost on the way."""

    def __init__(self, gate: Gatehouse, kind: str = "store-bell") -> None:
        self.gate, self.bell = gate, gate.enrol(Bell())
        settled, faults = settings.read_all({}, kind)
        assert not faults, faults
        self.now_ms = START_MS
        self.node = node.start(kind, settled, self.bell.boot, 0, 1, self.now_ms)
        self.lamps: list[str] = []
        self.deaf = False
        self._read = 0
        self.give("remembered", None, None)
        self.give("linked")
        gate.hear(self.bell.status, self.bell.says("online"))

    def give(self, *given: Any) -> None:
        """Something happens to the bell, and all that follows from it on both sides."""
        waiting = [given]
        while waiting:
            self.node, effects = node.step(self.node, waiting.pop(0), self.now_ms)
            for effect in effects:
                if effect[0] == "send":
                    topic = self.bell.up if effect[1] == "up" else self.bell.status
                    self.gate.hear(topic, pack(effect[2], topic, self.bell.key))
                elif effect[0] == "show" and self.lamps[-1:] != [effect[1]]:
                    self.lamps.append(effect[1])
            waiting += [("received", message) for message in self._told()]

    def _told(self) -> list[dict[str, Any]]:
        new, self._read = self.gate.receipts[self._read :], len(self.gate.receipts)
        told = [unpack(payload, topic, {0: self.bell.key}) for topic, payload in new if topic == self.bell.down]
        return [] if self.deaf else told

    def wait(self, ms: int) -> None:
        """Time passes on both sides."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            step_ms = min(STEP_MS, end_ms - self.now_ms)
            self.now_ms += step_ms
            self.gate.fast_forward(step_ms)
            self.give("tick")

    def press(self, hold_ms: int = 120) -> None:
        """A finger on the button."""
        self.give("edge", 1, self.now_ms)
        self.wait(hold_ms)
        self.give("edge", 0, self.now_ms)
        self.wait(100)

    # The console

    def begin(self, minutes: int = 10, by: str = "김하늘") -> PressTest:
        """A person asks for a press test."""
        made = asyncio.run(self.gate.pipeline.press_tests(lambda tests: tests.begin(self.bell.bell_id, by, minutes)))
        self.give("tick")
        return made

    def end(self, number: int, by: str = "이서준") -> None:
        """A person ends it."""
        asyncio.run(self.gate.pipeline.press_tests(lambda tests: tests.end(number, by)))
        self.give("tick")

    def test(self, number: int = 1) -> PressTest:
        """How it stands."""
        found = self.gate.store.read_now(lambda tx: press_tests.get(tx, number))
        assert found is not None
        return found
