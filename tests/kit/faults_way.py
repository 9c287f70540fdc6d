"""Faults on the way to the gateway, and of the gateway."""

import asyncio
import json
from typing import Any

import breaks
from bed import Bed, Kit
from fault_list import fault

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
