"""A small power-cut campaign with the real journals, and each faulty journal that it has to see."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from bellsim import cli, powercut
from bellsim.runtime import SimulatorError, find_runtime


@pytest.fixture(autouse=True)
def micropython():
    try:
        find_runtime("micropython")
    except SimulatorError as fault:
        pytest.skip(str(fault))


def test_no_cut_loses_invents_or_stops_anything_and_every_mutant_is_seen():
    said = []
    result = asyncio.run(powercut.campaign(600, seed=3, say=said.append))
    assert result["ok"], result
    assert result["cuts"] >= 600 and result["second_cuts"] > 100 and result["half_done"] > 200
    for name in ("acked_lost", "invented", "false_faults", "boots_repeated", "mount_failures"):
        assert result[name] == 0, result
    assert 0 < result["erases_per_record"] <= 0.04
    assert result["mutant_caught"] and set(result["mutants"]) == set(powercut.MUTANTS)
    for name, counts in result["mutants"].items():
        assert sum(counts.get(fault, 0) for fault in ("lost", "invented", "false_fault")), name
    assert set(result["by_journal"]) == set(powercut.SHARES) and min(result["by_journal"].values()) > 100


def test_a_mutant_in_place_of_the_ring_fails_the_campaign(monkeypatch):
    monkeypatch.setattr(powercut, "SHARES", {"ring that writes later": 80, "files": 20})
    monkeypatch.setattr(powercut, "RINGS", ("ring that writes later",))
    monkeypatch.setattr(powercut, "MUTANTS", ("ring without CRC",))
    done = CliRunner().invoke(cli.app, ["powercut", "--cuts", "200", "--seed", "4", "--json"])
    last = json.loads(done.output.splitlines()[-1])
    assert done.exit_code == 1 and not last["ok"] and last["acked_lost"] > 0
    assert "story 4000" in last["first"][0]


def test_a_worker_that_dies_is_told(monkeypatch):
    monkeypatch.setattr(powercut, "SHARES", {"no such journal": 100})
    done = CliRunner().invoke(cli.app, ["powercut", "--cuts", "100", "--json"])
    last = json.loads(done.output.splitlines()[-1])
    assert done.exit_code == 1 and "no such journal" in last["error"] and "KeyError" in last["error"]
