"""Programs as processes: their own words when they fail, and nothing left behind."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from bellsim.programs import Program, bellgate, find_mosquitto, free_ports
from bellsim.runtime import SimulatorError


async def _never() -> bool:
    return False


def test_ports_are_free_and_differ() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(1024 <= port <= 65535 for port in ports)


def test_a_program_that_ends_too_early_is_told_with_its_own_words(tmp_path: Path) -> None:
    program = Program("the kettle", [sys.executable, "-c", "print('no water'); exit(3)"], tmp_path / "log", _never)
    with pytest.raises(SimulatorError, match=r"(?s)the kettle ended with 3\. It said:.*no water"):
        asyncio.run(program.start(20))


def test_a_program_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    program = Program("the kettle", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", _never)

    async def story() -> int:
        with pytest.raises(SimulatorError, match=r"was not ready within 0\.3 s"):
            await program.start(0.3)
        assert program.process is not None
        return program.process.pid

    assert not psutil.pid_exists(asyncio.run(story()))


def test_what_a_killed_program_leaves_is_ended_at_the_end_and_not_before(tmp_path: Path) -> None:
    parent = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )

    async def ready() -> bool:
        file = tmp_path / "pid"
        return file.exists() and file.read_text() != ""

    async def story() -> None:
        program = Program("a parent", [sys.executable, "-c", parent], tmp_path / "log", ready)
        await program.start(20)
        child = psutil.Process(int((tmp_path / "pid").read_text()))
        await program.kill()
        assert child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        await program.stop()
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    asyncio.run(story())


def test_a_refused_command_is_told_with_the_gateways_own_words(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"`bellgate token` ended with 1: bellgate: .*there is no such file"):
        asyncio.run(bellgate("token", "--role", "dispatcher", "-c", str(tmp_path / "gateway.toml")))


def test_without_mosquitto_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bellsim.programs.SBIN", str(tmp_path))
    with pytest.raises(SimulatorError, match="apt-get install mosquitto"):
        find_mosquitto()
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_mosquitto() == str(program)
