"""A relay on gpiozero's mock pins: it sounds for an alarm that nobody holds, and for nothing else."""

import asyncio
from pathlib import Path

import gpiozero
import pytest
from gatehouse import CONSOLE, Bell, Gatehouse
from gpiozero.pins.mock import MockFactory
from station import until
from test_station_is_told import running, states

from bellgate.store import deliveries

PIN = 17


def target(more: str = "", name: str = "siren", pin: int = PIN) -> str:
    return f'\n[[target]]\nname = "{name}"\nkind = "sounder"\npin = {pin}\noff_ms = 0\n{more}\n'


def high(pins: MockFactory, pin: int = PIN) -> bool:
    return bool(pins.pin(pin).state)


def test_press_sounds_until_somebody_acknowledges(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target() + CONSOLE)
    bell = gate.enrol(Bell())
    with running(gate):
        until(lambda: pins.pin(PIN).function == "output", "the pin is not taken")
        assert not high(pins)
        gate.press(bell)
        until(lambda: high(pins), "it does not sound")
        gate.clock.at_ms += 1_000
        gate.present(1, 1)
        gate.clock.at_ms += 1_000
        gate.command(1, "acknowledge")
        until(lambda: not high(pins), "it still sounds")
        gate.press(bell)  # somebody holds it, and hears the console
        until(lambda: set(states(gate, "siren")) == {"delivered"}, "not delivered")
        assert not high(pins)
        gate.clock.at_ms += 180_000
        until(lambda: high(pins), "a forgotten acknowledgement does not sound")
        gate.clock.at_ms += 1_000
        gate.command(1, "close", disposition="genuine")
        until(lambda: not high(pins), "it still sounds")
        until(lambda: set(states(gate, "siren")) == {"delivered"}, "not delivered")
    proofs = [row["proof"] for row in gate.view(1)["deliveries"] if row["target"] == "siren"]
    assert proofs[0] == "it sounds" and proofs[-1] == "it is off"
    gate.close()


def test_acknowledgement_silences_it_even_if_its_message_never_comes(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target())
    with running(gate) as engine:
        gate.press(gate.enrol(Bell()))
        until(lambda: high(pins), "it does not sound")
        engine.wake = lambda made: None  # type: ignore[method-assign] # as if another gateway had taken the message
        gate.command(1, "acknowledge")
        until(lambda: not high(pins), "it still sounds")
    gate.close()


@pytest.mark.parametrize("what", ["holdup", "duress"])
def test_silent_press_never_sounds_at_the_premises(tmp_path: Path, pins: MockFactory, what: str) -> None:
    station = target('place = "station"', "far", 27)
    gate = Gatehouse(tmp_path / "gate", target() + station)
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, what)
        until(lambda: high(pins, 27), "it does not sound at the station")
        until(lambda: states(gate, "siren") == ["delivered"], "not delivered")
        gate.clock.at_ms += 60_000
        until(lambda: states(gate, "siren") == ["delivered"] * 2, "no round")
        assert not high(pins)
    proofs = [row["proof"] for row in gate.view(1)["deliveries"] if row["target"] == "siren"]
    assert proofs == ["it stays off (silent: nobody near the bell may hear of it)"] * 2
    assert pins.pin(PIN).states[-1].state is False and not any(one.state for one in pins.pin(PIN).states)
    gate.close()


def test_duress_after_a_panic_press_ends_the_sound_at_the_premises(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target())
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        until(lambda: high(pins), "it does not sound")
        gate.press(bell, "duress")
        until(lambda: not high(pins), "it betrays the presser")
    gate.close()


def test_test_press_sounds_only_where_tests_go(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target() + target("test = true", "trial", 27))
    with running(gate):
        gate.press(gate.enrol(Bell()), "test")
        until(lambda: high(pins, 27), "it does not sound")
        assert not high(pins) and states(gate, "siren") == []
    gate.close()


