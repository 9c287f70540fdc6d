"""The stream: in order, complete after a gap, alive, and ended when it must be."""

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest
from desk import WAIT_S, Desk, until
from hypothesis import given
from hypothesis import strategies as st

from bellgate.console import live
from bellgate.console.live import Hub
from bellgate.errors import StoreBusy


class Stream:
    """One client of the real server, read in a thread."""

    def __init__(self, url: str, headers: dict[str, str], last_id: str | None = None, path: str = "") -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.status: int | None = None
        self.ended = False
        more = {"Last-Event-ID": last_id} if last_id else {}
        self._client = httpx.Client(timeout=WAIT_S, verify=False, trust_env=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(f"{url}/api/v1/events{path}", headers | more))
        self._thread.start()

    def _read(self, url: str, headers: dict[str, str]) -> None:
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                self.status = answer.status_code
                fields: dict[str, str] = {}
                for line in answer.iter_lines():
                    if self._stop.is_set():
                        return
                    name, _, value = line.partition(": ")
                    if line:
                        fields[name] = value
                    elif "data" in fields:
                        self.events.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
                        fields = {}
        except httpx.HTTPError:
            pass
        finally:
            self.ended = True

    def wait(self, name: str, count: int = 1) -> tuple[str, str, dict[str, Any]]:
        def found() -> Any:
            those = [event for event in list(self.events) if event[0] == name]
            return those[count - 1] if len(those) >= count else None

        return until(found, f"event {name} number {count}; there are {[event[0] for event in self.events]}")

    def close(self) -> None:
        """At the next event; a heartbeat comes every 3 s."""
        self._stop.set()
        self._thread.join(WAIT_S)
        self._client.close()


def changes(events: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[int, str]]:
    return [(data["incident"]["id"], data["change"]) for name, _, data in events if name == "incident"]


def test_a_gap_is_filled_and_nothing_comes_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.2)
    token = desk.token()
    one, two = desk.enrol("b-1"), desk.enrol("b-2")
    desk.press(one)
    with desk.served() as url:
        first = Stream(url, token)
        _, _, snapshot = first.wait("snapshot")
        assert [incident["id"] for incident in snapshot["incidents"]] == [1]
        assert snapshot["gateway"] == "seongsu-1" and snapshot["troubles"] == []
        desk.press(one)
        _, last_id, data = first.wait("incident")
        assert (data["change"], data["incident"]["signal_count"], data["sound"]) == ("joined", 2, True)
        beat = first.wait("heartbeat")[2]
        assert abs(beat["now_ms"] - desk.clock.now_ms()) < 60_000
        first.close()

        desk.press(two)
        body = {"version": desk.view(1)["version"]}
        assert desk.post("/api/v1/incidents/1/acknowledge", body, token).status_code == 200
        desk.press(two, "battery")

        again = Stream(url, token, last_id)
        again.wait("trouble")
        assert "snapshot" not in [event[0] for event in again.events]
        seen = changes(again.events)
        assert [change for incident, change in seen if incident == 1] == ["acknowledge"]
        assert next(change for incident, change in seen if incident == 2) == "opened"
        numbers = [data["seq"] for name, _, data in again.events if name in ("incident", "trouble")]
        assert numbers == list(range(data_seq(last_id) + 1, data_seq(last_id) + 1 + len(numbers)))
        again.close()

        by_query = Stream(url, token, path=f"?after={last_id}")  # a new EventSource can't send the header
        by_query.wait("trouble")
        assert changes(by_query.events) == seen
        by_query.close()


def data_seq(last_id: str) -> int:
    return int(last_id.rpartition("-")[2])


def test_whoever_was_away_too_long_gets_a_snapshot(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.2)
    token = desk.token()
    desk.press(desk.enrol())
    with desk.served() as url:
        for last_id in ("0000-1", "nonsense", "-", f"{desk.hub._epoch}-999999", f"{desk.hub._epoch}-{'9' * 40}"):
            stream = Stream(url, token, last_id)
            assert len(stream.wait("snapshot")[2]["incidents"]) == 1
            stream.close()


def test_the_browser_is_told_when_its_session_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.1)
    session = desk.session(desk.operator())
    with desk.served() as url:
        stream = Stream(url, {"Cookie": session["Cookie"]})
        stream.wait("heartbeat")
        assert httpx.post(f"{url}/sign-out", headers=session).status_code == 204
        stream.wait("signed_out")
        until(lambda: stream.ended, "the stream ends")
        stream.close()


def test_closing_the_hub_ends_every_stream(desk: Desk):
    token = desk.token()
    with desk.served() as url:
        streams = [Stream(url, token) for _ in range(3)]
        for stream in streams:
            stream.wait("snapshot")
        assert desk.hub.streams == 3
        desk.hub.close()
        until(lambda: all(stream.ended for stream in streams), "the streams end")
        until(lambda: desk.hub.streams == 0, "nobody listens any more")
        for stream in streams:
            stream.close()


