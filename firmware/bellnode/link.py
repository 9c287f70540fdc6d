"""The connection to a broker: MQTT inside TLS (see `tls`), a deadline on every wait (see `keep_time`). asyncio.

The decisions are in `link_state` and the bytes in `mqtt`; this is the skin. One write per MQTT packet, and the next
packet only after the last one has left: mbedTLS must be given the same bytes again after a partial write.
"""

import asyncio
from binascii import hexlify

import bellwire
from bellnode import link_state, mqtt, tls
from bellnode.loan import seldom

# 32 events of a full outbox, a heartbeat, and the PUBACKs of as many receipts. A broker that lets that many pile up is
# not reading: the link is left.
QUEUE_MAX = 80
EARLY_MAX = 16  # packets that a broker sends along with its SUBACK; a healthy one sends a retained message at most
CLOSE_MS = 1000  # a courtesy, so it may not take long
NETWORK_POLL_MS = 200
READ_BYTES = 256  # a receipt; a longer packet takes two reads. So much has to be free in one piece


class LinkLost(Exception):
    """The connection is gone, or was given up; the text says why."""


def _within(awaitable, ms):
    """Await with a deadline in ms; raises asyncio.TimeoutError."""
    return asyncio.wait_for(awaitable, max(1, ms) / 1000)


def client_id(config):
    """The MQTT client id: the same for ever, so that a new connection ends a half-open one at once, and not to be
    guessed, because whoever connects with it throws the bell out.
    """
    return f"{config.bell_id}-{hexlify(bellwire.hmac_sha256(config.key, b'client id'))[:16].decode()}"


