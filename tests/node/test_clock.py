"""The gateway's time as the bell knows it. Both runtimes."""

from bellnode import clock

DAY_MS = 86400000


def test_the_middle_of_the_round_trip_and_half_of_it():
    read = clock.heard(None, 1000000, 100, 300)
    assert clock.estimate(read, 300) == (1000100, 101)
    assert clock.estimate(read, 200) == (1000000, 101)
    assert clock.estimate(None, 5) == (None, None)


def test_the_uncertainty_grows_with_the_age_of_the_receipt():
    read = clock.heard(None, 10**12, 0, 20)
    errors = [clock.estimate(read, 20 + day * DAY_MS)[1] for day in range(4)]
    assert errors == [11, 8651, 17291, 25931]  # 100 ppm is 8.64 s a day


def test_a_better_receipt_replaces_and_a_worse_one_does_not():
    read = clock.heard(None, 10**12, 0, 200)
    assert clock.heard(read, 10**12 + 1000, 1000, 2000) == read
    assert clock.heard(read, 10**12 + 1900, 2000, 2020).error_ms == 10
    aged = clock.heard(read, 10**12 + 10 * DAY_MS, 10 * DAY_MS, 10 * DAY_MS + 1000)
    assert aged.error_ms == 500  # worse than the first was, better than it is now


def test_a_receipt_too_slow_to_be_of_use_is_left_alone():
    assert clock.heard(None, 10**12, 0, 2 * clock.ERROR_MAX_MS + 1) is None
    assert clock.heard(None, 10**12, 0, 2 * clock.ERROR_MAX_MS) is not None
    assert clock.heard(None, 10**12, 50, 0) is None  # sent after it arrived: no clock of ours does that


def test_when_the_gateways_clock_has_been_set_the_newest_receipt_is_right():
    read = clock.heard(None, 10**12, 0, 20)
    stepped = clock.heard(read, 10**12 + 3600000, 1000, 1600)  # an hour later, and rougher
    assert clock.estimate(stepped, 1600) == (10**12 + 3600000 + 300, 301)


def test_no_estimate_before_the_epoch():
    assert clock.estimate(clock.heard(None, 5, 0, 10), -100) == (None, None)
