"""The running bell: carries out the node's effects with the board, the journal and the link. asyncio.

Order of a press: the interrupt notes the edge with its time; the loop gives it to the node; identity, then journal,
then send. Whatever goes wrong with flash, network or an unforeseen message, the loop goes on.
"""

import asyncio
import gc
import sys

import bellwire
from bellnode import VERSION, board, config, indicator, journal, names, node, outbox, settings, staged, starts, watch, wifi
from bellnode.link import Link

FAILED_MS = 100  # after a turn of the loop that met a fault
# Written into the journal and taken out again by the self-test: no event has this number.
PROBE = {"boot": "0000000000000000", "seq": 0, "what": "test", "state": "restore"}
IDLE_MS = 1000  # the loop turns at least once a second: for the network's state and the clock's wrap


class App:
    """One bell. Made inside the running loop.

    found: config.Config. store: staged.Staged; loaded: what its load() gave. record: starts.Starts, not begun yet.
    """

    def __init__(self, found, folder, store, loaded, record):
        self._stopping = False
        self.again = False  # True if the bell has to start again when run() is over
        self._starts = record
        boot, crash, faults = record.begin(board.random(16), board.unique())
        settled, errors, trial, given_up = loaded
        if record.safe:
            settled = settings.safe(settled)
        self._store = store
        self._board = board.Board(self.stop, settled)
        self._settings = found
        self._journal = journal.events(folder, self._board.journal_partition())
        self._topics = [bellwire.join(found.site, found.bell_id, leaf) for leaf in ("up", "down", "status")]
        self._keys = {0: found.key}
        self._node = node.start(found.kind, settled, boot, crash, len(found.brokers), self._board.now_ms())
        self._memory = journal.TwoCopies(folder, "memory")
        self._arming = journal.TwoCopies(folder, "arming")
        self._lamp = ("idle", settled.silent, False)  # what is shown, and since when
        self._lamp_ms = 0
        self._voice = ("idle", False)
        self._voice_ms = 0
        self._flash_ok = True
        self.log(f"bell {found.bell_id}  {VERSION}  {sys.implementation.name}  boot {boot}")
        self._watch = watch.Watch(self._board, record, self)
        self._names = names.Names(folder, self._board.now_ms)
        now_ms = self._board.now_ms
        self._network = wifi.Network(self._board.station, found.wifi, now_ms, record.radio_restart, self)
        self._link = Link(
            found,
            self._network,
            self._names,
            self._topics,
            (self._status("offline"), self._status("online"), self._status("offline")),
            int(boot[8:], 16),
            self,
        )
        for text in errors:
            self.log(f"fault: {text}")
        if errors:
            faults += ("settings",)
        self._feed(("remembered", _only(self._memory), _only(self._arming)))
        records, faulty = self._journal.load()
        records = [record for record in records if record.get("seq") != PROBE["seq"]]
        kept = [one for one in records if journal.usable(one)]
        if faulty or len(kept) != len(records):
            faults += ("journal",)
        self._feed(("loaded", kept, faults))
        if board.bitten() and record.report() is None:
            record.stopped_by("watchdog", "loop")  # a loop that hangs can note nothing
        if record.report() is not None:
            self.report(record.report())
            record.told()
        for zone, level in self._board.levels():
            self._feed(("line", zone, level, self._board.now_ms()))
        if trial is not None:
            self._feed(("trial", trial[0], trial[1] * 60000))
        if given_up is not None:
            self._feed(("trial_over", given_up, "the bell did not come up with them"))

    def _status(self, state):
        message = {"v": 1, "type": "status", "state": state, "boot": self._node.boot}
        return bellwire.pack(message, self._topics[2], self._settings.key)

    def log(self, text):
        """One line on the UART. Never a secret, never a reason to stop."""
        try:
            print(f"{self._board.now_ms()} ms  {text}")
        except OSError:
            pass  # nobody is attached

    def stop(self):
        """End cleanly, soon."""
        self._stopping = True
        self._board.wake()

    async def run(self):
        """Until stop(), or until the bell has to start again."""
        network = asyncio.create_task(self._watch.guarded(self._network.run, "wifi_task"))
        link = asyncio.create_task(self._watch.guarded(self._link.run, "link_task"))
        self._watch.begin()
        while not self._stopping:
            try:
                wait_ms = self._turn()
            except Exception as fault:  # a bug; the next turn may not meet it
                self._watch.failed_turn(fault)
                wait_ms = FAILED_MS
            await self._board.wait(wait_ms)
        await self._link.stop()
        try:
            await asyncio.wait_for(link, 2)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            pass
        network.cancel()
        self._starts.end()
        self.log("stopped")

    def _turn(self):
        """What there is to do now; ms until there may be more."""
        for level, at_ms in self._board.edges():
            self._feed(("edge", level, at_ms))
        for zone, value, at_ms in self._board.lines():
            self._feed(("line", zone, value, at_ms))
        for key, at_ms in self._board.keys():
            self._feed(("key", key, at_ms))
        for given in self._board.power():
            self._feed(given)
        now_ms = self._board.now_ms()
        due_ms = node.due_ms(self._node)
        if due_ms is not None and due_ms <= now_ms:
            self._feed(("tick",))
            due_ms = node.due_ms(self._node)
        if not self._network.network_up():
            self._link.network_lost()
        drawn_ms = self._draw()
        if self._watch.turn() and not self._node.outbox.entries and self._lamp[0] == "idle":
            self.log("safe mode ends")
            self._restart()
        wait_ms = IDLE_MS if due_ms is None else min(IDLE_MS, max(1, due_ms - self._board.now_ms()))
        for other_ms in (drawn_ms, self._board.poll_ms()):
            if other_ms is not None:
                wait_ms = min(wait_ms, other_ms)
        return wait_ms

    # --- from watch, link and wifi

    def bug(self, name, fault):
        """Something unforeseen was caught."""
        self._watch.bug(name, fault)

    def alive(self, part):
        """A task made progress."""
        self._watch.alive(part)

    def fault(self, name, present):
        """A fault that the heartbeat names came or went."""
        self._node, _ = node.step(self._node, ("fault", name, present), self._board.now_ms())

    def report(self, info):
        """An event "fault" with this `info`."""
        self._feed(("report", info))

    def look_up(self):
        """Nobody answers: the brokers' names may have moved."""
        self._names.ask_all()

    def radio_dead(self):
        """Nothing but a restart brings the radio back; what is undelivered is in the journal."""
        self._starts.radio()
        self._restart()

    def _restart(self):
        self.again = True
        self.stop()

    # --- what comes in

    def _feed(self, given):
        try:
            self._node, effects = self._twice(node.step, self._node, given, self._board.now_ms())
        except Exception as fault:  # a bug; the state is what it was, and the next press must still go out
            self.bug("node", fault)
            return
        for effect in effects:
            try:
                self._twice(self._carry, effect)
            except Exception as fault:  # a bug; the other effects must still be carried out
                self.bug("effect", fault)
        self._mirror(effects)
        self._board.wake()

    def _twice(self, call, *given):
        """A press must not be lost because the heap was full of rubbish at that moment."""
        try:
            return call(*given)
        except MemoryError:
            gc.collect()
            return call(*given)

    def urgent(self):
        """From the link: is there an alarm without a receipt?"""
        return outbox.urgent(self._node.outbox)

    def linked(self):
        """From the link: a broker took our subscription."""
        gc.collect()
        self._feed(("linked",))

    def unlinked(self):
        """From the link: it is gone."""
        self._feed(("unlinked",))

    def received(self, topic, payload):
        """From the link: a message; payload is None if it was too long."""
        if payload is None:
            self.log("ignored a message: too long")
            return
        try:
            message = bellwire.unpack(payload, topic, self._keys)
        except bellwire.WireError as fault:
            self.log(f"ignored a message: {fault}")
            return
        if topic != self._topics[1]:
            self.log(f"ignored a message on {topic}")
            return
        self._feed(("received", message))

    # --- what goes out

    def _carry(self, effect):
        name = effect[0]
        if name == "save":
            self._save(effect[1])
        elif name == "send":
            self._send(effect[2])
        elif name == "show":
            if effect[1] != self._lamp[0]:
                self._lamp_ms = self._board.now_ms()
            self._lamp = effect[1:]
            self._draw()
        elif name == "sound":
            if effect[1] != self._voice[0]:
                self._voice_ms = self._board.now_ms()
            self._voice = effect[1:]
            self._draw()
        elif name == "next_broker":
            self._link.next_broker()
        elif name == "hurry":
            self._link.hurry()
        elif name == "log":
            self.log(effect[1])
        elif name in ("remember", "keep"):
            self._keep(self._memory if name == "remember" else self._arming, effect[1])
        elif name == "check":
            self._check(effect[1])
        elif name == "configure":
            why = self._store.stage(*effect[1:])
            if why is None:
                self.log("settings on trial: the bell starts again with them")
                self._restart()
            else:
                self._feed(("configured", effect[1], why))
        elif name == "settings":
            self._settle(effect[1])

    def _keep(self, copies, record):
        try:
            copies.save([record])
            copies.mirror()
            self.fault("memory", False)
        except OSError as fault:
            self.log(f"fault: memory: {fault}")
            self.fault("memory", True)

    def _settle(self, how):
        """The trial is over: its settings stay, or the old ones come back."""
        if how == "keep":
            try:
                self._store.keep()
            except OSError as fault:
                self.log(f"fault: memory: {fault}")
                self.fault("memory", True)
        else:
            self._store.drop()
            self._restart()

    def _check(self, order):
        """The self-test: what can be tried without waking anybody."""
        found = self._board.check()
        found["journal"] = "ok"
        records = outbox.records(self._node.outbox)
        try:
            self._journal.save(records + [PROBE])
            back, _ = self._journal.load()
            if PROBE["seq"] not in [record.get("seq") for record in back]:
                found["journal"] = "lost what was written"
            self._journal.save(records)
        except OSError as fault:
            found["journal"] = f"does not take a record: {fault}"[:60]
        why = "" if found["journal"] == "ok" else "journal"
        self._feed(("checked", order, found, why))

    def _save(self, records):
        self._watch.alive("journal")
        try:
            self._journal.save(records)
            self._watch.idle("journal")
            self._saved(True)
        except OSError as fault:
            self.log(f"fault: flash: {fault}")
            self._saved(False)

    def _saved(self, ok):
        if ok != self._flash_ok:
            self._flash_ok = ok
            self._node, effects = node.step(self._node, ("saved", ok), self._board.now_ms())
            for effect in effects:
                if effect[0] != "save":  # what is being saved already
                    self._carry(effect)

    def _mirror(self, effects):
        for effect in effects:
            if effect[0] == "save" and self._flash_ok:
                try:
                    self._journal.mirror()
                except OSError as fault:
                    self.log(f"fault: flash: {fault}")
                    self._saved(False)

    def _send(self, message):
        if message["type"] == "heartbeat":
            gc.collect()  # the loop is idle at most heartbeats; and only now is `heap` what it says
            message.update(self._board.readings())
            if "heap" in message:
                message["heap"] = self._watch.heap(message["heap"])
        try:
            self._link.send(bellwire.pack(message, self._topics[0], self._settings.key))
        except ValueError as fault:  # a bug of ours: this message cannot go, the others can
            self.bug("format", fault)

    def _draw(self):
        """Light the lamp, sound what is to be heard; ms until either has to change, or None."""
        now_ms = self._board.now_ms()
        state, discreet, dim = self._lamp
        rgb, left_ms = indicator.colour(state, discreet, now_ms - self._lamp_ms, dim)
        self._board.lamp(rgb)
        state, still = self._voice
        hz, strobe, siren, heard_ms = indicator.sound(state, now_ms - self._voice_ms)
        self._board.sound(*((0, strobe, 0) if still else (hz, strobe, siren)))
        if left_ms is None or heard_ms is None:
            return heard_ms if left_ms is None else left_ms
        return min(left_ms, heard_ms)


def _only(copies):
    """The one record in a file: None if there is no file, {} if it is damaged."""
    records, faulty = copies.load()
    if records:
        return records[0]
    return {} if faulty else None


async def _main(*given):
    app = App(*given)
    try:
        import signal  # noqa: PLC0415 -- MicroPython has none, and dies of SIGTERM: the last will tells it

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    except (ImportError, NotImplementedError):
        pass
    await app.run()
    return app.again


def main(folder="."):
    """Run the bell whose config.json is in `folder`. Ends with status 2 and one line if it cannot be used."""
    try:
        found = config.read(folder + "/" + config.FILE)
    except config.ConfigError as fault:
        print(f"bell: {fault}")
        sys.exit(2)
    store = staged.Staged(folder, found.kind, found.silent)
    loaded = store.load()
    found = config.chosen(found, loaded[0])
    record = starts.Starts(folder, [password for _, password in found.wifi])
    try:
        again = asyncio.run(_main(found, folder, store, loaded, record))
    except KeyboardInterrupt:
        return
    except Exception as fault:  # nothing else catches it: note it, and start again
        print(starts.trace(fault))
        record.crashed(fault)
        again = True
    if again:
        board.restart()


if __name__ == "__main__":
    main()
