"""The running bell: carries out the node's effects with the board, the journal and the link. asyncio.

Order of a press: the interrupt notes the edge with its time; the loop gives it to the node; identity, then journal,
then send. Whatever goes wrong with flash, network or an unforeseen message, the loop goes on.
"""

import asyncio
import gc
import os
import sys

import bellwire
from bellnode import (
    VERSION,
    blank,
    board,
    cable,
    config,
    enrol,
    journal,
    memory,
    names,
    node,
    outbox,
    player,
    settings,
    staged,
    starts,
    tls,
    watch,
    wifi,
)
from bellnode.link import Link
from bellnode.loan import give_back, keep, seldom

_CPYTHON = sys.implementation.name == "cpython"
# Collect garbage after so many bytes of new objects, not when the heap is full: what lives long then lies close
# together, and there is room in one piece for a packet or a loan. A press makes some 40 KB of it on the way to its
# receipt: where there is room for that, nobody waits for a collection meanwhile, but the loop makes it when it rests.
COLLECT_BYTES = 8192
COLLECT_SHARE = 4  # the threshold is this part of what is free, if that is more
FAILED_MS = 100  # after a turn of the loop that met a fault
IDLE_MS = 1000  # the loop turns at least once a second: for the network's state and the clock's wrap


class App:
    """One bell. Made inside the running loop.

    found: config.Config. store: what staged.Staged is made of; loaded: what its load() gave. record: starts.Starts, not
    begun yet. events: what _events() gave.
    """

    def __init__(self, *given):
        self._begin(*given)

    @seldom("start")
    def _begin(self, found, folder, store, loaded, record, events):
        self._stopping = False
        self.tap = None  # the serial port, while somebody watches: called with (given, effects)
        self.mute = False  # it wants no log
        self._cable = None  # its task; False: there is no cable
        self.again = False  # True if the bell has to start again when run() is over
        self._journal, kept, faulty = events
        self._starts = record
        boot, crash, faults = record.begin(board.random(16), board.unique())
        settled, errors, trial, given_up = loaded
        if record.safe:
            settled = settings.safe(settled)
        self._store = store
        self._folder = folder
        self._board = board.Board(self.stop, settled)
        self._settings = found
        self._topics = [bellwire.join(found.site, found.bell_id, leaf) for leaf in ("up", "down", "status")]
        self._keys = {0: found.key}
        self._node = node.start(found.kind, settled, boot, crash, len(found.brokers), self._board.now_ms())
        self._player = player.Player(self._board, settled.silent)
        self._inputs = []  # what the node has to take yet
        self._feeding = False
        self._turning = False  # the loop is at work: nobody has to wake it
        self._used = False  # the node took something since garbage was collected
        self._flash_ok = True
        self._saved_ms = None  # the first save since the journal last did what can wait
        self.log(f"bell {found.bell_id}  {VERSION}  {sys.implementation.name}  boot {boot}")
        self._watch = watch.Watch(self._board, record, self)
        self._names = names.Names(folder, self._board.now_ms)
        now_ms = self._board.now_ms
        offline = self._status("offline")  # one object: the last will, and the last word of a bell that goes
        self._network = wifi.Network(self._board.station, found.wifi, now_ms, record.radio_restart, self)
        self._link = Link(
            found,
            self._network,
            self._names,
            self._topics,
            (offline, self._status("online"), offline),
            int(boot[8:], 16),
            self,
        )
        for text in errors:
            self.log(f"fault: {text}")
        if errors:
            faults += ("settings",)
        self._feed(("remembered",) + memory.Memory(folder).recall())
        if faulty:
            faults += ("journal",)
        self._feed(("loaded", kept, faults))
        if board.bitten() and record.last_crash() is None:
            record.stopped_by("watchdog", "loop")  # a loop that hangs can note nothing
        if record.last_crash() is not None:
            self.report(record.last_crash())
            record.told()
        for zone, level in self._board.levels():
            self._feed(("line", zone, level, self._board.now_ms()))
        if trial is not None:
            self._feed(("trial", trial[0], trial[1] * 60000))
        if given_up is not None:
            self._feed(("trial_over", given_up, "the bell did not come up with them"))

    def _status(self, state):
        message = {"v": 1, "type": "status", "state": state, "boot": self._node.rest.boot}
        return bellwire.pack(message, self._topics[2], self._settings.key)

    def log(self, text):
        """One line on the UART. Never a secret, never a reason to stop."""
        if not self.mute:
            board.say(f"{self._board.now_ms()} ms  {text}")

    def stop(self):
        """End cleanly, soon."""
        self._stopping = True
        self._board.wake()

    async def run(self):
        """Until stop(), or until the bell has to start again."""
        network = asyncio.create_task(self._watch.guarded(self._network.keep_joined, "wifi_task"))
        link = asyncio.create_task(self._watch.guarded(self._link.keep_linked, "link_task"))
        self._watch.set_watchdog()
        while not self._stopping:
            try:
                wait_ms = self._turn()
            except Exception as fault:  # a bug; the next turn may not meet it
                self._turning = False
                self._watch.failed_turn(fault)
                wait_ms = FAILED_MS
            if self._used and not _CPYTHON and not self.urgent():
                self._used = False
                gc.collect()
            await self._board.wait(wait_ms)
        await self._link.say_goodbye()
        try:
            await asyncio.wait_for(link, 2)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            pass
        network.cancel()
        if self._cable:
            self._cable.cancel()
        self._attempt("journal", self._mirror)
        self._starts.end()
        self.log("stopped")

    def _turn(self):
        """What there is to do now; ms until there may be more."""
        self._turning = True
        for level, at_ms in self._board.edges():
            self._feed(("edge", level, at_ms))
        self._attempt("inputs", self._look)
        now_ms = self._board.now_ms()
        due_ms = node.due_ms(self._node)
        if due_ms is not None and due_ms <= now_ms:
            self._feed(("tick",))
            due_ms = node.due_ms(self._node)
        self._turning = False  # what is due from here on needs another turn
        if not self._network.network_up():
            self._link.network_lost()
        link_ms = self._attempt("link", self._link.keep_time)
        drawn_ms = self._attempt("outputs", self._player.draw)
        spare_ms = self._attempt("journal", self._tidy)
        if self._watch.turned() and not self._node.outbox.entries and self._player.dark():
            self.log("safe mode ends")
            self._restart()
        wait_ms = IDLE_MS if due_ms is None else min(IDLE_MS, max(1, due_ms - self._board.now_ms()))
        for other_ms in (link_ms, drawn_ms, spare_ms, self._board.poll_ms()):
            if other_ms is not None:
                wait_ms = min(wait_ms, other_ms)
        return wait_ms

    def _attempt(self, name, call):
        """What call() gives, or None if it met a bug: neither a dead sensor nor a dead lamp may stop a send."""
        try:
            return call()
        except Exception as fault:
            self.bug(name, fault)
            return None

    def _look(self):
        """Every input but the button."""
        for zone, value, at_ms in self._board.lines():
            self._feed(("line", zone, value, at_ms))
        for key, at_ms in self._board.pressed_keys():
            self._feed(("key", key, at_ms))
        for given in self._board.supply():
            self._feed(given)
        if self._cable is None and self._board.cable_speaks():
            self._cable = asyncio.create_task(self._serve())

    # --- from watch, link and wifi

    def bug(self, name, fault):
        """Something unforeseen was caught."""
        self._watch.caught(name, fault)

    def alive(self, part):
        """A task made progress."""
        self._watch.seen(part)

    def fault(self, name, present):
        """A fault that the heartbeat names came or went, or it is only said again."""
        if present != (name in self._node.rest.faults):
            self._feed(("fault", name, present))

    def report(self, info, state="alarm"):
        """An event "fault" with this `info`; state "restore": it is over."""
        self._feed(("report", info, state))

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

    # --- the serial port

    @seldom("cable")
    async def _serve(self):
        """Whoever speaks on the cable is served, by code that is there for as long."""
        ends = cable.Ends(
            self._board,
            self._network,
            self._starts,
            self._watch,
            self._player,
            self._names,
            self._node.rest.settings,
            self._journal,
            self._link,
            self._settings,
            self._folder,
            lambda: self._node,
            self._feed,
            "",
            self,
        )
        alive = True
        try:
            alive = await cable.serve(ends)
        except Exception as fault:  # a bug; whoever speaks again is served again
            self.bug("cable", fault)
        self._cable = None if alive else False

    # --- what comes in

    def _feed(self, given):
        """Give the node an input, now or as soon as the effects of the last one are carried out."""
        self._inputs.append(given)
        if self._feeding:
            return
        self._feeding = True
        try:
            while self._inputs:
                self._take(self._inputs.pop(0))
        finally:  # even a fault in telling of a fault must not make the bell deaf
            self._feeding = False
        if not self._turning:
            self._board.wake()

    def _take(self, given):
        self._used = True
        try:
            self._node, effects = self._twice(node.step, self._node, given, self._board.now_ms())
        except Exception as fault:  # a bug; the state is what it was, and the next press must still go out
            if given[0] not in ("fault", "report"):  # or the report of a fault would make the next one
                self.bug("node", fault)
            return
        for effect in effects:
            try:
                self._twice(self._carry, effect)
            except Exception as fault:  # a bug; the other effects must still be carried out
                self.bug("effect", fault)
        if self.tap is not None:
            self._tap(given, effects)

    @seldom("cable")
    def _tap(self, given, effects):
        """The port watches. A bug there ends the watching, and nothing else."""
        tap, self.tap = self.tap, None
        try:
            tap(given, effects)
            self.tap = tap
        except Exception as fault:
            self.bug("port", fault)

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
            self._player.show(*effect[1:])
        elif name == "sound":
            self._player.hear(*effect[1:])
        elif name == "next_broker":
            self._link.next_broker()
        elif name == "hurry":
            self._link.hurry()
        elif name == "log":
            self.log(effect[1])
        elif name in ("remember", "keep"):
            self._guard("memory" if name == "remember" else "arming", effect[1])
        elif name == "check":
            self._check(effect[1])
        elif name == "configure":
            self._stage(*effect[1:])
        elif name == "settings":
            self._settle(effect[1])

    def _guard(self, name, record):
        """Something is written that no alarm waits for: a dead flash or no memory is told, and no more."""
        try:
            if name == "settings":
                staged.Staged(*self._store).keep()
            else:
                memory.Memory(self._folder).keep(name, record)
            self.fault("memory", False)
        except (OSError, MemoryError) as fault:  # MemoryError: what writes it could not be loaded
            self.log(f"fault: {name}: {fault}")
            self.fault("memory", True)

    @seldom("orders")
    def _stage(self, order, changes, minutes):
        why = staged.Staged(*self._store).stage(order, changes, minutes)
        if why is None:
            self.log("settings on trial: the bell starts again with them")
            self._restart()
        else:
            self._feed(("configured", order, why))

    @seldom("orders")
    def _settle(self, how):
        """The trial is over: its settings stay, or the old ones come back."""
        if how == "keep":
            self._guard("settings", None)
        else:
            staged.Staged(*self._store).drop()
            self._restart()

    @seldom("orders")
    def _check(self, order):
        """The self-test: what can be tried without waking anybody."""
        found = self._board.check()
        wrong = journal.check(self._journal, outbox.records(self._node.outbox))
        found["journal"] = wrong or "ok"
        self._feed(("checked", order, found, "journal" if wrong else ""))

    def _save(self, records):
        self._watch.seen("journal")
        try:
            self._journal.save(records)
            self._watch.idle("journal")
            if self._saved_ms is None:
                self._saved_ms = self._board.now_ms()
            self._saved(True)
        except OSError as fault:
            self.log(f"fault: flash: {fault}")
            self._saved(False)

    def _saved(self, ok):
        if ok != self._flash_ok:
            self._flash_ok = ok
            self._feed(("saved", ok))

    def _tidy(self):
        """What the journal can do later, as soon as nobody is kept waiting by it; ms until then, or None."""
        if self._saved_ms is None:
            return None
        left_ms = journal.spare_ms(self._saved_ms, self.urgent(), self._board.now_ms())
        if left_ms:
            return left_ms
        self._mirror()
        return None

    def _mirror(self):
        if self._saved_ms is None:
            return
        self._saved_ms = None  # a fault waits for the next save
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


