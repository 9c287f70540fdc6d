"""The shell of the serial port: bytes in, frames out, for as long as somebody speaks. asyncio; `port` decides.

In memory only then. It reads for a few milliseconds in each of its turns: a flooded line costs the loop a bounded part
of its time, and a press goes first.
"""

import asyncio
import gc
import json
import os
from collections import namedtuple

from bellnode import VERSION, exam, improv, life, port, starts
from bellwire import frame

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

TURN_MS = 20
READ_MS = 5  # a quarter of the time, at most
READ_BYTES = 256  # in a turn: more than the line brings in it

# What a bell is, as the port needs it. board, network, record (starts.Starts), watch, player, names, settled, journal:
# as in `app`; link, config, journal: None while it is blank. folder: of its files. node(): its Node, or None.
# feed(given): gives it to the node. trouble: why its identity cannot be read, "".
# owner: log(text), urgent(), stop(); the port sets again, mute and tap (None, or called with
# (given, effects)).
Ends = namedtuple(
    "Ends",
    (
        "board",
        "network",
        "record",
        "watch",
        "player",
        "names",
        "settled",
        "journal",
        "link",
        "config",
        "folder",
        "node",
        "feed",
        "trouble",
        "owner",
    ),
)


async def serve(ends):
    """From the first byte until nobody has said anything for a while. False: nobody ever will again."""
    talk = Talk(ends)
    try:
        return await talk.run()
    finally:
        talk.over()


class Talk:
    """One conversation."""

    def __init__(self, ends):
        self._ends = ends
        self._board = ends.board
        self._owner = ends.owner
        self._reader = frame.Reader((frame.REQUEST,), (frame.RPC,), frame.REQUEST_BYTES_MAX)
        key = None if ends.config is None else ends.config.key
        self._port = port.start(key, self._board.now_ms())
        self._exam = exam.Exam(ends, self)
        self._heard = 0
        self._task = None
        self._asked = None  # the operation that Improv waits for
        self._over = False

    async def run(self):
        """Until it is over; False if the line itself has ended."""
        self._owner.tap = self._seen
        silent_ms = 0
        while not self._over:
            data = self._board.take_in(READ_BYTES, READ_MS)
            if data is None:
                return False
            if data:
                silent_ms = 0
                self._heard += len(data)
                self._take(self._reader.feed(data))
            elif self._reader.pending():
                silent_ms += TURN_MS
                if silent_ms >= frame.GAP_MS:
                    self._take(self._reader.silence())
            if port.watches_boot(self._port):
                self._step(("boot", self._board.boot_held(self._ends.settled)))
            self._step(("tick",))
            await asyncio.sleep(TURN_MS / 1000)
        return True

    def over(self):
        """Nobody is there any more."""
        self._over = True
        self._owner.tap = None
        self._owner.mute = False
        if self._task is not None:
            self._task.cancel()

    def bytes_so_far(self):
        """(bytes heard, bytes that were in no frame)"""
        return self._heard, self._reader.dropped

    def gone(self, why):
        """The bell ends: the last thing that is said."""
        self._send(frame.EVENT, self._port.events, {"event": "gone", "why": why})

    def _alarm(self):
        """Is an alarm on its way? True, False, or "stuck": one waits, and there is no link that could take it."""
        if not self._owner.urgent():
            return False
        node = self._ends.node()
        return True if node is not None and node.linked else "stuck"

    # --- in

    def _take(self, items):
        for item in items:
            if item[0] == "frame":
                self._step(("request", item[2], item[3], os.urandom(16), self._alarm()))
            elif item[0] == "improv":
                self._improv(item[2])

    def _improv(self, data):
        ends = self._ends
        name = "a new bell" if ends.config is None else ends.config.bell_id
        info = ("Ansimbell", VERSION, exam.chip(), name)
        frames, work = improv.asked(data, ends.network.network_up(), info)
        if work is not None and self._port.job is not None:
            self._say(((frame.ERROR, b"\xff"),))
            return
        self._say(frames)
        if work is not None:
            op = "wifi.set" if work[0] == "wifi" else "diag.scan"
            self._asked = op
            args = {"op": op, "ssid": work[1], "password": work[2]} if work[0] == "wifi" else {"op": op}
            self._step(("improv", op, args, self._alarm()))

    def _seen(self, given, effects):
        """From the bell: what its node was given, and what it wants."""
        self._step(("seen", given, effects))

    def _step(self, given):
        self._port, effects = port.step(self._port, given, self._board.now_ms())
        for effect in effects:
            name = effect[0]
            if name == "run":
                self._run(*effect[1:])
            elif name == "answer":
                self._answer(effect[1], effect[2])
            elif name == "event":
                self._send(frame.EVENT, effect[1], effect[2])
            else:
                self._over = True

    # --- operations

    def _run(self, number, op, args):
        if "job" in port.OPS[op][1]:
            self._task = asyncio.create_task(self._job(number, op, args))
            return
        try:
            answer = self._exam.now(op, args)
        except Exception as fault:
            answer = self._failed(op, fault)
        self._step(("done", number, answer))
        self._exam.after()

    async def _job(self, number, op, args):
        try:
            answer = await self._exam.job(op, args)
        except Exception as fault:
            answer = self._failed(op, fault)
        self._step(("done", number, answer))

    def _failed(self, op, fault):
        """What went wrong on the way: flash, memory, or a bug. Told without what could be a secret."""
        what = type(fault).__name__
        text = life.plain(str(fault), self._ends.record.secrets)
        if isinstance(fault, MemoryError):
            gc.collect()
            return port.no("memory", "The bell has no memory for it now. Ask again, or restart it.")
        if isinstance(fault, OSError):
            return port.no("flash", f"{op} met a fault of the flash or the network: {what} {text}. Ask again.")
        where = life.where(starts.trace(fault))
        self._owner.log(f"fault: port {op}: {what} {where} {text}")
        return port.no("bug", f"A fault of the firmware in {op}: {what} {where}. Please report it.")

    # --- out

    def _answer(self, number, answer):
        if number != port.IMPROV:
            self._send(frame.ANSWER, number, answer)
            return
        up = self._ends.network.network_up()
        if self._asked == "wifi.set":
            self._say(improv.joined(answer["ok"], up))
        elif answer["ok"]:
            self._say(improv.scanned(answer["networks"]))
        else:
            self._say(((frame.ERROR, b"\xff"),))

    def _send(self, kind, number, found):
        data = json.dumps(found).encode()
        if len(data) > frame.PAYLOAD_BYTES_MAX:
            data = json.dumps(port.no("bug", "The answer is too long for a frame. Please report it.")).encode()
        self._board.put_out(b"\n" + frame.frame(kind, number, data) + b"\n")

    def _say(self, frames):
        for kind, data in frames:
            self._board.put_out(b"\n" + frame.improv(kind, data) + b"\n")
