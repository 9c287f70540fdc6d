"""Is a console attended? Its page proves it every few seconds, and a person shows a sign every so many minutes.

A page that looks alive and isn't is worse than none. So it counts only while its stream is fresh (it names the newest
heartbeat that it heard), its audio clock moves, it can be seen, and a person has heard the sound and is still there.
What ends that is said at once: by the page in red, by the trouble list, and to whoever comes next in the escalation.
"""

from dataclasses import replace

from bellgate.core.effect import ClearDue, ClearTrouble, Effect, RaiseTrouble, Record, SetDue, Unattended
from bellgate.core.frozen import frozen
from bellgate.errors import NotAllowed

BEGUN, ATTENDED, DEAF, ABSENT, SILENT, ENDED = "begun", "attended", "deaf", "absent", "silent", "ended"
CONDITIONS = (BEGUN, ATTENDED, DEAF, ABSENT, SILENT, ENDED)

# (condition, what happened): condition afterwards. proved: a good proof; flawed: it can't be heard or seen, or its
# stream is stale; unsigned: no sign of a person for too long; lapsed: no proof at all; heard, unheard: what the person
# said of the sound.
TRANSITIONS: dict[tuple[str, str], str] = {
    (BEGUN, "proved"): BEGUN,  # nobody has said that the sound is heard
    (BEGUN, "flawed"): BEGUN,
    (BEGUN, "unsigned"): BEGUN,
    (BEGUN, "lapsed"): ENDED,
    (BEGUN, "heard"): ATTENDED,
    (BEGUN, "unheard"): BEGUN,
    (BEGUN, "end"): ENDED,
    (ATTENDED, "proved"): ATTENDED,
    (ATTENDED, "flawed"): DEAF,
    (ATTENDED, "unsigned"): ABSENT,
    (ATTENDED, "lapsed"): SILENT,
    (ATTENDED, "heard"): ATTENDED,
    (ATTENDED, "unheard"): DEAF,
    (ATTENDED, "end"): ENDED,
    (DEAF, "proved"): ATTENDED,
    (DEAF, "flawed"): DEAF,
    (DEAF, "unsigned"): ABSENT,
    (DEAF, "lapsed"): SILENT,
    (DEAF, "heard"): ATTENDED,
    (DEAF, "unheard"): DEAF,
    (DEAF, "end"): ENDED,
    (ABSENT, "proved"): ATTENDED,
    (ABSENT, "flawed"): DEAF,
    (ABSENT, "unsigned"): ABSENT,
    (ABSENT, "lapsed"): SILENT,
    (ABSENT, "heard"): ATTENDED,
    (ABSENT, "unheard"): DEAF,
    (ABSENT, "end"): ENDED,
    (SILENT, "proved"): ATTENDED,
    (SILENT, "flawed"): DEAF,
    (SILENT, "unsigned"): ABSENT,
    (SILENT, "lapsed"): SILENT,
    (SILENT, "heard"): ATTENDED,
    (SILENT, "unheard"): DEAF,
    (SILENT, "end"): ENDED,
}

# A page proves itself this often; two proofs may be lost on a bad network, the third counts.
PROOF_EVERY_MS = 4_000
# Found with the engine's tick this stays under the twelve seconds in which a person must be told.
LAPSE_MS = 10_000
# The gateway sends a heartbeat every 3 s; a page that has heard none for this long shows an old picture.
STALE_MS = 9_000
# An acknowledgement of somebody whose only console is gone is trusted so long, and not the whole lease.
LEASE_UNATTENDED_MS = 30_000
# A running audio clock moves every few milliseconds; two proofs may follow each other quicker than that.
AUDIO_STILL_MS = 1_000

LAPSED, UNSIGNED = "desk_lapsed", "desk_unsigned"  # the due rows' kinds


@frozen
class Desk:
    """One console in one person's watch. areas: the sites that it shows, empty for all.

    proved_ms, signed_ms: the newest proof of the page, the newest sign of the person. audio_ms: where the page's audio
    clock stood then.
    """

    id: str
    operator: str
    console: str
    areas: tuple[str, ...]
    begun_ms: int
    condition: str = BEGUN
    heard_ms: int | None = None
    proved_ms: int = 0
    signed_ms: int = 0
    audio_ms: int = 0
    ended_ms: int | None = None

    @property
    def subject(self) -> str:
        """How people know it."""
        return f"{self.operator} on {self.console}"


@frozen
class Proof:
    """What a page says of itself. heartbeat_ms: of the newest heartbeat that it heard, on the gateway's clock.

    audio_ms: its audio clock. signed_ms: when the person last touched a key or the pointer, on the gateway's clock.
    """

    heartbeat_ms: int
    audio_ms: int
    visible: bool
    signed_ms: int


@frozen
class Heard:
    """What the person said of the alarm's sound."""

    heard: bool
    proof: Proof


@frozen
class Lapsed:
    """No proof came in time."""


@frozen
class Unsigned:
    """No sign of a person came in time."""


