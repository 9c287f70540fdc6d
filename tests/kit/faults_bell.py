"""Faults of the cable, of what was brought, of Wi-Fi, and of what hangs on the bell."""

import asyncio
from typing import Any

import breaks
from bed import AIR, BATTERY, HEALTHY_MV, SSID, TABLE_MV, ZONE1, Bed, Kit
from fault_list import NONE, fault

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
