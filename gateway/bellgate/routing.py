"""Does a bell ring where it hangs? The station whose area holds the position, against those that its policy tells.

One bell of 136 that an audit looked at rang in another province's police. The decision is pure; `of` plays the policy
through by the very core that carries it out.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bellgate.boundaries import DONG, Area
from bellgate.config import Config
from bellgate.core.frozen import frozen
from bellgate.explain import explain

ALARM = "panic"  # the button on the wall


@frozen
class Routing:
    """expected: the stations in whose area it lies. routed: those with an area that are told at once.

    agree: None if it cannot be said; `reason` says it in words, and what to do.
    """

    position: tuple[float, float] | None
    place: str | None
    expected: tuple[str, ...]
    routed: tuple[str, ...]
    targets: tuple[str, ...]
    policy: str
    agree: bool | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        at = None if self.position is None else {"lat": self.position[0], "lon": self.position[1]}
        return {
            "position": at,
            "place": self.place,
            "expected": list(self.expected),
            "routed": list(self.routed),
            "targets": list(self.targets),
            "policy": self.policy,
            "agree": self.agree,
            "reason": self.reason,
        }


def expected(stations: Mapping[str, Collection[Area]], lat: float, lon: float) -> tuple[str, ...]:
    """The stations whose area holds the position; one that names its dong comes before one that names the district."""
    holding = {
        name: {area.level for area in areas if area.holds(lat, lon)} for name, areas in stations.items() if areas
    }
    nearest = [name for name, levels in holding.items() if DONG in levels]
    return tuple(nearest or [name for name, levels in holding.items() if levels])


def judge(
    wanted: Sequence[str] | None, routed: Sequence[str], any_area: bool, place: str | None
) -> tuple[bool | None, str]:
    """(agree, reason). wanted: `expected`, None without a position."""
    if not any_area:
        return None, "no station has an area: name its districts or dongs as `area` in [[station]]"
    if wanted is None:
        return None, "the bell has no position: state it on the page of bells, where it hangs"
    where = f"the position lies in {place}" if place else "the position lies outside all known districts"
    if not wanted:
        return None, f"{where}, which is no station's area: is the position right, or an `area` missing?"
    missing = [name for name in wanted if name not in routed]
    if missing:
        rings = f"it rings in {' and '.join(routed)}" if routed else "it rings in no station with an area"
        return False, (
            f"{where}, the area of {' and '.join(missing)}, but {rings}: correct the bell's site, or the groups and "
            "steps of its policy"
        )
    others = [name for name in routed if name not in wanted]
    also = f"; {' and '.join(others)} is told as well" if others else ""
    return True, f"{where}, and {' and '.join(wanted)} is told at once{also}"


def of(config: Config, row: Mapping[str, Any], now_ms: int) -> Routing:
    """For a bell as `bells.listing` has it (site, kind, lat, lon), as duty stands now."""
    told = explain(config, now_ms, ALARM, row["kind"], row["site"])
    first = told.rounds[0]
    targets = tuple(first.targets) if first.after_s == 0 else ()
    known = config.boundaries
    stations = {station.name: station.areas(known) for station in config.stations}
    duty = config.roster().duty
    with_area = [name for name, areas in stations.items() if areas]
    routed = tuple(name for name in with_area if not set(duty.on_duty((name,), now_ms)).isdisjoint(targets))
    if row["lat"] is None:
        position, place, wanted = None, None, None
    else:
        position = (float(row["lat"]), float(row["lon"]))
        place, wanted = known.place(*position), expected(stations, *position)
    agree, reason = judge(wanted, routed, bool(with_area), place)
    return Routing(position, place, wanted or (), routed, targets, told.policy, agree, reason)
