"""The session's judgement: which acknowledgement still counts, and how long a message may have waited."""

import pytest
from paho.mqtt.enums import MQTTErrorCode

from bellgate.broker import session as module
from bellgate.broker.canary import CANARY_FACT, LISTENING_FACT, Canary
from bellgate.broker.session import Session
from bellgate.store import facts, open_store


class Reason:
    is_failure = False


class Message:
    def __init__(self, topic: str, payload: bytes, mid: int = 7, dup: bool = False, retain: bool = False) -> None:
        self.topic, self.payload, self.mid, self.dup, self.retain = topic, payload, mid, dup, retain


@pytest.fixture
def now(monkeypatch):
    clock = {"ms": 1_000_000}
    monkeypatch.setattr(module, "now_ms", lambda: clock["ms"])
    return clock


class Rig:
    """A session whose network is replaced: what it publishes and acknowledges is written down."""

    def __init__(self, listening_ms: int | None) -> None:
        self.taken, self.acks, self.published = [], [], []
        self.canary = Canary("seongsu-1")
        self.session = Session(("127.0.0.1", 1), "gateway-x", self.canary, self.taken.append, None, listening_ms)
        self.session._client.ack = lambda mid, qos: self.acks.append(mid)
        self.session._client.subscribe = lambda _: None
        self.session._client.publish = self._publish

    def _publish(self, topic, payload, qos):
        self.published.append((topic, payload))

        class Info:
            rc = MQTTErrorCode.MQTT_ERR_SUCCESS

        return Info()

    def connect(self):
        self.session._on_connect(self.session._client, None, None, Reason(), None)

    def subscribed(self):
        self.session._on_subscribe(self.session._client, None, 1, [Reason()], None)

    def lose(self):
        self.session._on_disconnect(self.session._client, None, None, "gone", None)

    def hear(self, *arguments, **more):
        self.session._on_message(self.session._client, None, Message(*arguments, **more))
        return self.taken[-1] if self.taken else None

    def canary_back(self):
        """The newest canary makes its round."""
        self.hear(*self.published[-1]).ack()


def test_acknowledgement_goes_out_on_its_own_connection_only(now):
    rig = Rig(None)
    rig.connect()
    early = rig.hear("bells/s/b/up", b"x", mid=3)  # waited for us: it comes before the answer to our subscription
    rig.subscribed()
    assert rig.session.listening
    early.ack()
    assert rig.acks == [3]
    late = rig.hear("bells/s/b/up", b"y", mid=4)
    rig.lose()
    late.ack()
    rig.connect()
    rig.subscribed()
    late.ack()
    assert rig.acks == [3], "number 4 may be another message on the new connection"


def test_waited_is_zero_only_after_the_first_canary_of_the_connection(now):
    rig = Rig(listening_ms=400_000)
    rig.connect()
    rig.subscribed()
    assert rig.hear("bells/s/b/up", b"x").waited_ms == 600_000, "it may have lain there since we last listened"
    rig.canary_back()
    assert rig.hear("bells/s/b/up", b"x").waited_ms == 0
    # After a break: since the last canary that came back.
    now["ms"] += 30_000
    rig.lose()
    now["ms"] += 1_000
    rig.connect()
    rig.subscribed()
    assert rig.hear("bells/s/b/up", b"x").waited_ms == 31_000
    rig.canary_back()
    assert rig.hear("bells/s/b/up", b"x").waited_ms == 0
    assert rig.hear("bells/s/b/up", b"x", dup=True).waited_ms == 31_000, "given before the break, not committed"
    now["ms"] += module.REPEATS_FOR_MS
    assert rig.hear("bells/s/b/up", b"x", dup=True).waited_ms == 0


def test_the_first_start_ever_has_nothing_that_waited(now):
    rig = Rig(listening_ms=None)
    rig.connect()
    rig.subscribed()
    assert rig.hear("bells/s/b/up", b"x").waited_ms == 0


def test_another_processs_canary_proves_nothing(now):
    rig = Rig(None)
    rig.connect()
    rig.subscribed()
    topic, payload = Canary("seongsu-1").topic, Canary("seongsu-1").make()[1]
    assert rig.hear(topic, payload, mid=9) is None
    assert rig.acks == [9] and rig.canary.age_ms() is None
    rig.canary_back()
    assert rig.canary.age_ms() is not None and rig.canary.back == 1


def test_our_own_fault_leaves_the_message_with_the_broker(now):
    rig = Rig(None)
    rig.connect()
    rig.subscribed()
    rig.session._take = lambda _: 1 / 0
    rig.hear("bells/s/b/up", b"x")
    assert rig.session.faults == 1 and rig.acks == []


def test_retained_flag_and_unreadable_topic_reach_the_pipeline(now):
    rig = Rig(None)
    rig.connect()
    rig.subscribed()
    assert rig.hear("bells/s/b/up", b"x", retain=True).retained

    class Odd(Message):
        topic = property(lambda _: b"\xff".decode(), lambda *_: None)

    rig.session._on_message(rig.session._client, None, Odd("", b"x"))
    assert rig.taken[-1].topic == ""


def test_receipts_beyond_the_bound_are_counted(now, monkeypatch):
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    session = Session(("127.0.0.1", 1), "gateway-x", Canary("x"), lambda _: None, None, None)
    for _ in range(5):
        session.publish("bells/s/b/down", b"x")
    assert session.dropped_receipts == 3


def test_canary_is_written_down_inside_the_transaction(tmp_path):
    canary = Canary("seongsu-1")
    assert canary.topic == "bells/gateway-seongsu-1/canary/up"
    number, payload = canary.make()
    with open_store("sqlite:///x.db", tmp_path) as store:
        store.write_now(lambda tx: canary.keep(tx, b"rubbish"))
        store.write_now(lambda tx: canary.keep(tx, Canary("seongsu-1").make()[1]))
        assert store.read_now(lambda tx: facts.get(tx, facts.of_gateway(CANARY_FACT, "seongsu-1"))) is None
        store.write_now(lambda tx: canary.keep(tx, payload))
        for name in (facts.of_gateway(CANARY_FACT, "seongsu-1"), facts.of_gateway(LISTENING_FACT, "seongsu-1")):
            assert int(store.read_now(lambda tx, name=name: facts.get(tx, name))) > 0
    assert canary.read(payload) == number == 1
    canary.came_back(number)
    assert canary.round_trip_ms is not None
    for _ in range(100):
        canary.make()
    assert len(canary._sent_ms) <= 16, "a broker that is away for a week fills no memory"
