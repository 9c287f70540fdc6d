"""Asks a bell everything that `verdict` wants to know. The shell around that pure judgement.

    gather(port, gateway) -> (findings, answers)    answers: what each operation said, as it is

A part that the bell does not answer is left out: it was not measured, and nothing is concluded from it.
"""

from collections.abc import Callable
from typing import Any

from bellkit.errors import GatewayError, PortError, Refused
from bellkit.gateway import Gateway
from bellkit.port import Port

# In the order in which they are asked: the quick ones first, and the button before somebody lets go of it.
PARTS = ("inputs", "outputs", "power", "radio", "scan", "brokers", "journal", "boot", "heap", "faults", "time")

# A button that is closed at each of three looks, so far apart, is no finger.
STUCK_LOOKS, STUCK_APART_S = 3, 0.7
# Whatever a linked bell still holds after so long, nobody has receipted: it waits 10 s for a receipt itself.
RECEIPT_MS = 20_000

# An alarm goes first, and the bell says "not now"; over a link that stands it is stored in well under a second.
ALARM_TRIES, ALARM_APART_S = 8, 0.7

# (failed step, reason of the bell): (rung, why) as `verdict` knows them. None: any other reason.
STEPS = {
    ("dns", None): ("dns", "unknown"),
    ("tcp", "refused"): ("tcp", "refused"),
    ("tcp", "timeout"): ("tcp", "timeout"),
    ("tcp", None): ("tcp", "unreachable"),
    ("tls", "not_trusted"): ("tls", "authority"),
    ("tls", "rejected"): ("tls", "refused"),
    ("tls", "timeout"): ("tls", "silent"),
    ("tls", "closed"): ("tls", "closed"),
    ("tls", None): ("tls", "other"),
    ("connect", "timeout"): ("mqtt", "silent"),
    ("connect", None): ("mqtt", "refused"),
    ("subscribe", "timeout"): ("acl", "silent"),
    ("subscribe", None): ("acl", "refused"),
}
NAME_WORDS = ("common name", "(cn)", "hostname")  # of a certificate's name, in the words of the bell's TLS library
PLAIN_WORDS = ("invalid_record", "wrong_version")  # what its TLS library says to a line of text
FLASH_FAULTS = ("flash", "journal", "memory")
BATTERY_FAULTS = {"battery_missing": "missing", "battery_critical": "critical", "battery_low": "low"}

Findings = dict[str, Any]


def gather(
    port: Port,
    gateway: Gateway | None = None,
    parts: tuple[str, ...] = PARTS,
    say: Callable[[str, int, int], None] = lambda part, done, total: None,
) -> tuple[Findings, dict[str, Any]]:
    """(findings, answers). say: (part, how many are done, of how many). Raises nothing for an ill bell: a cable that
    fails is a finding too."""
    found: Findings = {"line": {"state": "up", "noise_bytes": 0}}
    answers: dict[str, Any] = {}
    try:
        hello = answers["hello"] = port.ask("hello")
        found["bell"] = {"enrolled": bool(hello.get("enrolled")), "bell_id": hello.get("bell_id")}
        for done, part in enumerate(parts):
            say(part, done, len(parts))
            for left in reversed(range(1 if found.get("alarm", {}).get("waiting") else ALARM_TRIES)):
                try:
                    _part(port, part, hello, found, answers)
                    break
                except Refused as refused:
                    answers[part] = {"code": refused.code, "text": refused.text}
                    if refused.code != "alarm":
                        break
                    found["alarm"] = {"waiting": left == 0}
                    port.listen(ALARM_APART_S)
        found["line"]["state"] = "up"
    except PortError as error:
        found["line"] = {"state": error.state, "reason": str(error)}
    found["line"]["noise_bytes"] = port.noise_bytes
    if answers.get("hello"):
        look_behind(gateway, answers, found)
    return found, answers


def _part(port: Port, part: str, hello: dict[str, Any], found: Findings, answers: dict[str, Any]) -> None:
    if part == "brokers":
        if hello.get("enrolled"):
            answers[part] = _brokers(port)
            found["brokers"] = [broker(one) for one in answers[part]]
        return
    answers[part] = port.ask(f"diag.{part}")
    if part == "inputs":
        found["inputs"] = {"button": _button(port, answers[part])}
        found["zones"] = [zone(line) for line in answers[part].get("lines", ())]
    elif part == "radio":
        found["radio"] = radio(answers[part], None)
    elif part == "scan" and "radio" in answers:
        found["radio"] = radio(answers["radio"], answers[part])
    elif part in ("power", "faults"):
        found["power"] = power(answers.get("power", {}), answers.get("faults", {}))
    if part in ("journal", "faults"):
        found["flash"] = flash(answers.get("journal", {}), answers.get("faults", {}))
    if part in ("boot", "faults"):
        found["starts"] = starts(answers.get("boot", {}), answers.get("faults", {}))
    if part == "heap":
        found["memory"] = {"heap_bytes": answers[part].get("free")}
    if part == "time":
        found["clock"] = {"set": answers[part].get("gateway_ms") is not None}


