"""Is this gateway able to take an alarm, right now? What /healthz and the page say."""

from dataclasses import field

from bellgate.clock import ClockState
from bellgate.core.frozen import frozen

# A canary leaves every 5 s; two may be lost to a reconnect before the gateway calls itself ill.
CANARY_EVERY_S = 5.0
CANARY_MAX_AGE_MS = 15_000


@frozen
class Health:
    """ok: every check is. checks: (name, ok, text for a person)."""

    ok: bool
    checks: list[tuple[str, bool, str]] = field(default_factory=list)


def judge(
    *,
    listening: bool,
    canary_age_ms: int | None,
    writer_fault: str | None,
    broker: str,
    engine_turns: bool,
    clock: ClockState,
) -> Health:
    """Health from plain facts. canary_age_ms: since the last round trip MQTT → database → back; None: none yet.

    broker: "" if all is well with it, else what is wrong; writer_fault likewise, or None. An unsynchronised clock is
    shown and never makes the gateway ill: alarms are ordered by receipt number.
    """
    if canary_age_ms is None:
        canary = (False, "has not come back yet since the start")
    elif canary_age_ms > CANARY_MAX_AGE_MS:
        canary = (False, f"came back {canary_age_ms // 1000} s ago; it should every {CANARY_EVERY_S:g} s")
    else:
        canary = (True, f"came back {canary_age_ms / 1000:.1f} s ago")
    checks = [
        ("broker", not broker, broker or "runs"),
        ("session", listening, "listens" if listening else "not connected to the broker"),
        ("canary", *canary),
        ("database", writer_fault is None, writer_fault or "takes writes"),
        ("engine", engine_turns, "turns" if engine_turns else "stands still: what is due is not carried out"),
        ("clock", True, _clock(clock)),
    ]
    return Health(all(ok for _, ok, _ in checks), checks)


def _clock(state: ClockState) -> str:
    by = f" by {state.source}" if state.source else ""
    if state.synchronised is None:
        return "cannot be asked here"
    if not state.synchronised:
        return "not synchronised: times are marked" + (f" ({state.source} runs)" if state.source else "")
    return f"synchronised{by}" + ("" if state.err_ms is None else f", at most {state.err_ms} ms off")
