"""Which broker, when, and when to give it up. Both runtimes."""

from bellnode import link_state


def opened(state, now_ms):
    state, effects = link_state.step(state, "due", now_ms)
    assert effects[0][0] == "open"
    return link_state.step(state, "up", now_ms)[0]


def test_the_first_broker_is_opened_at_once():
    state = link_state.start(3, 5, 100)
    assert state.due_ms == 100
    assert link_state.step(state, "due", 100)[1] == (("open", 0, link_state.OPEN_MS),)
    assert link_state.step(state, "due", 100, True)[1] == (("open", 0, link_state.URGENT_OPEN_MS),)


def test_a_lost_link_is_tried_again_at_once_and_at_the_same_broker():
    state = opened(link_state.start(2, 5, 0), 0)
    state, effects = link_state.step(state, "lost", 60000)
    assert effects == (("close",),) and state.index == 0
    assert 150 <= state.due_ms - 60000 <= 250


def test_failures_go_round_the_brokers_and_each_round_waits_longer():
    state, now_ms, places, waits = link_state.start(2, 5, 0), 0, [], []
    for _ in range(20):
        state, effects = link_state.step(state, "due", now_ms)
        places.append(effects[0][1])
        state, _ = link_state.step(state, "lost", now_ms)
        waits.append(state.due_ms - now_ms)
        now_ms = state.due_ms
    assert places == [0, 1] * 10
    for place, wait_ms in enumerate(waits):
        base = link_state.BACKOFF_MS[min(place // 2, len(link_state.BACKOFF_MS) - 1)]
        assert base * 75 // 100 <= wait_ms <= base * 125 // 100
    assert len({wait_ms for wait_ms in waits[14:]}) > 1  # jittered


def test_an_alarm_shortens_the_pause():
    state, now_ms = link_state.start(1, 5, 0), 0
    for _ in range(12):
        state, _ = link_state.step(state, "due", now_ms, True)
        state, _ = link_state.step(state, "lost", now_ms, True)
        assert state.due_ms - now_ms <= link_state.URGENT_BACKOFF_MS * 125 // 100
        now_ms = state.due_ms
    state, _ = link_state.step(state, "due", now_ms)
    state, _ = link_state.step(state, "lost", now_ms)
    assert state.due_ms - now_ms > 10000
    state, _ = link_state.step(state, "hurry", now_ms)
    assert state.due_ms - now_ms == link_state.BACKOFF_MS[0]


def test_a_link_that_flaps_is_not_steady():
    state, now_ms, waits = link_state.start(1, 5, 0), 0, []
    for _ in range(6):
        state = opened(state, now_ms)
        state, _ = link_state.step(state, "lost", now_ms + 100)
        waits.append(state.due_ms - now_ms - 100)
        now_ms = state.due_ms
    assert waits[-1] > 10 * waits[0]
    state = opened(state, now_ms)
    state, _ = link_state.step(state, "lost", now_ms + link_state.STEADY_MS)
    assert state.fails == 1


def test_suspicion_leaves_for_the_next_broker_at_once():
    state = opened(link_state.start(2, 5, 0), 0)
    state, effects = link_state.step(state, "suspect", 3000)
    assert effects == (("close",),) and (state.index, state.due_ms) == (1, 3000)
    state = opened(state, 3000)
    assert link_state.step(state, "suspect", 9000)[0].index == 0
    waiting = link_state.start(2, 5, 0)
    assert link_state.step(waiting, "suspect", 1) == (waiting, ())


def test_silence_is_broken_by_a_ping_and_a_ping_must_be_answered():
    state = opened(link_state.start(1, 5, 0), 0)
    state, verdict, left_ms = link_state.watch(state, 0)
    assert verdict is None and left_ms == link_state.PING_MS
    state = link_state.heard(link_state.sent(state, 1000), 1000)
    state, verdict, left_ms = link_state.watch(state, link_state.PING_MS)
    assert verdict is None and left_ms == 1000
    state, verdict, left_ms = link_state.watch(state, link_state.PING_MS + 1000)
    assert verdict == "ping" and left_ms == link_state.ANSWER_MS
    heard = link_state.heard(state, link_state.PING_MS + 1500)
    assert link_state.watch(heard, link_state.PING_MS + 7000)[1] is None
    assert link_state.watch(state, link_state.PING_MS + 5999)[1] is None
    assert link_state.watch(state, link_state.PING_MS + 6000)[1] == "silent"
    assert link_state.PING_MS + link_state.ANSWER_MS < link_state.KEEPALIVE_S * 1000


def test_whoever_talks_into_a_dead_connection_asks_whether_anybody_is_there():
    """Events that are sent again and again kept the ping off for ever: a half-open link was never left."""
    state = opened(link_state.start(1, 5, 0), 0)
    for now_ms in range(1000, link_state.PING_MS, 1000):
        state, verdict, left_ms = link_state.watch(link_state.sent(state, now_ms), now_ms)
        assert verdict is None and left_ms == link_state.PING_MS - now_ms
    state, verdict, _ = link_state.watch(link_state.sent(state, link_state.PING_MS), link_state.PING_MS)
    assert verdict == "ping"
    state = link_state.sent(state, link_state.PING_MS + 1000)
    end_ms = link_state.PING_MS + link_state.ANSWER_MS
    assert link_state.watch(state, end_ms)[1] == "silent"
    # Keepalive: whoever only listens has to say something too.
    listens = link_state.heard(opened(link_state.start(1, 5, 0), 0), link_state.PING_MS - 1)
    assert link_state.watch(listens, link_state.PING_MS)[1] == "ping"


def test_what_the_table_does_not_list_raises():
    state = link_state.start(1, 5, 0)
    for given in ("up", "lost", "nonsense"):
        try:
            link_state.step(state, given, 0)
        except ValueError:
            continue
        raise AssertionError(given)
