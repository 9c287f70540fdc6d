"""A press test from the console: a bell is put into test mode, somebody presses it, and its way is seen. The table is
the machine; only a listed transition happens.

The bell does the protecting: it takes presses for tests for so many minutes and not longer, and a hold of 3 s stays a
real alarm. So a test that we lose sight of ends by itself, there and here.
"""

from dataclasses import replace

from bellgate.core.effect import ClearDue, Effect, Record, SetDue
from bellgate.core.frozen import frozen

SENT, CONFIRMED, PRESSED, SHOWN = "sent", "confirmed", "pressed", "shown"
PASSED, OFFLINE, BUSY, REFUSED = "passed", "offline", "busy", "refused"
UNANSWERED, UNPRESSED, ALARM, ENDED = "unanswered", "unpressed", "alarm", "ended"
RUNNING = (SENT, CONFIRMED, PRESSED, SHOWN)
VERDICTS = (PASSED, OFFLINE, BUSY, REFUSED, UNANSWERED, UNPRESSED, ALARM, ENDED)

# (state, what happened): state afterwards. confirm, refuse: the bell's answer to the command; press: as a test, after
# it began; show: a console has shown that press; alarm: a real one; again, late: no answer yet, none in time; over: the
# time of this state is over; end: a person ends it; still: the bell has not said that its test mode is over; quiet: it
# has, or it is over by itself. "offline" and "busy" are where a test ends that was never sent.
TRANSITIONS: dict[tuple[str, str], str] = {
    (SENT, "confirm"): CONFIRMED,
    (SENT, "refuse"): REFUSED,
    (SENT, "press"): PRESSED,  # the answer was overtaken: no bell tests that has not heard the command
    (SENT, "alarm"): ALARM,
    (SENT, "again"): SENT,
    (SENT, "late"): UNANSWERED,
    (SENT, "end"): ENDED,
    (CONFIRMED, "press"): PRESSED,
    (CONFIRMED, "alarm"): ALARM,
    (CONFIRMED, "over"): UNPRESSED,
    (CONFIRMED, "end"): ENDED,
    (PRESSED, "confirm"): PRESSED,
    (PRESSED, "show"): SHOWN,
    (PRESSED, "alarm"): ALARM,  # the finger stayed on the button: it was no test
    (PRESSED, "over"): PASSED,  # it is stored; that no console showed it stands beside it
    (PRESSED, "end"): PASSED,
    (SHOWN, "confirm"): SHOWN,
    (SHOWN, "alarm"): ALARM,
    (SHOWN, "over"): PASSED,
    (SHOWN, "end"): PASSED,
    (UNANSWERED, "confirm"): UNANSWERED,  # it has heard us after all: its test mode must not stay on unseen
    # While a bell is in test mode a short press is a test, and whoever ended it believes that it is not.
    (PASSED, "still"): PASSED,
    (PASSED, "quiet"): PASSED,
    (ENDED, "still"): ENDED,
    (ENDED, "quiet"): ENDED,
    (UNANSWERED, "still"): UNANSWERED,
    (UNANSWERED, "quiet"): UNANSWERED,
}

# The bell's own limit is 15 minutes; ten are enough to walk through a shop and find the button.
MINUTES = (1, 15, 10)  # least, most, and what it is when nothing is said
# A command that is lost on the way is sent again; a bell runs each only once. Six times five seconds: a bell that was
# looking for its network is back by then, and whoever waits at the console still waits.
AGAIN_MS = 5_000
TRIES = 6
COMMAND_TTL_S = AGAIN_MS * TRIES // 1000
END_TTL_S = 60
# A press of the last second is still on its way.
ON_ITS_WAY_MS = 15_000
# A console that is open shows it within a second.
SHOW_MS = 20_000
# Longer than a hold that turns the press into a real alarm (3 s) and its way to us.
HOLD_MS = 6_000

DUE = "press_test"  # the due row's kind
BY = "gateway"  # in the record


@frozen
class PressTest:
    """One test of one bell. `version` rises with every change.

    command, end_command: 16 hex digits, what turns the bell's test mode on and off; "" if nothing was sent. tries: how
    often the first was sent; end_tries: the second, 0 when none is sent or the bell has answered it. signal: the
    receipt number of the press. reason: why the bell refused, in its words.
    """

    id: int
    bell_id: str
    site: str
    by: str
    minutes: int
    begun_ms: int
    command: str
    end_command: str
    state: str = SENT
    version: int = 1
    tries: int = 1
    confirmed_ms: int | None = None
    reason: str | None = None
    signal: int | None = None
    pressed_ms: int | None = None
    shown_ms: int | None = None
    shown_by: str | None = None
    ended_ms: int | None = None
    end_tries: int = 0

    @property
    def running(self) -> bool:
        """True until there is a verdict that nothing changes any more."""
        return self.state in RUNNING

    @property
    def verdict(self) -> str | None:
        """How it ended; "passed" as soon as a console has shown the press; None before."""
        return PASSED if self.state == SHOWN else None if self.running else self.state

    @property
    def until_ms(self) -> int | None:
        """When the bell's test mode ends by itself at the latest, None while it has not answered."""
        return None if self.confirmed_ms is None else self.confirmed_ms + self.minutes * 60_000

    @property
    def quiet_ms(self) -> int:
        """When it is over by itself whatever the bell has heard, and heard how late."""
        heard_ms = self.begun_ms + COMMAND_TTL_S * 1000 if self.confirmed_ms is None else self.confirmed_ms
        return heard_ms + self.minutes * 60_000


