"""One broker, step by step, over a connection of its own: what works, in how many ms, and what is the first that does
not. asyncio. The connection that carries alarms is not touched.
"""

import asyncio

from bellnode import addresses, link, mqtt, names, port, tls
from bellwire import join

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

DNS_MS = 20000  # the network's own library asks a name server several times
TCP_MS = 10000
TLS_MS = 20000  # an ESP32 calculates for some seconds
MQTT_MS = 5000
KEEPALIVE_S = 30

_REFUSED = (111, 104, 103)  # ECONNREFUSED, ECONNRESET, ECONNABORTED
_NO_WAY = (113, 101, 118)  # EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH of the ESP32


def _failed(reason, why):
    """The exception of a step that did not go well: reason, a word of docs/port.md, and why (text)."""
    return link.LinkLost(reason, why)


async def broker(ends, n):
    """The answer to diag.broker."""
    if n >= len(ends.config.brokers):
        return port.no("request", f'"n" must be below {len(ends.config.brokers)}, the number of brokers.')
    tried = _Tried(ends, ends.config.brokers[n])
    answer = port.well({"n": n, "host": tried.broker.host, "port": tried.broker.port})
    try:
        await tried.all()
        answer.update({"failed": None, "reason": None, "why": ""})
    except link.LinkLost as fault:
        answer.update({"failed": tried.step, "reason": fault.args[0], "why": fault.args[1][:200]})
    finally:
        tried.close()
    answer.update({"address": tried.address, "steps": tried.steps})
    return answer


class _Tried:
    def __init__(self, ends, broker):
        self._ends = ends
        self.broker = broker
        self.step = ""
        self.steps = []
        self.address = None
        self._plain = None
        self._reader = self._writer = None
        self._decoder = mqtt.Decoder()

    async def all(self):
        """Every step. Raises LinkLost at the first that does not go well."""
        if not self._ends.network.network_up():
            self.step = "dns"
            raise _failed("no_network", "the bell is in no Wi-Fi network")
        await self._timed("dns", self._look_up, DNS_MS)
        await self._timed("tcp", self._connect, TCP_MS)
        await self._timed("tls", self._encrypt, TLS_MS)
        await self._timed("connect", self._log_in, MQTT_MS)
        await self._timed("subscribe", self._subscribe, MQTT_MS)

    async def _timed(self, step, call, deadline_ms):
        self.step = step
        begun_ms = self._ends.board.now_ms()
        try:
            await asyncio.wait_for(call(), deadline_ms / 1000)
        except asyncio.TimeoutError:
            raise _failed("timeout", f"no answer within {deadline_ms} ms")
        except (OSError, EOFError, ValueError) as fault:  # ValueError: how mbedTLS reports some certificates
            raise _failed(_reason(step, fault), f"{type(fault).__name__} {fault}")
        except mqtt.MqttError as fault:
            raise _failed("closed", str(fault))
        self.steps.append([step, self._ends.board.now_ms() - begun_ms])

    async def _look_up(self):
        host = self.broker.host
        self.address = host if addresses.is_number(host) else await names.ask_dns(host)

    async def _connect(self):
        self._plain = await tls.connect(self.address, self.broker.port)

    async def _encrypt(self):
        """The handshake, and our first packet behind it: it leaves when the broker has accepted our certificate."""
        plain, self._plain = self._plain, None
        self._reader, self._writer = await tls.encrypt(plain, self.broker, self._ends.config)
        self._writer.write(_connect(link.client_id(self._ends.config) + "-port"))
        await self._writer.drain()

    async def _log_in(self):
        code = (await self._answer(mqtt.CONNACK)).codes[0]
        if code:
            raise _failed(f"refused_{code}", mqtt.refusal(code))

    async def _subscribe(self):
        config = self._ends.config
        self._writer.write(mqtt.subscribe(join(config.site, config.bell_id, "down"), 1))
        await self._writer.drain()
        answer = await self._answer(mqtt.SUBACK)
        if 0x80 in answer.codes:
            raise _failed("denied", "the broker does not let this bell read its own topic")

    async def _answer(self, kind):
        while True:
            data = await self._reader.read(link.READ_BYTES)
            if not data:
                raise _failed("closed", "the broker closed the connection")
            for packet in self._decoder.feed(data):
                if packet.kind == kind:
                    return packet

    def close(self):
        """Let nothing behind; whoever is at the other end may have gone."""
        try:
            if self._plain is not None:
                self._plain.close()
            if self._writer is not None:
                self._writer.write(mqtt.DISCONNECT)
                tls.drop(self._writer, True)
        except (OSError, ValueError):
            pass  # it is closed


def _connect(client_id):
    """CONNECT with a clean session and without a will: the end of this connection means nothing."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02" + KEEPALIVE_S.to_bytes(2, "big") + len(name).to_bytes(2, "big") + name
    return bytes((0x10, len(body))) + body


def _reason(step, fault):
    """The word of docs/port.md for an exception of the network or of TLS."""
    number = fault.errno if isinstance(fault, OSError) else None
    text = str(fault).upper()
    if step == "dns":
        return "unknown_host"
    if step == "tcp":
        return "refused" if number in _REFUSED else "unreachable"
    if step == "tls":
        if "VERIFY" in text or "CERT" in text or "TRUSTED" in text or "HOSTNAME" in text:
            return "rejected" if "ALERT" in text else "not_trusted"
        if "ALERT" in text or "FATAL" in text:
            return "rejected"
    return "closed"
