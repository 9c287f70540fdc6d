"""How closely time is played. The firmware and the gateway are the same; some of their intervals are longer at night.

    close    as in the field: pings after 14 s, heartbeats after 60 s, a bell is missed after 180 s
    calm     nothing breaks and nobody presses: everything that only says "all is well" is said less often

A day of twenty bells is 29,000 heartbeats and 120,000 pings; whoever looks for faults wants the hours in which
something happens. In both, a bell's main loop turns when something is due or comes in, not once a second besides: its
looking at the radio is done by whoever changes the radio. And whoever joins the network again begins up to 4 s late.
"""

from bellgate.core import supervision
from bellnode import app, health, life, link_state, wifi

LEAD_MS = 90_000  # before anything happens time is played closely: every bell has spoken once by then

_FIELD = (health.INTERVAL_MS, supervision.MISSING_AFTER_MS, link_state.PING_MS, wifi.WATCH_MS)
_FIELD_IDLE_MS, _FIELD_BOUNDS_MS = app.IDLE_MS, dict(life.BOUNDS_MS)
_IDLE_MS = {"close": 15_000, "calm": 3_600_000}
_VALUES = {
    "close": (*_FIELD[:3], 4 * wifi.WATCH_MS),
    "calm": (3_600_000, 10_800_000, 5_400_000, 900_000),  # no ping: a heartbeat is answered, too
}
_CALM_BOUND_MS = 7_200_000  # a part that says something every hour is not stuck


def play(pace: str) -> None:
    """Take this pace from now on; whoever waits has to be woken."""
    health.INTERVAL_MS, supervision.MISSING_AFTER_MS, link_state.PING_MS, wifi.WATCH_MS = _VALUES[pace]
    app.IDLE_MS = _IDLE_MS[pace]


def loosen_bounds() -> None:
    """Nobody is stuck who speaks as seldom as calm allows."""
    for part in life.BOUNDS_MS:
        life.BOUNDS_MS[part] = _CALM_BOUND_MS


def tighten_bounds() -> None:
    """As in the field; not before everybody has spoken at the close pace."""
    life.BOUNDS_MS.update(_FIELD_BOUNDS_MS)


def restore() -> None:
    """As it was before any world."""
    health.INTERVAL_MS, supervision.MISSING_AFTER_MS, link_state.PING_MS, wifi.WATCH_MS = _FIELD
    app.IDLE_MS = _FIELD_IDLE_MS
    tighten_bounds()
