"""Keys -> wishes. Both runtimes."""

from bellnode import keypad


def typed(text, pause_ms=100):
    pad, at_ms, wishes = keypad.EMPTY, 1000, []
    for key in text:
        at_ms += pause_ms
        pad, wish = keypad.step(pad, key, at_ms)
        if wish is not None:
            wishes.append(wish)
    return wishes


def test_what_keys_mean():
    for text, wishes in (
        ("1234#", [("pin", "1234")]),
        ("*0", [("checkin",)]),
        ("*1", [("arm", "home", False)]),
        ("*2", [("arm", "away", False)]),
        ("*3", [("arm", "away", True)]),
        ("**", [("cancel",)]),
        ("*7", [("unknown",)]),
        ("*#", [("unknown",)]),
        ("#", [("unknown",)]),
        ("12*2", [("arm", "away", False)]),
        ("12345678#", [("pin", "12345678")]),
        ("123456789", [("unknown",)]),
        ("1", []),
    ):
        assert typed(text) == wishes, text


def test_half_a_code_is_forgotten():
    assert typed("1234#", keypad.FORGET_MS) == [("unknown",)]
    assert typed("*2", keypad.FORGET_MS - 1) == [("arm", "away", False)]


def test_what_is_no_key_raises():
    for key in ("a", "", "12", "\n"):
        try:
            keypad.step(keypad.EMPTY, key, 0)
        except ValueError:
            continue
        raise AssertionError(key)
