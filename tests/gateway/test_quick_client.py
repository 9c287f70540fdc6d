"""paho's client with fewer calls: the same messages however the bytes arrive, every packet whole and in its order."""

import contextlib
import inspect
import select
import socket
import ssl
import threading
import time
from collections import deque
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from bellgate.broker.quick_client import READ_BYTES, QuickClient
from bellgate.pki import Authority

WAIT_S = 20.0
CONNECT, PUBLISH, PUBACK, DISCONNECT = 0x10, 0x30, 0x40, 0xE0
TOPIC = b"bells/s-1/b-1/up"


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(first: int, body: bytes) -> bytes:
    left, length = len(body), b""
    while left > 127:
        length += bytes([left & 127 | 128])
        left >>= 7
    return bytes([first]) + length + bytes([left]) + body


def publish(payload: bytes, mid: int = 1, topic: bytes = TOPIC, qos: int = 1, flags: int = 0) -> bytes:
    return packet(PUBLISH | qos << 1 | flags, text(topic) + (mid.to_bytes(2, "big") if qos else b"") + payload)


def made(kind: type[Client] = QuickClient) -> Client:
    return kind(CallbackAPIVersion.VERSION2, client_id="x", protocol=MQTTv311, manual_ack=True)


# Without a thread: the test is the loop.