def test_it_sounds_on_after_a_restart_and_not_for_what_is_over(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target("max_on_s = 30"))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: high(pins), "it does not sound")
        until(lambda: states(gate, "siren") == ["delivered"], "not delivered")
    assert not high(pins)  # without a gateway nobody could silence it
    gate.clock.at_ms += 10_000
    with running(gate):
        until(lambda: high(pins), "it does not sound on")
        assert states(gate, "siren") == ["delivered"]
        gate.clock.at_ms += 20_000
        until(lambda: not high(pins), "longer than it may")
        gate.clock.at_ms += 30_000
        until(lambda: high(pins), "the round does not sound")
    gate.clock.at_ms += 29_000
    gate.command(1, "acknowledge")
    with running(gate):
        until(lambda: set(states(gate, "siren")) == {"delivered"}, "not delivered")
        assert not high(pins)
    gate.close()


def test_pattern_goes_on_and_off(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target("on_ms = 100").replace("off_ms = 0", "off_ms = 100"))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: high(pins), "it does not sound")
        for _ in range(3):
            gate.clock.at_ms += 100
            until(lambda: not high(pins), "no pause")
            gate.clock.at_ms += 100
            until(lambda: high(pins), "no tone")
    gate.close()


def test_active_low_relay(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target("active_high = false"))
    with running(gate):
        until(lambda: pins.pin(PIN).function == "output" and high(pins), "not at rest")
        gate.press(gate.enrol(Bell()))
        until(lambda: not high(pins), "it does not sound")
    gate.close()


def test_machine_without_gpio_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise gpiozero.exc.BadPinFactory("Unable to load any default pin factory!\nand a page of it")

    monkeypatch.setattr(gpiozero, "DigitalOutputDevice", nothing)
    gate = Gatehouse(tmp_path / "gate", target() + CONSOLE)
    with running(gate) as engine:
        until(lambda: ("sounder_fault", "siren") in gate.troubles(), "no trouble")
        gate.press(gate.enrol(Bell()))
        until(lambda: states(gate, "siren") == ["failed"], "not failed")
        detail = gate.troubles()["sounder_fault", "siren"]["detail"]
        assert detail.endswith(": GPIO 17 cannot be switched (BadPinFactory: Unable to load any default pin factory!)")
        assert engine.alive() and states(gate, "desk") == ["sent"]
    gate.close()


def test_pin_that_comes_back_sounds_and_ends_the_trouble(
    tmp_path: Path, pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bellgate.targets import sounder

    monkeypatch.setattr(sounder, "AGAIN_S", 0.1)
    real = gpiozero.DigitalOutputDevice
    broken = [True]

    def flaky(*args: object, **more: object) -> gpiozero.DigitalOutputDevice:
        if broken[0]:
            raise OSError("no such chip")
        return real(*args, **more)

    monkeypatch.setattr(gpiozero, "DigitalOutputDevice", flaky)
    gate = Gatehouse(tmp_path / "gate", target())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: ("sounder_fault", "siren") in gate.troubles(), "no trouble")
        broken[0] = False
        until(lambda: high(pins), "it does not sound")
        until(lambda: ("sounder_fault", "siren") not in gate.troubles(), "the trouble stays")
    gate.close()


def test_gpiozero_that_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "gpiozero", None)
    gate = Gatehouse(tmp_path / "gate", target())
    with running(gate):
        until(lambda: ("sounder_fault", "siren") in gate.troubles(), "no trouble")
        assert "pip install 'ansimbell[pi]'" in gate.troubles()["sounder_fault", "siren"]["detail"]
    gate.close()


def test_alarm_that_cannot_be_stored_sounds(tmp_path: Path, pins: MockFactory) -> None:
    gate = Gatehouse(tmp_path / "gate", target("max_on_s = 30"))
    bell = gate.enrol(Bell())
    with running(gate) as engine:
        gate.press(bell)
        until(lambda: high(pins), "it does not sound")
        row = gate.store.read_now(lambda tx: tx.one("SELECT id, body FROM delivery"))
        assert row is not None
        gate.command(1, "close", disposition="genuine")
        until(lambda: not high(pins), "it still sounds")
        body = row["body"].replace('"incident":1,', '"incident":0,')
        made = deliveries.Delivery("f" * 32, "siren", "ansimbell.signal", 0, 0, 0, body, 0, gate.clock.at_ms, 0)
        engine.wake([made])
        until(lambda: high(pins), "it does not sound from memory")
        asyncio.run(asyncio.sleep(1.2))  # longer than from one look into the tables to the next
        assert high(pins)
        gate.clock.at_ms += 30_000
        until(lambda: not high(pins), "longer than it may")
    gate.close()
