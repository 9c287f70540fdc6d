"""The PostgreSQL server is killed under a running gateway, a bell is pressed, the server comes back."""

from pathlib import Path

import httpx
import pytest
from real_gateway import RealGateway, Receiver, eventually
from strange_bell import StrangeBell

from bellgate.store import open_store, troubles
from bellsim import postgresql


def test_press_waits_for_the_database_and_nobody_is_told_that_it_was_stored(tmp_path: Path) -> None:
    if (text := postgresql.missing()) is not None:
        pytest.skip(text)
    receiver = Receiver()
    with postgresql.Server() as server:
        url = server.database("ansimbell")
        gateway = RealGateway(tmp_path / "gate", webhook=receiver, store=url)
        try:
            file = gateway.enrol()
            gateway.start()
            with StrangeBell(file, tmp_path) as bell:
                first = bell.press()
                bell.wait_stage(first, "stored")
                server.kill()
                second = bell.press()
                health = eventually(lambda: unwell(gateway), "/healthz says what is wrong", 40)
                assert "database" in health
                bell.send_event(second, attempt=1)
                assert bell.stages(second) == []
                server.start()
                eventually(lambda: resent(bell, second), "the press is stored", 40)
                eventually(gateway.healthy, "ready again", 40)
                signals = gateway.api("GET", "incidents/1")["signals"]
                assert [one["seq"] for one in signals] == [first, second]
                told = lambda: {one[1]["data"].get("seq") for one in receiver.of(bell.bell_id)}  # noqa: E731
                eventually(lambda: told() >= {first, second}, "the station is told of both")
                with open_store(url, tmp_path) as store:  # cleared by now, and kept
                    kinds = lambda: {row["kind"] for row in store.read_now(troubles.all_troubles)}  # noqa: E731
                    eventually(lambda: "store_failing" in kinds(), "the trouble is written down")
        finally:
            gateway.close()
            receiver.close()


def unwell(gateway: RealGateway) -> str:
    answer = httpx.get(f"http://127.0.0.1:{gateway.console_port}/healthz", timeout=10, trust_env=False)
    return answer.text if answer.status_code == 503 else ""


def resent(bell: StrangeBell, seq: int) -> bool:
    if "stored" in bell.stages(seq):
        return True
    bell.send_event(seq, attempt=2)
    return False
