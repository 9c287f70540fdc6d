"""What is wrong with this bell: findings in, causes out. Pure.

A finding is what was measured; a cause is what a person has to put right. One fault makes many findings: without
Wi-Fi there is no name, no broker and no receipt either. So the rows of TABLE stand in chains, each from the first
possible cause to the last; of a chain the first row that holds is named, and a chain that stands on a broken one says
nothing. That the clock is wrong is never a cause: our certificates are valid at any time that a bell can believe in.

    judge(findings) -> tuple of Verdict, the worst first

Findings are plain values; whatever is missing was not measured, and no row holds for it:

    {"line": {"state", "noise_bytes"}, "file": {"state"}, "identity": {"state"}, "bell": {"enrolled", "safe"},
     "radio": {"state", "rssi_dbm", "why"}, "brokers": [{"place", "failed", "why"}], "gateway": {"state", "bell",
     "receipts"}, "inputs": {"button"}, "zones": [{"place", "state"}], "power": {"mains", "battery"}, "flash":
     {"state"}, "memory": {"heap_bytes"}, "starts": {"crashes", "safe"}, "routing": {"agree"}, "clock": {"set"}}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

STOP, WARN, NOTE = "stop", "warn", "note"
SEVERITIES = (STOP, WARN, NOTE)

# The radio's margin: a door that is closed, a shelf and a person in the way take 10 to 15 dB (rule of thumb; nothing
# was measured). Below WEAK an ESP32 loses packets by its data sheet's sensitivities; THIN is WEAK plus that.
WEAK_DBM = -80
THIN_DBM = -70
# Less free heap than this, and a TLS reconnect may find no room; a healthy bell has several times as much.
HEAP_LOW_BYTES = 6_000
NOISE_BYTES = 200  # less is what opening a port and a reset make


@dataclass(frozen=True, slots=True)
class Row:
    """cause: names the texts `cause.…` and `do.…`. wants: (path, relation, value), all must hold. each: a list in the
    findings, of which every item is looked at by itself; paths are then the item's."""

    chain: str
    cause: str
    severity: str
    wants: tuple[tuple[str, str, Any], ...]
    each: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """subjects: the places it was found at, () for the bell as a whole. reason: the bell's own words, may be empty."""

    cause: str
    severity: str
    subjects: tuple[str, ...] = ()
    reason: str = ""


AFTER_TCP = ("tls", "mqtt", "acl")

