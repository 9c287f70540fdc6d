"""What must hold between a bell and the gateway, beside what is stored: how soon, how honest, and not for everybody.
Asserts; breaks nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bellgate.core.signal import LATE_AFTER_MS
from bellgate.store import refusals
from bellnode import outbox
from bellnode.happen import SHOWN

if TYPE_CHECKING:
    from bellsim.world.bell import VirtualBell
    from bellsim.world.world import World

HELD_MS = 60_000  # all is well for so long: longer than the longest pause between two sends, and a tour of brokers
BEHIND_MS = 30_000  # as for a lamp: a new link has its stages confirmed within ten seconds
LATE_SLACK_MS = 5_000  # beside the minute after which a press is called late
REFUSED_S = 3.0  # an attack has been judged
SLOW_S = 1.0  # of latency: such a way is not well
_OPEN = (
    "SELECT s.bell_id, s.boot, s.seq, s.stage FROM signal s JOIN incident i ON i.id = s.incident_id "
    # A case that is opened again: its presses were said to be closed, and a stage never falls.
    "WHERE i.handling <> 'closed' AND s.stage <> 'closed'"
)


class Calls:
    """wrong(property, text) takes what does not hold."""

    def __init__(self, world: "World", wrong: Callable[[str, str], None]) -> None:
        self._world, self._wrong = world, wrong
        self._well_ms: dict[str, int] = {}  # bell: its power and a way to a broker are there since
        self._behind: dict[str, tuple[str, str, int]] = {}  # bell: (lamp, stage) that differ, since when

    # As it happens

    def lamp(self, bell: "VirtualBell", rung: str) -> None:
        """A lamp says something else."""
        if rung not in ("sending", "not_delivered") or bell.app is None:
            return
        waiting = {item.what for item in bell.app._node.outbox.entries}
        if "duress" in waiting and waiting.isdisjoint(SHOWN):
            self._wrong("betrayed", f"{bell.bell_id} shows {rung}, and nothing waits but a duress")

    def attacked(self, how: str) -> None:
        """Somebody without a key says something; a replay of what is known is answered, anything else refused."""
        if how not in ("forge", "retained", "flood", "garble") or not self._listens():
            return
        gate = self._world.gate
        state = (gate.lives, gate.store.counters()["commit_failures"])
        count = self._refused()
        self._world.loop.call_later(REFUSED_S, self._judge, how, state, count)

    def _judge(self, how: str, state: tuple[int, int], count: int) -> None:
        gate = self._world.gate
        if not self._listens() or (gate.lives, gate.store.counters()["commit_failures"]) != state:
            return
        if self._refused() == count:
            self._wrong("unrefused", f"an attack ({how}) was not refused")

    def _listens(self) -> bool:
        world = self._world
        return (
            world.gate.running
            and world.gate.linked
            and world.broker.up
            and not world.broker.frozen
            and not world.disk_full
            and not world.gate.pipeline.store_fault
        )

    def _refused(self) -> int:
        return sum(self._world.gate.store.read_now(refusals.counts).values())

    # Now and then

    def look(self, now_ms: int, works_ms: int | None) -> None:
        """works_ms: since when gateway, broker and disk work; None: they do not."""
        world = self._world
        doors = any(world.doors.listener(name) is world.broker for name in world.doors.names)
        for bell in world.bells.values():
            well = doors and bell.power and bell.app is not None and not bell.troubled
            if not well or bell.road.latency_s[1] > SLOW_S:
                self._well_ms.pop(bell.bell_id, None)
            else:
                self._well_ms.setdefault(bell.bell_id, now_ms)
        if works_ms is None:
            self._behind.clear()
            return
        true_ms = world.hands.true_ms()
        for bell_id, well_ms in self._well_ms.items():
            self._held_back(world.bells[bell_id], true_ms, true_ms - now_ms + max(well_ms, works_ms))
        self._lamps(now_ms, works_ms)

    def _held_back(self, bell: "VirtualBell", true_ms: int, well_ms: int) -> None:
        for item in bell.app._node.outbox.entries:
            event = self._world.truth.events.get((bell.bell_id, item.boot, item.seq))
            if event is None or not outbox.is_alarm(item):
                continue
            waits_ms = true_ms - max(event.noted_ms, well_ms)
            if waits_ms > HELD_MS:
                self._wrong("held_back", f"{event.key} waits for {waits_ms // 1000} s, and nothing is in its way")

    def _lamps(self, now_ms: int, works_ms: int) -> None:
        stages = {(row["bell_id"], row["boot"], row["seq"]): row["stage"] for row in self._read(_OPEN)}
        for bell_id, bell in self._world.bells.items():
            well_ms = self._well_ms.get(bell_id)
            wanted = None if well_ms is None else self._wanted(bell_id, stages)
            differs = wanted is not None and bell.rung != wanted and bell.app._node.linked
            if not differs or wanted is None or well_ms is None:
                self._behind.pop(bell_id, None)
                continue
            before = self._behind.get(bell_id)
            if before is None or before[:2] != (bell.rung, wanted):
                self._behind[bell_id] = (bell.rung, wanted, now_ms)
            elif now_ms - max(before[2], well_ms, works_ms) >= BEHIND_MS:
                self._wrong("lamp_behind", f"{bell_id} shows {bell.rung}, the database says {wanted}")

    def _wanted(self, bell_id: str, stages: dict[tuple[str, str, int], str]) -> str | None:
        """What the lamp should say, by the database: of the newest open alarm, a silent one only if alone."""
        mine = [
            event
            for event in self._world.truth.events.values()
            if event.bell_id == bell_id and event.what in SHOWN and event.state == "alarm"
        ]
        if any(event.receipt is None for event in mine):
            return None  # it does not know yet of what is newest
        mine = [event for event in mine if event.key in stages]
        loud = [event for event in mine if event.what != "holdup"]
        found = (loud or mine)[-1:]
        return stages[found[0].key] if found else None

    def _read(self, sql: str) -> list[dict[str, Any]]:
        return self._world.gate.store.read_now(lambda tx: tx.all(sql))

    # At the end

    def late(self, row: dict[str, Any], at_ms: int) -> None:
        """row: a signal whose moment is known; nothing lay on its way unseen, and no clock was set."""
        took_ms = row["received_ms"] - at_ms
        key = (row["bell_id"], row["boot"][:4], row["seq"])
        if took_ms > LATE_AFTER_MS + LATE_SLACK_MS and not row["late"]:
            self._wrong("late_unsaid", f"{key} came {took_ms // 1000} s after the press, and is not called late")
        elif took_ms < LATE_AFTER_MS - LATE_SLACK_MS and row["late"] and row["age_ms"] is not None:
            self._wrong("late_unsaid", f"{key} came {took_ms // 1000} s after the press, and is called late")
