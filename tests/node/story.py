"""A node, its clock, and what it has done so far: for the stories in virtual time. Both runtimes."""

import bellwire
from bellnode import node, settings

BOOT = "00112233445566aa"
OLD = "00112233445566bb"
UP = bellwire.join("seongsu", "b-1", "up")


class Story:
    """Every message is checked against the wire format. more: settings. kept: what the home set kept."""

    def __init__(self, brokers=1, silent=False, link=True, kind="store-bell", more=None, kept=None):
        wanted = {"silent": silent}
        wanted.update(more or {})
        settled, errors = settings.read_all(wanted, kind)
        assert not errors, errors
        self.now_ms = 0
        self.node = node.start(kind, settled, BOOT, 0, brokers, 0)
        self.sent, self.done, self.lamps, self.sounds, self.asked = [], [], [], [], []
        self.record, self.kept = None, kept
        self.give("remembered", None, kept)
        if link:
            self.give("linked")

    def give(self, *given):
        self.node, effects = node.step(self.node, given, self.now_ms)
        for effect in effects:
            if effect[0] == "send":
                bellwire.pack(effect[2], UP, bytes(32))
                self.sent.append(effect[2])
            elif effect[0] == "show":
                if not self.lamps or self.lamps[-1] != effect[1]:
                    self.lamps.append(effect[1])
            elif effect[0] == "sound":
                self.sounds.append(effect[1] + " (still)" if effect[2] else effect[1])
            elif effect[0] == "remember":
                self.record = effect[1]
            elif effect[0] == "keep":
                self.kept = effect[1]
            elif effect[0] in ("check", "configure", "settings"):
                self.asked.append(effect)
            if effect[0] != "log":
                self.done.append(effect[0])
        return effects

    def until(self, at_ms):
        """Let time pass, tick by due tick."""
        while node.due_ms(self.node) is not None and node.due_ms(self.node) <= at_ms:
            self.now_ms = max(self.now_ms + 1, node.due_ms(self.node))
            self.give("tick")
        self.now_ms = max(self.now_ms, at_ms)

    def press(self, hold_ms=0):
        self.give("edge", 1, self.now_ms)
        self.until(self.now_ms + hold_ms)
        self.give("edge", 0, self.now_ms)
        self.until(self.now_ms + 60)

    def keys(self, text):
        for key in text:
            self.until(self.now_ms + 100)
            self.give("key", key, self.now_ms)

    def receipt(self, seq, stage, boot=BOOT, **more):
        message = {"v": 1, "type": "receipt", "boot": boot, "seq": seq, "stage": stage, "now_ms": 1800000000000}
        message.update(more)
        return self.give("received", message)

    def command(self, number, name, now_ms=1800000000000, ttl_s=60, args=None):
        message = {"v": 1, "type": "command", "id": "{:016x}".format(number), "name": name}
        message.update({"now_ms": now_ms, "ttl_s": ttl_s})
        if args is not None:
            message["args"] = args
        return self.give("received", message)

    def events(self):
        return [message for message in self.sent if message["type"] == "event"]

    def newest(self):
        """The event with the highest number, as it was sent last."""
        found = None
        for event in self.events():
            if event["boot"] == BOOT and (found is None or event["seq"] >= found["seq"]):
                found = event
        return found

    def whats(self):
        """What went out, each event once, in the order of the first send."""
        found = []
        for event in self.events():
            if (event["boot"], event["seq"]) not in [pair[0] for pair in found]:
                found.append(((event["boot"], event["seq"]), event["what"]))
        return [what for _, what in found]

    def beats(self):
        return [message for message in self.sent if message["type"] == "heartbeat"]
