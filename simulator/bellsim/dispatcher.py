"""A scripted dispatcher: sees incidents in the event stream and answers them, all through the gateway's HTTP API.

It does what a dispatcher's browser does, and nothing that a browser could not: `present` says that an attended console
shows the incident with its sound running. Here a script says so in the console's stead, and nobody is looking.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from bellsim.runtime import SimulatorError

REQUEST_DEADLINE_S = 10.0
STREAM_SILENCE_S = 15.0  # the gateway sends a heartbeat every 3 s
RECONNECT_S = 0.3
PAGE = 1_000  # the most that the API gives at once

Incident = dict[str, Any]


class Dispatcher:
    """One signed-in console. Raises SimulatorError with the gateway's own words when a request is refused."""

    def __init__(self, url: str, token: str, console: str = "bellsim") -> None:
        self.incidents: dict[int, Incident] = {}
        self.on_incident: Callable[[Incident, int], None] | None = None
        self._console = console
        self._changed = asyncio.Event()
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(REQUEST_DEADLINE_S),
            trust_env=False,  # a proxy of the environment has no business between us and loopback
        )

    async def start(self) -> None:
        """Sign in and follow the event stream; returns when the first snapshot is here."""
        self._task = asyncio.create_task(self._follow())
        try:
            await asyncio.wait_for(self._connected.wait(), REQUEST_DEADLINE_S)
        except TimeoutError:
            await self._get("/api/v1/incidents")  # its refusal, if there is one, says more
            raise SimulatorError(f"the gateway's event stream did not answer within {REQUEST_DEADLINE_S:g} s") from None

    async def stop(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._http.aclose()

    async def seen(self, bell_id: str, deadline_s: float, signals: int = 1) -> Incident:
        """The open incident of this bell, once the stream has shown it with at least so many signals."""
        end_s = time.monotonic() + deadline_s
        while True:
            self._changed.clear()
            for incident in self.incidents.values():
                its_own = incident["bell_id"] == bell_id and incident["handling"] != "closed"
                if its_own and incident["signal_count"] >= signals:
                    return incident
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, end_s - time.monotonic()))
            except TimeoutError:
                raise SimulatorError(
                    f"no open incident of bell {bell_id} came through the event stream within {deadline_s:g} s"
                ) from None

    async def present(self, incident: Incident) -> Incident:
        """Say that a console shows the incident up to its newest signal, sound running."""
        # sounding: see the module's docstring. Only this simulator may say so without a loudspeaker.
        body = {"console": self._console, "up_to_signal": incident["last_signal"], "sounding": True}
        return await self._post(incident, "presented", **body)

    async def acknowledge(self, incident: Incident) -> Incident:
        """Take it."""
        return await self._command(incident, "acknowledge")

    async def dispatch(self, incident: Incident) -> Incident:
        """Say that help is on the way."""
        return await self._command(incident, "dispatch")

    async def close(self, incident: Incident, disposition: str = "test") -> Incident:
        """End it with a finding."""
        return await self._command(incident, "close", disposition=disposition)

    async def open(self) -> list[Incident]:
        """The newest open incidents, as a list shows them."""
        items: list[Incident] = (await self._get("/api/v1/incidents", limit=PAGE))["items"]
        return items

    async def detail(self, incident_id: int) -> Incident:
        """The incident with its signals, deliveries and timeline."""
        return await self._get(f"/api/v1/incidents/{incident_id}")

    async def all_of(self, bell_id: str) -> list[Incident]:
        """Every incident of this bell, open or closed, in detail."""
        found = await self._get("/api/v1/incidents", state="all", limit=200)
        return [await self.detail(item["id"]) for item in found["items"] if item["bell_id"] == bell_id]

    async def signals_of(self, bell_id: str) -> list[dict[str, Any]]:
        """Every signal that the gateway has stored of this bell."""
        return [signal for incident in await self.all_of(bell_id) for signal in incident["signals"]]

    async def count_signals(self) -> dict[str, int]:
        """bell_id: how many signals the gateway has stored of it, in whatever incidents."""
        counts: dict[str, int] = {}
        before: dict[str, int] = {}
        while items := (await self._get("/api/v1/incidents", state="all", limit=PAGE, **before))["items"]:
            for item in items:
                counts[item["bell_id"]] = counts.get(item["bell_id"], 0) + item["signal_count"]
            before = {"before": min(item["id"] for item in items)}
        return counts

    async def bell(self, bell_id: str) -> dict[str, Any]:
        """What the gateway knows of this bell: presence, health of the newest heartbeat."""
        for item in (await self._get("/api/v1/bells"))["items"]:
            if item["bell_id"] == bell_id:
                assert isinstance(item, dict)
                return item
        raise SimulatorError(f"the gateway does not know a bell {bell_id}")

    async def clock(self) -> dict[str, Any]:
        """The gateway's clock."""
        return await self._get("/api/v1/clock")

    async def troubles(self) -> list[dict[str, Any]]:
        """What stands in the trouble list."""
        items: list[dict[str, Any]] = (await self._get("/api/v1/troubles"))["items"]
        return items

    async def _command(self, incident: Incident, action: str, **body: Any) -> Incident:
        newest = self.incidents.get(incident["id"], incident)
        if newest["version"] < incident["version"]:
            newest = incident
        return await self._post(newest, action, version=newest["version"], **body)

    async def _post(self, incident: Incident, action: str, **body: Any) -> Incident:
        answer = await self._request("POST", f"/api/v1/incidents/{incident['id']}/{action}", json=body)
        self._learn(answer)
        return answer

    async def _get(self, path: str, **params: Any) -> dict[str, Any]:
        return await self._request("GET", path, params=params)

    async def _request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise SimulatorError(f"{method} {path}: the gateway did not answer ({type(error).__name__})") from None
        if answer.is_error:
            raise SimulatorError(f"{method} {path}: the gateway answered {answer.status_code}: {_words(answer)}")
        body = answer.json()
        assert isinstance(body, dict)
        return body

    def _learn(self, incident: Incident) -> None:
        known = self.incidents.get(incident["id"])
        if known is None or incident["version"] >= known["version"]:
            self.incidents[incident["id"]] = incident
        self._changed.set()

    async def _follow(self) -> None:
        while True:
            # A gateway that was killed comes back, and with it the stream; the snapshot says what was missed.
            with contextlib.suppress(httpx.HTTPError, TimeoutError, ValueError):
                timeout = httpx.Timeout(REQUEST_DEADLINE_S, read=STREAM_SILENCE_S)
                async with self._http.stream("GET", "/api/v1/events", timeout=timeout) as stream:
                    if not stream.is_error:
                        async for name, data in _events(stream):
                            self._heard(name, data, time.monotonic_ns())
            await asyncio.sleep(RECONNECT_S)

    def _heard(self, name: str, data: dict[str, Any], at_ns: int) -> None:
        if name == "snapshot":
            for incident in data["incidents"]:
                self._learn(incident)
            self._connected.set()
        elif name == "incident":
            self._learn(data["incident"])
            if self.on_incident is not None:
                self.on_incident(data["incident"], at_ns)


async def _events(stream: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """(event name, data) of each server-sent event; comments and unknown fields are passed over."""
    name = "message"
    data: list[str] = []
    async for line in stream.aiter_lines():
        if not line:
            if data:
                yield name, json.loads("\n".join(data))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
