"""The gateway's time as the bell knows it, and how well. Pure.

A receipt says what the gateway's clock read somewhere between our send and its arrival: the middle is the estimate,
half the round trip its uncertainty, and a crystal's drift makes it worse from then on. Our own clock is never set: it
goes on from the start, and only the distance to the gateway's changes.
"""

from collections import namedtuple

ERROR_MAX_MS = 5000  # a receipt that took longer than 10 s says nothing worth keeping
DRIFT_PPM = 100  # an ESP32's crystal is 10 ppm, its temperature and age included 50; twice that

# The gateway's clock read gateway_ms when ours read at_ms, plus or minus error_ms.
Clock = namedtuple("Clock", ("gateway_ms", "at_ms", "error_ms"))


def heard(clock, gateway_ms, sent_ms, now_ms):
    """The better of `clock` (or None) and what this receipt says.

    sent_ms: our clock at the FIRST send of that event, since nobody knows which of several sends was answered. Where
    the two cannot both be right, the gateway's clock has been set: then the receipt is right, however rough.
    """
    half_ms = (now_ms - sent_ms + 1) // 2
    if half_ms < 0 or half_ms > ERROR_MAX_MS:
        return clock
    new = Clock(gateway_ms + half_ms, now_ms, half_ms)
    if clock is None or half_ms <= _error_ms(clock, now_ms):
        return new
    apart_ms = abs(new.gateway_ms - clock.gateway_ms - (now_ms - clock.at_ms))
    return new if apart_ms > half_ms + _error_ms(clock, now_ms) else clock


def _error_ms(clock, at_ms):
    return clock.error_ms + abs(at_ms - clock.at_ms) * DRIFT_PPM // 1000000 + 1


def estimate(clock, at_ms):
    """(t_ms, t_err_ms): the gateway's time at our `at_ms`; (None, None) without a clock."""
    if clock is None or clock.gateway_ms + at_ms - clock.at_ms < 0:
        return None, None
    return clock.gateway_ms + at_ms - clock.at_ms, _error_ms(clock, at_ms)
