"""A real bell's lamp through the worst moments: the gateway killed between press and acknowledgement."""

import asyncio

from bellsim.bench import bench
from bellsim.dispatcher import Dispatcher
from bellsim.story import linked

DEADLINE_S = 30


def test_a_gateway_killed_between_press_and_acknowledgement_loses_nothing() -> None:
    async def story() -> None:
        async with bench() as it:
            bell = it.bells[0]
            await linked(bell)
            dispatcher = Dispatcher(it.url, it.token)
            try:
                await dispatcher.start()
                at_ns = await bell.press()
                await bell.wait_for("stored", DEADLINE_S, at_ns)
                before = await dispatcher.seen(bell.bell_id, DEADLINE_S)
                await it.gateway.kill()
                assert bell.lamp_state() == "stored"  # what was said stays true
                await it.gateway.start()
                # The event stream comes back by itself; the incident is the same one.
                after = await dispatcher.detail(before["id"])
                assert (after["id"], after["bell_id"], after["handling"]) == (before["id"], bell.bell_id, "received")
                await dispatcher.acknowledge(after)
                await bell.wait_for("acknowledged", DEADLINE_S, at_ns)
                assert len(await dispatcher.signals_of(bell.bell_id)) == 1
                assert [change.rung for change in bell.rungs_since(at_ns)] == ["sending", "stored", "acknowledged"]
            finally:
                await dispatcher.stop()

    asyncio.run(asyncio.wait_for(story(), 4 * DEADLINE_S))


def test_a_press_while_the_gateway_is_dead_is_stored_once_when_it_is_back() -> None:
    async def story() -> None:
        async with bench() as it:
            bell = it.bells[1]
            await linked(bell)
            await it.gateway.kill()
            at_ns = await bell.press()
            await bell.wait_for("not_delivered", DEADLINE_S, at_ns)  # PUBACK of a broker is no receipt
            assert "stored" not in [change.rung for change in bell.rungs_since(at_ns)]
            back = asyncio.create_task(it.gateway.start())
            await bell.wait_for("stored", 2 * DEADLINE_S, at_ns)
            await back
            dispatcher = Dispatcher(it.url, it.token)
            try:
                signals = await dispatcher.signals_of(bell.bell_id)
                assert len(signals) == 1
                assert signals[0]["what"] == "panic"
            finally:
                await dispatcher.stop()

    asyncio.run(asyncio.wait_for(story(), 5 * DEADLINE_S))
