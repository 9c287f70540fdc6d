"""What must always hold, asked of the truth, the database and the messages. Asserts; breaks nothing, knows no reason.

PROPERTIES names each.
"""

import json
from typing import TYPE_CHECKING, Any

from bellgate.store import audit
from bellgate.store.base import Tx
from bellgate.store.deliveries import Delivery
from bellnode.happen import SHOWN
from bellsim.orphans import OPEN, orphan
from bellsim.world.calls import Calls
from bellsim.world.cases import Cases
from bellsim.world.inside import PowerGone
from bellsim.world.store import Killed
from bellsim.world.truth import OUTBOX_MAX
from bellsim.year.town import TAKES_TESTS
from bellwire import STAGES, parse, unpack

if TYPE_CHECKING:
    from bellsim.world.bell import VirtualBell
    from bellsim.world.world import World

PROPERTIES = {
    "lost": "a press that a bell took is in the database",
    "ignored": "a press on a bell that runs is taken",
    "invented": "a signal has a press or another cause",
    "doubled": "a press is one signal",
    "vanished": "what a receipt said to be stored is stored, then and for ever",
    "lamp_lies": "the lamp shows no more than the database says of the newest alarm",
    "nobody_acted": "acknowledged and dispatched are the word of a person",
    "stage_fell": "the stage of an event never falls",
    "untold": "somebody is told within a minute, or the trouble list says why",
    "without_end_or_owner": "an open incident has an owner who is at it, or somebody who will be told",
    "fell_silent": "an incident that nobody holds is told of again within a minute",
    "step_fell": "an escalation does not go back to an earlier step",
    "too_early": "an acknowledgement is not taken back before its end",
    "swallowed": "a press that arrives belongs to an open incident",
    "stolen": "a hand-off is accepted by whom it was offered to",
    "unrecorded": "what people and escalations did stands in the record",
    "silent_failure": "a target that takes nothing is on the trouble list",
    "repeat_differs": "a message that comes again is the same, under the same id",
    "late_due": "what is due is done within a second",
    "test_leak": "a test reaches nobody who takes no tests",
    "mistaken_test": "a test is a test and an alarm is none",
    "time_lies": "the true moment lies inside the stated bars",
    "late_unsaid": "a press that came late is called late, and no other",
    "held_back": "a press is stored within a minute of all being well",
    "lamp_behind": "the lamp shows no less than the database says of the newest open alarm",
    "betrayed": "a duress changes nothing of what a lamp shows",
    "unrefused": "what is forged, damaged, retained or of nobody is refused",
    "unmissed": "a silent bell is missed in time",
    "missed_wrongly": "a bell that speaks is not missed",
    "chain": "the audit chain verifies",
    "unbounded": "queues stay inside their bounds",
    "undelivered": "when all is well again nothing waits",
    "crash": "no program ends by a fault of its own, or catches one and goes on",
}
LATE_MS = 1_000
UNTOLD_MS = 65_000
MISSING_MS, BACK_MS = 180_000 + 15_000, 90_000
# Of one that spoke until its power went: the broker says its will after 30 s, the gateway waits for 30 s more.
GONE_MS = 60_000 + 25_000
READ_S = 0.3
SHOWN_MAX = 20  # of one run


