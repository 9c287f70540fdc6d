"""From a blank bell to its certificate in one go. Each step says what it does; the first that fails ends it.

    Wi-Fi → enrolment → link → diagnosis → walk test → certificate → gateway

It may be started again at any point: what is there already is not done twice.
"""

import dataclasses
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from bellgate import commissioning
from bellkit import certificate, findings, provision, verdict, walktest
from bellkit.brought import Brought
from bellkit.errors import GatewayError, KitError, PortError, Refused
from bellkit.gateway import Gateway
from bellkit.port import Port
from bellkit.screen import Screen
from bellkit.walking import Screen as WalkScreen
from bellkit.walking import Walking

LINK_S = 60.0  # Wi-Fi 15 s, DNS, TLS, and one try that fails
LINK_OFFLINE_S = 15.0  # where there may be no network yet
# Chains whose faults a kit without a gateway takes along as "not proved": perhaps the network comes tomorrow.
LATER = ("broker", "gateway")
POLL_S = 0.3


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the installer gave. wifi: (name, password) or None; gateway None: offline; by: who stands on the ladder, and
    at: where, or None; folder: where certificates and this laptop's key are kept."""

    brought: Brought | None
    wifi: tuple[str, str] | None
    gateway: Gateway | None
    by: str
    folder: Path
    at: findings.Position | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """path: of the certificate, None if it did not come to that. kept: by the gateway. fit: may it stay on the wall?"""

    bell_id: str | None
    fit: bool
    causes: tuple[verdict.Verdict, ...]
    path: Path | None = None
    kept: bool = False
    document: dict[str, Any] | None = None


def commission(port: Port, wanted: Wanted, screen: Screen, walk_screen: WalkScreen | None = None) -> Outcome:
    """All of it. Raises KitError where nothing more can be said; a bell that is ill is an Outcome."""
    with screen.step("hello"):
        hello = provision.wait_back(port, lambda hello: True)
    screen.hello(hello)
    causes = prepare(port, wanted, screen)
    if causes:
        return Outcome(hello.get("bell_id"), False, causes)
    hello = linked(port, screen, LINK_S if wanted.gateway is not None else LINK_OFFLINE_S)
    with screen.step("diag") as bar:
        found, _ = findings.gather(port, wanted.gateway, say=lambda part, done, total: bar(done, total), at=wanted.at)
    causes = verdict.judge(found)
    screen.verdicts(causes)
    if not verdict.fit(causes) and (wanted.gateway is not None or not _later(causes)):
        return Outcome(hello.get("bell_id"), False, causes)
    return prove(port, wanted, screen, walk_screen or screen, hello)


def _later(causes: tuple[verdict.Verdict, ...]) -> bool:
    """Do only faults of the network stop this bell?"""
    chains = {row.cause: row.chain for row in verdict.TABLE}
    return all(chains[one.cause] in LATER for one in causes if one.severity == verdict.STOP)


def prepare(port: Port, wanted: Wanted, screen: Screen) -> tuple[verdict.Verdict, ...]:
    """Wi-Fi and identity; what stands in the way, or ()."""
    if wanted.wifi is not None:
        with screen.step("wifi"):
            cause = try_wifi(port, *wanted.wifi)
        if cause is not None:
            screen.verdicts((cause,))
            return (cause,)
    if wanted.brought is not None:
        cause = try_enrol(port, wanted.brought, screen)
        if cause is not None:
            screen.verdicts((cause,))
            return (cause,)
    return ()


def try_wifi(port: Port, ssid: str, password: str) -> verdict.Verdict | None:
    """Join a network; why it did not work, or None."""
    try:
        provision.set_wifi(port, ssid, password)
    except Refused as refused:
        if refused.code != "wifi":
            raise
        scan = port.ask("diag.scan")
        seen = [one for one in scan.get("networks", ()) if one[0] == ssid]
        late = "address" if seen else "missing"
        told = {"not_found": "missing", "password": "password", "radio": None, "timeout": late}
        why = told.get(str(refused.answer.get("why")), "missing")
        state = "dead" if refused.answer.get("why") == "radio" else "away"
        found = {"radio": {"state": state, "why": why, "rssi_dbm": seen[0][1] if seen else None}}
        judged = verdict.judge(found)
        named = judged[0]
        return dataclasses.replace(named, subjects=(ssid,), reason=refused.text)
    return None


