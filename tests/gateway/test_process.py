"""The process's manners: one gateway a folder, a word to systemd, ports, health."""

import contextlib
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import free_port

from bellgate import ports, process
from bellgate.clock import ClockState
from bellgate.errors import ConfigError
from bellgate.health import CANARY_MAX_AGE_MS, judge


def test_one_gateway_a_folder(tmp_path):
    held = process.hold_folder(tmp_path)
    with pytest.raises(ConfigError, match=r"a gateway runs with this folder already \(process \d+\)"):
        process.hold_folder(tmp_path)
    held.close()
    process.hold_folder(tmp_path).close()


def test_a_gateway_loads_nothing_that_it_was_not_asked_for():
    """It comes back after a crash sooner: each of these takes longer to load than a press takes to the station."""
    code = "import sys, bellgate.cli.app, bellgate.cli.running, bellgate.service; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in found.stdout.split()}
    assert "paho" in loaded
    assert not loaded & {"siadc09", "apprise"}


def test_folders_that_cannot_be_used_are_explained(tmp_path):
    with pytest.raises(ConfigError, match="there is no such folder"):
        process.hold_folder(tmp_path / "missing")
    (tmp_path / "gateway.lock").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        process.hold_folder(tmp_path)


def test_systemd_is_told(tmp_path, monkeypatch):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        process.tell_systemd("READY=1")
        assert listener.recv(100) == b"READY=1"
    process.tell_systemd("WATCHDOG=1")  # nobody listens any more: not our fault, and no exception
    monkeypatch.delenv("NOTIFY_SOCKET")
    process.tell_systemd("READY=1")


def test_ports():
    port = free_port()
    assert ports.fault("127.0.0.1", port, "console.listen") is None
    with socket.create_server(("127.0.0.1", port)):
        said = ports.fault("0.0.0.0", port, "console.listen")
        assert said is not None and "in use by" in said and "change console.listen" in said
    assert "no such address" in str(ports.fault("192.0.2.1", port, "console.listen"))
    with contextlib.suppress(OSError), socket.create_server(("::1", port), family=socket.AF_INET6):
        assert "in use by" in str(ports.fault("::1", port, "mqtt.listen"))


WELL = {
    "listening": True,
    "canary_age_ms": 100,
    "writer_fault": None,
    "broker": "",
    "engine_turns": True,
    "clock": ClockState(True, "chrony", 12),
}


def test_health_is_the_canary_not_a_process():
    assert judge(**WELL).ok
    for change, name in (
        ({"canary_age_ms": None}, "canary"),
        ({"canary_age_ms": CANARY_MAX_AGE_MS + 1}, "canary"),
        ({"listening": False}, "session"),
        ({"writer_fault": "the disk is full"}, "database"),
        ({"broker": "has stopped"}, "broker"),
        ({"engine_turns": False}, "engine"),
    ):
        judged = judge(**(WELL | change))
        assert not judged.ok
        assert [one for one, ok, _ in judged.checks if not ok] == [name]
    assert judge(**(WELL | {"clock": ClockState(False, None, None)})).ok


@given(
    st.booleans(),
    st.none() | st.integers(0, 10**9),
    st.none() | st.text(min_size=1),
    st.text(),
    st.booleans(),
    st.builds(ClockState, st.none() | st.booleans(), st.none() | st.just("chrony"), st.none() | st.integers(0, 16_000)),
)
def test_health_is_well_only_if_everything_is(listening, age_ms, writer, broker, turns, clock):
    judged = judge(
        listening=listening,
        canary_age_ms=age_ms,
        writer_fault=writer,
        broker=broker,
        engine_turns=turns,
        clock=clock,
    )
    well = listening and age_ms is not None and age_ms <= CANARY_MAX_AGE_MS and writer is None and not broker and turns
    assert judged.ok == well == all(ok for _, ok, _ in judged.checks)


def test_health_says_what_the_clock_is_worth():
    judged = [judge(**(WELL | {"clock": state})) for state in CLOCKS]
    said = [text for one in judged for name, _, text in one.checks if name == "clock"]
    assert said == [
        "synchronised by chrony, at most 12 ms off",
        "synchronised",
        "not synchronised: times are marked",
        "not synchronised: times are marked (chrony runs)",
        "cannot be asked here",
    ]


CLOCKS = [
    ClockState(True, "chrony", 12),
    ClockState(True, None, None),
    ClockState(False, None, None),
    ClockState(False, "chrony", None),
    ClockState(None, None, None),
]
