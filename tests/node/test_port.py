"""The serial port's decisions: who may ask for what, the gesture and the code of a wipe, one job at a time."""

import json

import bellwire
from bellnode import port

KEY = bytes(range(32))
NONCE = bytes(range(16))
TOLD = "000102030405060708090a0b0c0d0e0f"


def ask(it, request, now_ms=0, alarm=False, number=1):
    """(port, effects)"""
    payload = request if isinstance(request, bytes) else json.dumps(request).encode()
    return port.step(it, ("request", number, payload, NONCE, alarm), now_ms)


def refused(it, request, **how):
    """The code of a refusal, or the operation that is run."""
    _, effects = ask(it, request, **how)
    (effect,) = effects
    if effect[0] == "run":
        return effect[2]
    return "well" if effect[2]["ok"] else effect[2]["code"]


def arguments(op):
    values = {"whole": 5, "text": "x", "bool": True, "any": ""}
    found = {"op": op}
    for word in port.OPS[op][2].split():
        name, rule = word.split(":")
        found[name.rstrip("?")] = values[rule]
    return found


def test_every_operation_is_for_the_bell_that_the_table_says():
    blank, enrolled = port.start(None, 0), port.start(KEY, 0)
    for op in port.OPS:
        bell, kind, _ = port.OPS[op]
        for it, name in ((blank, "blank"), (enrolled, "enrolled")):
            said = refused(it, arguments(op))
            assert (said == "state") == (bell not in ("any", name)), (op, name, said)
        it = blank if bell != "enrolled" else enrolled
        if "calm" in kind or "spare" in kind:
            assert refused(it, arguments(op), alarm=True) == "alarm", op
        if "spare" in kind:  # no link is there that it could keep busy, and it may say why
            assert refused(it, arguments(op), alarm="stuck") == op, op
        elif "calm" in kind:
            assert refused(it, arguments(op), alarm="stuck") == "alarm", op


def test_what_is_no_request_is_told_so():
    it = port.start(KEY, 0)
    for payload in (b"", b"\xff", b"[]", b"{", b'"hello"', b"{}", b'{"op": 5}', b"[" * 200):
        assert refused(it, payload) == "request", payload
    assert refused(it, {"op": "nothing"}) == "op"
    for op in port.OPS:
        whole = arguments(op)
        for word in port.OPS[op][2].split():
            name = word.split(":")[0]
            bare = name.rstrip("?")
            bell = port.start(None if port.OPS[op][0] == "blank" else KEY, 0)
            wrong = dict(whole)
            wrong[bare] = [1]
            assert refused(bell, wrong) == "request", (op, name)
            del wrong[bare]
            assert (refused(bell, wrong) == "request") == (name[-1] != "?"), (op, name)
    assert (
        refused(it, {"op": "diag.broker", "n": -1}) == "request" and refused(it, {"op": "watch", "on": 1}) == "request"
    )


def test_one_job_at_a_time_and_the_rest_meanwhile():
    it, effects = ask(port.start(KEY, 0), {"op": "diag.scan"}, number=9)
    assert effects == (("run", 9, "diag.scan", {"op": "diag.scan"}),)
    assert refused(it, {"op": "diag.dns", "host": "a"}) == "busy" and refused(it, {"op": "hello"}) == "hello"
    _, effects = port.step(it, ("improv", "diag.scan", {}, False), 0)
    assert effects[0][2]["code"] == "busy"
    it, effects = port.step(it, ("done", 9, port.well({"count": 0})), 5)
    assert effects == (("answer", 9, {"ok": True, "count": 0}),)
    it, effects = port.step(it, ("improv", "wifi.set", {"ssid": "a"}, False), 0)
    assert effects == (("run", port.IMPROV, "wifi.set", {"ssid": "a"}),) and refused(it, {"op": "diag.scan"}) == "busy"
    it, _ = port.step(it, ("done", port.IMPROV, port.well()), 5)
    assert refused(it, {"op": "diag.scan"}) == "diag.scan"
    assert port.step(it, ("improv", "wifi.set", {}, True), 0)[1][0][2]["code"] == "alarm"


def test_it_is_forgotten_after_a_minute_but_not_in_the_middle_of_a_job():
    it, _ = ask(port.start(KEY, 0), {"op": "hello"}, 1000)
    assert port.step(it, ("tick",), 60999)[1] == () and port.step(it, ("tick",), 61000)[1] == (("forget",),)
    it, _ = ask(it, {"op": "diag.scan"}, 1000)
    assert port.step(it, ("tick",), 90000)[1] == ()


def challenged(now_ms=0):
    it, effects = ask(port.start(KEY, 0), {"op": "challenge", "for": "wipe"}, now_ms)
    assert effects[0][3]["nonce"] == TOLD
    return it