def try_enrol(port: Port, given: Brought, screen: Screen) -> verdict.Verdict | None:
    """Give it its identity and wait until it is back; why it did not work, or None."""
    try:
        with screen.step("enrol") as bar:
            provision.enrol(port, given, bar)
        with screen.step("restart"):
            hello = provision.wait_back(port, lambda hello: bool(hello.get("enrolled")))
    except (Refused, provision.Unfit) as error:
        state = provision.state_of(error) if isinstance(error, Refused) else error.state
        return verdict.judge({"identity": {"state": state, "reason": str(error)}})[0]
    except PortError as error:
        return verdict.judge({"line": {"state": error.state, "reason": str(error)}})[0]
    if not hello.get("enrolled"):
        return verdict.judge({"bell": {"enrolled": False}, "identity": {"state": "cut"}})[0]
    if hello.get("bell_id") != given.bell_id:
        return verdict.judge({"identity": {"state": "other"}})[0]
    return None


def linked(port: Port, screen: Screen, seconds: float) -> dict[str, Any]:
    """hello, as soon as the bell is linked, or when the time is over: the diagnosis then says why not."""
    with screen.step("link"):
        return provision.wait_back(port, lambda hello: bool(hello.get("linked")), seconds)


def prove(port: Port, wanted: Wanted, screen: Screen, walk_screen: WalkScreen, hello: dict[str, Any]) -> Outcome:
    """Walk test and certificate of a bell that works."""
    last: dict[str, Any] = {}

    def judge() -> tuple[str, ...]:
        parts = ("inputs", "power", "radio", "journal", "faults")
        with screen.step("judge") as bar:
            found, _ = findings.gather(
                port, wanted.gateway, parts, lambda part, done, total: bar(done, total), wanted.at
            )
        if "routing" not in found and wanted.brought is not None and wanted.brought.site:
            found["routing"] = findings.routing(wanted.brought.site.get("routing") or {}, wanted.at)
        last.update(found)
        return walktest.against(found)

    walked = Walking(port, wanted.gateway, hello, walk_screen, judge, f"bellkit · {wanted.by}").run()
    found = last or findings.gather(port, wanted.gateway, ("inputs", "power", "radio"))[0]
    with screen.step("certificate"):
        document = certificate.content(
            secrets.token_hex(16),
            time.time_ns() // 1_000_000,
            certificate.Proved(
                wanted.by,
                hello,
                walked.walk,
                walked.presses,
                found,
                place_of(wanted, str(hello["bell_id"])),
                None if wanted.gateway is None else wanted.gateway.page(str(hello["bell_id"])),
            ),
        )
        signed = commissioning.sign(document, certificate.own_key(wanted.folder))
        path = write(wanted.folder, signed)
    kept = send(wanted.gateway, signed, path, screen) if wanted.gateway is not None else False
    causes = verdict.judge(found)
    return Outcome(str(hello["bell_id"]), bool(signed["passed"]), causes, path, kept, signed)


def place_of(wanted: Wanted, bell_id: str) -> dict[str, Any]:
    """Where it hangs: from the gateway, else from the bundle."""
    if wanted.gateway is not None:
        try:
            return wanted.gateway.bell(bell_id)
        except GatewayError:
            pass  # the certificate is then without an address, and the gateway will say that this is lacking
    return {} if wanted.brought is None else wanted.brought.site


def write(folder: Path, signed: dict[str, Any]) -> Path:
    """The certificate on this laptop, mode 0600: it holds an address. Raises KitError."""
    path = folder / f"{signed['bell_id']}-{signed['id'][:8]}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(signed, file, ensure_ascii=False, indent=1)
    except OSError as error:
        raise KitError(f"{path}: cannot be written ({error.strerror}). Give another --folder") from None
    return path


def send(gateway: Gateway, signed: dict[str, Any], path: Path, screen: Screen) -> bool:
    """Give the certificate to the gateway; False if that has to be done later."""
    try:
        with screen.step("send"):
            gateway.keep(str(signed["bell_id"]), signed)
    except GatewayError as error:
        screen.say(str(error))
        return False
    path.with_suffix(".stored").touch(mode=0o600)
    return True


def waiting(folder: Path) -> list[Path]:
    """The certificates here that no gateway has yet."""
    return [path for path in sorted(folder.glob("*-????????.json")) if not path.with_suffix(".stored").exists()]
