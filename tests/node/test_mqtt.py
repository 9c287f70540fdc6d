"""The MQTT codec: bytes as the standard writes them. Both runtimes."""

from bellnode import mqtt


def fails(data):
    decoder = mqtt.Decoder()
    for _ in range(2):  # and it stays broken
        try:
            decoder.feed(data)
        except mqtt.MqttError:
            continue
        raise AssertionError(data)


def test_connect_is_what_the_standard_says():
    packet = mqtt.connect("b-1", 20, ("a/s", b"off"))
    assert packet == (
        b"\x10\x19"  # CONNECT, 25 bytes
        b"\x00\x04MQTT\x04"
        b"\x2e"  # will retain, will QoS 1, will, clean session
        b"\x00\x14\x00\x03b-1\x00\x03a/s\x00\x03off"
    )


def test_other_packets_are_what_the_standard_says():
    assert mqtt.publish("a/b", b"hi", 258) == b"\x32\x09\x00\x03a/b\x01\x02hi"
    assert mqtt.publish("a/b", b"hi", 1, True)[0] == 0x33
    assert mqtt.puback(258) == b"\x40\x02\x01\x02"
    assert mqtt.subscribe("a/b", 3) == b"\x82\x08\x00\x03\x00\x03a/b\x01"
    long = mqtt.publish("t", bytes(300), 1)
    assert long[:3] == b"\x32\xb1\x02" and len(long) == 3 + 305


def test_each_packet_for_a_client_is_read():
    packets = mqtt.Decoder().feed(
        b"\x20\x02\x00\x00\x90\x03\x00\x01\x01\x40\x02\x00\x07\xd0\x00\x32\x09\x00\x03a/b\x01\x02hi"
    )
    assert [packet[:3] for packet in packets[:4]] == [
        (mqtt.CONNACK, None, b"\x00"),
        (mqtt.SUBACK, 1, b"\x01"),
        (mqtt.PUBACK, 7, b""),
        (mqtt.PINGRESP, None, b""),
    ]
    assert packets[4] == mqtt.Packet(mqtt.PUBLISH, 258, b"", "a/b", b"hi", False)
    assert mqtt.Decoder().feed(b"\x31\x07\x00\x03a/bhi") == [mqtt.Packet(mqtt.PUBLISH, None, b"", "a/b", b"hi", True)]
    assert mqtt.Decoder().feed(b"\x20\x02\x00\x05")[0].codes == b"\x05"


def test_any_chunks_give_the_same_packets():
    data = mqtt.publish("a/b", b"one", 1) + b"\xd0\x00" + mqtt.publish("a/b", bytes(200), 2) + mqtt.puback(9)
    whole = mqtt.Decoder().feed(data)
    for size in (1, 2, 3, 7, 100):
        decoder, packets = mqtt.Decoder(), []
        for start in range(0, len(data), size):
            packets += decoder.feed(data[start : start + size])
        assert packets == whole and len(whole) == 4


def test_a_long_publish_is_dropped_and_can_still_be_acknowledged():
    data = mqtt.publish("a/b", bytes(5000), 77) + mqtt.publish("a/b", b"next", 78)
    for size in (1, 160, 500, 10000):
        decoder, packets = mqtt.Decoder(), []
        for start in range(0, len(data), size):
            packets += decoder.feed(data[start : start + size])
        assert [(packet.payload, packet.number) for packet in packets] == [(None, 77), (b"next", 78)]
    fails(mqtt.publish("a/b", bytes(mqtt.SKIPPED_BYTES_MAX + 1), 1)[:200])


def test_what_is_not_the_protocol_is_its_error():
    fails(b"\x10\x00")  # CONNECT, from a broker
    fails(b"\x00\x00")
    fails(b"\xf0\x00")
    fails(b"\x21\x02\x00\x00")  # reserved flags
    fails(b"\x20\x01\x00")
    fails(b"\x40\x02\x00\x00")  # identifier 0
    fails(b"\x34\x07\x00\x03a/b\x00\x01")  # QoS 2
    fails(b"\x36\x07\x00\x03a/b\x00\x01")  # QoS 3
    fails(b"\x38\x05\x00\x03a/b")  # duplicate at QoS 0
    fails(b"\x32\x05\x00\x03a/b")  # no identifier
    fails(b"\x30\x03\x00\x09a")  # topic longer than the packet
    fails(b"\x30\x03\x00\x01\xff")  # not UTF-8
    fails(b"\x30\x03\x00\x01#")  # a wildcard
    fails(b"\xd0\x01\x00")
    fails(b"\xd0\xff\xff\xff\xff\x01")  # five bytes of length
    fails(b"\x90\x84\x80\x01")  # a SUBACK of 16 kB
    fails(b"\x90\x03\x00\x01\x03")