TABLE = (
    # --- the cable
    Row("cable", "port_missing", STOP, (("line.state", "is", "missing"),)),
    Row("cable", "port_busy", STOP, (("line.state", "is", "busy"),)),
    Row("cable", "port_forbidden", STOP, (("line.state", "is", "forbidden"),)),
    Row("cable", "cable_pulled", STOP, (("line.state", "is", "pulled"),)),
    Row("cable", "line_garbage", STOP, (("line.state", "is", "silent"), ("line.noise_bytes", "over", NOISE_BYTES))),
    Row("cable", "firmware_missing", STOP, (("line.state", "is", "rom"),)),
    Row("cable", "bell_silent", STOP, (("line.state", "is", "silent"),)),
    Row("cable", "line_noisy", WARN, (("line.noise_bytes", "over", NOISE_BYTES),)),
    # --- what was brought
    Row("file", "file_unreadable", STOP, (("file.state", "is", "unreadable"),)),
    Row("file", "key_mismatch", STOP, (("file.state", "is", "mismatch"),)),
    Row("file", "authority_mismatch", STOP, (("file.state", "is", "foreign"),)),
    Row("file", "file_expired", STOP, (("file.state", "is", "expired"),)),
    Row("file", "bundle_forged", STOP, (("file.state", "is", "forged"),)),
    # --- who it is
    Row("identity", "once_wrong", STOP, (("identity.state", "is", "proof"),)),
    Row("identity", "locked_out", STOP, (("identity.state", "is", "locked"),)),
    Row("identity", "gesture_missing", STOP, (("identity.state", "is", "gesture"),)),
    Row("identity", "code_wrong", STOP, (("identity.state", "is", "code"),)),
    Row("identity", "already_enrolled", STOP, (("identity.state", "is", "enrolled"),)),
    Row("identity", "other_bell", STOP, (("identity.state", "is", "other"),)),
    Row("identity", "enrolment_cut", STOP, (("identity.state", "is", "cut"), ("bell.enrolled", "is", False))),
    Row("identity", "enrolment_refused", STOP, (("identity.state", "is", "refused"),)),
    Row("identity", "not_enrolled", STOP, (("bell.enrolled", "is", False),)),
    # --- Wi-Fi
    Row("wifi", "radio_dead", STOP, (("radio.state", "is", "dead"),)),
    Row("wifi", "wifi_unset", STOP, (("radio.state", "is", "away"), ("radio.why", "is", "unset"))),
    Row("wifi", "wifi_password", STOP, (("radio.state", "is", "away"), ("radio.why", "is", "password"))),
    Row("wifi", "wifi_missing", STOP, (("radio.state", "is", "away"), ("radio.why", "is", "missing"))),
    Row("wifi", "wifi_no_address", STOP, (("radio.state", "is", "away"), ("radio.why", "is", "address"))),
    Row("wifi", "wifi_away", STOP, (("radio.state", "is", "away"),)),
    Row("signal", "signal_weak", STOP, (("radio.rssi_dbm", "under", WEAK_DBM),)),
    Row("signal", "signal_thin", WARN, (("radio.rssi_dbm", "under", THIN_DBM),)),
    # --- the gateway's word on this bell: it knows why a broker refuses
    Row("right", "revoked", STOP, (("gateway.bell", "is", "revoked"),)),
    Row("right", "unknown_bell", STOP, (("gateway.bell", "is", "unknown"),)),
    Row("right", "suspended", WARN, (("gateway.bell", "is", "suspended"),)),
    # --- each broker
    Row("broker", "dns_down", STOP, (("failed", "is", "dns"),), "brokers"),
    Row("broker", "gateway_down", STOP, (("failed", "is", "tcp"), ("gateway", "is", "down")), "brokers"),
    Row("broker", "port_closed", STOP, (("failed", "is", "tcp"), ("why", "is", "refused")), "brokers"),
    Row("broker", "host_unreachable", STOP, (("failed", "is", "tcp"),), "brokers"),
    Row("broker", "broker_frozen", STOP, (("failed", "in", AFTER_TCP), ("why", "is", "silent")), "brokers"),
    Row("broker", "authority_wrong", STOP, (("failed", "is", "tls"), ("why", "is", "authority")), "brokers"),
    Row("broker", "name_wrong", STOP, (("failed", "is", "tls"), ("why", "is", "name")), "brokers"),
    Row("broker", "certificate_refused", STOP, (("failed", "is", "tls"), ("why", "is", "refused")), "brokers"),
    Row("broker", "not_tls", STOP, (("failed", "is", "tls"), ("why", "is", "protocol")), "brokers"),
    Row("broker", "tls_failed", STOP, (("failed", "is", "tls"),), "brokers"),
    Row("broker", "credentials_refused", STOP, (("failed", "is", "mqtt"),), "brokers"),
    Row("broker", "topics_refused", STOP, (("failed", "is", "acl"),), "brokers"),
    # --- behind the broker
    Row("gateway", "gateway_down", STOP, (("gateway.state", "is", "down"),)),
    Row("gateway", "gateway_ill", STOP, (("gateway.state", "is", "ill"),)),
    Row("gateway", "no_receipt", STOP, (("gateway.receipts", "is", False),)),
    Row("alarm", "alarm_waiting", WARN, (("alarm.waiting", "is", True),)),
    Row("routing", "place_differs", STOP, (("routing.place", "is", False),)),
    Row("routing", "station_wrong", STOP, (("routing.agree", "is", False),)),
    Row("routing", "station_unproved", WARN, (("routing.agree", "is", "unproved"),)),
    # --- on the wall
    Row("button", "button_stuck", STOP, (("inputs.button", "is", "stuck"),)),
    Row("button", "button_held", WARN, (("inputs.button", "is", "closed"),)),
    Row("lines", "loop_cut", STOP, (("state", "is", "cut"),), "zones"),
    Row("lines", "loop_short", STOP, (("state", "is", "short"),), "zones"),
    Row("lines", "contact_open", WARN, (("state", "is", "open"),), "zones"),
    Row("mains", "mains_away", STOP, (("power.mains", "is", False),)),
    Row("battery", "battery_missing", STOP, (("power.battery", "is", "missing"),)),
    Row("battery", "battery_dead", STOP, (("power.battery", "is", "critical"),)),
    Row("battery", "battery_low", WARN, (("power.battery", "is", "low"),)),
    Row("battery", "battery_not_watched", NOTE, (("power.battery", "is", "not wired"),)),
    # --- inside
    Row("flash", "flash_errors", STOP, (("flash.state", "is", "bad"),)),
    Row("starts", "safe_mode", STOP, (("starts.safe", "is", True),)),
    Row("starts", "crashes", WARN, (("starts.crashes", "over", 0),)),
    Row("memory", "heap_low", WARN, (("memory.heap_bytes", "under", HEAP_LOW_BYTES),)),
    Row("clock", "clock_unset", NOTE, (("clock.set", "is", False),)),
)  # fmt: skip

