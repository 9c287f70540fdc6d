"""What must never happen. Asks the database and the messages; knows nothing of how the gateway decides."""

import json
from collections import Counter
from typing import Any

from bellgate.store.base import Tx
from bellgate.store.deliveries import Delivery
from bellsim.orphans import OPEN
from bellsim.year.gate import Gate
from bellsim.year.town import ON_CALL, TAKES_TESTS, local, on_call

LATE_MS = 1_000
# Every policy of the town has steps and repeats at most a minute apart; a tick and a second are forgiven.
SILENCE_MS = 61_250
FAULTS_SHOWN = 5
REPEAT_MS, LEASE_MS = 60_000, 180_000
LAST_STEP = {"tests": 1, "technical": 1, "holdup": 2, "homes": 3, "standard": 3}

_LEFT = """
SELECT id, handling, owner, disposition FROM incident WHERE
(handling = 'closed' AND disposition IS NULL) OR (handling <> 'closed' AND owner IS NULL AND NOT EXISTS
(SELECT 1 FROM due WHERE kind = 'escalation' AND subject = CAST(incident.id AS TEXT)))
"""
_UNMISSED = """
SELECT p.bell_id FROM presence p WHERE p.last_seen_ms IS NOT NULL AND (p.online = 1 OR NOT EXISTS
(SELECT 1 FROM trouble t WHERE t.kind = 'bell_missing' AND t.subject = p.bell_id AND t.cleared_ms IS NULL))
"""
_ROUNDS = """
SELECT i.id, i.escalation_round AS rounds, COUNT(a.id) AS told FROM incident i
LEFT JOIN audit a ON a.incident_id = i.id AND a.act = 'escalated' GROUP BY i.id, i.escalation_round
"""


