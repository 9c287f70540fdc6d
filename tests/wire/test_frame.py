"""Frames of the serial port on both runtimes: whole, cut up, damaged, and with text and garbage between them."""

from mutation import Numbers

from bellwire import frame

REQUESTS = (frame.REQUEST,)


def reader(lines=False):
    return frame.Reader((frame.REQUEST, frame.ANSWER, frame.EVENT), (frame.RPC, frame.RESULT), lines=lines)


def read(data, sizes=(1024,), lines=False):
    """Everything that a reader finds in `data`, given in pieces of these sizes, in turn."""
    it = reader(lines)
    found = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += it.feed(data[at : at + size])
        at += size
        turn += 1
    return found + it.silence(), it


def raised(call, *given):
    try:
        call(*given)
    except ValueError as fault:
        return str(fault)
    return ""


def test_the_bytes_are_those_of_the_page():
    assert frame.frame(frame.REQUEST, 5, b"{}") == b"ANSIM\x01\x01\x05\x00\x02{}\x82\x97\x7e\x81"
    assert frame.improv(frame.RPC, b"\x02\x00") == b"IMPROV\x01\x03\x02\x02\x00\xe5"


def test_what_fits_no_frame_is_our_own_bug():
    assert "kind" in raised(frame.frame, 4, 0, b"") and "number" in raised(frame.frame, 1, 256, b"")
    assert "1025" in raised(frame.frame, frame.ANSWER, 0, bytes(1025))
    assert "request" in raised(frame.frame, frame.REQUEST, 0, bytes(243))
    assert "Improv" in raised(frame.improv, 3, bytes(256))
    assert len(frame.frame(frame.REQUEST, 0, bytes(242))) == frame.REQUEST_BYTES_MAX


def test_frames_are_found_in_any_cut():
    data = b"12 ms  hello IANSIMPROV\n" + frame.frame(1, 1, b'{"op": "hello"}') + b"\n"
    data += frame.improv(frame.RPC, b"\x04\x00") + frame.frame(2, 1, b"") + frame.frame(3, 9, bytes(1024)) + b"A"
    for sizes in ((len(data),), (1,), (2, 3), (7, 1), (64,)):
        found, it = read(data, sizes)
        assert [item[:3] for item in found] == [
            ("frame", 1, 1),
            ("improv", 3, b"\x04\x00"),
            ("frame", 2, 1),
            ("frame", 3, 9),
        ]
        assert found[0][3] == b'{"op": "hello"}' and found[3][3] == bytes(1024)
        assert it.broken == 0 and not it.pending() and it.dropped == len(b"12 ms  hello IANSIMPROV\n\nA")


def test_lines_between_frames_are_handed_out_whole():
    data = b"5 ms  Alarm and Improv\n" + frame.frame(2, 7, b"{}") + b"\n\nA\nI am here\n" + b"x" * 600 + b"\n"
    for sizes in ((len(data),), (1,), (5, 2)):
        found, _ = read(data, sizes, lines=True)
        assert [item for item in found if item[0] == "text"] == [
            ("text", b"5 ms  Alarm and Improv"),
            ("text", b"A"),
            ("text", b"I am here"),
            ("text", b"x" * frame.LINE_BYTES_MAX),
            ("text", b"x" * (600 - frame.LINE_BYTES_MAX)),
        ]
        assert ("frame", 2, 7, b"{}") in found


def test_every_byte_of_a_frame_counts():
    good = frame.frame(1, 1, b'{"op": "hello"}')
    other = frame.improv(frame.RPC, b"\x01\x04\x01a\x01b")
    for data in (good, other):
        for at in range(len(data)):
            for bit in range(8):
                damaged = bytearray(data)
                damaged[at] ^= 1 << bit
                found, _ = read(bytes(damaged) + good)
                # The good one behind it is found whatever the damage is; the damaged one never.
                assert found == [("frame", 1, 1, b'{"op": "hello"}')], (at, bit)


def test_a_frame_that_was_cut_off_takes_no_other_with_it():
    good = frame.frame(1, 2, b'{"op": "diag.heap"}')
    for cut in range(1, len(good)):
        it = reader()
        found = it.feed(good[:cut])
        assert found == [] and it.pending()
        found = it.feed(good)  # at once: it may have to wait for the silence
        found += it.silence()
        assert found == [("frame", 1, 2, b'{"op": "diag.heap"}')], cut
        assert not it.pending()


def test_a_claim_of_a_long_frame_is_not_waited_for():
    it = frame.Reader(REQUESTS, (), frame.REQUEST_BYTES_MAX)
    assert it.feed(b"ANSIM\x01\x01\x00\x04\x00") == [] and not it.pending() and it.broken == 1
    assert it.feed(b"ANSIM\x01\x01\x00\xff\xff") == [] and not it.pending()
    assert it.feed(b"ANSIM\x01\x02\x00\x00\x00") == [] and not it.pending()  # our own answer, as an echo
    assert it.feed(b"IMPROV\x01\x01\x01\x02") == [] and not it.pending()
    assert it.broken == 4 and it.dropped == 40


def test_noise_is_dropped_and_counted_and_never_raises():
    numbers = Numbers(7)
    good = frame.frame(1, 3, b"{}")
    for _ in range(60):
        noise = bytes([numbers.below(256) for _ in range(numbers.below(200))])
        magic = (b"ANSIM\x01", b"IMPROV\x01", b"ANSIM\x01\x01\x00\x00\xf0", b"IMPROV\x01\x03\xff", b"")[
            numbers.below(5)
        ]
        it = frame.Reader(REQUESTS, (frame.RPC,), frame.REQUEST_BYTES_MAX)
        found = it.feed(noise) + it.feed(magic) + it.silence() + it.feed(good) + it.silence()
        assert found[-1] == ("frame", 1, 3, b"{}")
        assert it.dropped == len(noise) + len(magic) or len(found) > 1


def test_a_reader_keeps_less_than_a_frame():
    it = frame.Reader(REQUESTS, (frame.RPC,), frame.REQUEST_BYTES_MAX)
    for _ in range(20):
        it.feed(b"ANSIM\x01\x01\x00\x00\xe0" + b"A" * 54)
        assert len(it._rest) < 256 + 64