def _stop_at_sigterm(app):
    import signal  # noqa: PLC0415 -- MicroPython has none, and dies of SIGTERM: the last will tells it

    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    except NotImplementedError:
        pass


async def _main(*given):
    app = App(*given)
    give_back("start")
    gc.collect()
    if _CPYTHON:
        _stop_at_sigterm(app)
    else:
        gc.threshold(max(COLLECT_BYTES, gc.mem_free() // COLLECT_SHARE))
    await app.run()
    return app.again


@seldom("start")
def _wipe(folder):
    """What a wipe over the serial port noted, before anything is read."""
    try:
        os.stat(folder + "/wipe.todo")
    except OSError:
        return
    enrol.finish_wipe(folder, board.journal_partition())
    board.say("wiped: this bell is blank")


@seldom("start")
def _events(folder):
    """(journal, records that can be sent, faulty)"""
    events = journal.events(folder, board.journal_partition())
    return (events,) + journal.load_events(events)


def main(folder="."):
    """Run the bell whose config.json is in `folder`, or, if it is not there or no use, a blank one."""
    if not _CPYTHON:
        gc.threshold(COLLECT_BYTES)
    keep("start")
    _wipe(folder)
    # First, while there is room: a whole sector of the ring is read at once.
    events = _events(folder)
    gc.collect()
    try:
        found = config.read(folder + "/" + config.FILE)
        if not _CPYTHON:  # while there is room in one piece
            found = config.prepared(found, tls.context(found))
    except (config.ConfigError, ValueError) as fault:  # ValueError: mbedTLS takes certificate or key for damaged
        give_back("start")
        if blank.run(folder, str(fault)):
            board.restart()
        board.prompt()
        return
    store = (folder, found.kind, found.silent)
    loaded = staged.Staged(*store).load()
    found = config.chosen(found, loaded[0])
    record = starts.Starts(folder, [password for _, password in found.wifi])
    try:
        again = asyncio.run(_main(found, folder, store, loaded, record, events))
    except KeyboardInterrupt:
        return
    except Exception as fault:  # nothing else catches it: note it, and start again
        board.say(record.crashed(fault))
        again = True
    if again:
        board.restart()


if __name__ == "__main__":
    main()