class Checker:
    """wrong: what did not hold, (property, text)."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.wrong: list[tuple[str, str]] = []
        self._ok_since_ms: dict[str, int | None] = {}  # bell: it and all it needs have worked since
        self._ill_since_ms: dict[str, int | None] = {}  # bell: it has been cut off since, all else worked
        self._works_since_ms: int | None = None  # gateway, broker and disk
        self._opened: dict[int, int] = {}  # incident -> true time, until somebody was told
        self._cut_off: set[str] = set()  # bells that spoke when they were last looked at, and are cut off since
        self._cases = Cases(world, self._wrong)
        self._calls = Calls(world, self._wrong)
        self.attacked = self._calls.attacked

    def _wrong(self, name: str, text: str) -> None:
        assert name in PROPERTIES
        self._world.note("checker", "wrong", f"{name}: {text}")
        if len(self.wrong) < SHOWN_MAX:
            self.wrong.append((name, text))

    def _read(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        return self._world.gate.store.read_now(lambda tx: tx.all(sql, params))

    # As it happens

    def receipt(self, topic: str, payload: bytes) -> None:
        """The gateway sends one."""
        world = self._world
        bell = world.bells[parse(topic).bell_id]
        message = unpack(payload, topic, {0: bell.key})
        if message["type"] != "receipt" or message["stage"] == "refused":
            return
        key, stage = (bell.bell_id, message["boot"], message["seq"]), message["stage"]
        world.note("gateway", "receipt", f"{bell.bell_id} {message['boot'][:4]}/{message['seq']} {stage}")
        rows = self._read("SELECT stage, incident_id FROM signal WHERE bell_id = ? AND boot = ? AND seq = ?", *key)
        if not rows:
            self._wrong("vanished", f"{key} is said to be {stage}, and is not in the database")
            return
        event = world.truth.events.get(key)
        if event is not None:
            if event.receipt is not None and STAGES.index(stage) < STAGES.index(event.receipt):
                self._wrong("stage_fell", f"{key} was {event.receipt} and is {stage}")
            event.receipt = stage
        if stage in ("acknowledged", "dispatched"):
            acts = world.truth.acted(rows[0]["incident_id"] or 0)
            if not acts & ({"dispatch"} if stage == "dispatched" else {"acknowledge", "dispatch", "handoff", "reopen"}):
                self._wrong("nobody_acted", f"{key} is said to be {stage}, and people did {sorted(acts)}")

    def lamp(self, bell: "VirtualBell", rung: str) -> None:
        """A lamp says something else; see whether it is still so when anybody can have read it."""
        self._calls.lamp(bell, rung)
        if rung in STAGES:
            self._world.loop.call_later(READ_S, self._read_lamp, bell, rung)

    def _read_lamp(self, bell: "VirtualBell", rung: str) -> None:
        if bell.rung != rung or not self._world.gate.running:
            return
        truth = self._world.truth
        mine = [event for event in truth.events.values() if event.bell_id == bell.bell_id and event.what in SHOWN]
        # What a dead flash did not take and the power took away, the bell itself does not know any more.
        mine = [event for event in mine if event.state == "alarm" and event.gone is None]
        rows = {
            (row["boot"], row["seq"]): row
            for row in self._read("SELECT boot, seq, stage, what FROM signal WHERE bell_id = ?", bell.bell_id)
        }
        loud = [event for event in mine if event.what != "holdup"]
        best = -1
        for event in (loud or mine)[-1:] + [one for one in mine if one.what == "holdup"][-1:]:
            row = rows.get((event.boot, event.seq))
            if row is not None:
                best = max(best, STAGES.index(row["stage"]))
        if not mine:  # from before anybody looked
            best = max((STAGES.index(row["stage"]) for row in rows.values()), default=-1)
        if STAGES.index(rung) > best:
            said = "nothing" if best < 0 else STAGES[best]
            self._wrong("lamp_lies", f"{bell.bell_id} shows {rung}, the database says {said} of its newest alarm")

    def got(self, name: str, delivery: Delivery) -> None:
        """A message reached a target."""
        data = json.loads(delivery.body)["data"]
        if data.get("test") and name not in TAKES_TESTS:
            self._wrong("test_leak", f"{name} was told of test incident {delivery.incident_id}")
        self._cases.got(name, delivery)
        if delivery.incident_id is not None:
            self._opened.pop(delivery.incident_id, None)

    def event(self, event: dict[str, Any]) -> None:
        """The gateway says something to its consoles."""
        if event["type"] == "incident":
            self._cases.event(event)
        if event["type"] == "incident" and event["change"] == "opened" and not event["incident"]["test"]:
            self._opened[event["incident"]["id"]] = self._world.loop.now_ms()

    def node(self, bell: "VirtualBell", given: tuple[Any, ...], effects: tuple[Any, ...]) -> None:
        """A bell took an input."""
        if bell.app is not None and len(bell.app._node.outbox.entries) > OUTBOX_MAX:
            self._wrong("unbounded", f"{bell.bell_id} holds {len(bell.app._node.outbox.entries)} events")

    def crashed(self, bell: "VirtualBell", fault: Exception) -> None:
        """Its program ended by an exception."""
        self._wrong("crash", f"{bell.bell_id}: {type(fault).__name__}: {fault}")

    def logged(self, bell: "VirtualBell", text: str) -> None:
        """A fault stands in its log; only those of the firmware's own are one."""
        name = text.split("fault: ", 1)[1].split(":", 1)[0]
        if name in ("loop", "inputs", "link", "outputs", "node", "effect", "format", "wifi_task", "link_task", "port"):
            self._wrong("crash", f"{bell.bell_id}: {text}")

    # Now and then

    def look(self) -> None:
        """While time is played closely, every ten seconds."""
        world, now_ms = self._world, self._world.loop.now_ms()
        for text, fault in world.loop.faults:
            if not isinstance(fault, Killed | PowerGone):
                self._wrong("crash", f"{text}: {type(fault).__name__} {fault}")
        world.loop.faults.clear()
        works = (
            world.gate.running
            and world.gate.linked
            and world.broker.up
            and not world.broker.frozen
            and not world.disk_full
            and not world.hands.offset_ms
            and not world.gate.clock.pending_ms()
        )
        if not works:
            self._works_since_ms = None
        # What was away between two looks counts: a broker that died has forgotten every last will, a gateway that
        # starts gives each bell a period more.
        elif self._works_since_ms is None or self._works_since_ms < max(
            world.broker.up_since_s * 1000, world.gate.started_ms
        ):
            self._works_since_ms = now_ms
        self._watch_bells(now_ms)
        sizes = world.broker.sizes()
        if not world.broker.frozen and not sizes["backlog"] and sizes["sessions"] > 3 * len(world.bells):
            self._wrong("unbounded", f"the broker holds {sizes['sessions']} sessions")
        if not world.gate.running or world.disk_full:
            return
        self._dues(now_ms)
        self._told_in_time(now_ms)
        self._calls.look(now_ms, self._works_since_ms)

    def _dues(self, now_ms: int) -> None:
        world = self._world
        if world.gate.clock.pending_ms() or now_ms - world.gate.started_ms < LATE_MS:
            return
        clock_ms = world.gate.clock.now_ms()

        def read(tx: Tx) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            return tx.all(OPEN), tx.all("SELECT kind, subject, due_ms FROM due WHERE due_ms < ?", (clock_ms - LATE_MS,))

        rows, late = world.gate.store.read_now(read)
        for row in late if now_ms - world.room_since_ms >= LATE_MS else ():  # on a full disk nothing can be done
            self._wrong("late_due", f"{row['kind']} of {row['subject']} is {clock_ms - row['due_ms']} ms late")
        self._cases.look(rows, clock_ms, self._works_since_ms)
        for row in rows:
            if (text := orphan(row)) is not None:
                self._wrong("without_end_or_owner", text)

    def _told_in_time(self, now_ms: int) -> None:
        works_ms = self._works_since_ms
        for incident, opened_ms in list(self._opened.items()):
            if self._world.truth.acted(incident):
                del self._opened[incident]
            elif works_ms is not None and now_ms - max(opened_ms, works_ms) > UNTOLD_MS:
                del self._opened[incident]
                failing = self._read(
                    "SELECT subject FROM trouble WHERE kind = 'target_failing' "
                    "AND (cleared_ms IS NULL OR cleared_ms > ?)",
                    self._world.gate.clock.now_ms() - UNTOLD_MS,
                )
                if not failing:
                    self._wrong(
                        "untold", f"incident {incident}: nobody was told in {UNTOLD_MS // 1000} s, and nothing says why"
                    )

    def _watch_bells(self, now_ms: int) -> None:
        world = self._world
        close_ms = None if world.close_since_s is None else int(world.close_since_s * 1000) + 70_000
        troubles = None
        for bell_id, bell in world.bells.items():
            speaks = bell.power and bell.app is not None and bell.app._node.linked and not bell.troubled
            silent = not bell.power or bell.road.away
            # Also one that was back between two looks and was heard: its silence begins anew.
            if not silent or bell.road.heard_s * 1000 > (self._ill_since_ms.get(bell_id) or now_ms):
                self._cut_off.discard(bell_id)
                self._ill_since_ms[bell_id] = None
            elif self._ok_since_ms.get(bell_id) and not bell.power:
                self._cut_off.add(bell_id)
            self._ok_since_ms[bell_id] = (self._ok_since_ms.get(bell_id) or now_ms) if speaks else None
            self._ill_since_ms[bell_id] = (self._ill_since_ms.get(bell_id) or now_ms) if silent else None
            if close_ms is None or self._works_since_ms is None:
                continue
            from_ms = max(close_ms, self._works_since_ms)
            ill_ms, ok_ms = self._ill_since_ms[bell_id], self._ok_since_ms[bell_id]
            gone = bell_id in self._cut_off and ill_ms is not None and ill_ms > from_ms
            due_missed = ill_ms is not None and now_ms - max(ill_ms, from_ms) > (GONE_MS if gone else MISSING_MS)
            due_back = ok_ms is not None and now_ms - max(ok_ms, from_ms) > BACK_MS
            if not due_missed and not due_back:
                continue
            if troubles is None:
                troubles = {
                    row["subject"]
                    for row in self._read(
                        "SELECT subject FROM trouble WHERE kind = 'bell_missing' AND state IN ('rising', 'open') "
                        "AND cleared_ms IS NULL"
                    )
                }
            if due_missed and bell_id not in troubles:
                self._wrong(
                    "unmissed",
                    f"{bell_id} has been cut off for {(now_ms - (ill_ms or 0)) // 1000} s, and nobody misses it",
                )
            if due_back and bell_id in troubles:
                self._wrong(
                    "missed_wrongly", f"{bell_id} has spoken for {(now_ms - (ok_ms or 0)) // 1000} s, and is missed"
                )

    # At the end

    def settled(self) -> None:
        """Everything was mended four minutes ago."""
        self.look()
        world = self._world
        for bell in world.bells.values():
            if bell.app is None:
                self._wrong("undelivered", f"{bell.bell_id} does not run")
            elif bell.app._node.outbox.entries:
                waiting = [(entry.boot[:4], entry.seq, entry.what) for entry in bell.app._node.outbox.entries]
                self._wrong("undelivered", f"{bell.bell_id} still holds {waiting}")
        rows = self._read("SELECT * FROM signal ORDER BY id")
        stored = {(row["bell_id"], row["boot"], row["seq"]): row for row in rows}
        truth = world.truth
        for key, event in truth.events.items():
            row = stored.get(key)
            if row is None and event.receipt is not None:
                self._wrong("vanished", f"{key} was {event.receipt}, and is no longer in the database")
            elif row is None and event.gone is None:
                self._wrong("lost", f"{key}, {event.what} of {event.noted_ms}, is not in the database")
        for key, row in stored.items():
            known = truth.events.get(key)
            if known is None:
                mine = [one for one in truth.presses.get(key[0], ()) if one.boot == key[1] and not one.sure]
                free = [one for one in mine if one.event is None]
                if free:
                    truth.presses[key[0]].remove(free[0])  # sent, and the power went before anybody saw it
                    continue
                self._wrong("invented", f"{key}, {row['what']}, is in the database, and nobody did anything")
                continue
            self._time(row, known.at_ms)
        for presses in truth.presses.values():
            for press in presses:
                if press.sure and press.event is None:
                    self._wrong("ignored", f"a press on {press.bell_id} at {press.at_ms} was not taken")
        self._double(rows)
        self._cases.settled()
        for row in self._read(
            "SELECT s.bell_id, s.boot, s.seq, s.what, i.test FROM signal s JOIN incident i ON i.id = s.incident_id"
        ):
            if bool(row["test"]) != (row["what"] == "test"):
                self._wrong(
                    "mistaken_test", f"{row['what']} of {row['bell_id']} is in an incident with test = {row['test']}"
                )

    def _time(self, row: dict[str, Any], at_ms: int | None) -> None:
        truth = self._world.truth
        if at_ms is None or truth.steps or row["clock_unsure"]:
            return
        if truth.was_held(row["bell_id"], at_ms, row["received_ms"]):
            truth.counts["time_unknown"] += 1  # how long it lay on its way is in no bar: see docs/adr/0012
            return
        self._calls.late(row, at_ms)
        error_ms = row["occurred_err_ms"]
        early = row["occurred_ms"] - at_ms
        if early < (0 if error_ms is None else -error_ms) - 1 or (error_ms is not None and early > error_ms + 1):
            key = (row["bell_id"], row["boot"][:4], row["seq"])
            self._wrong(
                "time_lies",
                f"{key} happened {-early} ms after the stated moment, ± {error_ms} by {row['occurred_source']}",
            )

    def _double(self, rows: list[dict[str, Any]]) -> None:
        seen: dict[tuple[str, str, int], int] = {}
        for row in rows:
            key = (row["bell_id"], row["boot"], row["seq"])
            seen[key] = seen.get(key, 0) + 1
        for key, count in seen.items():
            if count > 1:
                self._wrong("doubled", f"{key} is {count} signals")

    def finally_(self) -> None:
        """Everybody has gone home."""
        for row in self._read("SELECT id, handling FROM incident WHERE handling <> 'closed' OR disposition IS NULL"):
            self._wrong("without_end_or_owner", f"incident {row['id']} was left {row['handling']}")
        self._cases.finally_()
        broken = self._world.gate.store.read_now(audit.verify)
        if broken is not None:
            self._wrong("chain", f"entry {broken} of the record does not follow from the one before")