def _button(port: Port, first: dict[str, Any]) -> str:
    """ "open", "closed" or "stuck"."""
    answer = first
    for look in range(STUCK_LOOKS):
        if answer.get("button") != "closed":
            return "open" if look == 0 else "closed"
        if look + 1 < STUCK_LOOKS:
            port.listen(STUCK_APART_S)
            answer = port.ask("diag.inputs")
    return "stuck"


def _brokers(port: Port) -> list[dict[str, Any]]:
    count, at = 1, 0
    results: list[dict[str, Any]] = []
    while at < count:
        page = port.ask("diag.brokers", from_=at)
        count = int(page.get("count", 0))
        listed = page.get("brokers", [])
        if not listed:
            break
        results += [port.ask("diag.broker", n=at + number) for number in range(len(listed))]
        at += len(listed)
    return results


def broker(answer: dict[str, Any]) -> dict[str, Any]:
    """One broker, as `verdict` wants it."""
    failed, reason, why = answer.get("failed"), answer.get("reason"), " ".join(str(answer.get("why") or "").split())
    found = {
        "place": f"{answer.get('host')}:{answer.get('port')}",
        "failed": None,
        "why": None,
        "reason": why or reason,
    }
    if failed is None:
        return found
    rung, code = STEPS.get((failed, reason)) or STEPS.get((failed, None)) or (failed, "other")
    if code == "authority" and any(word in why.lower() for word in NAME_WORDS):
        code = "name"
    elif rung == "tls" and any(word in why.lower() for word in PLAIN_WORDS):
        code = "protocol"
    return {**found, "failed": rung, "why": code}


def zone(line: list[Any]) -> dict[str, Any]:
    """One wired line, as `verdict` wants it: [zone, input, value, condition]."""
    return {"place": f"{line[1]} ({line[0]})", "zone": line[0], "state": line[3] if len(line) > 3 else None}


def radio(answer: dict[str, Any], scan: dict[str, Any] | None) -> dict[str, Any]:
    """state: up, away or dead; why it is away, as far as the bell and what it sees around it tell."""
    found: dict[str, Any] = {"state": "up", "rssi_dbm": answer.get("rssi"), "ssid": answer.get("ssid")}
    if answer.get("up"):
        return found
    if not answer.get("on"):
        return found | {"state": "dead" if answer.get("networks") else "away", "why": "unset"}
    why = {"not_found": "missing", "password": "password"}.get(answer.get("why") or "")
    if not answer.get("networks"):
        why = "unset"
    elif scan is not None and answer.get("wanted") and why is None:
        seen = {str(one[0]) for one in scan.get("networks", ())}
        why = None if answer["wanted"] in seen else "missing"
    return found | {"state": "away", "why": why}


def power(answer: dict[str, Any], faults: dict[str, Any]) -> dict[str, Any]:
    """mains: True, False or None (not watched); battery: ok, low, critical, missing or "not wired"."""
    named = [BATTERY_FAULTS[name] for name in BATTERY_FAULTS if name in faults.get("faults", ())]
    level = answer.get("battery") or (named[0] if named else None)
    if level is None:
        level = "not wired" if "battery_mv" in answer and answer["battery_mv"] is None else "ok"
    return {"mains": answer.get("mains"), "battery": level if answer else None, "battery_mv": answer.get("battery_mv")}


def flash(journal: dict[str, Any], faults: dict[str, Any]) -> dict[str, Any]:
    """state: good or bad."""
    wrong = [name for name in faults.get("faults", ()) if name in FLASH_FAULTS]
    check = journal.get("check")
    if check not in (None, "ok"):
        return {"state": "bad", "reason": str(check)}
    return {"state": "bad" if wrong else "good", "reason": ", ".join(wrong)}


def starts(boot: dict[str, Any], faults: dict[str, Any]) -> dict[str, Any]:
    """crashes: what the firmware met and wrote down; safe: does it run with the least it needs.

    Starts after a lost power are not among them: a chip cannot tell the two apart, and installers pull plugs."""
    last = faults.get("last") or {}
    caught = int(faults.get("bugs") or 0) + bool(last)
    return {"crashes": caught, "safe": boot.get("safe"), "reason": str(last.get("text") or "")}


def look_behind(gateway: Gateway | None, answers: dict[str, Any], found: Findings) -> None:
    """What the gateway says of itself and of this bell; without one, whether the bell hears it."""
    hello, pending = answers["hello"], answers.get("journal", {}).get("pending", 0)
    behind: dict[str, Any] = {}
    waiting = found.get("alarm", {}).get("waiting")
    if hello.get("linked") and (waiting or (pending and hello.get("up_ms", 0) > RECEIPT_MS)):
        behind["receipts"] = False
    if gateway is not None:
        behind["state"], behind["reason"] = gateway.health()
        if behind["state"] != "down" and hello.get("bell_id"):
            try:
                behind["bell"] = gateway.state(str(hello["bell_id"]))
                found["routing"] = routing(gateway.routing(str(hello["bell_id"])))
            except GatewayError as error:
                behind["reason"] = str(error)
    found["gateway"] = behind


def routing(answer: dict[str, Any]) -> dict[str, Any]:
    """agree: True, False or "unproved"."""
    agree = answer.get("agree")
    return {**answer, "agree": "unproved" if agree is None else agree}
