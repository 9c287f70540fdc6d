"""Each kind of target, slow on purpose, beside each kind that is not: nobody waits. 10,000 messages over a restart."""

import json
import threading
from collections import Counter
from pathlib import Path

import gpiozero
import pytest
from centre import Centre, OddReceiver, running
from centre import target as dc09
from gatehouse import SECRET, Bell, Clock, Gatehouse
from gpiozero.pins.mock import MockFactory
from station import WAIT_S, Station, until

from bellgate import clock
from bellgate.lanes import SENDING_MAX
from bellgate.store import deliveries
from bellgate.targets import OPENERS

PRESSES = 6
QUEUED = 10_000


class Town:
    """One receiver of each kind that answers, and one that does not before it is let go."""

    def __init__(self, slow: str) -> None:
        self.let_go = threading.Event()
        self.station = Station(lambda _: 200)
        self.slow_station = Station(lambda _: 200 if self.let_go.wait(WAIT_S) else 500)
        self.centre = Centre()
        self.slow_centre = OddReceiver(lambda _, __: None)
        self.slow = slow

    def toml(self) -> str:
        """The kinds that answer, each by its name, and the one that does not, "slow"."""
        kinds = [self._section(kind, kind, False) for kind in OPENERS]
        return "".join(kinds) + self._section(self.slow, "slow", True)

    def _section(self, kind: str, name: str, slow: bool) -> str:
        port = (self.slow_station if slow else self.station).port
        head = f'\n[[target]]\nname = "{name}"\nkind = "{kind}"\n'
        if kind == "webhook":
            return head + f'url = "http://127.0.0.1:{port}/hook"\nsecret = "{SECRET}"\ntimeout_s = 60\n'
        if kind == "cap":
            return head + f'url = "http://127.0.0.1:{port}/cap"\nsender = "bells@d.kr"\ntimeout_s = 60\n'
        if kind == "apprise":
            urls = json.dumps([f"json://127.0.0.1:{port}/say?rto=300"])
            return head + f"urls = {urls}\ntimeout_s = 60\n"
        if kind == "sounder":
            return head + f"pin = {27 if slow else 17}\ntimeout_s = 60\n"
        made = dc09((self.slow_centre if slow else self.centre).port).replace('name = "arc"', f'name = "{name}"')
        return made.replace("timeout_s = 1\n", "timeout_s = 10\n") if slow else made

    def close(self) -> None:
        self.let_go.set()
        for one in (self.station, self.slow_station, self.centre, self.slow_centre):
            one.close()


def states(gate: Gatehouse) -> dict[str, dict[str, int]]:
    """{target: {state: how many}}"""
    rows = gate.store.read_now(lambda tx: tx.all("SELECT target, state, COUNT(*) AS n FROM delivery GROUP BY 1, 2"))
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["target"], {})[row["state"]] = row["n"]
    return found


@pytest.mark.parametrize("slow", OPENERS)
def test_slow_target_of_any_kind_delays_none_of_any_kind(
    tmp_path: Path, pins: MockFactory, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    town = Town(slow)
    real = gpiozero.DigitalOutputDevice

    def stuck(pin: int, **more: object) -> gpiozero.DigitalOutputDevice:
        if pin == 27:
            assert town.let_go.wait(WAIT_S)
        return real(pin, **more)

    monkeypatch.setattr(gpiozero, "DigitalOutputDevice", stuck)
    gate = Gatehouse(tmp_path / "gate", town.toml(), Clock(clock.now_ms()))
    bells = [gate.enrol(Bell(f"b-{number:04}", f"site-{number}")) for number in range(PRESSES)]
    with running(gate):
        for bell in bells:
            gate.press(bell)
        fast = {kind: {"delivered": PRESSES} for kind in OPENERS}
        until(
            lambda: {name: found for name, found in states(gate).items() if name != "slow"} == fast,
            f"{states(gate)}: somebody waits for {slow}",
        )
        assert "delivered" not in states(gate)["slow"]
        town.let_go.set()
    town.close()
    gate.close()


def test_ten_thousand_queued_messages_survive_a_restart(tmp_path: Path) -> None:
    let_go = threading.Event()
    station = Station(lambda _: 204 if let_go.wait(WAIT_S) else 500)
    town = f'\n[[target]]\nname = "t"\nkind = "webhook"\nurl = "{station.url}"\nsecret = "{SECRET}"\ntimeout_s = 60\n'
    gate = Gatehouse(tmp_path / "gate", town)
    bell = gate.enrol(Bell())
    gate.press(bell)
    (first,) = gate.woken

    def many(tx: deliveries.Tx) -> None:
        for number in range(1, QUEUED):
            name = f"{number:032x}"
            body = first.body.replace(first.id, name)
            row = deliveries.Delivery(name, "t", first.type, 1, 1, 0, body, 0, gate.clock.at_ms, gate.clock.at_ms)
            deliveries.insert(tx, row, "pending")

    gate.store.write_now(many)
    with running(gate) as engine:
        until(lambda: engine.counters()["waiting"] > 100, "nothing is sent")
        assert engine.counters()["waiting"] <= 2_000  # the rest waits in the table
        after = gate.killed(tmp_path / "after")
    let_go.set()
    flying = set(station.ids())
    with running(after):
        for _ in range(6):  # a busy machine: as long as it goes on
            before = len(station.requests)
            try:
                until(lambda: states(after) == {"t": {"delivered": QUEUED}}, "not all delivered")
                break
            except AssertionError:
                assert len(station.requests) > before, states(after)
    times = Counter(station.ids())
    assert len(times) == QUEUED
    # Sent twice is at most what was in flight at the kill, each under its own id.
    assert {name for name, count in times.items() if count > 1} <= flying and len(flying) <= SENDING_MAX
    after.close()
    gate.close()
    station.close()
