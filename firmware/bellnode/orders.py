"""What a bell does when the gateway asks it to, and settings on trial. Pure; `command` says whether a command runs.

Settings on trial: the shell has restarted the bell with the candidate. An event says "trying"; the first receipt for it
proves that the bell can live with them, and they are kept. If none comes in time, or a real alarm finds no way out for
as long as a person waits, the shell puts the old ones back and restarts.
"""

from bellnode import alarm, clock, command, daily, happen, outbox, sense, testmode
from bellnode.loan import seldom

IDENTIFY_SHOWN_MS = 10000  # long enough to find one bell in a row of shops
TRIAL_MIN = (1, 60, 5)  # least, most, and what it is when nothing is said
REASON_CHARS = 100  # of 128 that the format allows


@seldom("orders")
def obey(node, message, now_ms):
    """(node, effects) for a command that came in."""
    ran, why = command.judge(node.rest.ran, message, clock.estimate(node.clock, now_ms)[0])
    if why:
        return node, [("log", f"ignored command {message['name']}: {why}")]
    node, effects = _ORDERS[message["name"]](happen.changed(node, ran=ran), message, now_ms)
    return node, [("log", f"command {message['name']}")] + effects


def _answer(node, what, order, now_ms, **more):
    info = {"id": order} if order else {}
    info.update(more)
    return happen.event(node, what, "alarm", None, info, now_ms, now_ms)


def _no(node, message, reason, now_ms):
    return _answer(node, "fault", message["id"], now_ms, name=message["name"], reason=reason[:REASON_CHARS])


def _done(node, message, now_ms, **more):
    return _answer(node, "test", message["id"], now_ms, name=message["name"], **more)


def _identify(node, message, now_ms):
    if node.rest.settings.silent:
        return _no(node, message, "a silent bell does not show itself", now_ms)
    return _done(happen.changed(node, identify_ms=now_ms + IDENTIFY_SHOWN_MS), message, now_ms)


def _selftest(node, message, now_ms):
    minutes = message.get("args", {}).get("test_mode_min")
    if minutes is None:
        return node, [("check", message["id"])]
    most = testmode.LONGEST_MS // 60000
    if type(minutes) is not int or not 0 <= minutes <= most:
        return _no(node, message, f'"test_mode_min" must be 0 to {most}', now_ms)
    node, effects, refused = sense.test_mode(node, minutes * 60000, "command", now_ms)
    if refused:
        return _no(node, message, refused, now_ms)
    node, more = _done(node, message, now_ms, test_mode_min=minutes)
    return node, effects + more


def _silence(node, message, now_ms):
    if "duress" in happen.may_be_open(node):
        return _no(node, message, "not now", now_ms)  # whoever forces a disarm may not learn of it by the quiet
    return _done(happen.changed(node, quiet_ms=None), message, now_ms)


def _resend(node, message, now_ms):
    box, _ = outbox.step(node.outbox, ("resend",), now_ms)
    return _done(happen.changed(node, outbox=box), message, now_ms, pending=len(box.entries))


def _configure(node, message, now_ms):
    args = message.get("args", {})
    least, most, usual = TRIAL_MIN
    minutes = args.get("minutes", usual)
    if node.rest.trial is not None:
        return _no(node, message, "other settings are on trial; wait for their result", now_ms)
    if node.alarms or outbox.urgent(node.outbox):
        return _no(node, message, "an alarm is open; send it again when it is closed", now_ms)
    if type(minutes) is not int or not least <= minutes <= most:
        return _no(node, message, f'"minutes" must be {least} to {most}', now_ms)
    if not isinstance(args.get("set"), dict) or not args["set"]:
        return _no(node, message, '"set" must be an object of settings', now_ms)
    return node, [("configure", message["id"], args["set"], minutes)]


def _update(node, message, now_ms):
    return _no(node, message, "unsupported: this firmware is copied by hand", now_ms)


