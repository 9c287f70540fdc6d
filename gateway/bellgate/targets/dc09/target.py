"""`Dc09`: one [[target]] of kind dc09. One event at a time; the answer of the receiver is kept as proof.

The sequence number is drawn and written down before the first send, and belongs to the delivery from then on: a retry,
the backup receiver and the next life of the gateway all send it again, so that the centre knows a repetition.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bellgate.clock import steady_ms
from bellgate.config_dc09 import RECEIVERS_MAX, Dc09Receiver, Dc09Target
from bellgate.core import alarm_codes
from bellgate.errors import ConfigError, StoreError, TargetError, TargetRefused, TargetWaits
from bellgate.store import Tx, deliveries, facts
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Means, Say, Sender
from bellgate.targets.dc09 import exchange, frame, path, report
from bellgate.targets.dc09.exchange import Exchange
from bellgate.targets.dc09.frame import NULL_SEQUENCE, Premises, Reply
from bellgate.targets.dc09.line import Line

# The centre's clock and ours may differ by what its receiver accepts; beyond it, one of the two is wrong.
CLOCKS_APART_MS = 20_000
# A receiver that says DUH while the other one is away is believed after so many attempts.
DUH_TRIES = 3
RETRY_MAX_S = 10.0
_STORE_S = 2.0  # for the number that is written down before the first send
# Numbers that the disk did not take; a delivery forgotten here would be repeated under another number, no more.
UNWRITTEN_MAX = 1_000


@dataclass(slots=True)
class _Receiver:
    """One receiver: its line, what supervision knows of it, and what the operator has been told of its clock."""

    line: Line
    subject: str
    life: path.Path = field(default_factory=path.Path)
    clock_said: bool = True  # perhaps, in an earlier life


class Dc09(Sender):
    """Sends each message under its own sequence number until a receiver has acknowledged it."""

    at_once = 1
    retry_max_s = RETRY_MAX_S

    def __init__(self, target: Dc09Target, means: Means) -> None:
        """Raises ConfigError for a certificate file that cannot be used."""
        # For each receiver: the frame, and once more under its own time.
        super().__init__(target.name, 2 * target.timeout_s * len(target.receiver) + _STORE_S)
        self._target = target
        self._store, self._clock = means.store, means.clock
        self._null_ms = int(target.null_s * 1000)
        folder = means.config.path.parent
        self._receivers = [
            _Receiver(_line(one, target.timeout_s, folder), f"{target.name}/{number}")
            for number, one in enumerate(target.receiver, 1)
        ]
        self._say: Say | None = None
        self._fact = f"dc09/{target.name}"  # the number drawn last, for all gateways on the database
        self._last = 0  # the same, as far as this one knows
        self._ahead: int | None = None  # the same, while the database does not know of it
        self._unwritten: dict[str, int] = {}  # {delivery: its number} of those

    async def send(self, delivery: Delivery) -> str:
        """Send it to one receiver after the other, until one acknowledges; what it said. Raises TargetError."""
        found = report.report(message := json.loads(delivery.body))
        if found is None:
            return "nothing was sent: DC-09 has no code for this"
        if found.code in alarm_codes.OVER and await self._follows(delivery):
            raise TargetWaits(f"{found.code} waits for the message before it")
        data = message["data"]
        premises = report.premises(self._target, data.get("site"), data.get("bell_id"))
        sequence = int(delivery.kept or self._unwritten.get(delivery.id) or await self._number(delivery))

        def make(now_ms: int) -> bytes:
            return frame.event(premises, sequence, found, now_ms)

        order = exchange.in_order(tuple(one.life.silent for one in self._receivers))
        state, proof = await self._carry_out(order, premises, sequence, make)
        if state.phase == exchange.ACCEPTED:
            self._unwritten.pop(delivery.id, None)
            return json.dumps({"sequence": sequence, "code": found.code, "account": premises.account, **proof})
        why = "; ".join(said for _, _, said in state.said)
        if state.phase == exchange.REFUSED or (state.refusals and delivery.attempts + 1 >= DUH_TRIES):
            raise TargetRefused(f"{found.code} {sequence:04d}: {why}. Ask the centre which codes its receiver takes")
        raise TargetError(why)

    async def watch(self, say: Say) -> None:
        """Ask each receiver every null_s whether it is there; one that is not is trouble."""
        self._say = say
        with contextlib.suppress(StoreError):
            self._last = max(self._last, int(await self._store.read(lambda tx: facts.get(tx, self._fact)) or 0))
        for number in range(1 if not self._null_ms else len(self._receivers) + 1, RECEIVERS_MAX + 1):
            await say("receiver_silent", f"{self.name}/{number}", None)  # of a gateway.toml that had more of them
        if self._null_ms:
            await asyncio.gather(*(self._supervise(number) for number in range(len(self._receivers))))

    async def close(self) -> None:
        """Let go of the connections."""
        for one in self._receivers:
            await one.line.close()

    async def _follows(self, delivery: Delivery) -> bool:
        try:
            return await self._store.read(lambda tx: deliveries.follows(tx, delivery), deadline_s=_STORE_S)
        except StoreError as error:
            raise TargetError(f"what comes before it cannot be looked up ({error})") from None

    async def _number(self, delivery: Delivery) -> int:
        """Drawn and written down; from memory if the disk takes nothing, for an alarm does not wait for a disk."""
        fact, ahead = self._fact, self._ahead

        def draw(tx: Tx) -> int:
            if ahead is not None:
                facts.put(tx, fact, str(ahead))
            number = facts.count_up(tx, fact, frame.SEQUENCE_MAX)
            deliveries.keep(tx, delivery.id, str(number))
            return number

        try:
            number = await self._store.write(draw, deadline_s=_STORE_S)
        except StoreError:
            number = self._ahead = self._last % frame.SEQUENCE_MAX + 1
            self._unwritten[delivery.id] = number
            while len(self._unwritten) > UNWRITTEN_MAX:
                del self._unwritten[next(iter(self._unwritten))]
        else:
            self._ahead = None
        self._last = number
        return number

    async def _carry_out(
        self,
        order: tuple[int, ...],
        premises: Premises,
        sequence: int,
        make: Callable[[int], bytes],
        quiet: bool = False,
    ) -> tuple[Exchange, dict[str, str | int | None]]:
        """One frame over these receivers; the end of the exchange and, if it was accepted, the proof."""
        state = Exchange(order)
        proof: dict[str, str | int | None] = {}
        while state.phase == exchange.ASKING:
            one = self._receivers[state.receiver]
            sent_ms = 0

            def fresh(line: Line = one.line) -> bytes:
                nonlocal sent_ms
                sent_ms = self._clock.now_ms() + line.offset_ms
                return make(sent_ms)

            def read(raw: bytes) -> tuple[bytes, Reply] | None:
                reply = frame.read(raw, premises)
                if reply.kind == "ACK" and frame.fits(reply, premises, sequence) is not None:
                    return None  # of another frame: ours may still come
                return (raw, reply) if reply.kind else None

            try:
                answer = await (one.line.ask_quietly if quiet else one.line.ask)(fresh, read)
            except TargetError as error:
                state, _ = exchange.step(state, "lost", str(error))
                await self._heard(one, False, str(error))
                continue
            if answer is None:  # supervision gave way to an alarm
                return state, {}
            raw, reply = answer
            heard, why = _judge(reply, one.line.address, sent_ms)
            state, action = exchange.step(state, heard, why)
            if heard != "ack":  # a second answer to the same frame must not be taken for one to the next
                await one.line.close()
            if action == "correct" and reply.time_ms is not None:
                one.line.offset_ms = reply.time_ms - self._clock.now_ms()
            await self._heard(one, state.phase == exchange.ACCEPTED or reply.kind == "DUH", why, action)
            if state.phase == exchange.ACCEPTED:
                proof = {"receiver": one.line.address, "answer": frame.shown(raw), "receiver_time_ms": reply.time_ms}
        return state, proof

    async def _supervise(self, number: int) -> None:
        one = self._receivers[number]
        premises = report.premises(self._target, None, None)
        while True:
            wait_ms = one.life.due_ms - steady_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
                continue  # an alarm's answer may have moved it meanwhile
            await self._carry_out((number,), premises, NULL_SEQUENCE, lambda at_ms: frame.null(premises, at_ms), True)
            if one.life.due_ms <= steady_ms():  # it gave way to an alarm, whose own answer comes
                await asyncio.sleep(path.AGAIN_MS / 1000)

    async def _heard(self, one: _Receiver, answered: bool, why: str, action: str = "") -> None:
        """An exchange with this receiver has gone well or not: supervision, its clock, and the trouble list."""
        if action == "correct":
            return  # it lives; whether it takes the frame shows in a moment
        one.life, say = path.step(one.life, answered, steady_ms(), self._null_ms or int(self._target.timeout_s * 1000))
        if self._say is None:
            return
        if say and self._null_ms:
            detail = f"{why}. Check the line, and ask the centre"
            await self._say("receiver_silent", one.subject, detail if say == "raise" else None)
        apart = abs(one.line.offset_ms) > CLOCKS_APART_MS
        if answered and (apart or one.clock_said):
            one.clock_said = apart
            detail = f"the clock of {one.line.address} is {one.line.offset_ms / 1000:+.0f} s from ours: one is wrong"
            await self._say("receiver_clock", one.subject, detail if apart else None)


def _judge(reply: Reply, address: str, sent_ms: int) -> tuple[str, str]:
    """(answer, why) for the exchange."""
    match reply.kind:
        case "ACK":
            return "ack", f"{address} acknowledged"
        case "NAK":
            answer = exchange.judge_nak(sent_ms, reply.time_ms)
            clock = "the time" if answer == "late" else "it: check account and key"
            return answer, f"{address} refused {clock} (NAK)"
        case "DUH":
            return "duh", f"{address} does not understand it (DUH)"
        case _:
            return "nak", f"{address} answered {reply.kind}"


def _line(one: Dc09Receiver, timeout_s: float, folder: Path) -> Line:
    host, port = one.host_port
    if not one.tls:
        return Line(host, port, timeout_s)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if one.ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(folder / one.ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"receiver {one.address}: ca = {one.ca!r} cannot be used ({error.strerror or error}). Name a PEM file "
                "with the certificate of the authority that signed the receiver's"
            ) from None
    if one.pin is not None:  # the fingerprint decides, whoever signed it and whatever name it bears
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return Line(host, port, timeout_s, context, one.server_name, one.pin)