class Counting:
    """A socket whose calls are counted; `takes` says how many bytes each send takes, 0 for "would block"."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner, self.reads, self.takes = inner, 0, None
        self.fileno = inner.fileno
        self.close = inner.close

    def recv(self, size: int) -> bytes:
        self.reads += 1
        return self.inner.recv(size)

    def send(self, data: bytes) -> int:
        if self.takes is None:
            return self.inner.send(data)
        self.takes.rotate(-1)
        if not self.takes[0]:
            raise BlockingIOError
        return self.inner.send(data[: self.takes[0]])


class Wire:
    """A client on one end of a pair of sockets, the test on the other."""

    def __init__(self, kind: type[Client] = QuickClient) -> None:
        self.heard: list[object] = []
        self.client = made(kind)
        self.client.on_message = self._hear
        self.client.on_read_over = lambda: self.heard.append("over")
        self.plug()

    def plug(self) -> None:
        near, self.far = socket.socketpair()
        near.setblocking(False)
        self.far.settimeout(WAIT_S)
        self.sock = self.client._sock = Counting(near)

    def _hear(self, _client: Client, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.append(bytes(message.payload))

    def read(self, data: bytes = b"") -> MQTTErrorCode:
        self.far.sendall(data)
        return self.client.loop_read()

    def sent(self) -> bytes:
        """What has reached the other end so far."""
        data = b""
        while select.select([self.far], [], [], 0)[0] and (more := self.far.recv(100_000)):
            data += more
        return data

    def close(self) -> None:
        self.client._sock_close()
        self.far.close()


@pytest.fixture
def wire():
    rig = Wire()
    yield rig
    rig.close()


THREE = publish(b"one", 1) + publish(b"t" * 200, 2) + publish(b"", 3, qos=0)
THREE_HEARD = [b"one", b"t" * 200, b""]


def test_a_cut_at_any_byte_changes_nothing(wire):
    for place in range(len(THREE) + 1):
        wire.heard.clear()
        wire.read(THREE[:place])
        wire.read(THREE[place:])
        assert [one for one in wire.heard if one != "over"] == THREE_HEARD, place
        assert wire.heard.count("over") == 2


def test_bytes_one_by_one_are_the_same_messages(wire):
    for number in range(len(THREE)):
        wire.read(THREE[number : number + 1])
    assert [one for one in wire.heard if one != "over"] == THREE_HEARD


def test_many_packets_in_one_segment_are_one_read_of_the_socket(wire):
    payloads = [b"%d" % number for number in range(300)]
    wire.read(b"".join(publish(payload, number + 1) for number, payload in enumerate(payloads)))
    assert wire.heard == [*payloads, "over"]
    assert wire.sock.reads == 1


def test_a_packet_larger_than_one_read_comes_in_several(wire):
    large = bytes(range(256)) * (3 * READ_BYTES // 256)
    rest = memoryview(publish(b"before") + publish(large) + publish(b"after"))
    wire.far.setblocking(False)
    turns = 0
    while wire.heard.count(b"after") == 0:
        with contextlib.suppress(BlockingIOError):
            rest = rest[wire.far.send(rest) :] if rest else rest
        wire.client.loop_read()
        turns += 1
        assert turns < 1_000
    assert [one for one in wire.heard if one != "over"] == [b"before", large, b"after"]


def test_the_read_is_over_once_and_after_everything_that_had_arrived(wire):
    whole = publish(b"three")
    wire.read(publish(b"one") + publish(b"two") + whole[:7])
    assert wire.heard == [b"one", b"two", "over"]
    assert wire.sock.reads == 1
    wire.read(whole[7:])
    assert wire.heard == [b"one", b"two", "over", b"three", "over"]


def test_a_read_that_finds_nothing_is_no_fault(wire):
    assert wire.read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert wire.heard == ["over"]
    wire.read(publish(b"one"))
    assert wire.heard == ["over", b"one", "over"]


def test_a_fault_at_the_end_of_a_read_loses_no_bytes(wire):
    wire.client.on_read_over = lambda: 1 / 0
    whole = publish(b"two")
    with pytest.raises(ZeroDivisionError):
        wire.read(publish(b"one") + whole[:5])
    with pytest.raises(ZeroDivisionError):
        wire.read(whole[5:] + publish(b"three"))
    assert wire.heard == [b"one", b"two", b"three"]


def test_what_is_given_to_send_when_reading_is_over_leaves_in_the_same_turn(wire):
    wire.client._thread = threading.current_thread()  # as in paho's own loop
    wire.client.on_read_over = lambda: wire.client.ack(7, 1)
    wire.read(publish(b"one", 7))
    assert wire.sent() == packet(PUBACK, b"\0\7")
    assert not wire.client.want_write()


def test_what_is_given_to_send_can_leave_before_reading_is_over(wire):
    wire.client._thread = threading.current_thread()

    def over():
        wire.client.ack(7, 1)
        wire.client.send_now()
        wire.heard.append(wire.sent())

    wire.client.on_read_over = over
    wire.read(publish(b"one", 7))
    assert wire.heard == [b"one", packet(PUBACK, b"\0\7")]


def test_whoever_reads_is_not_woken_to_send_and_everybody_else_wakes_it(wire):
    wire.client._sockpairR, wire.client._sockpairW = paho._socketpair_compat()
    woken = lambda: bool(select.select([wire.client._sockpairR], [], [], 0)[0])  # noqa: E731
    wire.client._thread = threading.current_thread()
    wire.client.on_read_over = lambda: wire.client.ack(7, 1)
    wire.read(publish(b"one", 7))
    assert not woken()
    wire.client.ack(8, 1)
    assert woken()


def test_what_was_given_to_send_leaves_even_if_the_end_of_the_read_fails(wire):
    wire.client._thread = threading.current_thread()
    wire.client.on_read_over = lambda: (wire.client.ack(7, 1), 1 / 0)
    with pytest.raises(ZeroDivisionError):
        wire.read(publish(b"one", 7))
    assert wire.sent() == packet(PUBACK, b"\0\7")


def faulty(kind: type[Client]) -> list[object]:
    """What is heard of three messages in one segment if our own code fails at the second one, once."""
    rig = Wire(kind)
    failed: list[bytes] = []

    def hear(_client, _data, message):
        rig.heard.append(bytes(message.payload))
        if message.payload == b"two" and not failed:
            failed.append(b"two")
            raise ValueError("no")

    rig.client.on_message = hear
    rig.far.sendall(b"".join(map(publish, (b"one", b"two", b"three"))))
    for _ in range(6):
        with contextlib.suppress(ValueError):
            rig.client.loop_read()
    rig.close()
    assert failed
    return rig.heard


def test_a_fault_of_a_callback_ends_its_read_and_loses_no_bytes():
    heard = faulty(QuickClient)
    assert heard[: heard.index("over")] == [b"one", b"two"]
    assert [one for one in heard if one != "over"] == faulty(Client)
    assert b"three" in heard


def test_what_came_before_a_malformed_packet_is_heard_and_the_connection_ends(wire):
    ends: list[object] = []
    wire.client.on_disconnect = lambda *args: ends.append(args[3])
    rubbish = b"\x30\xff\xff\xff\xff\xff\x01"
    assert wire.read(publish(b"one") + rubbish + publish(b"never")) != MQTTErrorCode.MQTT_ERR_SUCCESS
    assert wire.heard == [b"one", "over"]
    assert len(ends) == 1 and wire.client.socket() is None


def test_the_end_of_the_connection_is_seen_after_the_last_message(wire):
    wire.read(publish(b"one"))
    wire.far.close()
    assert wire.client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
    assert wire.heard == [b"one", "over", "over"]


@pytest.mark.parametrize("takes", [[1], [7, 0], [0, 0, 3, 1000, 1]])
def test_a_socket_that_takes_little_at_a_time_gets_everything_in_order(wire, takes):
    wire.sock.takes = deque(takes)
    expected = b""
    for number in range(40):
        payload = bytes([number]) * 30
        wire.client.publish("bells/s-1/b-1/down", payload, qos=0)
        expected += publish(payload, topic=b"bells/s-1/b-1/down", qos=0)
        if number % 7 == 0:
            wire.client.loop_write()  # more is queued while some waits
    sent, turns = b"", 0
    while wire.client.want_write():
        assert wire.client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS
        sent += wire.sent()
        turns += 1
        assert turns < 10_000
    assert sent + wire.sent() == expected


def test_a_connection_that_breaks_while_sending_is_lost_and_said(wire):
    ends: list[object] = []
    wire.client.on_disconnect = lambda *args: ends.append(args[3])
    wire.client.publish("t", b"x", qos=0)
    wire.far.close()
    assert wire.client.loop_write() == MQTTErrorCode.MQTT_ERR_CONN_LOST
    assert len(ends) == 1 and wire.client.socket() is None


def test_a_new_connection_has_nothing_of_the_old_one(wire):
    wire.sock.takes = deque([3, 0])
    wire.client.publish("t", b"never", qos=0)
    wire.client.loop_write()
    assert wire.client.want_write()
    wire.read(publish(b"one") + publish(b"half")[:9])
    old = wire.far
    wire.client._sock_close()
    assert not wire.client.want_write()
    old.close()
    wire.client._in_packet = made()._in_packet  # as `reconnect` does
    wire.plug()
    wire.read(publish(b"new"))
    wire.client.publish("t", b"new", qos=0)
    wire.client.loop_write()
    assert wire.heard == [b"one", "over", b"new", "over"]
    assert wire.sent() == publish(b"new", topic=b"t", qos=0)


def test_what_is_put_first_on_a_new_connection_wakes_the_thread(wire):
    reads, wire.client._sockpairW = socket.socketpair()
    reads.setblocking(False)
    wire.client.publish("t", b"one", qos=0)
    wire.client.publish("t", b"two", qos=0)
    assert reads.recv(100) == b"0"
    wire.client._sock_close()  # before anything of it was sent
    wire.plug()
    wire.client.publish("t", b"three", qos=0)
    assert reads.recv(100) == b"0"
    reads.close()


@pytest.mark.parametrize("kind", [QuickClient, Client])
def test_an_answer_settles_what_it_answers_and_nothing_else(kind):
    rig = Wire(kind)
    told: list[int] = []
    infos = [rig.client.publish("t", b"x", qos=1) for _ in range(2)]
    rig.client.loop_write()
    answers = [packet(PUBACK, mid.to_bytes(2, "big")) for mid in (infos[1].mid, 999, infos[1].mid)]
    for answer in answers:
        assert rig.read(answer) == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert [info.is_published() for info in infos] == [False, True] and rig.client._inflight_messages == 1
    rig.client.on_publish = lambda _client, _data, mid, reason, more: told.append((mid, str(reason), more.isEmpty()))
    rig.read(packet(PUBACK, infos[0].mid.to_bytes(2, "big")))
    assert told == [(infos[0].mid, "Success", True)] and not rig.client._out_messages
    assert rig.read(packet(PUBACK, b"x")) == MQTTErrorCode.MQTT_ERR_PROTOCOL
    rig.close()


# What it replaces


OURS = {"_flush", "_take_whole", "send_now"}
REPLACED = sorted(
    name for name, one in vars(QuickClient).items() if inspect.isfunction(one) and name not in {"__init__", *OURS}
)


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_replaced_is_still_there(name):
    assert name in vars(Client), f"paho's Client has no {name} any more: nobody calls ours"
    here, there = (inspect.signature(vars(one)[name]).parameters.values() for one in (QuickClient, Client))
    assert [(one.name, one.kind, one.default) for one in here] == [(one.name, one.kind, one.default) for one in there]


def test_only_what_is_meant_is_replaced():
    assert not OURS & set(vars(Client))
    assert {"_sock_recv", "_sock_send", "_sock_close", "_packet_write", "_packet_queue"} <= set(REPLACED)
    inner = set(vars(made(Client))) - set(vars(Client))
    assert {"_sock", "_out_packet", "_sockpairW", "_inflight_messages", "_out_messages"} <= inner | set(dir(Client))
    own = {"_received", "_at", "_may_read", "_unsent", "_gathered", "_woken", "_reader", "on_read_over"}
    assert not own & (inner | set(dir(Client))), "paho has begun to use a name of ours"


def test_a_queued_packet_looks_as_paho_queues_it():
    def queued(kind):
        client = made(kind)
        client._thread = threading.current_thread()  # so that paho leaves the sending to its loop
        client._packet_queue(PUBLISH, b"abc", 7, 1, None)
        return list(client._out_packet)

    assert queued(QuickClient) == queued(Client)


PACKETS = st.lists(
    st.builds(
        publish,
        st.binary(max_size=300),
        st.integers(1, 65_535),
        st.one_of(st.just(TOPIC), st.binary(min_size=1, max_size=20)),
        st.sampled_from((0, 1)),
        st.sampled_from((0, 1, 8, 9)),  # retained, repeated
    ),
    max_size=12,
)


def told(kind: type[Client], chunks: list[bytes]) -> list[object]:
    rig = Wire(kind)
    rig.client.on_message = lambda _client, _data, one: rig.heard.append(
        (one._topic, bytes(one.payload), one.mid, one.qos, one.retain, one.dup)
    )
    for chunk in chunks:
        rig.far.sendall(chunk)
        if kind is QuickClient:
            rig.client.loop_read()
            assert not select.select([rig.sock], [], [], 0)[0], "something was left in the socket"
        while select.select([rig.sock], [], [], 0)[0]:
            assert rig.client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    rig.close()
    return [one for one in rig.heard if one != "over"]


@settings(max_examples=60)
@given(PACKETS, st.lists(st.integers(0, 4_000), max_size=12))
def test_any_split_gives_the_messages_that_paho_hears(packets, places):
    stream = b"".join(packets)
    cuts = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    chunks = [stream[start:end] for start, end in pairwise(cuts)]
    assert told(QuickClient, chunks) == told(Client, [stream])


@given(st.integers(0, 3), st.binary(max_size=40), st.binary(max_size=40))
@example(1, b"", b"x")
@example(1, b"\0\0\0\1", b"")  # no topic
@example(1, b"\0\1t\0", b"")  # half a number
@example(1, b"\0\1t\0\1", b"")  # no payload
@example(1, b"\0\5to", b"")
def test_a_message_that_is_none_ends_the_connection_where_paho_ends_it(qos, body, after):
    def outcome(kind):
        rig = Wire(kind)
        rig.client.on_message = lambda _client, _data, one: rig.heard.append((one._topic, bytes(one.payload), one.mid))
        rig.far.sendall(publish(b"first") + packet(PUBLISH | qos << 1, body) + publish(after))
        for _ in range(3):
            if rig.client._sock is not None:
                rig.client.loop_read()
        alive = rig.client._sock is not None
        rig.close()
        return [one for one in rig.heard if one != "over"], alive

    assert outcome(QuickClient) == outcome(Client)


# With its thread, against a broker that is the test itself.


class Peer:
    """The broker's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(WAIT_S)
        self._rest = b""

    def _take(self, size: int, at_once: int) -> bytes:
        while len(self._rest) < size:
            more = self.sock.recv(at_once)
            if not more:
                raise EOFError
            self._rest += more
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def packet(self, at_once: int = 65_536) -> tuple[int, bytes]:
        """The next one: (first byte, body). Raises EOFError after the last."""
        first, length, shift = self._take(1, at_once)[0], 0, 0
        while True:
            byte = self._take(1, at_once)[0]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return first, self._take(length, at_once)

    def message(self, at_once: int = 65_536, answered: bool = True) -> bytes:
        """The payload of the next PUBLISH of quality 1."""
        first, body = self.packet(at_once)
        assert first & 0xF0 == PUBLISH, hex(first)
        end = 2 + int.from_bytes(body[:2], "big")
        if answered:
            self.sock.sendall(packet(PUBACK, body[end : end + 2]))
        return body[end + 2 :]

    def welcome(self) -> None:
        first, body = self.packet()
        assert first == CONNECT and body.startswith(text(b"MQTT")), (first, body)
        self.sock.sendall(b"\x20\x02\x00\x00")