class Link:
    """Keeps one connection to one of the brokers, and says so.

    network: now_ms(), network_up() and found(answered), see `wifi`. names: see `names`. topics: (up, down, status).
    statuses: (will, hello, farewell), sealed payloads for the status topic. owner: urgent() tells whether an alarm has
    no receipt; linked(), unlinked(), received(topic, payload or None), alive(part) and log(text) are called from the
    link's own task, and must not block.
    """

    def __init__(self, config, network, names, topics, statuses, seed, owner):
        self._config = config
        self._network = network
        self._names = names
        self._now_ms = network.now_ms
        self._up_topic, self._down_topic, self._status_topic = topics
        self._will, self._hello, self._farewell = statuses
        self._owner = owner
        self._log = owner.log
        self._state = link_state.start(len(config.brokers), seed, network.now_ms())
        self._dialler = None
        self._session = None
        self._why = None  # set when we leave a session ourselves
        self._stopping = False
        self._nudge = asyncio.Event()
        self._number = 0
        self._writer = None
        self._reader = None
        self._decoder = None
        self._early = []  # packets that came while another was waited for
        self._queue = []
        self._writing = False
        self._to_write = asyncio.Event()
        self.up = False

    # --- what the app calls; none of these waits

    def send(self, payload):
        """Publish on .../up. False if there is no link: the outbox sends again on the next one."""
        if not self.up:
            return False
        self._put(mqtt.publish(self._up_topic, payload, self._next_number()))
        return True

    def next_broker(self):
        """Leave this broker: it may be frozen."""
        was_up = self._state.phase == "up"
        self._state, _ = link_state.step(self._state, "suspect", self._now_ms(), self._owner.urgent())
        if was_up:
            self._leave("under suspicion")

    def hurry(self):
        """Something urgent waits: shorten the pause between attempts."""
        self._state, _ = link_state.step(self._state, "hurry", self._now_ms(), self._owner.urgent())
        self._nudge.set()

    def network_lost(self):
        """The radio is off the air: what is open is dead, and nothing is to be tried."""
        if self._session is not None:
            self._leave("the network is away")

    @seldom("cable")
    def present(self):
        """Index of the broker in use, or None."""
        return self._state.index if self.up else None

    def keep_time(self):
        """Once a turn of the main loop: pings, and sees what took too long. ms until the next call matters, or None.

        So neither a read nor a write needs a deadline of its own, which would be two tasks each.
        """
        if not self.up:
            return None
        now_ms = self._now_ms()
        write_ms = self._state.sent_ms + link_state.WRITE_MS - now_ms if self._writing else link_state.PING_MS
        self._state, verdict, left_ms = link_state.watch(self._state, now_ms)
        if write_ms <= 0:
            self._leave("lost: a packet did not leave in time")
        elif verdict == "ping":
            self._put(mqtt.PINGREQ)
        elif verdict == "silent":
            self._leave("lost: no answer to a ping")
        return max(1, min(write_ms, left_ms))

    async def say_goodbye(self):
        """Say goodbye, if anybody listens, and end."""
        self._stopping = True
        if self.up:
            try:
                self._put(mqtt.publish(self._status_topic, self._farewell, self._next_number(), True))
                self._put(mqtt.DISCONNECT)
                end_ms = self._now_ms() + CLOSE_MS
                while self._writing and self._now_ms() < end_ms:
                    await asyncio.sleep(0.01)
            except (OSError, LinkLost):
                pass  # nobody listens; the last will says it
        self._nudge.set()
        if self._session is not None:
            self._leave("stopped")

    # --- the one task

    async def keep_linked(self):
        """For ever: pause, open, stay. Returns after say_goodbye()."""
        while not self._stopping:
            self._owner.alive("link")
            if not self._network.network_up():
                await asyncio.sleep(NETWORK_POLL_MS / 1000)
                continue
            pause_ms = self._state.due_ms - self._now_ms()
            if pause_ms > 0:
                self._nudge.clear()
                try:
                    await _within(self._nudge.wait(), pause_ms)
                except asyncio.TimeoutError:
                    pass
                continue
            self._state, effects = link_state.step(self._state, "due", self._now_ms(), self._owner.urgent())
            _, index, deadline_ms = effects[0]
            self._why = None
            self._session = asyncio.create_task(self._live(self._config.brokers[index], deadline_ms))
            try:
                why = await self._session
            except asyncio.CancelledError:
                if self._why is None:
                    raise  # not by us: the program ends
                why = self._why
            except Exception as fault:  # a bug of ours; the next connection must be tried all the same
                self._owner.bug("link", fault)
                why = "lost: a fault of the firmware"
            self._session = None
            self._log(f"broker {index + 1} {why}")
            if self._state.phase != "waiting":
                self._state, _ = link_state.step(self._state, "lost", self._now_ms(), self._owner.urgent())

    def _leave(self, why):
        """End the session from anywhere. No task can cancel itself: then _stay sees `_why` and ends."""
        if self._why is None and self._session is not None:
            self._why = why
            if asyncio.current_task() is not self._session:
                self._session.cancel()

    async def _live(self, broker, deadline_ms):
        """One connection from its beginning to its end; returns why it ended."""
        writing = None
        try:
            try:
                await _within(self._open(broker), deadline_ms)
            except asyncio.TimeoutError:
                return f"did not answer within {deadline_ms} ms"
            self._state, _ = link_state.step(self._state, "up", self._now_ms())
            self.up = True
            self._dialler.worked(broker)
            self._network.found(True)
            self._to_write.clear()
            writing = asyncio.create_task(self._write_out())
            self._put(mqtt.publish(self._status_topic, self._hello, self._next_number(), True))
            self._log(f"linked  broker {broker.host}:{broker.port}")
            self._owner.linked()
            await self._stay()
        except (LinkLost, mqtt.MqttError) as fault:
            return str(fault) if self._why else f"lost: {fault}"
        except (OSError, EOFError, ValueError) as fault:  # ValueError: how mbedTLS reports some certificates
            return f"lost: {type(fault).__name__} {fault}"
        finally:
            was_up, self.up = self.up, False
            if writing is not None:
                writing.cancel()
            self._drop()
            if was_up:
                self._owner.unlinked()
            elif self._dialler is not None and not self._stopping:
                self._dialler.failed(broker)
                self._network.found(self._dialler.reached)

    def _drop(self):
        """Close without waiting for anybody: a frozen broker answers no goodbye."""
        writer, self._writer, self._reader = self._writer, None, None
        self._queue = []
        self._writing = False
        if writer is None:
            return
        try:
            tls.drop(writer, self._stopping)
        except OSError:
            pass

    async def _open(self, broker):
        """Connect, subscribe. Leaves reader and writer set; the caller closes whatever there is.

        The deadline over the whole of it is the caller's.
        """
        if self._dialler is None:
            self._dialler = tls.Dialler(self._config, self._names)
        self._reader, self._writer = await self._dialler.open(broker, self._owner.urgent())
        self._decoder = mqtt.Decoder()
        self._early = []
        will = (self._status_topic, self._will)
        await self._ask(mqtt.connect(client_id(self._config), link_state.KEEPALIVE_S, will))
        code = (await self._answer(mqtt.CONNACK)).codes[0]
        if code:
            raise LinkLost(mqtt.refusal(code))
        await self._ask(mqtt.subscribe(self._down_topic, self._next_number()))
        answer = await self._answer(mqtt.SUBACK)
        if 0x80 in answer.codes:
            raise LinkLost(f"may not subscribe {self._down_topic}: see the broker's permissions")

    async def _ask(self, packet):
        self._writer.write(packet)
        await self._writer.drain()

    async def _answer(self, kind):
        """The next packet of this kind."""
        found = None
        while found is None:
            for packet in self._decoder.feed(await self._read()):
                if found is None and packet.kind == kind:
                    found = packet
                elif len(self._early) < EARLY_MAX:
                    self._early.append(packet)
                else:
                    raise LinkLost("the broker talks before it is asked")
        return found

    async def _read(self):
        data = await self._reader.read(READ_BYTES)
        if not data:
            raise LinkLost("closed by the broker")
        return data

    async def _stay(self):
        """Take what comes. keep_time() sees that something comes."""
        for packet in self._early:
            self._take(packet)
        while True:
            self._owner.alive("link")
            if self._why is not None:
                raise LinkLost(self._why)
            packets = self._decoder.feed(await self._read())
            self._state = link_state.heard(self._state, self._now_ms())
            while packets:
                self._take(packets.pop(0))

    def _take(self, packet):
        if packet.kind == mqtt.PUBLISH:
            try:
                if packet.retain:
                    self._log("ignored a retained message: a replay must not move the lamp")
                else:
                    self._owner.received(packet.topic, packet.payload)
            finally:  # nobody waits for it, and the lamp does; but what breaks us must not come again and again
                if packet.number is not None:
                    self._put(mqtt.puback(packet.number))
        elif packet.kind in (mqtt.CONNACK, mqtt.SUBACK):
            raise LinkLost(f"packet type {packet.kind} out of turn")

    # --- writing

    def _next_number(self):
        self._number = self._number % 65535 + 1
        return self._number

    def _put(self, packet):
        """Write now if nothing is under way, else after it."""
        if self._writer is None:
            return
        if self._writing:
            if len(self._queue) >= QUEUE_MAX:
                self._leave("lost: the broker does not read")
            else:
                self._queue.append(packet)
            return
        self._writing = True
        try:
            self._writer.write(packet)
        except OSError as fault:
            self._leave(f"lost: {type(fault).__name__} {fault}")
            return
        self._state = link_state.sent(self._state, self._now_ms())
        self._to_write.set()

    async def _write_out(self):
        """Sees each packet out, then takes the next from the queue."""
        try:
            while True:
                await self._to_write.wait()
                self._to_write.clear()
                while self._writing:
                    await self._writer.drain()
                    if self._queue:
                        self._writer.write(self._queue.pop(0))
                        self._state = link_state.sent(self._state, self._now_ms())
                    else:
                        self._writing = False
        except OSError as fault:
            self._leave(f"lost: {type(fault).__name__} {fault}")