class Overseer:
    """counts: what was seen, and each kind of fault; faults: the first few in words."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._told_ms: dict[int, int] = {}  # incident -> steady time of the last sound
        self._round: dict[int, int] = {}
        self._repeats: dict[int, list[int]] = {}  # steady times of rounds at the last step, one after the other
        self._taken_ms: dict[int, int] = {}
        self.counts: Counter[str] = Counter()
        self.worst_late_ms = 0
        self.faults: list[str] = []

    def saw(self, event: dict[str, Any]) -> None:
        """One live event."""
        if event["type"] != "incident":
            return
        incident, change = event["incident"], event["change"]
        self.counts[change] += 1
        number = incident["id"]
        rounds, before = incident["escalation"]["round"], self._round.get(number, 0)
        if rounds not in (before, before + 1):
            self._fault("fired_twice", f"incident {number} went from round {before} to {rounds} at once")
        self._round[number] = rounds
        now_ms = self._gate.hands.steady_ms
        if rounds > before:
            silent_ms = now_ms - max(self._told_ms.get(number, now_ms), self._gate.started_ms)
            if change == "escalated" and incident["handling"] in ("received", "presented") and silent_ms > SILENCE_MS:
                self._fault("silences", f"incident {number} was told of again after {silent_ms} ms")
            self._told_ms[number] = now_ms
        self._too_early(number, change, incident["escalation"], now_ms)

    def _too_early(self, number: int, change: str, escalation: dict[str, Any], now_ms: int) -> None:
        """A repeat comes a minute after the round before it, and an acknowledgement holds for three."""
        if change in ("acknowledge", "handoff", "reopen"):
            self._taken_ms[number] = now_ms
        if change != "escalated" or escalation["step"] != LAST_STEP[escalation["policy"]]:
            self._repeats.pop(number, None)
        else:
            times = self._repeats.setdefault(number, [])
            # The first of them comes before the last step, the second is the last step itself.
            if len(times) >= 2 and now_ms - times[-1] < REPEAT_MS:
                self._fault("too_early", f"incident {number} is told again after {now_ms - times[-1]} ms")
            times.append(now_ms)
        if change == "acknowledgement_expired" and now_ms - self._taken_ms[number] < LEASE_MS:
            self._fault("too_early", f"incident {number} was held for {now_ms - self._taken_ms[number]} ms only")

    def got(self, target: str, delivery: Delivery) -> None:
        """One message that reached a target."""
        self.counts["messages"] += 1
        data = json.loads(delivery.body)["data"]
        if data.get("test") and target not in TAKES_TESTS:
            self._fault("tests_to_police", f"{target} was told of test incident {delivery.incident_id}")
        due_to = on_call(delivery.created_ms)
        if target in ON_CALL and target != due_to and data.get("change") == "unacknowledged" and "*" not in data:
            if data["site"].startswith("home-"):
                return  # there the last step is everybody
            self._fault("wrong_hands", f"{target} at {local(delivery.created_ms)}, on call is {due_to}")

    def before_tick(self) -> None:
        """How late is what is due?"""
        now_ms, up_ms = self._gate.clock.now_ms(), self._gate.hands.steady_ms - self._gate.started_ms
        row = self._gate.store.read_now(lambda tx: tx.one("SELECT MIN(due_ms) AS due_ms FROM due"))
        if row and row["due_ms"] is not None:
            # While nothing was running nothing could be on time.
            self.worst_late_ms = max(self.worst_late_ms, min(now_ms - row["due_ms"], up_ms))

    def check(self) -> None:
        """After everything that happens: nothing late, nothing forgotten, nothing silent."""
        self.counts["checks"] += 1
        now_ms, steady_ms = self._gate.clock.now_ms(), self._gate.hands.steady_ms
        up_ms = steady_ms - self._gate.started_ms

        def read(tx: Tx) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            return tx.all(OPEN), tx.all("SELECT kind, subject, due_ms FROM due WHERE due_ms < ?", (now_ms - LATE_MS,))

        rows, late = self._gate.store.read_now(read)
        for row in late:
            if up_ms > LATE_MS:
                self._fault("late_dues", f"{row['kind']} of {row['subject']} is {now_ms - row['due_ms']} ms late")
        for row in rows:
            number, handling = row["id"], row["handling"]
            if handling in ("received", "presented"):
                since_ms = max(self._told_ms.get(number, 0), self._gate.started_ms)
                if row["next_ms"] is None:
                    self._fault("without_end_or_owner", f"incident {number} is {handling} and nothing will tell of it")
                elif steady_ms - since_ms > SILENCE_MS:
                    self._fault("silences", f"incident {number} is {handling}, untold for {steady_ms - since_ms} ms")
            elif row["owner"] is None:
                self._fault("without_end_or_owner", f"incident {number} is {handling} and nobody holds it")
            elif handling == "acknowledged" and (row["lease_ms"] is None or row["lease_ms"] != row["lease_until_ms"]):
                self._fault("without_end_or_owner", f"the acknowledgement of incident {number} never ends")

    def finally_(self, signals: int) -> None:
        """At the end, over everything that ever was."""

        def read(tx: Tx) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any] | None]:
            return tx.all(_LEFT), tx.all(_ROUNDS), tx.one("SELECT COUNT(*) AS n, MAX(id) AS highest FROM signal")

        left, rounds, stored = self._gate.store.read_now(read)
        for row in self._gate.store.read_now(lambda tx: tx.all(_UNMISSED)):  # all have been silent for a day
            self._fault("unmissed", f"bell {row['bell_id']} is silent, and nobody misses it")
        for row in left:
            self._fault("without_end_or_owner", f"incident {row['id']} was left {row['handling']} by {row['owner']}")
        for row in rounds:
            if row["rounds"] != row["told"]:
                self._fault("fired_twice", f"incident {row['id']}: {row['rounds']} rounds, {row['told']} in the record")
        if stored is None or stored["n"] != signals:
            self._fault("lost_or_doubled", f"{signals} events, {stored and stored['n']} signals")

    def _fault(self, kind: str, text: str) -> None:
        self.counts[kind] += 1
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(f"{local(self._gate.hands.wall_ms)} {kind}: {text}")


FAULTS = (
    "late_dues",
    "too_early",
    "without_end_or_owner",
    "silences",
    "fired_twice",
    "wrong_hands",
    "tests_to_police",
    "lost_or_doubled",
    "unmissed",
)