class Broker:
    """Listens; the test takes its connections one by one."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_304)  # what is not read stays with the client
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.listener.settimeout(WAIT_S)
        self.tls = tls
        self.peers: list[Peer] = []
        self.clients: list[Client] = []

    def client(
        self, kind: type[Client] = QuickClient, tls: ssl.SSLContext | None = None, under_way_max: int = 1_000
    ) -> Client:
        client = made(kind)
        if tls is not None:
            client.tls_set_context(tls)
        client.max_inflight_messages_set(under_way_max)
        client.reconnect_delay_set(0, 0)
        client.on_socket_open = lambda _client, _data, sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_608)
        # A wake-up that is missed shows: paho's own second would heal it.
        client.loop_forever = partial(type(client).loop_forever, client, timeout=10 * WAIT_S)
        client.connect_async(*self.listener.getsockname(), keepalive=600)
        client.loop_start()
        self.clients.append(client)
        return client

    def accept(self) -> Peer:
        sock, _ = self.listener.accept()
        if self.tls is not None:
            sock.settimeout(WAIT_S)
            sock = self.tls.wrap_socket(sock, server_side=True)
        peer = Peer(sock)
        self.peers.append(peer)
        peer.welcome()
        return peer

    def close(self) -> None:
        for client in self.clients:
            client.disconnect()
        self.listener.close()
        for peer in self.peers:
            peer.sock.close()
        for client in self.clients:
            client.loop_stop()


@pytest.fixture
def broker():
    started = Broker()
    yield started
    started.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority.create(tmp_path_factory.mktemp("pki"), "test-1")
    made.ensure_server("test-1", ["127.0.0.1"])
    return made


def connected(client: Client) -> None:
    until_s = time.monotonic() + WAIT_S
    while not client.is_connected():
        assert time.monotonic() < until_s
        time.sleep(0.002)


def storm(client: Client, peer: Peer, threads: int = 8, each: int = 40) -> None:
    """Many threads publish, and a slow reader gets each packet whole, those of one thread in its order."""

    def say(name: int) -> None:
        for number in range(each):
            assert client.publish("bells/s-1/b-1/down", b"%d %d %s" % (name, number, b"." * 400), qos=1).rc == 0

    speakers = [threading.Thread(target=say, args=(name,)) for name in range(threads)]
    for one in speakers:
        one.start()
    got: list[list[int]] = [[] for _ in speakers]
    for _ in range(threads * each):
        name, number, filler = peer.message(at_once=100).split(b" ")
        assert filler == b"." * 400
        got[int(name)].append(int(number))
    for one in speakers:
        one.join(WAIT_S)
    assert got == [list(range(each))] * threads


def test_a_storm_out_of_many_threads_is_sent_whole_and_in_order(broker):
    client = broker.client()
    peer = broker.accept()
    connected(client)
    storm(client, peer)


def test_so_it_is_over_tls(authority):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.path("server.pem"), authority.path("server.key"))
    broker = Broker(server)
    try:
        client = broker.client(tls=ssl.create_default_context(cafile=str(authority.path("ca.pem"))))
        heard: list[object] = []
        done = threading.Event()
        client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
        client.on_read_over = lambda: done.set() if len(heard) == 400 else None
        peer = broker.accept()
        connected(client)
        storm(client, peer)
        payloads = [b"%d" % number * 40 for number in range(400)]
        peer.sock.sendall(b"".join(publish(payload, number + 1) for number, payload in enumerate(payloads)))
        assert done.wait(WAIT_S)
        assert heard == payloads
    finally:
        broker.close()


def test_more_than_may_be_under_way_goes_out_as_answers_come(broker):
    client = broker.client(under_way_max=3)
    peer = broker.accept()
    connected(client)
    for number in range(30):
        client.publish("t", b"%d" % number, qos=1)
    assert [peer.message() for _ in range(30)] == [b"%d" % number for number in range(30)]


@pytest.mark.parametrize("kind", [QuickClient, Client])
def test_the_goodbye_comes_last_and_after_everything_that_was_queued(broker, kind):
    client = broker.client(kind)
    peer = broker.accept()
    connected(client)
    for number in range(50):
        client.publish("t", b"%d" % number, qos=1)
    client.disconnect()
    assert [peer.message(answered=False) for _ in range(50)] == [b"%d" % number for number in range(50)]
    assert peer.packet() == (DISCONNECT, b"")
    with pytest.raises(EOFError):
        peer.packet()


@pytest.mark.parametrize("kind", [QuickClient, Client])
def test_so_it_does_at_a_broker_that_is_slow_to_read(broker, kind):
    client = broker.client(kind)
    peer = broker.accept()
    connected(client)
    over = threading.Event()
    client.on_disconnect = lambda *_: over.set()
    for number in range(200):
        client.publish("t", b"%d %s" % (number, b"." * 500), qos=1)
    client.disconnect()
    over.wait(0.3)  # the client has done all that it will do while nobody reads
    got = []
    with pytest.raises(EOFError):
        while True:
            got.append(peer.packet())
    assert len(got) == 201 and got[-1] == (DISCONNECT, b""), f"{len(got)} of 201 packets arrived"


def test_a_second_connection_begins_anew(broker):
    client = broker.client()
    heard: list[bytes] = []
    arrived = threading.Event()

    def hear(_client, _data, message):
        heard.append(bytes(message.payload))
        arrived.set()

    client.on_message = hear
    first = broker.accept()
    connected(client)
    first.sock.sendall(publish(b"whole") + publish(b"half")[:9])
    assert arrived.wait(WAIT_S)
    arrived.clear()
    for number in range(100):  # more than the socket takes
        client.publish("t", b"%d %s" % (number, b"." * 500), qos=1)
    first.sock.close()
    second = broker.accept()  # begins with a whole CONNECT
    connected(client)
    assert [int(second.message().split()[0]) for _ in range(100)] == list(range(100))
    second.sock.sendall(publish(b"new"))
    assert arrived.wait(WAIT_S)
    assert heard == [b"whole", b"new"]
    client.publish("t", b"at once", qos=1)
    assert second.message() == b"at once"


def test_many_publishes_wake_the_busy_thread_once(broker):
    client = broker.client()
    peer = broker.accept()
    connected(client)
    inside, go = threading.Event(), threading.Event()
    client.on_read_over = lambda: (inside.set(), go.wait(WAIT_S))
    woken: list[bytes] = []

    class Counted:
        def __init__(self, inner):
            self.inner, self.close = inner, inner.close

        def send(self, data):
            woken.append(data)
            return self.inner.send(data)

    client._sockpairW = Counted(client._sockpairW)
    peer.sock.sendall(publish(b"x"))
    assert inside.wait(WAIT_S)
    woken.clear()
    for number in range(200):
        client.publish("t", b"%d" % number, qos=1)
    assert len(woken) == 1
    go.set()
    assert [peer.message() for _ in range(200)] == [b"%d" % number for number in range(200)]


def test_no_wake_up_is_missed(broker):
    """Each thread says the next word when its last one was answered: one that slept on would end the conversation."""
    client = broker.client()
    peer = broker.accept()
    connected(client)

    def talk() -> None:
        for _ in range(60):
            client.publish("t", b"x", qos=1).wait_for_publish(WAIT_S)

    speakers = [threading.Thread(target=talk, daemon=True) for _ in range(4)]
    for one in speakers:
        one.start()
    for _ in range(240):
        peer.message()
    for one in speakers:
        one.join(WAIT_S)
        assert not one.is_alive()
