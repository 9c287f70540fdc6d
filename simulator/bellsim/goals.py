"""What a measurement has to reach: figures held against their goals, and the answer in words and as JSON."""

from typing import Any


def judge(result: dict[str, Any], at_most: dict[str, float], exactly: dict[str, Any] | None = None) -> dict[str, Any]:
    """The result with "goal", "limits" (the goals that are an upper bound), "missed" (sentences) and "ok" added.

    at_most, exactly: figure -> goal; "stored_ms.p99" is the figure p99 in stored_ms. A figure that is None missed.
    """
    missed = []
    for name, limit in at_most.items():
        value = figure(result, name)
        if value is None or value > limit:
            missed.append(f"{name} is {value}, the goal is at most {limit:g}")
    for name, wanted in (exactly or {}).items():
        value = figure(result, name)
        if value != wanted:
            missed.append(f"{name} is {value}, the goal is {wanted}")
    goal = {**at_most, **(exactly or {})}
    return {**result, "goal": goal, "limits": sorted(at_most), "missed": missed, "ok": not missed}


def figure(result: dict[str, Any], name: str) -> Any:
    """The value at a dotted name, or None."""
    value: Any = result
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def quantiles(values: list[float]) -> dict[str, float]:
    """p50, p99 and max by the nearest rank; of nothing, nothing."""
    ranked = sorted(values)
    if not ranked:
        return {}

    def rank(percent: int) -> float:
        return round(ranked[max(0, -(-percent * len(ranked) // 100) - 1)], 2)

    return {"p50": rank(50), "p99": rank(99), "max": round(ranked[-1], 2)}