def held(it, since_ms, until_ms):
    for now_ms in range(since_ms, until_ms + 1, 100):
        it, _ = port.step(it, ("boot", True), now_ms)
    return it


def wipe(it, code, now_ms):
    it, effects = ask(it, {"op": "wipe", "code": code}, now_ms)
    return it, effects[0][2] if effects[0][0] == "run" else effects[0][2]["code"]


CODE = port.code_of(KEY, "wipe", TOLD)


def test_the_code_is_what_the_page_says():
    told = bellwire.hmac_sha256(KEY, b"ansimbell port wipe " + TOLD.encode())
    assert int(CODE) == int.from_bytes(told, "big") % 100000000 and len(CODE) == 8
    codes = [port.code_of(KEY, "wipe", "%032x" % nonce) for nonce in range(40)]
    assert len(set(codes)) == 40 and [code for code in codes if len(code) != 8] == []


def test_a_wipe_needs_the_gesture_and_the_code():
    it = challenged()
    assert port.watches_boot(it) and not port.watches_boot(port.start(KEY, 0))
    assert wipe(it, CODE, 100)[1] == "gesture" and wipe(it, "00000000", 100)[1] == "gesture"
    it = held(it, 100, 5000)
    assert wipe(it, CODE, 5000)[1] == "gesture"  # 4.9 s
    it, _ = port.step(it, ("boot", False), 5050)
    it = held(it, 5100, 10000)
    assert wipe(it, CODE, 10000)[1] == "gesture"  # let go in between: it began anew
    it = held(it, 10100, 10200)
    it, _ = port.step(it, ("boot", False), 10300)
    it, said = wipe(it, CODE, 11000)
    assert said == "wipe"
    assert wipe(it, CODE, 11100)[1] == "code"  # a nonce serves once


def test_a_challenge_ends_and_the_code_has_its_minute_after_the_gesture():
    it = challenged()
    assert wipe(held(it, 56000, 61100), CODE, 61200)[1] == "code"
    late = port.step(it, ("tick",), 60000)[0]
    assert late.nonce is None and not port.watches_boot(late)
    it = held(it, 50000, 55000)
    assert wipe(it, CODE, 114000)[1] == "wipe" and wipe(it, CODE, 115000)[1] == "code"
    assert refused(port.start(KEY, 0), {"op": "wipe", "code": CODE}) == "code"
    assert refused(port.start(KEY, 0), {"op": "challenge", "for": "enrol"}) == "request"


def test_three_wrong_codes_lock_it_for_ten_minutes():
    it = held(challenged(), 0, 5000)
    for tries in range(2):
        it, said = wipe(it, "1234567%d" % tries, 6000)
        assert said == "code"
    it, said = wipe(it, "00000000", 6000)
    assert said == "locked"
    assert (
        wipe(it, CODE, 7000)[1] == "locked"
        and refused(it, {"op": "challenge", "for": "wipe"}, now_ms=600000) == "locked"
    )
    it, effects = ask(it, {"op": "challenge", "for": "wipe"}, 606000)
    assert effects[0][0] == "run"
    assert wipe(held(it, 606000, 611000), CODE, 611000)[1] == "wipe"


def test_a_right_code_forgives_the_wrong_ones_before():
    it = held(challenged(), 0, 5000)
    it, _ = wipe(it, "00000000", 6000)
    it, said = wipe(it, CODE, 6000)
    assert said == "wipe" and it.wrong == 0


def test_who_watches_is_told_and_the_events_are_numbered():
    it, effects = ask(port.start(None, 0), {"op": "watch", "on": True})
    assert effects[0][2] == {"ok": True} and port.watches_boot(it)
    for number in range(300):
        it, effects = port.step(it, ("seen", ("edge", number % 2, number), ()), number)
        assert effects[0][:2] == ("event", number % 256)
    it, effects = port.step(it, ("boot", True), 400)
    assert effects[0][2] == {"event": "edge", "name": "boot_button", "closed": True, "at_ms": 400}
    it, _ = ask(it, {"op": "watch", "on": False})
    assert port.step(it, ("seen", ("edge", 1, 5), ()), 5)[1] == ()


def test_what_it_does_not_know_is_our_bug():
    try:
        port.step(port.start(KEY, 0), ("what",), 0)
    except ValueError as fault:
        assert "what" in str(fault)
    else:
        raise AssertionError("it took it")


def test_no_answer_holds_the_key():
    from binascii import b2a_base64, hexlify

    it = held(challenged(), 0, 5000)
    said = []
    for op in port.OPS:
        it, effects = ask(it, arguments(op), 5000)
        said.append(str(effects))
    text = "".join(said)
    assert str(hexlify(KEY), "utf-8") not in text and str(b2a_base64(KEY), "utf-8").strip() not in text
    assert CODE not in text