@frozen
class End:
    """The person ends the watch. untaken: open incidents that nobody took; held: those of this person."""

    untaken: tuple[int, ...] = ()
    held: tuple[int, ...] = ()


Input = Proof | Heard | Lapsed | Unsigned | End


def begin(desk: Desk, now_ms: int) -> tuple[Desk, tuple[Effect, ...]]:
    """A new watch; it counts once the sound was heard."""
    begun = replace(desk, begun_ms=now_ms, proved_ms=now_ms, signed_ms=now_ms)
    return begun, (
        Record("watch_begun", desk.operator, {"console": desk.console}),
        SetDue(LAPSED, now_ms + LAPSE_MS),
    )


def step(desk: Desk, given: Input, now_ms: int, sign_within_ms: int) -> tuple[Desk, tuple[Effect, ...]]:
    """The next condition and what to do. Raises NotAllowed for a watch that is over, or can't be ended now."""
    match given:
        case Proof():
            why = flaw(desk, given, now_ms)
            unsigned = now_ms - given.signed_ms >= sign_within_ms
            return _on(
                _proved(desk, given, now_ms),
                "flawed" if why else "unsigned" if unsigned else "proved",
                why,
                now_ms,
                sign_within_ms,
            )
        case Heard(heard, proof):
            why = flaw(desk, proof, now_ms) or ("" if heard else "unheard")
            proved = replace(_proved(desk, proof, now_ms), signed_ms=now_ms)
            if heard and not why:
                proved = replace(proved, heard_ms=now_ms)
            return _on(proved, "unheard" if why else "heard", why, now_ms, sign_within_ms)
        case Lapsed():
            return _on(desk, "lapsed", "lapsed", now_ms, sign_within_ms)
        case Unsigned():
            return _on(desk, "unsigned", "unsigned", now_ms, sign_within_ms)
        case End(untaken, held):
            if untaken:
                numbers = ", ".join(str(number) for number in untaken)
                raise NotAllowed(f"nobody has taken incident {numbers}: acknowledge it before the watch ends")
            if held:
                numbers = ", ".join(str(number) for number in held)
                raise NotAllowed(f"you hold incident {numbers}: hand it off or close it before the watch ends")
            return _on(desk, "end", "", now_ms, sign_within_ms)


def flaw(desk: Desk, proof: Proof, now_ms: int) -> str:
    """Why this proof does not count: "stale", "mute" or "hidden"; "" if it does. audio_ms 0: the page has no sound."""
    if now_ms - proof.heartbeat_ms > STALE_MS:
        return "stale"
    still = proof.audio_ms <= desk.audio_ms and now_ms - desk.proved_ms >= AUDIO_STILL_MS
    if still or proof.audio_ms == 0:
        return "mute"
    return "" if proof.visible else "hidden"


def _proved(desk: Desk, proof: Proof, now_ms: int) -> Desk:
    # A sign in the future is none: the page's clock is not to be believed further than ours.
    signed_ms = max(desk.signed_ms, min(proof.signed_ms, now_ms))
    return replace(desk, proved_ms=now_ms, audio_ms=proof.audio_ms, signed_ms=signed_ms)


def _on(desk: Desk, happened: str, why: str, now_ms: int, sign_within_ms: int) -> tuple[Desk, tuple[Effect, ...]]:
    before = desk.condition
    condition = TRANSITIONS.get((before, happened))
    if condition is None:
        raise NotAllowed(f"the watch of {desk.subject} is over: begin a new one")
    after = replace(desk, condition=condition, ended_ms=now_ms if condition == ENDED else None)
    return after, (*_dues(after, happened, sign_within_ms), *_told(before, after, why))


def _dues(desk: Desk, happened: str, sign_within_ms: int) -> tuple[Effect, ...]:
    if desk.condition == ENDED:
        return ClearDue(LAPSED), ClearDue(UNSIGNED)
    if happened == "lapsed":
        return (ClearDue(UNSIGNED),)  # the other one has fallen due; the next proof sets both again
    lapse = SetDue(LAPSED, desk.proved_ms + LAPSE_MS)
    if desk.condition == ATTENDED:
        return lapse, SetDue(UNSIGNED, desk.signed_ms + sign_within_ms)
    return lapse, ClearDue(UNSIGNED)


def _told(before: str, desk: Desk, why: str) -> tuple[Effect, ...]:
    after = desk.condition
    if before == after:
        return ()
    if after == ATTENDED:
        return (
            Record("watch_attended", desk.operator, {"console": desk.console}),
            ClearTrouble("console_silent", desk.subject),
        )
    if after == ENDED:
        ended = Record("watch_ended", desk.operator, {"console": desk.console})
        return ended, ClearTrouble("console_silent", desk.subject)
    effects: list[Effect] = [
        Record("watch_broken", "gateway", {"console": desk.console, "operator": desk.operator, "why": why}),
        RaiseTrouble("console_silent", desk.subject, {"why": why}),
    ]
    if before == ATTENDED:
        effects.append(Unattended())
    return tuple(effects)
