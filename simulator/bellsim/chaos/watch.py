"""Looks at gateways from outside, all the time: does /healthz answer, and what does it say is wrong?"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable

EVERY_S = 0.2
ANSWER_S = 1.0
POLL_S = 0.02


class Watch:
    """states[n]: "" well, "silent" nobody answers, else the names of what /healthz says is wrong."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self.states = ["silent"] * len(ports)
        self.ill_spans: list[tuple[float, float]] = []  # Unix s, until now
        self._ill_since_s: float | None = None

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(self._follow(number) for number in range(len(self._ports))))

    def ill(self, among: tuple[str, ...] = ()) -> str:
        """What some gateway says, or "" if all are well; among: only these complaints count."""
        for number, state in enumerate(self.states, 1):
            if state and (not among or set(state.split(",")) & set(among)):
                return f"gateway {number}: {state}"
        return ""

    async def _follow(self, number: int) -> None:
        while True:
            asked_s = time.time()
            self.states[number] = await _ask(self._ports[number])
            if not self.ill():
                self._ill_since_s = None
            elif self._ill_since_s is None:
                self._ill_since_s = asked_s
                self.ill_spans.append((asked_s, time.time()))
            else:
                self.ill_spans[-1] = (self._ill_since_s, time.time())
            await asyncio.sleep(EVERY_S)


async def _ask(port: int) -> str:
    """By hand: a library costs more than the gateway it asks."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                answer = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return "silent"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        checks = json.loads(answer.partition(b"\r\n\r\n")[2])["checks"]
        return ",".join(check["name"] for check in checks if not check["ok"])
    return "silent"


async def seen_within(what: Callable[[], str], deadline_s: float) -> str:
    """The first that `what` says; "" if it says nothing until the deadline."""
    end_s = time.monotonic() + deadline_s
    while not (said := what()):
        if time.monotonic() > end_s:
            return ""
        await asyncio.sleep(POLL_S)
    return said
