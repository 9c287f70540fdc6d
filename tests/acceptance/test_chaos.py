"""A small run of `bellsim chaos` on each store: gateways are killed while bells are pressed.

The figures that a busy machine alone can spoil (how late, how often repeated) are not judged here; `docs/measure.md`
says how to measure them.
"""

import asyncio
from typing import Any

import pytest
from real_gateway import mosquitto_program
from typer.testing import CliRunner

from bellsim import cli, postgresql
from bellsim.chaos import kills


@pytest.mark.parametrize(("store", "gateways", "broker"), [("sqlite", 1, "embedded"), ("postgresql", 2, "mosquitto")])
def test_nothing_is_lost_and_nothing_is_stored_twice(store: str, gateways: int, broker: str) -> None:
    if store == "postgresql" and (text := postgresql.missing()) is not None:
        pytest.skip(text)
    if broker == "mosquitto":
        mosquitto_program()
    result: dict[str, Any] = asyncio.run(kills.measure(3, 60, store, gateways, broker, 5, print))
    told = ("presses", "kills", "lost", "stored_but_lost", "invented", "duplicate_signals", "unsigned", "ended_alone")
    assert {name: result[name] for name in told} == dict.fromkeys(told, 0) | {"presses": 60, "kills": 3}, result
    assert result["repeated_without_kill"] == 0 and result["record_broken_at"] is None, result
    assert result["escalations"] > 0, result


def test_what_makes_no_sense_is_said() -> None:
    for words, said in (
        (["--gateways", "2"], "several gateways need one PostgreSQL"),
        (["--store", "oracle"], "there is no store"),
        (["--target", "bell"], "cannot be killed"),
    ):
        done = CliRunner().invoke(cli.app, ["chaos", "--kills", "1", "--presses", "1", *words])
        assert done.exit_code != 0 and said in done.output, done.output