_ORDERS = {
    "identify": _identify,
    "selftest": _selftest,
    "silence": _silence,
    "resend": _resend,
    "configure": _configure,
    "update": _update,
}


@seldom("orders")
def checked(node, given, now_ms):
    """("checked", id or None, readings, why): the shell's self-test is over. why: "" or what failed."""
    _, order, readings, why = given
    error_ms = clock.estimate(node.clock, now_ms)[1]
    more = {"name": "selftest", "faults": ",".join(node.rest.faults)[:REASON_CHARS]}
    more["clock_err_ms"] = error_ms  # None: no receipt yet
    more.update(readings)
    if node.button.phase != "up":
        why = why or "the button is pressed"
    node = happen.fault(happen.changed(node, checked_ms=now_ms), "selftest", bool(why))
    if why:
        more["reason"] = why[:REASON_CHARS]
    elif order is None:
        return node, [("log", "self-test passed")]  # the daily one: a thousand bells that say so every day say nothing
    return _answer(node, "fault" if why else "test", order, now_ms, **more)


@seldom("orders")
def configured(node, given, now_ms):
    """("configured", id, why): the shell did not take the settings. If it did, it has restarted us."""
    return _answer(node, "fault", given[1], now_ms, name="configure", reason=given[2][:REASON_CHARS])


@seldom("orders")
def trial(node, given, now_ms):
    """("trial", id, ms): this start is on trial for so long."""
    node, effects = _answer(node, "test", given[1], now_ms, name="configure", result="trying")
    return happen.changed(node, trial=(given[1], node.seq, now_ms + given[2])), effects


@seldom("orders")
def trial_over(node, given, now_ms):
    """("trial_over", id, why): the shell gave a trial up before this start."""
    return _answer(node, "fault", given[1], now_ms, name="configure", result="rolled back", reason=given[2])


@seldom("orders")
def service(node, given, now_ms):
    """("service", ms): who has opened the case and sits at the cable wants test mode for so long; 0 ends it."""
    node, effects, refused = sense.test_mode(node, given[1], "service", now_ms)
    return node, effects + ([("log", f"no test mode: {refused}")] if refused else [])


def proved(node, boot, seq, now_ms):
    """A receipt came: if it is for the trial's own event, the settings are kept."""
    if node.rest.trial is None or (boot, seq) != (node.rest.boot, node.rest.trial[1]):
        return node, []
    return _proved(node, now_ms)


@seldom("orders")
def _proved(node, now_ms):
    order = node.rest.trial[0]
    node, effects = _answer(happen.changed(node, trial=None), "test", order, now_ms, name="configure", result="kept")
    return node, [("settings", "keep")] + effects


def tick(node, now_ms):
    """A trial that is over, a self-test that is due."""
    if node.rest.trial is None and now_ms < check_ms(node):
        return node, []
    return _over(node, now_ms)


@seldom("orders")
def _over(node, now_ms):
    effects = []
    if node.rest.trial is not None:
        why = None
        if now_ms >= node.rest.trial[2]:
            why = "no receipt in time"
        elif [shown for shown in node.alarms if shown.rung == "not_delivered"]:
            why = f"an alarm had no receipt for {alarm.DELIVERY_MS // 1000} s"
        if why:
            order = node.rest.trial[0]
            node = happen.changed(node, trial=None)
            node, effects = _answer(node, "fault", order, now_ms, name="configure", result="rolled back", reason=why)
            effects.append(("settings", "drop"))
    if now_ms >= check_ms(node):
        node = happen.changed(node, checked_ms=now_ms)
        effects.append(("check", None))
    return node, effects


def check_ms(node):
    """When the daily self-test is due."""
    t_ms = clock.estimate(node.clock, node.rest.checked_ms)[0]
    return daily.next_ms(
        node.rest.checked_ms, t_ms, node.rest.settings.selftest_hour, node.rest.settings.utc_offset_min
    )