def test_there_is_an_end_to_the_number_of_streams(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bellgate.console.api.stream.STREAMS_MAX", 0)
    answer = desk.get("/api/v1/events", desk.token())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")


# The hub alone


def read(hub: Hub, last_id: str | None, enough: int, between: Any = None, snapshot: Any = None) -> list[Any]:
    """The first `enough` events of a stream, heartbeats left out."""

    async def nothing() -> dict[str, Any]:
        return {"incidents": [], "troubles": []}

    async def yes() -> bool:
        return True

    async def whole() -> list[Any]:
        got: list[Any] = []
        stream = hub.stream(last_id, snapshot or nothing, yes, lambda: 0)
        async with asyncio.timeout(WAIT_S):
            async for event in stream:
                if event["event"] != "heartbeat":
                    got.append(event)
                if len(got) == 1 and between:
                    await asyncio.to_thread(between)
                if len(got) >= enough:
                    break
        await stream.aclose()
        return got

    return asyncio.run(whole())


def test_a_storm_from_many_threads_is_complete_and_in_order():
    hub = Hub()

    def storm() -> None:
        def publish() -> None:
            for number in range(100):
                hub.publish({"type": "trouble", "number": number})

        threads = [threading.Thread(target=publish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    got = read(hub, None, 401, storm)
    assert [json.loads(event["data"])["seq"] for event in got[1:]] == list(range(1, 401))


def test_who_falls_out_of_the_ring_gets_a_snapshot_and_goes_on():
    hub = Hub(ring_events=10)

    def too_many() -> None:
        for _ in range(25):
            hub.publish({"type": "incident"})

    got = read(hub, None, 2, too_many)
    assert [event["event"] for event in got] == ["snapshot", "snapshot"]
    last_id = got[-1]["id"]
    hub.publish({"type": "trouble"})
    (event,) = read(hub, last_id, 1)
    assert (event["event"], json.loads(event["data"])["seq"]) == ("trouble", 26)


def test_the_ring_is_bounded():
    hub = Hub(ring_events=10)
    for _ in range(1_000):
        hub.publish({"type": "incident"})
    assert len(hub._ring) == 10


def test_a_client_whose_loop_has_gone_stops_nobody():
    hub = Hub()
    loop = asyncio.new_event_loop()
    hub._listeners[asyncio.Event()] = loop
    loop.close()
    hub.publish({"type": "incident"})
    assert hub.streams == 0


def test_a_snapshot_that_cannot_be_read_ends_the_stream():
    async def busy() -> dict[str, Any]:
        raise StoreBusy("busy")

    hub = Hub()
    assert read(hub, None, 1, snapshot=busy) == []
    assert hub.streams == 0


def incident_event(number: int, version: int, sound: bool = False) -> dict[str, Any]:
    return {"type": "incident", "change": "joined", "incident": {"id": number, "version": version}, "sound": sound}


def test_who_is_far_behind_gets_of_each_incident_the_newest_and_its_sound():
    hub = Hub()

    def storm() -> None:
        hub.publish(incident_event(7, 1, sound=True))
        hub.publish({"type": "trouble", "change": "raised"})
        for version in range(1, 60):
            hub.publish(incident_event(1, version))
        hub.publish(incident_event(7, 2))

    got = [json.loads(event["data"]) for event in read(hub, None, 4, storm)[1:]]
    assert [one["seq"] for one in got] == [2, 61, 62]
    assert (got[1]["incident"]["version"], got[1]["sound"]) == (59, False)
    assert (got[2]["incident"]["version"], got[2]["sound"]) == (2, True), "it has sounded, and that is not lost"


def common_event(number: int, bells: int, change: str = "changed") -> dict[str, Any]:
    members = [{"id": 100 * number + one} for one in range(bells)]
    return {"type": "trouble", "change": change, "trouble": {"id": number, "bells": bells, "members": members}}


@given(
    ring_events=st.integers(1, 12),
    told=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(("raised", "changed", "cleared"))), max_size=40),
    away=st.integers(0, 40),
)
def test_of_a_common_line_the_newest_is_enough(ring_events: int, told: list[tuple[int, str]], away: int):
    """Whoever reads what is left sees each line as it stands, and every event that is no common line's."""
    hub = Hub(ring_events)
    events = [
        common_event(line, number, change) if line else incident_event(number, 1)
        for number, (line, change) in enumerate(told)
    ]
    for event in events:
        hub.publish(event)
    left = hub._after(max(0, hub.seq - min(away, len(hub._ring))))
    assert left is not None
    missed = events[max(0, len(events) - min(away, ring_events)) :]
    newest = {event["trouble"]["id"]: event for event in missed if event["type"] == "trouble"}
    wanted = [event for event in missed if event["type"] == "incident" or newest[event["trouble"]["id"]] is event]
    # Of a line that ended and came again under its number, both may be there: the end says nothing that is still so.
    seen = [entry.event for entry in left]
    assert [event for event in seen if event in wanted] == wanted
    assert all(event["change"] == "cleared" for event in seen if event not in wanted)
    lives = {line for line in newest if newest[line]["change"] != "cleared"}
    assert lives <= set(hub._lines) and len(hub._ring) == min(ring_events, len(events))


def test_a_street_that_goes_dark_takes_the_place_of_its_last_event_in_memory():
    hub = Hub()
    for bells in range(1, 51):
        hub.publish(common_event(1, bells))
    for bells in range(49, 0, -1):
        hub.publish(common_event(1, bells))
    hub.publish(common_event(1, 0, "cleared"))
    kept = [entry for entry in hub._ring if entry is not None]
    assert [entry.event["change"] for entry in kept] == ["cleared"] and hub._lines == {}


def test_who_keeps_up_gets_every_step():
    hub = Hub()

    def few() -> None:
        for version in range(1, 20):
            hub.publish(incident_event(1, version))

    assert [json.loads(event["data"])["seq"] for event in read(hub, None, 20, few)[1:]] == list(range(1, 20))
