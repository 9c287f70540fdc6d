"""A bell without an identity: a lamp that says so, and the serial port. It raises no alarm. asyncio."""

import asyncio

from bellnode import VERSION, board, cable, config, enrol, journal, names, player, settings, staged, starts, watch, wifi

SELDOM = "blank"  # see `loan`

IDLE_MS = 50  # the port is what it is for
KIND = "store-bell"  # whose settings are read until somebody says what it is


def run(folder, why):
    """Until it is enrolled, or MicroPython's prompt is asked for. True: start again. why: config.ConfigError's text."""
    board.say(f"blank  {VERSION}  {why}")
    try:
        enrol.clear_part(folder)
    except OSError:
        pass  # enrolment will meet it again, and say so
    return asyncio.run(_run(folder, why))


async def _run(folder, why):
    bell = Blank(folder, why)
    await bell.run()
    return bell.again


class Blank:
    """Made inside the running loop."""

    def __init__(self, folder, why):
        found, _ = staged.load_json(folder + "/" + staged.CONFIRMED, settings.FILE_BYTES_MAX)
        settled, _ = settings.read_all(found or {}, KIND)
        self.tap = None
        self.mute = False
        self.again = False
        self._stopping = False
        self._cable = None  # the port's task; False: there is no cable
        self._why = why if staged.load_json(folder + "/" + config.FILE, config.FILE_BYTES_MAX)[1] else ""
        self._folder = folder
        self._board = board.Board(self.stop, settled)
        networks = settled.wifi or ()
        self._starts = starts.Starts(folder, [password for _, password in networks])
        self._starts.begin(board.random(16), board.unique())
        self._watch = watch.Watch(self._board, self._starts, self)
        now_ms = self._board.now_ms
        self._network = wifi.Network(self._board.station, networks, now_ms, self._starts.radio_restart, self)
        self._player = player.Player(self._board, False)
        self._names = names.Names(None, now_ms)
        self._settled = settled

    async def run(self):
        """Until stop()."""
        network = asyncio.create_task(self._watch.guarded(self._network.keep_joined, "wifi_task"))
        self._player.show("not_enrolled", False, False)
        self._watch.set_watchdog()
        while not self._stopping:
            wait_ms = IDLE_MS
            try:
                wait_ms = self._turn()
            except Exception as fault:  # a bug; the next turn may not meet it
                self._watch.failed_turn(fault)
            await self._board.wait(wait_ms)
        network.cancel()
        if self._cable:
            self._cable.cancel()
        self._starts.end()
        self.log("stopped")

    def _turn(self):
        for level, at_ms in self._board.edges():
            self._watched(("edge", level, at_ms))
        for zone, value, at_ms in self._board.lines():
            self._watched(("line", zone, value, at_ms))
        if self._cable is None and self._board.cable_speaks():
            self._cable = asyncio.create_task(self._answered())
        self._watch.turned()
        drawn_ms = self._player.draw()
        return IDLE_MS if drawn_ms is None else min(IDLE_MS, max(1, drawn_ms))

    def _watched(self, given):
        if self.tap is not None:
            self.tap(given, ())

    async def _answered(self):
        ends = cable.Ends(
            self._board,
            self._network,
            self._starts,
            self._watch,
            self._player,
            self._names,
            self._settled,
            journal.events(self._folder, board.journal_partition()),
            None,
            None,
            self._folder,
            lambda: None,
            None,
            self._why,
            self,
        )
        alive = True
        try:
            alive = await cable.serve(ends)
        except Exception as fault:  # a bug; whoever speaks again is answered again
            self.bug("cable", fault)
        self._cable = None if alive else False

    def stop(self):
        """End cleanly, soon."""
        self._stopping = True
        self._board.wake()

    # --- from watch, wifi and the port: what a bell with an identity does with it, see `app`

    def log(self, text):
        """One line on the UART."""
        if not self.mute:
            board.say(f"{self._board.now_ms()} ms  {text}")

    def urgent(self):
        """It raises no alarm."""
        return False

    def alive(self, part):
        """A task made progress."""
        self._watch.seen(part)

    def bug(self, name, fault):
        """Something unforeseen was caught."""
        self._watch.caught(name, fault)

    def fault(self, name, present):
        """No heartbeat would tell it; the log does."""

    def report(self, info, state="alarm"):
        """No journal takes it; the log has it."""

    def look_up(self):
        """It keeps no addresses."""

    def radio_dead(self):
        """Nothing but a restart brings the radio back."""
        self._starts.radio()
        self.again = True
        self.stop()
