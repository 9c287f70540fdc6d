"""Carries out what a plan says: switches, cuts, freezes, presses. What happens here never asserts."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from bellsim.world.bell import CODE, DURESS_CODE, WALL, ZONE, VirtualBell
from bellsim.world.phones import MODES
from bellsim.world.plan import ATTACKS, EVERY_FAULT, HAMMER, HAMMER_MS, HOME, PRESSES, Happening, S

if TYPE_CHECKING:
    from bellsim.world.world import World


# While one of these lasts, and a resend longer, a message may be on its way without anybody knowing for how long.
HOLDING = ("air", "stalls", "slow_net", "broker_freeze", "gateway_cut", "half_open", "door_deaf")
HELD_ON_MS = 5_000
COVER_EVERY_MS = 25_000  # more often than the gateway's patience after a last will


class Hand:
    """do(happening) begins it; what it began ends by itself, or by `heal`. away_s: how long a gateway is gone that dies
    now, which may be some commits after it was told to."""

    def __init__(self, world: "World", chance: random.Random) -> None:
        self._world, self._chance = world, chance
        self._kinds: dict[str, Callable[[Happening], Callable[[], None] | None]] = {
            name: getattr(self, f"_{name}") for name in _KINDS
        }
        for mode in MODES:
            self._kinds[f"phone_{mode}"] = self._phone
        self._ends: dict[Happening, Callable[[], None]] = {}
        self.away_s = 0.0

    def do(self, happening: Happening) -> None:
        """It begins now."""
        world = self._world
        fault = happening.what not in _ACTS
        if fault:
            world.truth.bites[happening.what, self._state(happening)] += 1
        world.note(self._lane(happening), "fault" if fault else "press", _said(happening))
        if happening.what in HOLDING:
            now_ms = world.hands.true_ms()
            of = happening.of if happening.of in world.bells else ""
            world.truth.held.append((of, now_ms, now_ms + happening.for_ms + HELD_ON_MS))
        end = self._kinds[happening.what](happening)
        if end is not None:
            self._ends[happening] = end
            world.loop.call_later(happening.for_ms / 1000, self._over, happening)

    def heal(self) -> None:
        """Whatever has not ended ends now."""
        for happening in list(self._ends):
            self._over(happening)

    def _over(self, happening: Happening) -> None:
        end = self._ends.pop(happening, None)
        if end is not None:
            end()
            self._world.note(self._lane(happening), "over", happening.what)

    def _lane(self, happening: Happening) -> str:
        if happening.what in ATTACKS:
            return "gateway"
        return "broker" if happening.of.startswith("broker") else happening.of

    def _state(self, happening: Happening) -> str:
        bell = self._world.bells.get(happening.of)
        if bell is not None:
            return bell.rung if bell.power else "off"
        if not self._world.gate.running:
            return "down"
        return "busy" if self._world.open_incidents() else "quiet"

    def _bell(self, happening: Happening) -> VirtualBell:
        return self._world.bells[happening.of]

    # People

    def _press(self, happening: Happening) -> None:
        self._world.press(self._bell(happening))

    def _double(self, happening: Happening) -> None:
        bell = self._bell(happening)
        self._world.press(bell)
        self._world.loop.call_later(happening.for_ms / 1000, self._world.press, bell)

    def _hammer(self, happening: Happening) -> None:
        for turn in range(happening.amount):
            self._world.loop.call_later(turn * HAMMER_MS / 1000, self._world.press, self._bell(happening))

    def _test_press(self, happening: Happening) -> None:
        bell = self._bell(happening)
        if bell.app is not None:
            bell.feed("service", 60 * S)
            self._world.loop.call_later(1.0, self._world.press, bell)

    def _door(self, happening: Happening) -> Callable[[], None]:
        return self._move(happening, ZONE)

    def _wall(self, happening: Happening) -> Callable[[], None]:
        return self._move(happening, WALL)

    def _move(self, happening: Happening, zone: int) -> Callable[[], None]:
        bell = self._bell(happening)
        bell.move_line(zone, 0)
        return lambda: bell.move_line(zone, 1)

    def _arm(self, happening: Happening) -> None:
        self._bell(happening).type_code("*2")

    def _disarm(self, happening: Happening) -> None:
        self._bell(happening).type_code(CODE + "#")

    def _duress(self, happening: Happening) -> None:
        self._bell(happening).type_code("*1")
        self._world.loop.call_later(5.0, self._bell(happening).type_code, DURESS_CODE + "#")

    # A bell and its way

    def _air(self, happening: Happening) -> Callable[[], None]:
        bell = self._bell(happening)
        bell.air(False)
        return lambda: bell.air(True)

    def _one_way(self, happening: Happening) -> Callable[[], None]:
        road = self._bell(happening).road
        road.mute = True
        return road.speak_again

    def _half_open(self, happening: Happening) -> None:
        bell = self._bell(happening)
        bell.lose_sight()
        bell.road.deaden()

    def _reset(self, happening: Happening) -> None:
        self._bell(happening).road.reset()

    def _stalls(self, happening: Happening) -> Callable[[], None]:
        road = self._bell(happening).road
        road.stalls = 5 + happening.amount
        return lambda: setattr(road, "stalls", 0)

    def _slow_net(self, happening: Happening) -> Callable[[], None]:
        road = self._bell(happening).road
        usual, road.latency_s = road.latency_s, (0.1, 0.1 + happening.amount / 10)
        return lambda: setattr(road, "latency_s", usual)

    def _power_cut(self, happening: Happening) -> Callable[[], None]:
        bell = self._bell(happening)
        bell.cut()
        return bell.switch_on

    def _forgets(self, happening: Happening) -> Callable[[], None]:
        bell = self._bell(happening)
        bell.cut()
        bell.forget_starts()
        return bell.switch_on

    def _flash_cut(self, happening: Happening) -> Callable[[], None]:
        bell = self._bell(happening)
        bell.cut_at_flash(happening.amount % 8, 1 + self._chance.randrange(10_000))
        return lambda: self._on_again(bell)

    def _file_cut(self, happening: Happening) -> Callable[[], None]:
        bell = self._bell(happening)
        bell.cut_at_file(happening.amount % 6)
        return lambda: self._on_again(bell)

    def _on_again(self, bell: VirtualBell) -> None:
        bell.forget_cuts()
        bell.switch_on()

    def _brownout_loop(self, happening: Happening) -> Callable[[], None]:
        bell, times = self._bell(happening), 2 + happening.amount % 4
        for turn in range(times):
            self._world.loop.call_later(turn * 4.0, bell.cut)
            self._world.loop.call_later(turn * 4.0 + 1.0, bell.switch_on)
        return bell.switch_on

    def _hang(self, happening: Happening) -> None:
        self._bell(happening).hang()

    def _flash_dead(self, happening: Happening) -> Callable[[], None]:
        disk = self._bell(happening).disk
        disk.dead = True
        return lambda: setattr(disk, "dead", False)

    def _flash_worn(self, happening: Happening) -> None:
        disk = self._bell(happening).disk
        disk.wear_out = max(disk.erases) + 1 + happening.amount % 3

    def _street(self, happening: Happening) -> Callable[[], None]:
        bells = list(self._world.bells.values())
        first = bells.index(self._bell(happening))
        street = bells[first : first + happening.amount] or bells[:1]
        for bell in street:
            bell.cut()

        def together() -> None:
            for bell in street:
                bell.switch_on()

        return together

    # The broker

    def _broker_restart(self, happening: Happening) -> Callable[[], None]:
        return self._restart(False)

    def _broker_amnesia(self, happening: Happening) -> Callable[[], None]:
        return self._restart(True)

    def _restart(self, forget: bool) -> Callable[[], None]:
        broker, gate = self._world.broker, self._world.gate
        broker.stop(forget)
        gate.stir()

        def again() -> None:
            broker.start()
            gate.stir()

        return again

    def _broker_freeze(self, happening: Happening) -> Callable[[], None]:
        self._world.broker.freeze()
        return self._world.broker.thaw

    def _door_deaf(self, happening: Happening) -> Callable[[], None]:
        return self._door_state(happening, "deaf")

    def _door_shut(self, happening: Happening) -> Callable[[], None]:
        return self._door_state(happening, "shut")

    def _door_state(self, happening: Happening, state: str) -> Callable[[], None]:
        doors = self._world.doors
        doors.change(happening.of, state)
        return lambda: doors.change(happening.of, "open")

    # The gateway

    def _gateway_kill(self, happening: Happening) -> None:
        self.away_s = happening.for_ms / 1000
        self._world.gate.kill("killed")

    def _kill_before_commit(self, happening: Happening) -> None:
        self._kill_at_commit(happening, False)

    def _kill_after_commit(self, happening: Happening) -> None:
        self._kill_at_commit(happening, True)

    def _kill_at_commit(self, happening: Happening, after: bool) -> None:
        gate = self._world.gate
        if gate.running:
            self.away_s = happening.for_ms / 1000
            gate.faults.die_at, gate.faults.after = happening.amount % 6, after

    def _kill_at_turn(self, happening: Happening) -> None:
        self.away_s = happening.for_ms / 1000
        self._world.loop.after_turns(happening.amount, lambda: self._world.gate.kill("between two awaits"))

    def _disk_full(self, happening: Happening) -> Callable[[], None]:
        self._world.disk_full = True
        if self._world.gate.running:
            self._world.gate.faults.full = True

        def room() -> None:
            self._world.disk_full = False
            self._world.room_since_ms = self._world.loop.now_ms()
            if self._world.gate.running:
                self._world.gate.faults.full = False

        return room

    def _clock_step(self, happening: Happening) -> Callable[[], None]:
        hands, gate = self._world.hands, self._world.gate
        self._world.truth.steps += 1
        hands.offset_ms += happening.amount
        gate.look()

        def back() -> None:
            hands.offset_ms -= happening.amount
            gate.look()

        return back

    def _clock_unsure(self, happening: Happening) -> Callable[[], None]:
        hands = self._world.hands
        hands.synchronised = False
        return lambda: setattr(hands, "synchronised", True)

    def _gateway_cut(self, happening: Happening) -> Callable[[], None]:
        gate = self._world.gate
        gate.cut_off = True
        gate.stir()

        def back() -> None:
            gate.cut_off = False
            gate.stir()

        return back

    def _phone(self, happening: Happening) -> Callable[[], None]:
        mode = self._world.exchange.mode
        mode[happening.of] = happening.what.removeprefix("phone_")

        def back() -> None:
            mode.pop(happening.of, None)

        return back

    def _asleep(self, happening: Happening) -> Callable[[], None]:
        people = self._world.people
        people.asleep_until_s = self._world.loop.time() + happening.for_ms / 1000
        return lambda: None

    # The attacker

    def _attack(self, happening: Happening) -> None:
        bell = self._bell(happening)
        self._world.checker.attacked(happening.what)
        self._world.attacker.attack(happening.what, bell.enrolled.up)

    def _old_receipts(self, happening: Happening) -> None:
        self._world.attacker.answer_again(self._bell(happening).enrolled.down)

    def _cover(self, happening: Happening) -> Callable[[], None]:
        """Its power is cut, and what it said is said again, so that nobody misses it."""
        bell = self._bell(happening)
        bell.cut()
        for turn in range(1, happening.for_ms // COVER_EVERY_MS):
            self._world.loop.call_later(
                turn * COVER_EVERY_MS / 1000, self._world.attacker.attack, "replay_heartbeat", bell.enrolled.up
            )
        return bell.switch_on

    _replay = _replay_heartbeat = _forge = _retained = _flood = _garble = _attack


_ACTS = PRESSES + HOME + HAMMER
_KINDS = [what for what in (*EVERY_FAULT, *_ACTS) if not what.startswith("phone_")]


def _said(happening: Happening) -> str:
    text = happening.what
    if happening.for_ms and happening.what not in ("press", "double"):
        text += f" for {happening.for_ms / 1000:g} s"
    return text + (f" ({happening.amount})" if happening.amount else "")
