"""A bell that somebody else wrote, against the real gateway, with each kind of broker."""

import json
import secrets
import time
from pathlib import Path

import pytest
from real_gateway import BROKERS, RealGateway, bellgate_here, eventually, real_gateway
from strange_bell import Refused, StrangeBell, seal

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wire-v1.json").read_text(encoding="utf-8"))

# On the loopback without certificates anybody on this machine may listen and speak; the seal is all there is.
WITH_CERTIFICATES = pytest.mark.parametrize("gateway", BROKERS[:2], indirect=True, scope="module")


@pytest.fixture(scope="module", params=BROKERS)
def gateway(request, tmp_path_factory):
    with real_gateway(tmp_path_factory.mktemp("gateway") / "installation", request.param) as running:
        yield running


def a_bell(gateway: RealGateway, *more: object) -> StrangeBell:
    """A newly enrolled bell: the gateway runs meanwhile."""
    return StrangeBell(gateway.enrol("seongsu-012", *more), gateway.folder, tls=gateway.tls)


def test_press_is_stored_then_acknowledged_and_closed(gateway):
    with a_bell(gateway) as bell:
        number = bell.press()
        bell.wait_stage(number, "stored")
        (incident,) = gateway.incidents(bell.bell_id)
        assert (incident["handling"], incident["signals"], incident["what"]) == ("received", 1, "panic")
        gateway.command(incident, "acknowledge")
        bell.wait_stage(number, "acknowledged")
        gateway.command(incident, "dispatch")
        bell.wait_stage(number, "dispatched")
        gateway.command(incident, "close", disposition="genuine")
        bell.wait_stage(number, "closed")
        assert bell.stages(number) == ["stored", "acknowledged", "dispatched", "closed"]
        assert gateway.incidents(bell.bell_id) == []
        assert not bell.unverified


def test_same_event_three_times_is_one_signal_and_three_receipts(gateway):
    with a_bell(gateway) as bell:
        for attempt in range(3):
            bell.send_event(1, attempt=attempt)
        bell.wait(lambda: len(bell.stages(1)) >= 3, "third receipt")
        assert bell.stages(1) == ["stored"] * 3
        (incident,) = gateway.incidents(bell.bell_id)
        detail = gateway.api("GET", f"incidents/{incident['id']}")
        assert incident["signals"] == 1
        assert [(one["seq"], one["arrivals"]) for one in detail["signals"]] == [(1, 3)]


def test_second_press_joins_and_counts(gateway):
    with a_bell(gateway) as bell:
        first = bell.press()
        bell.wait_stage(first, "stored")
        (incident,) = gateway.incidents(bell.bell_id)
        gateway.command(incident, "acknowledge")
        bell.wait_stage(first, "acknowledged")
        second = bell.press("duress")
        bell.wait_stage(second, "stored")
        (joined,) = gateway.incidents(bell.bell_id)
        assert (joined["id"], joined["signals"], joined["what"]) == (incident["id"], 2, "duress")
        # The second press is not covered by what somebody said about the first.
        assert bell.stages(second) == ["stored"]


def test_heartbeat_after_reconnect_brings_the_present_stage(gateway):
    with a_bell(gateway) as bell:
        number = bell.press()
        bell.wait_stage(number, "stored")
        gateway.command(gateway.incidents(bell.bell_id)[0], "acknowledge")
        bell.wait_stage(number, "acknowledged")
        bell.receipts.clear()
        bell.heartbeat()
        bell.wait_stage(number, "acknowledged")


def bad_payloads(key: bytes, topic: str) -> list[tuple[str, bytes]]:
    """Every entry of the vectors' list as it stands; and sealed anew with our key where only its body is at fault."""
    theirs = bytes.fromhex(VECTORS["key_hex"])
    found = []
    for entry in VECTORS["bad"]:
        payload = bytes.fromhex(entry["payload_hex"])
        found.append((entry["name"], payload))
        body = payload.rpartition(b"\n")[0]
        if payload == seal(theirs, entry["topic"], body) and not entry["topic"].endswith("/down"):
            if entry["name"] == "another bell's topic":
                continue  # a good body: it is a fault only under that topic
            found.append((entry["name"] + ", sealed with the bell's own key", seal(key, topic, body)))
    return found


