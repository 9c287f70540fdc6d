"""Decisions without a world: `step(state, input, now_ms) -> (state, effects)`.

    effect       what a decision may ask for
    signal       what a device says, as the gateway understands it: moment, lateness, silence, weight
    correlation  which signals belong together
    incident     what people do about it: the table of the handling axis
    handling     what signals and commands do to an incident
    escalation   who is told next, and when
    supervision  who is alive: heartbeats, losses, silence

No clock, socket, file, thread or chance in here: time comes in as `*_ms: int`, effects go out as values.
"""
