"""The story that `bellsim demo --headless` plays: what a press comes to, each stage read back from the bell's own lamp.

    1  bell 1 is pressed: stored, presented, acknowledged, dispatched, closed
    2  bell 2 is pressed while its network is away: its lamp says so; the network returns: stored, exactly once
    3  bell 3 is pressed and loses its power before delivery; the power returns: delivered, exactly once

2 and 3 run side by side. The story tells what happens through `tell(kind, **what)`; who listens decides how it looks.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from bellsim.bell import PRESS_MS, Bell, Change
from bellsim.bench import Bench
from bellsim.dispatcher import Dispatcher, Incident
from bellsim.hops import HOPS, Track
from bellsim.runtime import SimulatorError

Tell = Callable[..., None]

STAGE_DEADLINE_S = 10.0
NOT_DELIVERED_DEADLINE_S = 20.0  # the bell waits 10 s before it says so
LINK_DEADLINE_S = 20.0
JOURNAL_DEADLINE_S = 3.0


class Stage:
    """The cast: bells, dispatcher and the tracks of the last presses. Keeps the tracks up to date by itself."""

    def __init__(self, bench: Bench, dispatcher: Dispatcher, tell: Tell) -> None:
        self.bench = bench
        self.dispatcher = dispatcher
        self.tell = tell
        self.tracks: dict[str, Track] = {}
        self._fingers: set[asyncio.Task[None]] = set()
        dispatcher.on_incident = self._on_incident
        for bell in bench.bells:
            self._watch(bell)

    def press(self, bell: Bell) -> Track:
        """Press the bell, and let go in a moment; its new track. Raises ConnectionError without power."""
        track = self.tracks[bell.bell_id] = Track(bell.push())
        self.tell("press", bell=bell.bell_id)
        finger = asyncio.ensure_future(self._let_go(bell))
        self._fingers.add(finger)
        finger.add_done_callback(self._fingers.discard)
        return track

    async def _let_go(self, bell: Bell) -> None:
        await asyncio.sleep(PRESS_MS / 1_000)
        with contextlib.suppress(ConnectionError):  # the power went while the finger was still there
            bell.release()

    def _watch(self, bell: Bell) -> None:
        def on_change(change: Change) -> None:
            self.tell("lamp", bell=bell.bell_id, rung=change.rung)
            self._note(bell.bell_id, change.rung, change.at_ns)

        def passed_up(count: int, at_ns: int) -> None:
            self._note(bell.bell_id, "wire", at_ns)

        bell.on_change = on_change
        if bell.proxy is not None:
            bell.proxy.passed_up = passed_up

    def _on_incident(self, incident: Incident, at_ns: int) -> None:
        self._note(incident["bell_id"], "screen", at_ns)

    def _note(self, bell_id: str, hop: str, at_ns: int) -> None:
        track = self.tracks.get(bell_id)
        if track is not None and track.note(hop, at_ns):
            self.tell("hop", bell=bell_id, hop=hop, ms=track.ms[hop], text=HOPS[hop])


async def play(stage: Stage, pace_s: float = 0.0) -> dict[str, Any]:
    """The whole story; returns what the last line of --json says. Raises SimulatorError where it breaks off.

    pace_s: how long the scripted dispatcher thinks before each step, so that a person can follow.
    """
    began_s = time.monotonic()
    bench = stage.bench
    one, two, three = bench.bells
    await asyncio.gather(*(linked(bell) for bell in bench.bells))
    stage.tell("chapter", number=1, text="a press travels the whole way")
    stages_ms, answer_ms = await the_whole_way(stage, one, pace_s)
    stage.tell("chapter", number=2, text="a network cut and a power cut: each press is delivered once")
    network, power = await asyncio.gather(network_away(stage, two), power_away(stage, three))
    # Nothing may come later either: count again at the end of everything.
    for bell in bench.bells:
        await signals_once(stage, bell, say=False)
    stage.tell("check", text="counted again at the end: one press, one signal, for each bell", bells=len(bench.bells))
    return {
        "ok": True,
        "runtime": one.runtime,
        "broker": bench.broker,
        "stages_ms": stages_ms,
        "answer_ms": answer_ms,
        "network_cut": network,
        "power_cut": power,
        "story_s": round(time.monotonic() - began_s, 1),
    }


async def linked(bell: Bell) -> None:
    """Until the bell's UART says that a broker took its subscription."""
    end_s = time.monotonic() + LINK_DEADLINE_S
    while not bell.linked:
        if time.monotonic() > end_s:
            raise SimulatorError(
                f"bell {bell.bell_id} did not reach its broker within {LINK_DEADLINE_S:g} s; its UART says last:\n"
                + bell.last_words()
            )
        await asyncio.sleep(0.02)