def test_bad_payloads_are_refused_counted_and_raise_no_incident(gateway):
    with a_bell(gateway, "--bell-id", "b-7f3a") as bell:
        bad = bad_payloads(bell.key, bell.topic("up"))
        assert len(bad) > len(VECTORS["bad"]) + 5, "some entries must be wrong in their body alone"
        before = gateway.refused()
        for _, payload in bad:
            bell.publish(bell.topic("up"), payload, wait=False)
        eventually(lambda: gateway.refused() >= before + len(bad), f"each of {[name for name, _ in bad]} is counted")
        assert gateway.incidents(bell.bell_id) == []
        assert gateway.healthy()
        number = bell.press()
        bell.wait_stage(number, "stored")
        assert [one["signals"] for one in gateway.incidents(bell.bell_id)] == [1]
        assert gateway.refused() == before + len(bad)


@pytest.mark.parametrize("gateway", ["mosquitto on loopback"], indirect=True, scope="module")
def test_a_bell_that_is_not_enrolled_raises_trouble_and_no_incident(gateway):
    """With certificates it would not even get in."""
    with a_bell(gateway) as bell:
        topic = "bells/seongsu-012/b-nobody/up"
        body = b'{"v":1,"type":"event","boot":"00a1b2c3d4e5f607","seq":1,"what":"panic","state":"alarm","age_ms":0}'
        before = gateway.metric('ansimbell_refused_total{reason="unknown_bell"}')
        bell.publish(topic, seal(bell.key, topic, body))
        eventually(
            lambda: gateway.metric('ansimbell_refused_total{reason="unknown_bell"}') == before + 1, "it is counted"
        )
        assert gateway.incidents("b-nobody") == []
        troubles = gateway.api("GET", "troubles")["items"]
        assert [one["subject"] for one in troubles if "b-nobody" in one["subject"]] == [topic]


def test_another_bells_topic_reaches_nobody(gateway):
    with a_bell(gateway) as bell:
        other = gateway.enrol()
        other_id = json.loads(other.read_text())["bell_id"]
        topic = f"bells/seongsu-012/{other_id}/up"
        body = b'{"v":1,"type":"event","boot":"00a1b2c3d4e5f607","seq":1,"what":"panic","state":"alarm","age_ms":0}'
        reason = {"embedded": "acl", "mosquitto on loopback": "tag"}.get(gateway.broker)
        counter = f'ansimbell_refused_total{{reason="{reason}"}}'
        before, taken = gateway.metric(counter), gateway.metric("ansimbell_refused_total")
        bell.publish(topic, seal(bell.key, topic, body))
        number = bell.press()
        bell.wait_stage(number, "stored")  # sent after the forged one, on the same connection
        if reason is not None:
            eventually(lambda: gateway.metric(counter) == before + 1, f"{reason} is counted")
        else:
            assert gateway.refused() == taken, "mosquitto drops it: the gateway never sees it"
        assert gateway.incidents(other_id) == []
        assert gateway.healthy()


@WITH_CERTIFICATES
def test_a_bell_hears_no_other_bell(gateway):
    with a_bell(gateway) as bell, a_bell(gateway) as listener:
        heard = []
        listener.client.on_message = lambda _client, _data, message: heard.append(message.topic)
        listener.client.subscribe([("bells/+/+/up", 1), ("bells/+/+/down", 1), (bell.topic("down"), 1)])
        number = bell.press()
        bell.wait_stage(number, "stored")
        # Its own receipt comes after anything of the other bell's would have come.
        own = listener.press()
        eventually(lambda: listener.topic("down") in heard, f"the listener's own receipt for {own}")
        assert set(heard) == {listener.topic("down")}


@WITH_CERTIFICATES
def test_certificate_of_another_installation_is_refused(gateway, tmp_path):
    bellgate_here("init", tmp_path / "other", "--advertise", f"127.0.0.1:{gateway.mqtt_port}")
    made = bellgate_here(
        "enrol", "-c", tmp_path / "other", "--site", "x", "--kind", "pendant", "--name", "x", "--address", "x",
        "--out", tmp_path / "theirs.json", "--json",
    )  # fmt: skip
    assert json.loads(made)["site"] == "x"
    theirs = json.loads((tmp_path / "theirs.json").read_text())
    ours = json.loads(gateway.enrol().read_text())
    # It trusts our broker, but its own certificate is from elsewhere.
    theirs.update(ca_der=ours["ca_der"], brokers=ours["brokers"])
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    with pytest.raises(Refused):
        StrangeBell(tmp_path / "theirs.json", tmp_path).connect()
    assert gateway.healthy()


