"""The running bell: carries out the node's effects with the board, the journal and the link. asyncio.

Order of a press: the interrupt notes the edge with its time; the loop gives it to the node; identity, then journal,
then send. Whatever goes wrong with flash, network or an unforeseen message, the loop goes on.
"""

import asyncio
import gc
import sys

import bellwire
from bellnode import VERSION, config, indicator, journal, node, outbox
from bellnode.board import Board
from bellnode.link import Link

IDLE_MS = 1000  # the loop turns at least once a second: for the network's state and the clock's wrap


class App:
    """One bell. Made inside the running loop."""

    def __init__(self, settings, folder):
        self._stopping = False
        self._board = Board(settings.wifi, self.stop)
        self._settings = settings
        self._journal = journal.events(folder)
        self._starts = journal.Starts(folder)
        boot, crash, faults = self._starts.begin(self._board.random(16), self._board.unique())
        self._topics = [bellwire.join(settings.site, settings.bell_id, leaf) for leaf in ("up", "down", "status")]
        self._keys = {0: settings.key}
        bell = node.Bell(settings.kind, settings.what, settings.silent)
        self._node = node.start(bell, boot, crash, len(settings.brokers), self._board.now_ms())
        self._rung = "idle"
        self._rung_ms = 0
        self._flash_ok = True
        self.log(f"bell {settings.bell_id}  {VERSION}  {sys.implementation.name}  boot {boot}")
        self._link = Link(
            settings,
            self._board,
            self._topics,
            (self._status("offline"), self._status("online"), self._status("offline")),
            int(boot[8:], 16),
            self,
        )
        records, faulty = self._journal.load()
        kept = [record for record in records if journal.usable(record)]
        if faulty or len(kept) != len(records):
            faults += ("journal",)
        self._feed(("loaded", kept, faults))

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
        """Until stop()."""
        network = asyncio.create_task(self._guarded(self._board.keep_network, "wifi_task"))
        link = asyncio.create_task(self._guarded(self._link.run, "link_task"))
        while not self._stopping:
            for level, at_ms in self._board.edges():
                self._feed(("edge", level, at_ms))
            now_ms = self._board.now_ms()
            due_ms = node.due_ms(self._node)
            if due_ms is not None and due_ms <= now_ms:
                self._feed(("tick",))
                due_ms = node.due_ms(self._node)
            if not self._board.network_up():
                self._link.network_lost()
            lamp_ms = self._draw()
            wait_ms = IDLE_MS if due_ms is None else min(IDLE_MS, max(1, due_ms - self._board.now_ms()))
            await self._board.wait(wait_ms if lamp_ms is None else min(wait_ms, lamp_ms))
        await self._link.stop()
        try:
            await asyncio.wait_for(link, 2)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            pass
        network.cancel()
        self._starts.end()
        self.log("stopped")

    async def _guarded(self, task, name):
        """A background task must not end by a bug: begin it again, and say so in the heartbeat."""
        while True:
            try:
                return await task()
            except Exception as fault:  # a bug, by definition: everything foreseen is caught inside
                self.bug(name, fault)
            await asyncio.sleep(1)

    def bug(self, name, fault):
        """Something unforeseen was caught: say so on the UART and in the heartbeat, and go on."""
        self.log(f"fault: {name}: {type(fault).__name__} {fault}")
        self._node, _ = node.step(self._node, ("fault", name, True), self._board.now_ms())

    # --- what comes in

    def _feed(self, given):
        try:
            self._node, effects = node.step(self._node, given, self._board.now_ms())
        except Exception as fault:  # a bug; the state is what it was, and the next press must still go out
            self.bug("node", fault)
            return
        for effect in effects:
            self._carry(effect)
        self._mirror(effects)
        self._board.wake()

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
            self._rung = effect[1]
            self._rung_ms = self._board.now_ms()
            self._draw()
        elif name == "next_broker":
            self._link.next_broker()
        elif name == "hurry":
            self._link.hurry()
        elif name == "log":
            self.log(effect[1])

    def _save(self, records):
        try:
            self._journal.save(records)
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
            message.update(self._board.readings())
        try:
            self._link.send(bellwire.pack(message, self._topics[0], self._settings.key))
        except ValueError as fault:  # a bug of ours: this message cannot go, the others can
            self.bug("format", fault)

    def _draw(self):
        """Light the lamp; ms until it has to change, or None."""
        shown_ms = self._board.now_ms() - self._rung_ms
        if self._rung == "identify":
            rgb, left_ms = indicator.identify(shown_ms)
        else:
            rgb, left_ms = indicator.colour(self._rung, self._settings.silent, shown_ms)
        self._board.lamp(rgb)
        return left_ms


async def _main(settings, folder):
    app = App(settings, folder)
    try:
        import signal  # noqa: PLC0415 -- MicroPython has none, and dies of SIGTERM: the last will tells it

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    except (ImportError, NotImplementedError):
        pass
    await app.run()


def main(folder="."):
    """Run the bell whose config.json is in `folder`. Ends with status 2 and one line if it cannot be used."""
    try:
        settings = config.read(folder + "/" + config.FILE)
    except config.ConfigError as fault:
        print(f"bell: {fault}")
        sys.exit(2)
    try:
        asyncio.run(_main(settings, folder))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
