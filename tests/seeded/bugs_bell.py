"""Bugs of the bell, put in on purpose."""

from bug import Bug
from patched import Patch

# A PUBACK is handed to the app, and from there to the node as ("broker_has", boot, seq) of each event that waits.
_TO_NODE = (
    Patch(
        "bellnode.link",
        "        elif packet.kind in (mqtt.CONNACK, mqtt.SUBACK):\n",
        "        elif packet.kind == mqtt.PUBACK:\n"
        "            self._owner.broker_has()\n"
        "        elif packet.kind in (mqtt.CONNACK, mqtt.SUBACK):\n",
    ),
    Patch(
        "bellnode.app",
        "    def unlinked(self):\n",
        "    def broker_has(self):\n"
        "        for item in self._node.outbox.entries:\n"
        '            self._feed(("broker_has", item.boot, item.seq))\n'
        "\n"
        "    def unlinked(self):\n",
    ),
)

SENDING = (
    Bug(
        "lamp_on_puback",
        "The broker has acknowledged the message: the lamp says stored.",
        ("lamp_lies",),
        (
            *_TO_NODE,
            Patch(
                "bellnode.node",
                '    if kind == "saved":\n',
                '    if kind == "broker_has":\n'
                "        alarms = node.alarms\n"
                "        if (given[1], given[2]) in [(shown.boot, shown.seq) for shown in alarms]:\n"
                '            given = ("receipt", given[1], given[2], "stored", None, ())\n'
                "            alarms, _ = alarm.step(alarms, given, now_ms)\n"
                "        return changed(node, alarms=alarms), []\n"
                '    if kind == "saved":\n',
            ),
        ),
    ),
    Bug(
        "puback_is_delivery",
        "The broker has acknowledged the message: it need not be sent again.",
        ("lost",),
        (
            *_TO_NODE,
            Patch(
                "bellnode.node",
                '    if kind == "saved":\n',
                '    if kind == "broker_has":\n'
                '        box, _ = outbox.step(node.outbox, ("receipt", given[1], given[2], "stored"), now_ms)\n'
                "        return changed(node, outbox=box), []\n"
                '    if kind == "saved":\n',
            ),
        ),
    ),
    Bug(
        "gives_up",
        "After five tries an event is not sent any more: the gateway seems to be away.",
        ("lost", "undelivered"),
        (
            Patch(
                "bellnode.outbox",
                "    for item in outbox.entries:\n        after = item\n",
                "    for item in outbox.entries:\n"
                "        if item.tries >= 5:\n            continue\n        after = item\n",
            ),
        ),
    ),
    Bug(
        "resend_takes_a_new_number",
        "The second send of an event has a number of its own.",
        ("invented", "lost"),
        (
            Patch(
                "bellnode.outbox",
                '        "seq": item.seq,\n        "what": item.what,\n        "state": item.state,\n        "age_ms"',
                '        "seq": item.seq + (1000 if item.tries == 1 else 0),\n        "what": item.what,\n'
                '        "state": item.state,\n        "age_ms"',
            ),
        ),
    ),
    Bug(
        "outbox_without_bound",
        "The outbox takes what comes.",
        ("unbounded",),
        (Patch("bellnode.outbox", "ENTRIES_MAX = 32\n", "ENTRIES_MAX = 1000\n"),),
        needs=("hammer",),
    ),
    Bug(
        "full_outbox_takes_nothing",
        "An outbox that is full drops the newest press.",
        ("lost", "ignored"),
        (
            Patch(
                "bellnode.outbox",
                "        if not is_alarm(item):\n            return place\n    return 1\n",
                "        if not is_alarm(item):\n            return place\n    return len(entries) - 1\n",
            ),
        ),
        needs=("hammer",),
    ),
)

KEEPING = (
    Bug(
        "journal_keeps_few",
        "The journal has room for four; what is older is overwritten, delivered or not.",
        ("lost",),
        (
            Patch(
                "bellnode.ring",
                "        return (self.sectors - len(self._worn) - AHEAD - 1) * (SLOTS - SLOTS_MAX + 1)\n",
                "        return 4\n",
            ),
        ),
    ),
    Bug(
        "number_used_again",
        "The name of a start is made of its count alone, and the count begins again when the flash forgets it.",
        ("ignored", "lost", "vanished", "doubled", "lamp_lies"),
        (
            Patch(
                "bellnode.starts",
                'mixed = str(self._record["count"]).encode() + b"/" + random + b"/" + unique\n',
                'mixed = str(self._record["count"]).encode() + b"/" + unique\n',
            ),
        ),
    ),
    Bug(
        "press_while_sending_ignored",
        "A press while another one is being sent is taken for the same.",
        ("ignored",),
        (
            Patch(
                "bellnode.sense",
                "            _, what, at_ms, info, until_ms = effect\n",
                "            _, what, at_ms, info, until_ms = effect\n"
                '            if [shown for shown in node.alarms if shown.rung == "sending"]:\n'
                "                continue\n",
            ),
        ),
    ),
)

LAMP = (
    Bug(
        "first_stage_only",
        "Once a press is stored, nothing more that is said of it reaches the lamp.",
        ("lamp_behind",),
        (
            Patch(
                "bellnode.answers",
                "    if what in happen.SHOWN:\n        alarms, _",
                "    if what in happen.SHOWN and effects:\n        alarms, _",
            ),
        ),
    ),
    Bug(
        "duress_on_the_lamp",
        "A duress code lights the lamp like any other alarm.",
        ("betrayed",),
        (
            Patch(
                "bellnode.happen",
                'SHOWN = ("panic", "holdup", "medical", "intrusion")\n',
                'SHOWN = ("panic", "holdup", "medical", "intrusion", "duress")\n',
            ),
        ),
    ),
    Bug(
        "lamp_falls",
        "A receipt is a stage, and the lamp shows it: the last one that came.",
        ("lamp_behind", "lamp_lies"),
        (
            Patch(
                "bellnode.alarm",
                "acknowledged stored acknowledged\nacknowledged presented acknowledged\n",
                "acknowledged stored stored\nacknowledged presented presented\n",
            ),
            Patch(
                "bellnode.alarm",
                "dispatched stored dispatched\ndispatched presented dispatched\ndispatched acknowledged dispatched\n",
                "dispatched stored stored\ndispatched presented presented\ndispatched acknowledged acknowledged\n",
            ),
        ),
    ),
)

TIME = (
    Bug(
        "age_asleep",
        "The clock that an age is taken from stands still while there is no link.",
        ("time_lies", "late_unsaid"),
        (
            Patch(
                "bellnode.outbox",
                "max(0, now_ms - item.happened_ms),\n",
                "max(0, now_ms - max(item.happened_ms, item.link_ms or 0)),\n",
            ),
        ),
    ),
    Bug(
        "bars_without_drift",
        "What was known of the gateway's time is as good an hour later.",
        ("time_lies",),
        (
            Patch(
                "bellnode.clock",
                "    return clock.error_ms + abs(at_ms - clock.at_ms) * DRIFT_PPM // 1000000 + 1\n",
                "    return clock.error_ms + 1\n",
            ),
        ),
    ),
    Bug(
        "bars_too_small",
        "The gateway's time is what the receipt says, at the moment it comes.",
        ("time_lies",),
        (
            Patch(
                "bellnode.clock",
                "    new = Clock(gateway_ms + half_ms, now_ms, half_ms)\n",
                "    new = Clock(gateway_ms, now_ms, 0)\n",
            ),
        ),
    ),
)

BELL = (*SENDING, *KEEPING, *LAMP, *TIME)
