"""What must hold of cases, of the people who handle them and of the targets that are told. Asserts; breaks nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bellgate.core.incident import LEASE_MS
from bellgate.store.deliveries import Delivery
from bellsim.year.overseer import _ROUNDS

if TYPE_CHECKING:
    from bellsim.world.world import World

# Every policy of the town has steps and repeats at most a minute apart; a tick and a second are forgiven.
SILENCE_MS = 61_250
LEASE_LATE_MS = 20_000  # found out with a look every ten seconds
FAILING_S = 12.0  # a target's failure is told at once; so long to find out
OLD_MS = 120_000  # a retry waits a minute at most, and every target has answered again for four
_TAKES = ("acknowledge", "handoff", "reopen")  # what an acknowledgement begins with, or begins again


class Cases:
    """wrong(property, text) takes what does not hold."""

    def __init__(self, world: "World", wrong: Callable[[str, str], None]) -> None:
        self._world, self._wrong = world, wrong
        self._step: dict[int, tuple[str, int]] = {}  # incident -> (policy, next step)
        self._taken_ms: dict[int, int] = {}  # incident -> when somebody took it, by the live events
        self._sent: dict[str, str] = {}  # id -> its body
        self._named: dict[tuple[str, str], str] = {}  # (target, body without its id) -> id

    # As it happens

    def event(self, event: dict[str, Any]) -> None:
        """A live event about a case."""
        case, change = event["incident"], event["change"]
        number, now_ms = case["id"], self._world.loop.now_ms()
        if change == "joined" and case["handling"] == "closed":
            self._wrong("swallowed", f"a press joined incident {number}, which is closed")
        policy, step = case["escalation"]["policy"], case["escalation"]["step"]
        before = self._step.get(number)
        if change != "reopen" and before is not None and before[0] == policy and step < before[1]:
            self._wrong("step_fell", f"incident {number} goes back from step {before[1]} of {policy} to {step}")
        self._step[number] = (policy, step)
        if change in _TAKES:
            self._taken_ms[number] = now_ms
        elif change == "acknowledgement_expired":
            held_ms = now_ms - self._taken_ms.get(number, 0)
            if held_ms < LEASE_MS - 1_000:
                self._wrong("too_early", f"incident {number} was held for {held_ms} ms only")

    def got(self, name: str, delivery: Delivery) -> None:
        """A message reached a target, for the first time or again."""
        said = json.loads(delivery.body)
        key = said.pop("id")
        rest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        if self._sent.setdefault(delivery.id, delivery.body) != delivery.body:
            self._wrong("repeat_differs", f"{name}: message {delivery.id} comes again, and says something else")
        elif self._named.setdefault((name, rest), key) != key:
            self._wrong("repeat_differs", f"{name}: the same message has the ids {self._named[name, rest]} and {key}")

    # Now and then

    def look(self, rows: list[dict[str, Any]], clock_ms: int, works_ms: int | None) -> None:
        """rows: the open cases, as `orphans.OPEN` gives them. clock_ms: the gateway's. works_ms: since when."""
        truth, now_ms = self._world.truth, self._world.loop.now_ms()
        for row in rows:
            number, handling = row["id"], row["handling"]
            if handling in ("received", "presented"):
                wait_ms = (row["next_ms"] or 0) - clock_ms
                if wait_ms > SILENCE_MS:
                    self._wrong("fell_silent", f"incident {number} is {handling}, and silent for {wait_ms} ms more")
            elif handling == "acknowledged" and works_ms is not None:
                since_ms = max(truth.tried_ms.get(number, 0) + LEASE_MS, works_ms)
                if now_ms - since_ms > LEASE_LATE_MS:
                    self._wrong(
                        "without_end_or_owner",
                        f"incident {number} is held by {row['owner']}, who has done nothing for "
                        f"{(now_ms - truth.tried_ms.get(number, 0)) // 1000} s",
                    )
        for number, by, offered in truth.accepted:
            if by != offered:
                self._wrong("stolen", f"{by} has incident {number}, which was offered to {offered}")
        truth.accepted.clear()
        if works_ms is not None:
            self._failing(works_ms)

    def _failing(self, works_ms: int) -> None:
        now_s = self._world.loop.time()
        for name, since_s in self._world.exchange.failing.items():
            if now_s - since_s < FAILING_S or works_ms > since_s * 1000:
                continue
            said = self._world.gate.store.read_now(
                lambda tx, name=name: tx.one(  # type: ignore[misc]
                    "SELECT id FROM trouble WHERE kind = 'target_failing' AND subject = ? AND cleared_ms IS NULL",
                    (name,),
                )
            )
            if said is None:
                self._wrong("silent_failure", f"{name} has taken nothing for {now_s - since_s:.0f} s; nothing says so")

    # At the end

    def settled(self) -> None:
        """Every target has answered for four minutes."""
        before_ms = self._world.gate.clock.now_ms() - OLD_MS
        for row in self._world.gate.store.read_now(
            lambda tx: tx.all(
                "SELECT id, target, state FROM delivery WHERE state IN ('pending', 'sending', 'failed') "
                "AND created_ms < ?",
                (before_ms,),
            )
        ):
            self._wrong("undelivered", f"message {row['id']} to {row['target']} is still {row['state']}")

    def finally_(self) -> None:
        """Whatever was done stands in the record."""
        store = self._world.gate.store
        rows = store.read_now(
            lambda tx: tx.all('SELECT incident_id, act, "by", COUNT(*) AS n FROM audit GROUP BY incident_id, act, "by"')
        )
        kept = {(row["incident_id"], row["act"], row["by"]): row["n"] for row in rows}
        for done, times in Counter(self._world.truth.done).items():
            if kept.get(done, 0) < times:
                self._wrong("unrecorded", f"{done[2]}: {done[1]} incident {done[0]} is not in the record")
        for row in store.read_now(lambda tx: tx.all(_ROUNDS)):
            if row["rounds"] != row["told"]:
                self._wrong("unrecorded", f"incident {row['id']}: {row['rounds']} rounds, {row['told']} in the record")