@frozen
class Given:
    """One thing that happened (`sign`, see the table). text: the bell's reason, the console, or who ends it.

    signal: the press's receipt number; at_ms: when it was received.
    """

    sign: str
    text: str | None = None
    signal: int | None = None
    at_ms: int | None = None


@frozen
class Order:
    """Tell the bell: test mode for so many minutes, 0 ends it. now_ms: the moment that stands in the command."""

    command: str
    minutes: int
    now_ms: int
    ttl_s: int


@frozen
class CloseCase:
    """The press's own incident is done with: close it as a test."""


def begin(test: PressTest, online: bool, busy: bool) -> tuple[PressTest, tuple[Effect | Order | CloseCase, ...]]:
    """The test as it starts, and what to do. online: the bell is heard; busy: a real alarm is open there.

    While an alarm is open nobody may turn the next press into a test.
    """
    state = BUSY if busy else SENT if online else OFFLINE
    if state != SENT:
        test = replace(test, state=state, command="", end_command="", tries=0, ended_ms=test.begun_ms)
        return test, (_verdict(test),)
    order = Order(test.command, test.minutes, test.begun_ms, COMMAND_TTL_S)
    return test, (order, SetDue(DUE, test.begun_ms + AGAIN_MS))


def takes(test: PressTest, sign: str) -> bool:
    """Does this mean anything to the test as it stands?"""
    return (test.state, sign) in TRANSITIONS


def fell_due(test: PressTest, now_ms: int) -> Given:
    """What the due row says to the test as it stands."""
    if not test.running:
        return Given("still" if now_ms < test.quiet_ms else "quiet")
    if test.state == SENT:
        return Given("again" if test.tries < TRIES else "late")
    return Given("over")


def step(test: PressTest, given: Given, now_ms: int) -> tuple[PressTest, tuple[Effect | Order | CloseCase, ...]]:
    """The next state and what to do. Raises ValueError: no such transition."""
    if not takes(test, given.sign):
        raise ValueError(f"a press test that is {test.state} cannot take {given.sign!r}")
    state = TRANSITIONS[test.state, given.sign]
    was, test = test, replace(test, state=state, version=test.version + 1)
    end = Order(was.end_command, 0, max(now_ms, was.begun_ms + 1), END_TTL_S)
    match given.sign:
        case "again":
            again = Order(test.command, test.minutes, test.begun_ms, COMMAND_TTL_S)
            return replace(test, tries=test.tries + 1), (again, SetDue(DUE, now_ms + AGAIN_MS))
        case "still":
            return replace(test, end_tries=test.end_tries + 1), (end, SetDue(DUE, now_ms + AGAIN_MS))
        case "quiet":
            return replace(test, end_tries=0), (ClearDue(DUE),)
        case "confirm":
            if state == UNANSWERED:
                return replace(test, end_tries=1), (end, SetDue(DUE, now_ms + AGAIN_MS))
            test = replace(test, confirmed_ms=now_ms)
            if state != CONFIRMED:
                return test, ()
            return test, (SetDue(DUE, now_ms + test.minutes * 60_000 + ON_ITS_WAY_MS),)
        case "press":
            test = replace(test, signal=given.signal, pressed_ms=given.at_ms)
            return test, (SetDue(DUE, now_ms + SHOW_MS),)
        case "show":
            return replace(test, shown_ms=now_ms, shown_by=given.text), (SetDue(DUE, now_ms + HOLD_MS),)
    reason = given.text if given.sign == "refuse" else None
    test = replace(test, ended_ms=now_ms, reason=reason)
    effects: list[Effect | Order | CloseCase] = [
        ClearDue(DUE),
        _verdict(test, given.text if given.sign == "end" else BY),
    ]
    if state in (PASSED, ENDED):
        test = replace(test, end_tries=1)
        effects += [end, SetDue(DUE, now_ms + AGAIN_MS)]
    if state == PASSED:
        effects.append(CloseCase())
    return test, tuple(effects)


def _verdict(test: PressTest, by: str | None = BY) -> Record:
    return Record("press_test_over", by or BY, {"bell_id": test.bell_id, "verdict": test.state})