def test_revoked_bell_is_cut_off(gateway):
    """While it is connected, within seconds, by the broker itself; and the gateway takes nothing of it at once."""
    bell, other = a_bell(gateway), a_bell(gateway)
    cuts_off = gateway.tls
    with bell, other:
        number = bell.press()
        bell.wait_stage(number, "stored")
        began = time.monotonic()
        bellgate_here("revoke", "-c", gateway.config, bell.bell_id)
        if cuts_off:
            bell.wait(lambda: bell.disconnects, "disconnection")
            print(f"{gateway.broker}: cut off {time.monotonic() - began:.2f} s after `bellgate revoke` began")
            assert time.monotonic() - began < 10
        else:  # without certificates a broker knows nobody: the gateway refuses
            before = gateway.metric('ansimbell_refused_total{reason="revoked"}')
            bell.press()
            eventually(lambda: gateway.metric('ansimbell_refused_total{reason="revoked"}') > before, "it is counted")
        other.wait_stage(other.press(), "stored")
        assert not other.disconnects
    assert [one["signals"] for one in gateway.incidents(bell.bell_id)] == [1]
    assert bell.stages(2) == []


@WITH_CERTIFICATES
def test_a_revoked_certificate_is_good_for_nothing(gateway):
    with a_bell(gateway) as other:
        bell = a_bell(gateway)
        with bell:
            bellgate_here("revoke", "-c", gateway.config, bell.bell_id)
            bell.wait(lambda: bell.disconnects, "disconnection")
        again = StrangeBell(gateway.folder / f"{bell.bell_id}.json", gateway.folder)
        if gateway.broker == "embedded":
            with pytest.raises(Refused):
                again.connect()
            return
        again.client.connect(*again.address)  # this broker still opens the connection, and lets nothing through
        again.client.loop_start()
        again.wait(lambda: again._connected == "Success", "CONNACK")
        before = gateway.metric('ansimbell_refused_total{reason="revoked"}')
        again.press()
        again.wait(lambda: not again._subscribed, "refused subscription")
        other.wait_stage(other.press(), "stored")
        assert gateway.metric('ansimbell_refused_total{reason="revoked"}') == before, "the gateway never heard of it"
        again.close()
    kinds = [one["kind"] for one in gateway.api("GET", "troubles")["items"]]
    assert "revoked_connected" not in kinds


def test_no_bell_takes_the_gateways_session(gateway):
    """A broker gives the session to whoever knows its client id; the gateway's is not to be guessed."""
    for client_id in ("gateway-acceptance", "gateway"):
        bell = a_bell(gateway)
        bell.client._client_id = client_id.encode()
        with bell:
            number = bell.press()
            bell.wait_stage(number, "stored")
            assert gateway.healthy()


def test_retained_alarm_is_refused_when_it_is_replayed(gateway, tmp_path):
    """A retained press must not ring again at each start of the gateway."""
    with a_bell(gateway) as bell:
        body = {"v": 1, "type": "event", "boot": secrets.token_hex(8), "seq": 1, "what": "panic", "state": "alarm"}
        text = json.dumps({**body, "age_ms": 0}, separators=(",", ":")).encode()
        bell.publish(bell.topic("up"), seal(bell.key, bell.topic("up"), text), retain=True)
        incident = eventually(lambda: gateway.incidents(bell.bell_id), "the press itself is heard")[0]
        gateway.command(incident, "close", disposition="test")
        before = gateway.metric('ansimbell_refused_total{reason="retained"}')
        assert gateway.stop() == 0
        gateway.start()
        eventually(lambda: gateway.metric('ansimbell_refused_total{reason="retained"}') > before, "it is counted")
        assert gateway.incidents(bell.bell_id) == []
        if gateway.broker == "embedded":  # its broker was away too
            bell.connect_again()
        bell.publish(bell.topic("up"), b"", retain=True)
