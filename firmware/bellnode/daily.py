"""The hour of the day on the wall, for what follows it: a dimmer lamp at night, the daily self-test. Pure.

The bell has no time zone of its own: the settings say how many minutes the wall's clock is ahead of the gateway's UTC.
"""

HOUR_MS = 3600000
DAY_MS = 24 * HOUR_MS
# A start and the first self-test are at least this far apart, or a bell that restarts at its hour would test itself
# twice.
APART_MS = DAY_MS // 2


def _of_day_ms(t_ms, utc_offset_min):
    return (t_ms + utc_offset_min * 60000) % DAY_MS


def is_night(night, t_ms, utc_offset_min):
    """True between the hours night = (from, to); False without hours or without a time: then the lamp is bright."""
    if night is None or t_ms is None:
        return False
    hour = _of_day_ms(t_ms, utc_offset_min) // HOUR_MS
    if night[0] <= night[1]:
        return night[0] <= hour < night[1]
    return hour >= night[0] or hour < night[1]


def next_ms(last_ms, t_ms, hour, utc_offset_min):
    """When (our clock) the next self-test is due. last_ms: the last one; t_ms: the gateway's time then, or None."""
    if t_ms is None:
        return last_ms + DAY_MS
    return last_ms + APART_MS + (hour * HOUR_MS - _of_day_ms(t_ms + APART_MS, utc_offset_min)) % DAY_MS
