"""Breaks one thing after the other around a real bell and a real gateway, and asks `bellkit` what is wrong.

    python tests/kit/faults.py --json            all of them, as JSON
    python tests/kit/faults.py --table           all of them, and docs/kit-faults.md written from what came out
    python tests/kit/faults.py --only wifi       those with this in their name

The bell is the firmware on MicroPython on a pty, with simulated pins and radio; gateway, broker and kit are the real
programs. A fault is named truly if the expected cause is named, and nothing else beside notes. Each is put right
afterwards.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bed
import breaks
from bed import AIR, BATTERY, HEALTHY_MV, PASSWORD, SETTINGS, SSID, TABLE_MV, ZONE1, Bed, Kit

from bellkit.texts import Words

DOCS = Path(__file__).parents[2] / "docs" / "kit-faults.md"
NONE = "none"
Break = Callable[[Bed], Awaitable[Kit]]


@dataclass(frozen=True)
class Fault:
    """cause: the expected one, NONE for what must not be told as one; asked: how the kit was asked."""

    name: str
    what: str
    cause: str
    asked: str
    run: Break
    phase: str


FAULTS: list[Fault] = []


def fault(phase: str, cause: str, what: str, asked: str = "diag") -> Callable[[Break], Break]:
    """Enter it in the list. phase: blank, enrolled (both undo what they did), or the name of a bed of its own."""

    def enter(run: Break) -> Break:
        FAULTS.append(Fault(run.__name__, what, cause, asked, run, phase))
        return run

    return enter


# --- the cable


@fault("blank", "port_missing", "the port's name is wrong")
async def no_port(it: Bed) -> Kit:
    return await it.kit("diag", path=str(it.root / "ttyUSB9"))


@fault("blank", "port_busy", "a serial monitor holds the port")
async def busy_port(it: Bed) -> Kit:
    with breaks.held(it.cable.path):
        return await it.kit("diag")


@fault("blank", "firmware_missing", "the chip waits in its loader: no firmware")
async def no_firmware(it: Bed) -> Kit:
    async with breaks.mute_bell(it) as cable:
        cable.say(
            b"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n"
        )
        return await it.kit("diag", path=cable.path)


@fault("blank", "bell_silent", "the bell has no power")
async def no_power(it: Bed) -> Kit:
    await it.off()
    try:
        return await it.kit("diag")
    finally:
        await it.bell.power_on()


@fault("blank", "line_garbage", "garbage on the line, and no bell behind it")
async def garbage(it: Bed) -> Kit:
    async with breaks.mute_bell(it) as cable:
        cable.noise_per_s = 3_000
        return await it.kit("diag", path=cable.path)


async def fresh(it: Bed) -> None:
    """A blank bell that holds no piece of an enrolment."""
    await it.off()
    await it.bell.power_on()


# --- what was brought


@fault("blank", "key_mismatch", "certificate and key of the file do not belong together", "enrol")
async def wrong_key(it: Bed) -> Kit:
    return await it.kit("enrol", "--file", str(it.edit(key_der=breaks.another_key())))


@fault("blank", "authority_mismatch", "the file holds another installation's CA", "enrol")
async def wrong_authority_in_file(it: Bed) -> Kit:
    return await it.kit("enrol", "--file", str(it.edit(ca_der=breaks.another_authority())))


@fault("blank", "file_expired", "a bundle of last month", "enrol")
async def old_bundle(it: Bed) -> Kit:
    return await it.kit("enrol", "--bundle", str(await breaks.bundle(it, age_days=30)), "--qr", it.qr)


@fault("blank", "bundle_forged", "a bundle in which somebody changed a station", "enrol")
async def forged_bundle(it: Bed) -> Kit:
    return await it.kit("enrol", "--bundle", str(await breaks.bundle(it, forged=True)), "--qr", it.qr)


@fault("blank", "once_wrong", "the QR code is of an older enrolment of this bell", "enrol")
async def wrong_secret(it: Bed) -> Kit:
    return await it.kit("enrol", "--file", str(it.file), "--qr", f"ansimbell:1:{it.bell_id}:{'A' * 22}")


@fault("blank", "cable_pulled", "the cable is pulled in the middle of the enrolment", "enrol")
async def pulled(it: Bed) -> Kit:
    await fresh(it)
    async with breaks.second_cable(it) as cable:
        cable.pull_after = 2_500
        return await it.kit("enrol", "--file", str(it.file), path=cable.path)


@fault("blank", "bell_silent", "the bell's power is cut in the middle of the enrolment", "enrol")
async def cut_in_the_middle(it: Bed) -> Kit:
    await fresh(it)
    before = it.cable.passed_up
    running = asyncio.create_task(it.enrol())
    while it.cable.passed_up < before + 2_500:
        await asyncio.sleep(0.002)
    await it.bell.power_cut()
    try:
        return await running
    finally:
        await it.bell.power_on()


@fault("blank", "not_enrolled", "the same, and the power comes back: the bell is blank, not half a bell")
async def after_the_cut(it: Bed) -> Kit:
    await cut_in_the_middle(it)
    return await it.kit("diag")


# --- Wi-Fi


@fault("blank", "wifi_missing", "there is no such Wi-Fi here", "wifi")
async def no_wifi(it: Bed) -> Kit:
    return await it.kit("wifi", "--ssid", "Nowhere")


@fault("blank", "wifi_password", "the Wi-Fi password is wrong", "wifi")
async def wrong_password(it: Bed) -> Kit:
    return await it.kit("wifi", "--ssid", SSID, "--password", "wrong")


@fault("blank", NONE, "a cable that wobbles in the middle of the enrolment: it goes on where it was", "enrol")
async def wobble(it: Bed) -> Kit:
    await it.kit("wifi", "--ssid", SSID)
    await fresh(it)
    async with breaks.second_cable(it) as cable:
        cable.pull_after, cable.back_after_s = 2_500, 1.0
        it.fit()
        done = await it.kit("enrol", "--file", str(it.file), path=cable.path)
    await it.linked()
    return done


# --- on the wall


@fault("enrolled", NONE, "nothing: a healthy bell")
async def healthy(it: Bed) -> Kit:
    return await it.kit("diag", *it.online)


@fault("enrolled", "already_enrolled", "the bell has an identity already", "enrol")
async def enrolled_already(it: Bed) -> Kit:
    return await it.kit("enrol", "--file", str(it.edit(bell_id="b-other")))


@fault("enrolled", NONE, "the chip's clock stands at 2000-01-01")
async def clock_at_2000(it: Bed) -> Kit:
    with breaks.clock_at_2000(it):
        await it.again()
        done = await it.kit("diag", *it.online)
    assert done.said["answers"]["time"]["chip_s"] < 86_400, "the clock was not wrong"
    await it.again()
    return done


@fault("enrolled", "wifi_missing", "the access point is off")
async def access_point_off(it: Bed) -> Kit:
    return await with_air(it, [AIR[1]])


@fault("enrolled", "wifi_password", "the shop has changed its Wi-Fi password")
async def password_changed(it: Bed) -> Kit:
    return await with_air(it, [[SSID, "another", -58], AIR[1]])


async def with_air(it: Bed, air: list[list[Any]]) -> Kit:
    it.bell.networks = air
    await it.again(linked=False)
    await asyncio.sleep(2)
    try:
        return await it.kit("diag", *it.online)
    finally:
        it.bell.networks = AIR
        await it.again()


@fault("enrolled", "signal_weak", "the Wi-Fi signal is weak, -86 dBm")
async def weak_signal(it: Bed) -> Kit:
    return await with_radio(it, -86)


@fault("enrolled", "signal_thin", "the Wi-Fi signal has no margin, -74 dBm")
async def thin_signal(it: Bed) -> Kit:
    return await with_radio(it, -74)


async def with_radio(it: Bed, dbm: int) -> Kit:
    it.bell.radio(dbm)
    try:
        return await it.kit("diag", *it.online)
    finally:
        it.bell.radio(-58)


@fault("enrolled", "button_stuck", "the button is stuck")
async def stuck_button(it: Bed) -> Kit:
    it.bell.push()
    try:
        return await it.kit("diag", *it.online)
    finally:
        it.bell.release()


async def with_pins(it: Bed, **how: Any) -> Kit:
    it.wire(**how)
    await asyncio.sleep(1.5)  # a wire counts as cut after half a second
    try:
        return await it.kit("diag", *it.online)
    finally:
        it.wire()
        await asyncio.sleep(1.5)


@fault("enrolled", "loop_cut", "the loop of zone 1 is cut")
async def cut_loop(it: Bed) -> Kit:
    return await with_pins(it, mv=HEALTHY_MV | {ZONE1: TABLE_MV["cut"]})


@fault("enrolled", "loop_short", "the loop of zone 1 is shorted")
async def shorted_loop(it: Bed) -> Kit:
    return await with_pins(it, mv=HEALTHY_MV | {ZONE1: TABLE_MV["short"]})


@fault("enrolled", "contact_open", "the case is open")
async def open_case(it: Bed) -> Kit:
    return await with_pins(it, case=False)


@fault("enrolled", "battery_dead", "the battery is dead, 3.3 V")
async def dead_battery(it: Bed) -> Kit:
    return await with_pins(it, mv=HEALTHY_MV | {BATTERY: 1_650})


@fault("enrolled", "battery_missing", "there is no battery")
async def no_battery(it: Bed) -> Kit:
    return await with_pins(it, mv=HEALTHY_MV | {BATTERY: 100})


@fault("enrolled", "mains_away", "the adapter is out of the wall")
async def no_mains(it: Bed) -> Kit:
    return await with_pins(it, mains=False)


@fault("enrolled", "flash_errors", "the flash takes nothing any more")
async def dead_flash(it: Bed) -> Kit:
    dead = it.bell.flash / "journal.dead"
    dead.touch()
    try:
        return await it.kit("diag", *it.online)
    finally:
        dead.unlink()
        await it.again()


# --- on the way to the gateway


@fault("enrolled", "dns_down", "the broker's name is not known to the DNS")
async def no_name(it: Bed) -> Kit:
    return await with_brokers(it, host="gateway.invalid")


@fault("enrolled", "port_closed", "nobody listens on the broker's port")
async def closed_port(it: Bed) -> Kit:
    return await with_brokers(it, port=breaks.free_port())


@fault("enrolled", "not_tls", "what listens on that port is no TLS broker")
async def plain_port(it: Bed) -> Kit:
    async with breaks.plain_server() as port:
        return await with_brokers(it, port=port)


@fault("enrolled", "authority_wrong", "the broker is another installation's: wrong CA")
async def wrong_authority(it: Bed) -> Kit:
    async with breaks.tls_server(it.root) as port:
        return await with_brokers(it, port=port)


@fault("enrolled", "name_wrong", "the broker's certificate does not carry the name that was enrolled")
async def wrong_name(it: Bed) -> Kit:
    return await with_brokers(it, server_name="elsewhere.local")


@fault("enrolled", "topics_refused", "the bell's file names a site that the broker's permissions (ACL) do not give it")
async def refused_topics(it: Bed) -> Kit:
    return await with_identity(it, site="elsewhere")


@fault("enrolled", "broker_frozen", "the broker is frozen: it takes connections and says nothing")
async def frozen_broker(it: Bed) -> Kit:
    async with breaks.frozen(it):
        return await it.kit("diag", *it.online)


async def with_brokers(it: Bed, **changes: Any) -> Kit:
    [now] = json.loads((it.bell.flash / "config.json").read_bytes())["brokers"]
    return await with_identity(it, brokers=[now | changes])


async def with_identity(it: Bed, **changes: Any) -> Kit:
    """Ask a bell with another config.json on its flash, and put back the right one."""
    path = it.bell.flash / "config.json"
    before = path.read_bytes()
    path.write_text(json.dumps(json.loads(before) | changes), encoding="utf-8")
    await it.again(linked=False)
    try:
        return await it.kit("diag", *it.online)
    finally:
        path.write_bytes(before)
        await it.again()


@fault("enrolled", "suspended", "the bell is suspended at the gateway")
async def suspended(it: Bed) -> Kit:
    await breaks.bellgate(it, "bell", "suspend", it.bell_id, "--reason", "shop closed")
    try:
        return await it.kit("diag", *it.online)
    finally:
        await breaks.bellgate(it, "bell", "resume", it.bell_id)


@fault("enrolled", "locked_out", "three wrong codes for a wipe", "wipe")
async def locked_out(it: Bed) -> Kit:
    async with breaks.boot_held(it):
        for _ in range(3):
            done = await it.kit("wipe", "--code", "00000000")
    await it.again()
    return done


@fault("elsewhere", "station_wrong", "the policy tells the station of another district")
async def wrong_station(it: Bed) -> Kit:
    return await it.kit("diag", *it.online)


@fault("last", "revoked", "the bell's certificate was revoked")
async def revoked(it: Bed) -> Kit:
    await breaks.bellgate(it, "revoke", it.bell_id)
    await asyncio.sleep(3)
    return await it.kit("diag", *it.online)


@fault("last", "credentials_refused", "the same, asked without the gateway")
async def revoked_offline(it: Bed) -> Kit:
    return await it.kit("diag")


@fault("last", "gateway_down", "the gateway is down, and its broker with it")
async def gateway_down(it: Bed) -> Kit:
    await it.gateway.stop()
    return await it.kit("diag", *it.online)


@fault("mosquitto", "no_receipt", "the broker's access list drops what the bell sends: a press waits")
async def dropped_by_the_list(it: Bed) -> Kit:
    async with breaks.acl_without_bells(it):
        await it.bell.press()
        await asyncio.sleep(22)  # before that, it may be on its way
        done = await it.kit("diag", *it.online)
    await it.bell.wait_for("stored", 60, 0)
    return done


@fault("mosquitto", "gateway_down", "the gateway is down, the broker runs")
async def gateway_down_broker_up(it: Bed) -> Kit:
    await it.gateway.stop()
    return await it.kit("diag", *it.online)


# --- the run


async def judged(it: Bed, one: Fault) -> dict[str, Any]:
    """One fault: what the kit said of it."""
    began_s = time.monotonic()
    try:
        done = await one.run(it)
    except Exception as error:  # told as what it is: this fault was not shown, the others still are
        done = Kit(-1, None, f"{type(error).__name__}: {error}")
    causes = [] if done.said is None else [each for each in done.said.get("verdict", ()) if each["severity"] != "note"]
    named = causes[0]["cause"] if causes else NONE if done.code == 0 else f"exit {done.code}"
    return {
        "name": one.name,
        "what": one.what,
        "asked": one.asked,
        "expected": one.cause,
        "named": named,
        "also": [each["cause"] for each in causes[1:]],
        "reason": causes[0]["reason"] if causes else "",
        "exit": done.code,
        "seconds": round(time.monotonic() - began_s, 1),
        "ok": named == one.cause and len(causes) <= 1,
        "said": "" if done.said is not None else done.text[-400:],
    }


async def run(only: str | None, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """All that match, each in the bed of its phase."""
    results: list[dict[str, Any]] = []
    wanted = [one for one in FAULTS if only is None or only in one.name]
    for phases, broker, station in (
        (("blank", "enrolled", "last"), "embedded", "성수지구대"),
        (("elsewhere",), "embedded", "역삼지구대"),
        (("mosquitto",), "mosquitto", "성수지구대"),
    ):
        here = [one for one in wanted if one.phase in phases]
        if not here:
            continue
        async with bed.bed(broker, station) as it:
            for one in here:
                if one.phase != "blank" and not it.enrolled:
                    await it.install(SETTINGS, wifi=(SSID, PASSWORD))
                results.append(await judged(it, one))
                last = results[-1]
                said = f"{one.name}: {last['named']} in {last['seconds']} s {last['also'] or ''}"
                say(f"{'ok ' if last['ok'] else 'NOT'} {said}")
    return results


def table(results: list[dict[str, Any]]) -> str:
    """docs/kit-faults.md."""
    ko, en = Words("ko"), Words("en")
    right = sum(one["ok"] for one in results)
    lines = [
        "# What the kit says of each fault",
        "",
        "Written by `python tests/kit/faults.py --table`; do not edit. Each fault was made for real, one at a time.",
        "The bell is the firmware on MicroPython on a pty with simulated pins and radio; gateway, broker and kit are",
        "real. Nothing was measured on hardware. *Named* is the first cause that `bellkit` named, notes apart. The",
        "times are of a busy host and say only that nobody waits for minutes.",
        "",
        f"{right} of {len(results)} were named as they are, and nothing else with them.",
        "",
        "| fault | asked | named | in words | s |",
        "|---|---|---|---|---:|",
    ]
    for one in results:
        known = one["named"] not in (NONE,) and not one["named"].startswith("exit")
        key = f"cause.{one['named']}" if known else "verdict.good"
        said = f"{en(key)} · {ko(key)}"
        mark = "" if one["ok"] else " **(not as expected)**"
        name = f"`{one['named']}`{mark}"
        lines.append(f"| {one['what']} | `{one['asked']}` | {name} | {said} | {one['seconds']:.1f} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """0 if every fault was named truly."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only")
    given = parser.parse_args()
    results = asyncio.run(run(given.only, lambda line: print(line, file=sys.stderr, flush=True)))
    ok = all(one["ok"] for one in results)
    if given.json:
        print(json.dumps({"ok": ok, "count": len(results), "faults": results}, ensure_ascii=False))
    if given.table:
        DOCS.write_text(table(results), encoding="utf-8")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
