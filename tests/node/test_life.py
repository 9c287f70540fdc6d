"""Starts, crashes, safe mode and the watchdog's food. Both runtimes."""

from bellnode import life


def starts(*ends):
    """[safe] of each start of a bell whose runs end as told: "clean", "quick" (unclean, soon) or "late" (unclean)."""
    record, safes = life.begin({})
    found = [safes]
    for end in ends:
        if end == "late":
            record = life.steady(record)
        if end == "clean":
            record = life.ended(record)
        record, safe = life.begin(record)
        found.append(safe)
    return found, record


def test_three_quick_crashes_make_safe_mode_and_fewer_do_not():
    assert starts("quick", "quick")[0] == [False] * 3
    assert starts("quick", "quick", "quick")[0] == [False] * 3 + [True]
    assert starts("quick", "quick", "quick", "quick")[0][-2:] == [True, True]


def test_a_clean_stop_or_a_long_run_breaks_the_row():
    for end in ("clean", "late"):
        assert not any(starts("quick", "quick", end, "quick", "quick")[0]), end
        assert starts("quick", "quick", "quick", end)[0] == [False, False, False, True, False], end


def test_crashes_are_counted_whatever_they_were():
    assert starts("quick", "late", "clean", "quick")[1]["crash"] == 3
    assert starts("quick", "late", "clean", "quick")[1]["count"] == 5


def test_safe_mode_lasts_longer_than_a_quick_run():
    assert life.steady_ms(False) == life.QUICK_MS == 600000
    assert life.steady_ms(True) == life.SAFE_MS >= 6 * life.QUICK_MS


def test_the_last_crash_is_reported_until_it_has_been_told():
    record, _ = life.begin({})
    assert life.report(record) is None
    record = life.crashed(record, "MemoryError", "link:120", "memory allocation failed")
    for _ in range(2):  # a start that ends before it could tell
        record, _ = life.begin(record)
    assert life.report(record) == {"crash": "MemoryError", "at": "link:120", "text": "memory allocation failed"}
    record = life.told(record)
    assert life.report(record) is None and life.begin(record)[0]["crash"] == 3
    assert life.report(life.crashed(record, "watchdog", "link", "")) == {"crash": "watchdog", "at": "link"}


def test_a_damaged_record_is_a_new_one():
    for last in ({}, {"count": "x", "crash": -1, "quick": None, "clean": 1, "last": "y"}, {"last": [1, 2]}):
        record, safe = life.begin(last)
        assert record["count"] == 1 and not safe and life.report(record) is None
    record, _ = life.begin({"last": [1, None, "z" * 500], "radio": True})
    assert len(life.report(record)["text"]) == life.TEXT_CHARS and record["radio"] is True


def test_the_place_of_a_fault_is_its_innermost_frame():
    micropython = 'Traceback (most recent call last):\n  File "bellnode/app.py", line 9, in run\n'
    micropython += '  File "bellnode/link.py", line 120, in _live\nOSError: [Errno 104] ECONNRESET\n'
    assert life.where(micropython) == "link:120"
    cpython = 'Traceback …:\n  File "/x/y/app.py", line 9, in run\n    await z()\n'
    cpython += '  File "/x/y/ring.py", line 7, in <module>\n'
    assert life.where(cpython + "    raise x\nValueError: File a, line b\n") == "ring:7"
    assert life.where("") == ""
    assert life.frames(micropython) == ["app:9", "link:120"]
    assert life.frames("") == []


def test_no_secret_leaves_in_a_report():
    text = life.plain("cannot join hunter2 with " + "A" * 44 + "=\nat all", ("hunter2", ""))
    assert text == "cannot join * with * at all"
    assert len(life.plain("ab " * 100)) <= life.TEXT_CHARS


def test_a_part_is_stuck_when_its_bound_has_passed():
    assert life.stuck({}, 10**9) is None
    for part in life.BOUNDS_MS:
        bound_ms = life.BOUNDS_MS[part]
        assert life.stuck({part: 1000}, 1000 + bound_ms) is None
        assert life.stuck({part: 1000}, 1001 + bound_ms) == part
        assert life.stuck({part: None}, 10**9) is None
    assert life.stuck({"unknown": 0}, 10**9) is None


def test_every_legitimate_wait_is_far_inside_the_bounds():
    from bellnode import link_state

    longest_ms = max(link_state.BACKOFF_MS) * (100 + link_state.JITTER_PERCENT) // 100
    longest_ms = max(longest_ms, link_state.OPEN_MS, link_state.PING_MS, link_state.WRITE_MS)
    assert 2 * longest_ms < life.BOUNDS_MS["link"]
    assert life.WATCHDOG_MS == 30000
