"""PIN and duress PIN. Both runtimes."""

from binascii import hexlify

from bellnode import pin

SALT = b"0123456789abcdef"


def test_the_derivation_is_pbkdf2():
    """Answers of RFC 7914, section 11 (its first 32 bytes), and of the same function elsewhere for our form."""
    told = hexlify(pin.derive("passwd", b"salt", 1))
    assert told == b"55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
    told = hexlify(pin.derive("123456", b"s" * 16, 500))
    assert told == b"17a52da0ef1e78e3db374476f3de8b908ae9f4397899443615b958f6e455390d"


def test_each_code_is_what_it_is():
    pins = pin.parse(pin.make("1234", "99887766", SALT, 2))
    assert pin.judge(pins, "1234") == "pin" and pin.judge(pins, "99887766") == "duress"
    for code in ("1235", "", "123", "12345", "1234 ", "x" * 70, "１２３４"):
        assert pin.judge(pins, code) == "wrong", code


def test_without_a_duress_code_none_is_right():
    pins = pin.parse(pin.make("1234", None, SALT, 1))
    assert pin.judge(pins, "1234") == "pin" and pin.judge(pins, "4321") == "wrong"


def test_the_same_code_is_kept_differently_by_two_bells():
    assert pin.make("1234", None, SALT, 1)["pin"] != pin.make("1234", None, b"x" * 16, 1)["pin"]
    assert "1234" not in str(pin.make("1234", None, SALT))


def test_bad_codes_and_bad_records_say_what():
    good = pin.make("1234", "4321", SALT, 1)
    for call, words in (
        (lambda: pin.make("123", None, SALT), "the PIN must be 4 to 8 digits"),
        (lambda: pin.make(None, None, SALT), "the PIN must be 4 to 8 digits"),
        (lambda: pin.make("123456789", None, SALT), "the PIN must be 4 to 8 digits"),
        (lambda: pin.make("12345678", "123", SALT), "the duress PIN must be 4 to 8 digits"),
        (lambda: pin.make("1234", "12a4", SALT), "the duress PIN must"),
        (lambda: pin.make("1234", "1234", SALT), "must differ"),
        (lambda: pin.make("1234", None, b"short"), "16 bytes"),
        (lambda: pin.parse(None), "object"),
        (lambda: pin.parse(dict(good, rounds=0)), '"rounds"'),
        (lambda: pin.parse(dict(good, rounds=10001)), '"rounds" must be a number from 1 to 10000'),
        (lambda: pin.parse(dict(good, rounds="1")), '"rounds"'),
        (lambda: pin.parse(dict(good, salt="00")), '"salt" must be 32 hex'),
        (lambda: pin.parse(dict(good, pin=None)), '"pin" must be 64 hex'),
        (lambda: pin.parse(dict(good, duress="zz" * 32)), '"duress" must be 64 hex'),
    ):
        try:
            call()
        except ValueError as error:
            assert words in str(error), (words, str(error))
        else:
            raise AssertionError(words)


def test_the_rounds_reach_to_their_edges():
    good = pin.make("1234", "4321", SALT, 1)
    assert pin.parse(good).rounds == 1 and pin.parse(dict(good, rounds=10000)).rounds == 10000


def test_waits_grow_and_stay_bounded():
    waits_ms = [pin.wait_ms(wrong) for wrong in range(12)]
    assert waits_ms == [0, 0, 0, 10000, 30000, 60000, 120000] + [300000] * 5


def test_every_byte_is_compared():
    for place in (0, 15, 31):
        pins = pin.parse(pin.make("1234", "4321", SALT, 1))
        changed = bytes([byte ^ (place == at) for at, byte in enumerate(pins.pin)])
        assert pin.judge(pin.Pins(pins.salt, pins.rounds, changed, changed), "1234") == "wrong"