# A chain says nothing while one of these has a row that stops.
STANDS_ON = {
    "identity": ("cable", "file"),
    "wifi": ("cable", "identity"),
    "right": ("cable", "identity"),
    "broker": ("cable", "identity", "wifi", "right"),
    "gateway": ("cable", "identity", "wifi", "right", "broker"),
    "signal": ("wifi",),
    "alarm": ("wifi", "right", "broker", "gateway"),
    "clock": ("cable", "identity"),
}


def judge(findings: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """Every cause that holds, the worst first, in the order of the table. One broker that serves is enough: another
    that does not is then a warning."""
    brokers = list(findings.get("brokers", ()))
    spare = any(one.get("failed") is None for one in brokers)
    state = _at(findings, "gateway.state")
    findings = {**findings, "brokers": [{**one, "gateway": state} for one in brokers]}
    named: list[Verdict] = []
    broken: set[str] = set()
    for chain in dict.fromkeys(row.chain for row in TABLE):
        if broken.intersection(STANDS_ON.get(chain, ())):
            continue
        for found in _chain(chain, findings):
            one = replace(found, severity=WARN) if chain == "broker" and spare else found
            if one.severity == STOP:
                broken.add(chain)
            if one.cause not in {other.cause for other in named}:
                named.append(one)
    return tuple(sorted(named, key=lambda one: SEVERITIES.index(one.severity)))


def fit(verdicts: tuple[Verdict, ...]) -> bool:
    """May this bell stay on the wall?"""
    return all(one.severity != STOP for one in verdicts)


def _chain(chain: str, findings: Mapping[str, Any]) -> Iterator[Verdict]:
    rows = [row for row in TABLE if row.chain == chain]
    lists = {row.each for row in rows}
    for each in lists:
        if each is None:
            first = next((row for row in rows if _holds(row, findings)), None)
            if first is not None:
                reason = str(_at(findings, "gateway.reason" if chain == "gateway" else f"{chain}.reason") or "")
                yield Verdict(first.cause, first.severity, (), reason)
            continue
        found: dict[Row, list[Mapping[str, Any]]] = {}
        for item in findings.get(each, ()):
            row = next((row for row in rows if row.each == each and _holds(row, item)), None)
            if row is not None:
                found.setdefault(row, []).append(item)
        for row, items in sorted(found.items(), key=lambda pair: rows.index(pair[0])):
            reasons = dict.fromkeys(str(item["reason"]) for item in items if item.get("reason"))
            yield Verdict(row.cause, row.severity, tuple(str(item["place"]) for item in items), "; ".join(reasons))


def _holds(row: Row, findings: Mapping[str, Any]) -> bool:
    return all(_compare(_at(findings, path), relation, value) for path, relation, value in row.wants)


def _compare(found: Any, relation: str, value: Any) -> bool:
    if found is None:
        return False
    if relation == "is":
        return bool(found == value)
    if relation == "in":
        return found in value
    if not isinstance(found, int | float):
        return False
    return bool(found < value) if relation == "under" else bool(found > value)


def _at(findings: Mapping[str, Any], path: str) -> Any:
    found: Any = findings
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found