async def the_whole_way(stage: Stage, bell: Bell, pace_s: float) -> tuple[dict[str, float], dict[str, float]]:
    """Press, present, acknowledge, dispatch, close. Returns ms from the press, and from the dispatcher's request."""
    track = stage.press(bell)
    await bell.wait_for("stored", STAGE_DEADLINE_S, track.at_ns)
    incident = await stage.dispatcher.seen(bell.bell_id, STAGE_DEADLINE_S)
    answer_ms: dict[str, float] = {}
    steps = (
        ("presented", stage.dispatcher.present),
        ("acknowledged", stage.dispatcher.acknowledge),
        ("dispatched", stage.dispatcher.dispatch),
        ("closed", stage.dispatcher.close),
    )
    for rung, act in steps:
        await asyncio.sleep(pace_s)
        stage.tell("dispatcher", bell=bell.bell_id, does=act.__name__, incident=incident["id"])
        asked_ns = time.monotonic_ns()
        incident = await act(incident)
        change = await bell.wait_for(rung, STAGE_DEADLINE_S, asked_ns)
        answer_ms[rung] = round((change.at_ns - asked_ns) / 1e6, 1)
    order = ("stored", "presented", "acknowledged", "dispatched", "closed")
    return {rung: track.ms[rung] for rung in order}, answer_ms


async def network_away(stage: Stage, bell: Bell) -> dict[str, Any]:
    """A press without network: the lamp tells the presser; afterwards it is stored once."""
    await bell.network(False)
    stage.tell("network", bell=bell.bell_id, on=False)
    track = stage.press(bell)
    await bell.wait_for("not_delivered", NOT_DELIVERED_DEADLINE_S, track.at_ns)
    await none_stored(stage, bell)
    back_ns = time.monotonic_ns()
    await bell.network(True)
    stage.tell("network", bell=bell.bell_id, on=True)
    change = await bell.wait_for("stored", NOT_DELIVERED_DEADLINE_S, back_ns)
    signals = await signals_once(stage, bell)
    await finish(stage, bell)
    return {
        "not_delivered_ms": track.ms["not_delivered"],
        "stored_after_return_ms": round((change.at_ns - back_ns) / 1e6, 1),
        "signals": len(signals),
        "arrivals": signals[0]["arrivals"],
    }


async def power_away(stage: Stage, bell: Bell) -> dict[str, Any]:
    """A press, and the power goes before it could be delivered: after the restart it is delivered once."""
    await bell.network(False)  # so that it cannot win the race
    stage.tell("network", bell=bell.bell_id, on=False)
    track = stage.press(bell)
    await bell.wait_for("sending", JOURNAL_DEADLINE_S, track.at_ns)
    await bell.power_cut()
    stage.tell("power", bell=bell.bell_id, on=False)
    await none_stored(stage, bell)
    await bell.network(True)
    stage.tell("network", bell=bell.bell_id, on=True)
    back_ns = time.monotonic_ns()
    await bell.power_on()
    stage.tell("power", bell=bell.bell_id, on=True)
    change = await bell.wait_for("stored", NOT_DELIVERED_DEADLINE_S, back_ns)
    signals = await signals_once(stage, bell)
    await finish(stage, bell)
    return {
        "stored_after_power_ms": round((change.at_ns - back_ns) / 1e6, 1),
        "signals": len(signals),
        "arrivals": signals[0]["arrivals"],
    }


async def none_stored(stage: Stage, bell: Bell) -> None:
    """The gateway really knows nothing of this bell's press yet."""
    if await stage.dispatcher.signals_of(bell.bell_id):
        raise SimulatorError(f"bell {bell.bell_id} was cut off, and yet the gateway has stored its press")


async def signals_once(stage: Stage, bell: Bell, say: bool = True) -> list[dict[str, Any]]:
    """The signals that the gateway has of this bell: exactly one, or SimulatorError."""
    signals = await stage.dispatcher.signals_of(bell.bell_id)
    if len(signals) != 1:
        raise SimulatorError(f"bell {bell.bell_id} was pressed once, and the gateway has {len(signals)} signals of it")
    if say:
        stage.tell("check", bell=bell.bell_id, text="the gateway has exactly one signal of this bell", signals=1)
    return signals


async def finish(stage: Stage, bell: Bell) -> None:
    """Close the bell's incident as a test of the simulator, and see it on the lamp."""
    incident = await stage.dispatcher.seen(bell.bell_id, STAGE_DEADLINE_S)
    asked_ns = time.monotonic_ns()
    await stage.dispatcher.close(incident)
    await bell.wait_for("closed", STAGE_DEADLINE_S, asked_ns)
