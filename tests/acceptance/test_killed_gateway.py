"""The gateway is killed with SIGKILL between a press and its acknowledgement. Nothing is lost, nothing comes twice."""

import signal

import pytest
from real_gateway import BROKERS, RealGateway, Receiver, eventually
from strange_bell import StrangeBell


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(params=BROKERS[:2])
def gateway(request, tmp_path, receiver):
    made = RealGateway(tmp_path / "installation", request.param, receiver)
    try:
        yield made.start()
    finally:
        made.close()


def test_press_survives_and_escalation_goes_on(gateway, receiver):
    with StrangeBell(gateway.enrol(), gateway.folder) as bell:
        first = bell.press()
        bell.wait_stage(first, "stored")
        eventually(lambda: receiver.of(bell.bell_id), "the webhook is told")
        broker = gateway.broker_process()
        gateway.kill()

        told = len(receiver.of(bell.bell_id))
        if gateway.broker == "embedded":
            assert broker is not None and broker.is_running(), "a broker of its own outlives a killed gateway"
        bell.send_event(first, attempt=1)  # the bell resends, and is pressed again, while nobody listens
        second = bell.press()
        bell.close()

        gateway.start()
        if gateway.broker == "embedded":
            assert gateway.broker_process() == broker, "adopted, not replaced: bells stay connected"
            assert "broker_adopted" in gateway.process.said()
        bell.connect_again()
        bell.wait_stage(second, "stored")
        eventually(lambda: bell.stages(first).count("stored") >= 2, "the resend is answered too")

        (incident,) = gateway.incidents(bell.bell_id)
        detail = gateway.api("GET", f"incidents/{incident['id']}")
        assert [one["seq"] for one in detail["signals"]] == [first, second], "each press exactly once"
        eventually(lambda: len(receiver.of(bell.bell_id)) >= told + 3, "escalation goes on (every 2 s)")
        numbers = [number for number, _ in receiver.of(bell.bell_id)]
        assert len(numbers) - len(set(numbers)) <= 1, "at most the delivery in flight came twice, under one id"
        assert receiver.unsigned == 0

        gateway.command(incident, "acknowledge")
        bell.wait_stage(second, "acknowledged")
        bell.wait_stage(first, "acknowledged")
        assert gateway.incidents(bell.bell_id)[0]["escalation"]["next_ms"] is None


@pytest.mark.parametrize("gateway", ["mosquitto with TLS"], indirect=True)
def test_broker_that_goes_away_is_shown_and_found_again(gateway):
    gateway.mosquitto.end(signal.SIGKILL)
    eventually(lambda: not gateway.healthy(), "/healthz says that no alarm gets through")
    shown = eventually(lambda: gateway.api("GET", "troubles")["items"], "the trouble list says so")
    assert [one["kind"] for one in shown] == ["not_listening"]
    gateway.start_mosquitto()
    eventually(gateway.healthy, "/healthz is well again")
    eventually(lambda: not gateway.api("GET", "troubles")["items"], "and the line is closed")


@pytest.mark.parametrize("gateway", ["embedded"], indirect=True)
def test_broker_killed_under_the_gateway_is_started_again(gateway):
    with StrangeBell(gateway.enrol(), gateway.folder) as bell:
        number = bell.press()
        bell.wait_stage(number, "stored")
        broker = gateway.broker_process()
        broker.kill()
        bell.wait(lambda: bell.disconnects, "disconnection")
        bell.connect_again()
        number = bell.press()
        bell.wait_stage(number, "stored", 30)
        assert gateway.broker_process() != broker
        assert gateway.metric("ansimbell_broker_starts_total") == 2


def test_orderly_stop_ends_the_broker_too(gateway):
    with StrangeBell(gateway.enrol(), gateway.folder) as bell:
        number = bell.press()
        bell.wait_stage(number, "stored")
        assert gateway.stop() == 0
        assert gateway.broker_process() is None
        said = gateway.process.said()
        assert '"stopped"' in said and "Traceback" not in said
        gateway.start()
        bell.connect_again()
        bell.send_event(number, attempt=1)
        bell.wait(lambda: bell.stages(number) == ["stored", "stored"], "answer to the resend")
        assert [one["signals"] for one in gateway.incidents(bell.bell_id)] == [1]
