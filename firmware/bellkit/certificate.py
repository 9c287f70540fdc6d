"""The commissioning certificate: what was measured at this bell on this day, by whom, signed. Pure but for the key.

The kit signs with a key that it makes on its laptop and that never leaves it: whoever reads the certificate, perhaps
days later, sees that nobody changed the measurement on its way. The gateway looks for itself, and signs what it
stored; see docs/installing.md.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bellkit import __version__, verdict
from bellkit.errors import KitError
from bellkit.walktest import FAILED, PASSED, Asked, Walk

KIND = "ansimbell.commissioning"
RESULTS = {PASSED: "ok", FAILED: "failed"}  # what is neither is "not_proved"


@dataclass(frozen=True, slots=True)
class Proved:
    """What it tells. hello: the bell's; presses: (boot, seq) of those that counted; findings: after the walk;
    place: {"name", "address", "lat", "lon"}, as confirmed; page: the bell's, or None."""

    by: str
    hello: Mapping[str, Any]
    walk: Walk
    presses: tuple[tuple[str, int], ...]
    findings: Mapping[str, Any]
    place: Mapping[str, Any]
    page: str | None


def content(certificate_id: str, made_ms: int, proved: Proved) -> dict[str, Any]:
    """The document, not signed yet. certificate_id: 32 hex digits."""
    hello, walk, presses, findings = proved.hello, proved.walk, proved.presses, proved.findings
    place, by, page = proved.place, proved.by, proved.page
    routing = findings.get("routing", {})
    power, radio = findings.get("power", {}), findings.get("radio", {})
    causes = verdict.judge(findings)
    results = [_asked(one) for one in walk.done]
    results.append(_result("link", True if hello.get("linked") else None, ""))
    results.append(_result("routing", routing.get("agree"), str(routing.get("reason", ""))))
    results.append(_judged("battery", causes, ("battery_missing", "battery_dead", "battery_low"), power.get("battery")))
    results.append(_judged("margin", causes, ("signal_weak", "signal_thin"), radio.get("rssi_dbm")))
    first = next((one for one in walk.done if one.ask.kind == "button"), None)
    return {
        "v": 1,
        "kind": KIND,
        "id": certificate_id,
        "bell_id": hello["bell_id"],
        "site": hello["site"],
        "made_ms": made_ms,
        "by": by or "–",
        "kit": __version__,
        "passed": walk.result != FAILED and not any(one["verdict"] == "failed" for one in results),
        "name": place.get("name", ""),
        "address": place.get("address", ""),
        "lat": place.get("lat"),
        "lon": place.get("lon"),
        "station": routing.get("routed", []),
        "press": {"boot": presses[0][0], "seq": presses[0][1]} if presses else None,
        "rungs": [{"name": name, "ms": ms} for name, ms in (first.rungs if first else ())],
        "results": results,
        "bell": {name: hello.get(name) for name in ("kind", "fw", "board", "unique", "runtime")},
        "measured": {
            "rssi_dbm": radio.get("rssi_dbm"),
            "mains": power.get("mains"),
            "battery": power.get("battery"),
            "battery_mv": power.get("battery_mv"),
        },
        "expected": routing.get("expected", []),
        "remarks": [{"cause": one.cause, "severity": one.severity, "where": list(one.subjects)} for one in causes],
        "page": page,
    }


def _asked(asked: Asked) -> dict[str, Any]:
    name = asked.ask.kind if asked.ask.zone is None else f"{asked.ask.kind} {asked.ask.name}"
    return {
        "name": name,
        "verdict": RESULTS.get(asked.result, "not_proved"),
        "text": asked.why,
        "rungs": [{"name": rung, "ms": ms} for rung, ms in asked.rungs],
    }


def _result(name: str, agree: Any, text: str) -> dict[str, Any]:
    return {"name": name, "verdict": {True: "ok", False: "failed"}.get(agree, "not_proved"), "text": text}


def _judged(name: str, causes: tuple[verdict.Verdict, ...], against: tuple[str, ...], measured: Any) -> dict[str, Any]:
    named = next((one.cause for one in causes if one.cause in against), None)
    if named is None and measured in (None, "not wired"):
        return {"name": name, "verdict": "not_proved", "text": "not measured"}
    return {"name": name, "verdict": "failed" if named else "ok", "text": named or ""}


def own_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The kit's own key on this laptop, made at the first use with mode 0600. Raises KitError."""
    path = folder / "kit.key"
    try:
        if path.exists():
            key = load_pem_private_key(path.read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError("it is of another kind")
            return key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = ec.generate_private_key(ec.SECP256R1())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made
    except (OSError, ValueError, TypeError) as error:
        raise KitError(
            f"{path}: this laptop's signing key cannot be used ({error}). Move it away: a new one is made"
        ) from None
