"""What may be said and what may not: types, limits, required and unknown keys, on both runtimes."""

import bellwire
from bellwire import MAX_INT, WireError

KEY = bytes(range(32))
UP = "bells/seongsu-012/b-7f3a/up"
DOWN = "bells/seongsu-012/b-7f3a/down"
STATUS = "bells/seongsu-012/b-7f3a/status"
BOOT = "00a1b2c3d4e5f607"


def event(**changes):
    message = {"v": 1, "type": "event", "boot": BOOT, "seq": 1, "what": "panic", "state": "alarm", "age_ms": 0}
    message.update(changes)
    return message


def heartbeat(**changes):
    message = {"v": 1, "type": "heartbeat", "boot": BOOT, "seq": 0, "n": 1, "up_s": 0, "pending": 0}
    message.update({"kind": "pendant", "fw": "0.1.0"})
    message.update(changes)
    return message


def receipt(**changes):
    message = {"v": 1, "type": "receipt", "boot": BOOT, "seq": 1, "stage": "stored", "now_ms": 0}
    message.update(changes)
    return message


def command(**changes):
    message = {"v": 1, "type": "command", "id": BOOT, "name": "identify", "now_ms": 0, "ttl_s": 30}
    message.update(changes)
    return message


def fault_of(message, leaf="up"):
    try:
        bellwire.check(message, leaf)
    except WireError as error:
        assert len(str(error)) < 300, "an error a person can read: " + str(error)[:60]
        return error.fault
    return None


def taken(message, topic=UP):
    """True if the message goes through both ends unchanged."""
    return bellwire.unpack(bellwire.pack(message, topic, KEY), topic, {0: KEY}) == message


def test_integers_reach_2_to_the_53_minus_1_and_stop_there():
    assert taken(event(seq=MAX_INT, age_ms=MAX_INT, t_ms=MAX_INT, t_err_ms=MAX_INT))
    for name in ("seq", "age_ms", "t_ms", "t_err_ms", "try"):
        for value in (MAX_INT + 1, -1, 1.0, "1", True, False, [], {}, 10**60):
            assert fault_of(event(**{name: value})) == name, (name, value)


def test_null_is_an_age_and_nothing_else():
    assert taken(event(age_ms=None))
    for name in ("seq", "t_ms", "t_err_ms", "try", "zone", "info", "boot", "what", "state"):
        assert fault_of(event(**{name: None})) == name, name


def test_true_is_not_an_integer_and_one_is_not_a_truth():
    assert fault_of(event(v=True)) == "v"
    assert fault_of(heartbeat(n=True)) == "n"
    assert fault_of(heartbeat(mains=1)) == "mains"
    assert fault_of(heartbeat(mains=0)) == "mains"
    assert taken(heartbeat(mains=True))
    assert taken(heartbeat(mains=False))


def test_ranges_at_their_edges():
    for good, name, low, high in (
        (event, "seq", 1, MAX_INT),
        (event, "zone", 1, 64),
        (heartbeat, "n", 1, MAX_INT),
        (heartbeat, "seq", 0, MAX_INT),
        (heartbeat, "rssi", -200, 100),
        (heartbeat, "pending", 0, MAX_INT),
    ):
        for value in (low, high):
            assert fault_of(good(**{name: value})) is None, (name, value)
        for value in (low - 1, high + 1):
            assert fault_of(good(**{name: value})) == name, (name, value)


def test_every_required_key_is_required():
    for message, leaf in ((event(), "up"), (heartbeat(), "up"), (receipt(), "down"), (command(), "down")):
        assert fault_of(message, leaf) is None
        for name in message:
            shorter = dict(message)
            del shorter[name]
            assert fault_of(shorter, leaf) == name, name


def test_every_word_of_the_format_is_taken_and_no_other():
    for what in bellwire.WHATS:
        assert fault_of(event(what=what)) is None, what
    for stage in bellwire.STAGES + ("refused",):
        assert fault_of(receipt(stage=stage), "down") is None, stage
    for kind in bellwire.KINDS:
        assert fault_of(heartbeat(kind=kind)) is None, kind
    for name in bellwire.COMMANDS:
        assert fault_of(command(name=name), "down") is None, name
    for armed in ("off", "home", "away"):
        assert fault_of(heartbeat(armed=armed)) is None, armed
    for word in ("", "Panic", "panic ", "presented", 1, None, [], {}, True):
        assert fault_of(event(what=word)) == "what", word
        assert fault_of(event(state=word)) == "state", word
        assert fault_of(heartbeat(kind=word)) == "kind", word
        assert fault_of(heartbeat(armed=word)) == "armed", word
        assert fault_of(command(name=word), "down") == "name", word
    assert fault_of(receipt(stage="sent"), "down") == "stage"


def test_a_boot_is_sixteen_lowercase_hex_characters():
    for boot in ("", BOOT[:-1], BOOT + "0", BOOT.upper(), "g" * 16, " " * 16, "٠" * 16, 1, None, b"0" * 16):
        assert fault_of(event(boot=boot)) == "boot", boot


def test_a_type_travels_only_on_its_own_leaf():
    for message, home in (
        (event(), "up"),
        (heartbeat(), "up"),
        (receipt(), "down"),
        (command(), "down"),
        ({"v": 1, "type": "status", "state": "online", "boot": BOOT}, "status"),
    ):
        for leaf in ("up", "down", "status"):
            assert fault_of(message, leaf) == (None if leaf == home else "type"), (message["type"], leaf)
    for kind in (None, 1, [], {}, "", "Event", "events"):
        assert fault_of(event(type=kind)) == "type", kind


