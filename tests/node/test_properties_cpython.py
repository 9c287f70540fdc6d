"""What must hold for every sequence, not only for those we thought of (hypothesis; CPython)."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import bellwire
from bellnode import alarm, button, config, journal, link_state, mqtt, node, outbox, settings, starts
from bellnode.latch import EDGES_MAX, Latch

BOOT = "00112233445566aa"
OLD = "00112233445566bb"
STAGES = (*bellwire.STAGES, "refused")
CLIMB = ("idle", "sending", "not_delivered", "stored", "presented", "acknowledged", "dispatched", "closed")


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 1)), max_size=60))
def test_button_presses_and_releases_alternate_and_no_press_is_lost(steps):
    state, now_ms, seen, level = button.RELEASED, 0, [], 0
    closed_after_rest = 0
    open_since_ms = -1000
    for gap_ms, to in steps:
        now_ms += gap_ms
        if to and not level and now_ms - open_since_ms >= button.SETTLE_MS:
            closed_after_rest += 1
        if level and not to:
            open_since_ms = now_ms
        level = to
        state, effects = button.step(state, ("edge", to, now_ms), now_ms)
        seen += effects
    state, effects = button.step(state, ("tick",), now_ms + button.HOLD_MS + button.SETTLE_MS)
    seen += effects
    assert [at_ms for _, at_ms in seen] == sorted(at_ms for _, at_ms in seen)
    flow = [pattern for pattern, _ in seen if pattern != "hold"]
    assert flow == (["press", "release"] * len(flow))[: len(flow)]
    assert flow.count("press") == closed_after_rest  # bounce adds none, and none is lost
    assert (flow[-1:] == ["press"]) == (level == 1)
    last_press_ms = None
    for pattern, at_ms in seen:
        if pattern == "press":
            last_press_ms = at_ms
        elif pattern == "hold":
            assert at_ms == last_press_ms + button.HOLD_MS


@given(st.lists(st.one_of(st.none(), st.integers(0, 1)), max_size=120))
def test_latch_edges_alternate_and_end_at_the_true_level(script):
    """None: the loop reads; 0 or 1: the interrupt saw an edge, and this is the level it read."""
    latch, level, taken = Latch(0), 0, []
    for entry in script:
        if entry is None:
            taken += latch.take()
        else:
            latch.note(entry, 0)
            level = entry
    taken += latch.take()
    assert (taken[-1][0] if taken else 0) == level
    if not latch.missed:
        assert [edge for edge, _ in taken] == [(place + 1) % 2 for place in range(len(taken))]
    assert len(latch.take()) == 0 and EDGES_MAX >= 16


alarm_inputs = st.one_of(
    st.just(("press",)),
    st.just(("linked",)),
    st.just(("tick",)),
    st.tuples(st.just("receipt"), st.sampled_from([BOOT, BOOT, OLD]), st.integers(1, 3), st.sampled_from(STAGES)),
)


@given(st.lists(st.tuples(st.integers(0, 9000), alarm_inputs), max_size=60))
def test_alarm_never_lies(script):
    """Whatever arrives in whatever order: no rung falls, and none is above what a receipt said."""
    alarms, now_ms, seq = (), 0, 0
    told: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], str] = {}
    for gap_ms, entry in script:
        now_ms += gap_ms
        if entry[0] == "press":
            seq += 1
            entry = ("press", BOOT, seq, "panic", now_ms)  # noqa: PLW2901
        elif entry[0] == "receipt":
            if entry[1] == BOOT and entry[2] > seq:
                continue  # the node lets no receipt through for what was never sent
            entry += ("panic", ((OLD, 1),) if entry[1:3] == (OLD, 2) else ())  # noqa: PLW2901
            if entry[3] != "refused":
                identity = (entry[1], entry[2])
                told[identity] = max(told.get(identity, 0), CLIMB.index(entry[3]))
        alarms, _ = alarm.step(alarms, entry, now_ms)
        for shown in alarms:
            identity = (shown.boot, shown.seq)
            if shown.rung not in ("sending", "not_delivered"):
                assert CLIMB.index(shown.rung) <= told[identity]
                if identity in last and any(identity == (s.boot, s.seq) for s in alarms):
                    before = last[identity]
                    assert CLIMB.index(shown.rung) >= CLIMB.index(before) or before == "closed"
            elif identity in last:
                assert last[identity] in ("sending", "not_delivered")
            last[identity] = shown.rung
        for identity in set(last) - {(shown.boot, shown.seq) for shown in alarms}:
            del last[identity]
        open_ones = [shown for shown in alarms if shown.rung != "closed"]
        assert alarm.lamp(alarms) == (open_ones[-1].rung if open_ones else "closed" if alarms else "idle")
        assert len(alarms) <= alarm.SHOWN_MAX


@given(st.sampled_from(CLIMB), st.text(max_size=12))
def test_alarm_table_is_the_machine(rung, sign):
    if (rung, sign) in alarm.TABLE:
        assert alarm.turn(rung, sign) in alarm.RUNGS
        return
    try:
        alarm.turn(rung, sign)
    except ValueError:
        return
    raise AssertionError("an unlisted transition was made")


outbox_inputs = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(bellwire.WHATS), st.sampled_from(["alarm", "restore"])),
    st.tuples(st.just("receipt"), st.just(BOOT), st.integers(1, 50), st.sampled_from(STAGES)),
    st.just(("linked",)),
    st.just(("unlinked",)),
    st.just(("resend",)),
    st.just(("tick",)),
)


@given(st.integers(1, 4), st.integers(), st.lists(st.tuples(st.integers(0, 40000), outbox_inputs), max_size=80))
def test_outbox_loses_nothing_but_what_it_counts(brokers, seed, script):
    box, now_ms, seq = outbox.empty(brokers, seed), 0, 0
    pending: dict[int, bool] = {}
    tries: dict[int, int] = {}
    dropped = 0
    for gap_ms, entry in script:
        now_ms += gap_ms
        linked = box.linked
        if entry[0] == "add":
            seq += 1
            made = outbox.entry(BOOT, seq, entry[1], entry[2], now_ms, now_ms)
            pending[seq] = outbox.is_alarm(made)
            entry = ("add", made)  # noqa: PLW2901
        elif entry[0] == "receipt" and entry[3] != "refused":
            pending.pop(entry[2], None)
        box, effects = outbox.step(box, entry, now_ms)
        for effect in effects:
            if effect[0] == "dropped":
                dropped += 1
                was_alarm = pending.pop(effect[1].seq)
                assert not was_alarm or all(pending.values())  # an alarm goes only if there is nothing lesser
            elif effect[0] == "send":
                assert linked
                message = outbox.message(effect[1], now_ms)
                bellwire.pack(message, "bells/s/b/up", bytes(32))
                assert message["try"] == tries.get(message["seq"], 0)
                tries[message["seq"]] = message["try"] + 1
        assert [item.seq for item in box.entries] == sorted(pending)
        assert len(box.entries) <= outbox.ENTRIES_MAX and box.dropped == dropped
        assert (outbox.due_ms(box) is None) == (not box.linked or not box.entries)


@given(st.integers(1, 3), st.integers(0, 2**31), st.lists(st.booleans(), max_size=20))
def test_outbox_always_sends_again(brokers, seed, relinks):
    """For ever: however often the link comes and goes, what is due is sent at once on every link."""
    box = outbox.step(outbox.empty(brokers, seed), ("add", outbox.entry(BOOT, 1, "panic", "alarm", 0, 0)), 0)[0]
    now_ms = 0
    for again in relinks:
        if again or not box.linked:
            box, _ = outbox.step(box, ("linked",), now_ms)
        due_ms = outbox.due_ms(box)
        assert due_ms <= now_ms + 36000
        now_ms = max(now_ms, due_ms)
        box, effects = outbox.step(box, ("tick",), now_ms)
        assert effects


@given(st.binary(max_size=400), st.lists(st.integers(1, 60), max_size=20))
def test_mqtt_any_bytes_are_packets_or_its_error(data, cuts):
    decoder = mqtt.Decoder()
    for cut in [*cuts, 400]:
        try:
            decoder.feed(data[:cut])
        except mqtt.MqttError:
            break
        data = data[cut:]


packets = st.one_of(
    st.builds(mqtt.publish, st.text("ab/", min_size=1, max_size=20), st.binary(max_size=3000), st.integers(1, 65535)),
    st.builds(mqtt.puback, st.integers(1, 65535)),
    st.just(b"\xd0\x00"),
    st.just(b"\x20\x02\x00\x00"),
    st.just(b"\x90\x03\x00\x01\x01"),
)


@given(st.lists(packets, max_size=8), st.lists(st.integers(1, 500), max_size=60))
def test_mqtt_any_chunks_give_the_same_packets(made, cuts):
    data = b"".join(made)
    whole = mqtt.Decoder().feed(data)
    assert len(whole) == len(made)
    for packet, raw in zip(whole, made, strict=True):
        if packet.kind == mqtt.PUBLISH:
            too_long = len(raw) > mqtt.PACKET_BYTES_MAX
            assert raw.endswith(packet.payload) if not too_long else packet.payload is None
    decoder, found = mqtt.Decoder(), []
    for cut in [*cuts, len(data) + 1]:
        found += decoder.feed(data[:cut])
        data = data[cut:]
    assert found == whole


@given(st.integers(1, 5), st.integers(), st.lists(st.tuples(st.integers(0, 30000), st.booleans()), max_size=40))
def test_link_visits_every_broker_and_never_waits_longer_than_its_limit(brokers, seed, script):
    state, now_ms, visited = link_state.start(brokers, seed, 0), 0, []
    for stay_ms, urgent in script:
        now_ms = max(now_ms, state.due_ms)
        state, effects = link_state.step(state, "due", now_ms, urgent)
        visited.append(effects[0][1])
        if stay_ms % 2:
            state, _ = link_state.step(state, "up", now_ms)
            now_ms += stay_ms
            if stay_ms >= link_state.STEADY_MS:
                visited.clear()  # a link that lasted: its broker is as good as any, and the round begins anew
        state, _ = link_state.step(state, "lost", now_ms, urgent)
        limit_ms = link_state.URGENT_BACKOFF_MS if urgent else link_state.BACKOFF_MS[-1]
        assert 0 < state.due_ms - now_ms <= limit_ms * 125 // 100
    for place in range(len(visited) - 2 * brokers):
        assert len(set(visited[place : place + 2 * brokers])) >= min(brokers, 2)


records = st.lists(
    st.fixed_dictionaries(
        {
            "boot": st.just(BOOT),
            "seq": st.integers(1, 2**53 - 1),
            "what": st.sampled_from(bellwire.WHATS),
            "state": st.sampled_from(["alarm", "restore"]),
        },
        optional={"info": st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3)},
    ),
    max_size=8,
    unique_by=lambda record: record["seq"],
)


@given(records, st.data())
def test_journal_decode_never_invents_and_never_raises(kept, data):
    whole = journal.encode(kept)
    assert journal.decode(whole) == (kept, True)
    how = data.draw(st.sampled_from(["cut", "flip", "insert", "delete"]))
    place = data.draw(st.integers(0, len(whole) - 1))
    if how == "cut":
        hurt = whole[:place]
    elif how == "flip":
        hurt = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    elif how == "insert":
        hurt = whole[:place] + data.draw(st.binary(min_size=1, max_size=5)) + whole[place:]
    else:
        hurt = whole[:place] + whole[place + 1 :]
    found, intact = journal.decode(hurt)
    assert all(record in kept for record in found)
    # One wound costs at most the line it is in and the next one, and it does not go unnoticed.
    assert len(found) >= len(whole[:place].split(b"\n")) - 2
    if intact:
        assert found == kept
    if how != "cut":
        assert len(found) >= len(kept) - 2


@given(st.lists(records, min_size=1, max_size=4), st.sampled_from([".a", ".b"]), st.booleans(), st.data())
def test_journal_survives_any_damage_to_one_copy(saves, end, cut, data):
    with tempfile.TemporaryDirectory() as folder:
        events = journal.events(folder)
        for kept in saves:
            events.save(kept)
            events.mirror()
        path = Path(folder, "journal" + end)
        raw = path.read_bytes()
        place = data.draw(st.integers(0, len(raw) - 1))
        path.write_bytes(raw[:place] if cut else raw[:place] + bytes([raw[place] ^ 0x41]) + raw[place + 1 :])
        found, faulty = journal.events(folder).load()
        assert sorted(found, key=repr) == sorted(saves[-1], key=repr)
        assert faulty or path.read_bytes() == raw or not cut or raw[place:] == b"\n"


@given(st.binary(max_size=200))
def test_journal_files_of_any_bytes_stop_nothing(rubbish):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("journal.a", "journal.b", "boot.a", "boot.b"):
            Path(folder, name).write_bytes(rubbish)
        assert journal.events(folder).load() == ([], True)
        boot, crash, faults = starts.Starts(folder).begin(bytes(16), b"x")
        assert len(boot) == 16 and crash == 0 and faults == ("journal",)
        journal.events(folder).save([])
        assert journal.events(folder).load()[0] == []


@given(
    st.one_of(
        st.binary(max_size=100),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["v", "bell_id", "site", "kind", "key", "brokers", "wifi", "silent", "host"]),
                    inner,
                    max_size=6,
                ),
            ),
            max_leaves=12,
        ).map(lambda value: journal.json.dumps(value).encode()),
    )
)
def test_config_refuses_with_its_own_error(data):
    try:
        config.parse(data)
    except config.ConfigError:
        return
    raise AssertionError("taken")


down = st.one_of(
    st.fixed_dictionaries(
        {
            "v": st.just(1),
            "type": st.just("receipt"),
            "boot": st.sampled_from([BOOT, OLD]),
            "seq": st.integers(1, 9),
            "stage": st.sampled_from(STAGES),
            "now_ms": st.integers(0, 2**53 - 1),
        }
    ),
    st.fixed_dictionaries(
        {
            "v": st.just(1),
            "type": st.just("command"),
            "id": st.integers(0, 5).map(lambda number: f"{number:016x}"),
            "name": st.sampled_from(bellwire.COMMANDS),
            "now_ms": st.integers(0, 2**53 - 1),
            "ttl_s": st.integers(0, 2**53 - 1),
        }
    ),
)
node_inputs = st.one_of(
    st.tuples(st.just("edge"), st.integers(0, 1)),
    st.just(("linked",)),
    st.just(("unlinked",)),
    st.just(("tick",)),
    st.tuples(st.just("saved"), st.booleans()),
    st.tuples(st.just("received"), down),
)


@given(st.booleans(), st.lists(st.tuples(st.integers(0, 20000), node_inputs), max_size=60))
def test_node_takes_anything_and_says_only_what_the_format_has(silent, script):
    """And: every identity is in a save before it is in a send, and no send follows without a link."""
    state = node.start("store-bell", settings.read_all({"silent": silent}, "store-bell")[0], BOOT, 0, 2, 0)
    now_ms, saved, numbers = 0, set(), []
    for gap_ms, entry in script:
        now_ms += gap_ms
        if entry[0] == "edge":
            entry = ("edge", entry[1], now_ms)  # noqa: PLW2901
        state, effects = node.step(state, entry, now_ms)
        for effect in effects:
            if effect[0] == "save":
                saved |= {(record["boot"], record["seq"]) for record in effect[1]}
                assert journal.decode(journal.encode(effect[1])) == (effect[1], True)
            elif effect[0] == "send":
                message = effect[2]
                bellwire.pack(message, "bells/s/b/up", bytes(32))
                if message["type"] == "event":
                    assert (message["boot"], message["seq"]) in saved
                else:
                    numbers.append(message["n"])
            elif effect[0] == "show":
                assert effect[1] in alarm.RUNGS or (effect[1] == "identify" and not silent), effect
    assert numbers == list(range(1, len(numbers) + 1))
