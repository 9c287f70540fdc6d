"""Decisions without a world: `step(state, input, now_ms) -> (state, effects)`.

    frozen       a class of plain values that nobody changes
    effect       what a decision may ask for
    signal       what a device says, as the gateway understands it: moment, lateness, silence, weight
    correlation  which signals belong together
    incident     what people do about it: the table of the handling axis
    handling     what signals and commands do to an incident
    escalation   who is told next, and when
    attendance   whether somebody is at a console
    press_test   a press test from the console, to its end
    supervision  who is alive: heartbeats, losses, silence
    trouble      the kinds of trouble, and the life of a line of the trouble list
    storm        many bells with the same trouble as one line
    alarm_codes  what an alarm receiving centre is told

No clock, socket, file, thread or chance in here: time comes in as `*_ms: int`, effects go out as values.
"""