def test_only_version_one():
    for version in (0, 2, -1, "1", 1.0, None, [1], {}, 10**100, "x" * 900):
        assert fault_of(event(v=version)) == "v", version
    nested = []
    for _ in range(400):
        nested = [nested]
    assert fault_of(event(v=nested)) == "v"
    assert fault_of(event(type=nested)) == "type"


def test_unknown_keys_are_ignored_and_never_sent():
    odd = event(colour="red", note=[1, {"deep": [None]}], V=2)
    assert fault_of(odd) is None
    assert bellwire.pack(odd, UP, KEY) == bellwire.pack(event(), UP, KEY)
    body = b'{"colour":"red",' + bellwire.encode(event())[1:-1] + b',"note":[1,{"deep":[1.5e3]}]}'
    message = bellwire.unpack(bellwire.seal(body, UP, KEY), UP, {0: KEY})
    assert message["colour"] == "red" and message["seq"] == 1


def test_info_holds_at_most_eight_short_scalars():
    assert taken(event(info={}))
    assert taken(
        event(info={"a": None, "b": True, "c": False, "d": 0, "e": -MAX_INT, "f": "x" * 128, "g": "", "h": "문"})
    )
    for info in (
        {str(n): n for n in range(9)},
        {"a": []},
        {"a": {}},
        {"a": "x" * 129},
        {"a": MAX_INT + 1},
        {"a": -MAX_INT - 1},
        {"": 1},
        {"x" * 129: 1},
        {1: 1},
        [],
        "text",
        1,
    ):
        assert fault_of(event(info=info)) == "info", info


def test_faults_are_at_most_eight_names():
    assert taken(heartbeat(faults=["stuck button"] * 8))
    for faults in (["x"] * 9, [""], [1], [None], ["x" * 65], {}, "stuck", None, [["x"]]):
        assert fault_of(heartbeat(faults=faults)) == "faults", faults


def test_text_has_limits():
    assert taken(heartbeat(fw="x" * 64))
    assert fault_of(heartbeat(fw="x" * 65)) == "fw"
    assert fault_of(heartbeat(fw="")) == "fw"
    assert taken(receipt(stage="refused", reason="가" * 200), DOWN)
    assert fault_of(receipt(stage="refused", reason="가" * 201), "down") == "reason"


def test_half_a_character_is_refused():
    for half in ("\ud800", "a\udfffb"):
        assert fault_of(event(info={"name": half})) == "info"
        assert fault_of(event(info={half: 1})) == "info"
        assert fault_of(heartbeat(fw=half)) == "fw"
        assert fault_of(heartbeat(faults=[half])) == "faults"
        assert fault_of(receipt(reason=half), "down") == "reason"
    body = bellwire.encode(event(info={"name": "X"})).replace(b"X", b"\\ud800")
    try:
        bellwire.unpack(bellwire.seal(body, UP, KEY), UP, {0: KEY})
    except WireError as error:
        assert error.fault == "info", error.fault
    else:
        raise AssertionError("taken")


def test_a_fraction_is_heard_but_never_sent():
    body = bellwire.encode(event(info={"t": 7})).replace(b'"t":7', b'"t":36.5')
    assert bellwire.unpack(bellwire.seal(body, UP, KEY), UP, {0: KEY})["info"] == {"t": 36.5}
    try:
        bellwire.pack(event(info={"t": 36.5}), UP, KEY)
    except ValueError as error:
        assert "float" in str(error)
    else:
        raise AssertionError("sent")
    for endless in ("1e999", "-1e999"):
        body = bellwire.encode(event(info={"t": 7})).replace(b'"t":7', b'"t":' + endless.encode())
        try:
            bellwire.unpack(bellwire.seal(body, UP, KEY), UP, {0: KEY})
        except WireError as error:
            assert error.fault == "info", error.fault
        else:
            raise AssertionError("taken: " + endless)


def test_a_command_may_carry_any_object():
    assert taken(command(args={"zones": [1, 2], "deep": {"a": None}}), DOWN)
    for args in ([], "x", 1, None):
        assert fault_of(command(args=args), "down") == "args", args


def test_what_we_would_send_wrongly_is_our_bug_not_the_peers():
    for message, topic in (
        (event(seq=0), UP),
        (event(), DOWN),
        (event(), "bells/seongsu-012/b-7f3a"),
        (event(), "bells/Seongsu/b-7f3a/up"),
        ({}, UP),
        ({"v": 1, "type": "status", "state": "online"}, STATUS),
    ):
        try:
            bellwire.pack(message, topic, KEY)
        except ValueError as error:
            assert "will not send" in str(error)
        else:
            raise AssertionError("sent")


def test_an_event_that_says_who_it_is_can_be_answered():
    assert bellwire.identity_fault(event()) is None
    assert bellwire.identity_fault(event(what="unheard-of", state=None, v=9)) is None
    assert bellwire.identity_fault(event(boot="x")) == "boot"
    assert bellwire.identity_fault(event(seq=0)) == "seq"
    assert bellwire.identity_fault(event(seq=True)) == "seq"
    assert bellwire.identity_fault(heartbeat()) == "type"
    assert bellwire.identity_fault({}) == "type"
    assert bellwire.identity_fault({"type": "event"}) == "boot"
    assert bellwire.identity_fault({"type": "event", "boot": BOOT}) == "seq"
