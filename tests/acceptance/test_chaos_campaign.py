"""A small run of `bellsim chaos --minutes`: real bells, broker and gateway, each broken while bells are pressed."""

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

from bellsim import cli, runtime
from bellsim.chaos import campaign, wall

MINUTES = 0.25
SEED = 22  # it sets the clock, and kills broker and gateway; no fault of it takes longer than the run


def test_nothing_is_lost_untrue_or_told_wrongly() -> None:
    if (why := runtime.find_runtime().why) or (why := wall.missing() or ""):
        pytest.skip(why)
    said: list[str] = []
    result: dict[str, Any] = asyncio.run(campaign.measure(MINUTES, SEED, "embedded", "sqlite", said.append))
    told = f"seed {SEED}: {result}\n" + "\n".join(said)
    assert {name: result[name] for name in ("lost", "lies", "test_leaks", "claims_unread")} == {
        "lost": 0,
        "lies": 0,
        "test_leaks": 0,
        "claims_unread": 0,
    }, told
    assert result["ok"] and result["seed"] == SEED, told
    # The press on a bell whose power goes in the same moment may become no signal; every other one must.
    surely = result["presses"] - result["faults"].get("bell_power", 0)
    assert result["presses"] >= 20 and result["claims"] >= result["signals"] >= surely, told
    for kind in ("gateway_kill", "broker_kill", "clock_step"):
        assert result["faults"].get(kind, 0) >= 1, told  # each was felt, not only done
    (part,) = result["combinations"]
    assert part["gateway_starts"] >= 2 and part["acts"] > 0, told


def test_what_makes_no_sense_is_said() -> None:
    for words, said in ((["--store", "oracle"], "there is no store"), (["--broker", "rabbit"], "there is no broker")):
        done = CliRunner().invoke(cli.app, ["chaos", "--minutes", "0.1", *words])
        assert done.exit_code != 0 and said in done.output, done.output
