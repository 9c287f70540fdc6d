"""paho's client with fewer calls: what has arrived is read at once and whole, what waits is sent at once.

Left alone it reads a packet in three calls, sends each one by itself, wakes its thread for each, and makes locks for
every message although nobody waits for one: in a storm that is half of what a press costs here. The protocol, its
states and its second tries are paho's. The methods below are not part of its documented interface, so its version is
pinned, and a test looks whether they are still there.
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Literal

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

DISCONNECT = 0xE0
_DONE, _NOTHING_MORE = ReasonCode(PacketTypes.PUBACK), Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]
READ_BYTES = 24_576  # a hundred presses: one transaction; what they are answered goes out before the next are read


class Heard(MQTTMessage):
    """A message that arrived, without what paho keeps of one that is sent: a lock, to wait for its answer."""

    __slots__ = ()

    def __init__(self, head: int, mid: int, topic: bytes, payload: bytes) -> None:
        self.dup, self.qos, self.retain = bool(head & 8), head >> 1 & 3, bool(head & 1)
        self.mid = mid
        self._topic = topic
        self.payload = payload


class QuickClient(Client):
    """As `Client` with `loop_start`; `publish` and `ack` may be called from any thread."""

    _received = b""
    _at = 0  # so much of it has been taken
    _may_read = False  # once for each time that the socket was found readable
    _unsent = b""
    _gathered: list[bytes | bytearray]
    _woken = False
    _reader: int | None = None  # the thread that is in `on_read_over`: it sends before it rests, and need not be woken

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._gathered = []
        self.on_read_over: Callable[[], None] = lambda: None
        super().__init__(*args, **kwargs)

    def want_write(self) -> bool:
        """True while something waits for the socket."""
        return bool(self._unsent) or super().want_write()

    def send_now(self) -> None:
        """What waits leaves at once, not after `on_read_over`; for whoever is in it."""
        if self.want_write():
            self.loop_write()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Everything that has arrived, then `on_read_over`, then what both gave to send."""
        self._may_read = True
        try:
            rc = super().loop_read(max_packets)
            while rc == MQTTErrorCode.MQTT_ERR_SUCCESS and self._at < len(self._received):
                rc = super().loop_read(max_packets)
        finally:
            self._reader = threading.get_ident()
            try:
                self.on_read_over()
            finally:
                self._reader = None
                self.send_now()
        return rc

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._received):
            if not self._may_read:
                raise BlockingIOError
            self._may_read = False
            self._received, self._at = super()._sock_recv(READ_BYTES), 0
        taken = self._received[self._at : self._at + bufsize]
        self._at += len(taken)
        return taken

    def _packet_read(self) -> MQTTErrorCode:
        """A packet is taken in one piece if others follow it; the last of what has arrived is paho's, which then knows
        when it last heard something, and so is what comes in pieces."""
        nothing = self._in_packet
        if nothing["command"] or not self._take_whole():
            return super()._packet_read()
        try:
            rc = self._packet_handle()
        except MalformedPacket:
            rc = MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._in_packet = nothing  # not if our own code failed: then paho, too, begins with the same packet again
        return rc

    def _take_whole(self) -> bool:
        buffer, at = self._received, self._at
        if len(buffer) < at + 2:
            return False
        size, begin = buffer[at + 1], at + 2
        if size > 127:
            if len(buffer) < at + 3 or buffer[at + 2] > 127:  # more than 16 kB: nobody sends us that
                return False
            size, begin = size & 127 | buffer[at + 2] << 7, at + 3
        if len(buffer) <= begin + size:
            return False
        self._at = begin + size
        self._in_packet = self._in_packet.copy()
        self._in_packet["command"] = buffer[at]
        self._in_packet["have_remaining"] = 1
        self._in_packet["remaining_length"] = size
        self._in_packet["packet"] = bytearray(buffer[begin : self._at])
        return True

    def _handle_publish(self) -> MQTTErrorCode:
        head, packet = self._in_packet["command"], bytes(self._in_packet["packet"])
        if head & 6 != 2:  # only at QoS 1 do we ask for anything
            return super()._handle_publish()
        begin = 2 + int.from_bytes(packet[:2], "big")
        if not 2 < begin <= len(packet) - 2:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        mid = int.from_bytes(packet[begin : begin + 2], "big")
        if (hear := self.on_message) is not None:
            hear(self, self._userdata, Heard(head, mid, packet[2:begin], packet[begin + 2 :]))
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _packet_write(self) -> MQTTErrorCode:
        self._woken = False  # whoever puts a packet from now on wakes us again
        rc = super()._packet_write()
        if self._sock is None:
            return rc
        try:
            self._flush()
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        return rc

    def _sock_send(self, buf: bytes | bytearray) -> int:
        if buf[0] & 0xF0 == DISCONNECT:  # paho closes the socket after it
            self._flush()
            return super()._sock_send(buf)
        self._gathered.append(buf)
        return len(buf)

    def _flush(self) -> None:
        """Send what was gathered, as far as the socket takes it. Raises BlockingIOError if some of it has to wait."""
        if self._gathered:
            self._unsent = b"".join((self._unsent, *self._gathered))
            self._gathered.clear()
        while self._unsent:
            self._unsent = self._unsent[super()._sock_send(self._unsent) :]

    def _sock_close(self) -> None:
        self._received, self._at, self._unsent = b"", 0, b""
        self._gathered.clear()
        self._woken = False
        super()._sock_close()

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        if cmd != "PUBACK" or len(packet) != 2:
            return super()._handle_pubackcomp(cmd)
        # Paho makes an object of the reason and one of the properties, which only version 5 has, for nobody.
        with self._out_message_mutex:
            mid = packet[0] << 8 | packet[1]
            if mid in self._out_messages:
                return self._do_on_publish(mid, _DONE, _NOTHING_MORE)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _update_inflight(self) -> MQTTErrorCode:
        if self._inflight_messages >= len(self._out_messages):
            return MQTTErrorCode.MQTT_ERR_SUCCESS  # all are under way: none to look for, at each answer
        return super()._update_inflight()

    def _packet_queue(
        self, command: int, packet: bytes | bytearray, mid: int, qos: int, info: Any = None
    ) -> MQTTErrorCode:
        size = len(packet)
        self._out_packet.append(
            {"command": command, "mid": mid, "qos": qos, "pos": 0, "to_process": size, "packet": packet, "info": info}
        )
        if not self._woken and self._sockpairW is not None and threading.get_ident() != self._reader:
            self._woken = True
            with contextlib.suppress(BlockingIOError):
                self._sockpairW.send(b"0")
        return MQTTErrorCode.MQTT_ERR_SUCCESS
