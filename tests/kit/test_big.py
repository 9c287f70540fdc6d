"""The full screen: what it shows of a walk test on a terminal of a telephone's size, and that q and errors end it."""

import asyncio

import pytest
from textual.widgets import Digits, Static

from bellkit.big import Big, BigScreen
from bellkit.errors import KitError
from bellkit.texts import LANGUAGES, Words
from bellkit.walktest import Ask, Asked

BUTTON = Ask("button", None, "button")
PHONE = (36, 20)


def text_of(app: Big, place: str) -> str:
    return str(app.query_one(f"#{place}", Static).render())


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_shows_the_order_the_rungs_and_the_result(language: str) -> None:
    words = Words(language)

    async def look() -> None:
        app = Big(words, lambda: None)
        async with app.run_test(size=PHONE) as pilot:
            screen = BigScreen(words, app)
            await asyncio.to_thread(screen.asked_for, BUTTON, 1, 3)
            await asyncio.to_thread(screen.left, 42)
            await pilot.pause()
            assert text_of(app, "now") == words("ask.button") and text_of(app, "step") == "1 / 3"
            assert app.query_one("#digits", Digits).value == "42"
            for rung, ms in (("device", 3), ("broker", 7), ("database", None)):
                await asyncio.to_thread(screen.rung, BUTTON, rung, ms)
            await pilot.pause()
            shown = text_of(app, "rungs")
            assert words("rung.device") in shown and "7 ms" in shown and words("rung.database") in shown
            assert app.query_one("#digits", Digits).value == "7"
            await asyncio.to_thread(screen.asked, Asked(BUTTON, 1, (("device", 3),), "failed", "no_broker"))
            await pilot.pause()
            assert words("walk.no_broker") in text_of(app, "log") and words("walk.no_broker") in text_of(app, "now")

            def looking() -> None:
                with screen.step("judge") as bar:
                    bar(3, 4)
                    seen.append((text_of(app, "now"), app.query_one("#digits", Digits).value))

            seen: list[tuple[str, str]] = []
            await asyncio.to_thread(looking)
            assert seen == [(words("step.judge"), "75%")], "after the last order it says that it is still at work"
            assert not screen.stopped()
            await pilot.press("q")
            assert screen.stopped()

    asyncio.run(look())


def test_steps_and_verdicts_fit_on_it_too() -> None:
    words = Words("ko")

    async def look() -> None:
        app = Big(words, lambda: None)
        async with app.run_test(size=PHONE) as pilot:
            screen = BigScreen(words, app)

            def steps() -> None:
                from bellkit.verdict import judge

                with screen.step("enrol") as bar:
                    bar(1, 4)
                screen.verdicts(judge({"inputs": {"button": "stuck"}}))
                screen.close(["case"])
                screen.end("끝")

            await asyncio.to_thread(steps)
            await pilot.pause()
            shown = text_of(app, "log")
            assert words("step.enrol") in shown and words("cause.button_stuck") in shown
            assert text_of(app, "now") == "끝" and text_of(app, "keys") == words("big.done")

    asyncio.run(look())


def test_what_goes_wrong_in_the_work_is_raised_when_the_terminal_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from bellkit import big

    monkeypatch.setattr(Big, "run", _headless)

    def work(screen: object, walk: object) -> None:
        raise KitError("the cable is away")

    with pytest.raises(KitError, match="cable is away"):
        big.in_big(Words("en"), work)
    assert big.in_big(Words("en"), lambda screen, walk: 7, wait=False) == 7


def _headless(app: Big) -> None:
    asyncio.run(app.run_async(headless=True, size=PHONE))
