"""What the page is measured by: when cards appear and sounds start, frames, and memory. One clock, the host's."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import structlog
from desk import WAIT_S, Bell, Desk

from bellgate.core.incident import Command
from bellgate.pipeline import Inbound
from bellgate.store import bells, dues

# Runs before the page's own scripts. A card counts once it stands in the document; it counts as visible in the second
# frame after that, when it has been painted, and only if some of it lies on the screen.
PROBE = """
(() => {
  const gauge = (window.gauge = {dom: {}, seen: {}, unseen: {}, sounds: [], long: [], gaps: []});
  const now = () => performance.timeOrigin + performance.now();
  const painted = (element, id) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const {top, bottom} = element.getBoundingClientRect();
    (bottom > 0 && top < innerHeight ? gauge.seen : gauge.unseen)[id] ??= now();
  }));
  addEventListener("DOMContentLoaded", () => {
    const lane = document.getElementById("cards");
    if (!lane) return;
    new MutationObserver((changes) => {
      for (const {addedNodes} of changes) for (const node of addedNodes) {
        const id = node.dataset?.id;
        if (id === undefined || id in gauge.dom) continue;
        gauge.dom[id] = now();
        painted(node, id);
      }
    }).observe(lane, {childList: true});
  });
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (at = 0) {
    gauge.sounds.push(now() + 1000 * Math.max(0, at - this.context.currentTime));
    return start.call(this, at);
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) gauge.long.push(entry.duration);
  }).observe({type: "longtask", buffered: true});
  let before = performance.now();
  const frame = (at) => {
    gauge.gaps.push(at - before);
    before = at;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})();
"""


def hush() -> None:
    """No lines of the log among the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def many(desk: Desk, count: int, prefix: str, name: str = "성수 상점") -> list[Bell]:
    """So many bells, each on a site of its own, in one transaction."""
    made = [
        Bell(f"{prefix}-{n:05d}", f"{name} {prefix}-{n}", f"서울 성동구 아차산로 {n}", site=f"s-{prefix}-{n:05d}")
        for n in range(count)
    ]

    def add(tx: Any) -> None:
        for bell in made:
            row = bells.Bell(
                bell.bell_id, bell.site, bell.kind, bell.name, bell.address, 37.5, 127.0, bell.key, 0, "00", "active", 1
            )
            bells.add(tx, row)

    desk.store.write_now(add)
    return made


def press(desk: Desk, pressed: Iterable[Bell]) -> None:
    """Sealed packets into the pipeline; returns when the last is acknowledged, that is committed."""
    waiting = []
    for bell in pressed:
        acked = threading.Event()
        desk.pipeline.take(Inbound(bell.up, bell.event(), False, desk.clock.now_ms(), 0, acked.set))
        waiting.append(acked)
    for acked in waiting:
        assert acked.wait(WAIT_S), "a press was not acknowledged"


def open_numbers(desk: Desk) -> dict[str, int]:
    """bell_id: number of its open incident."""
    sql = "SELECT bell_id, id FROM incident WHERE handling <> 'closed' AND test = 0"
    return {row["bell_id"]: row["id"] for row in desk.store.read_now(lambda tx: tx.all(sql))}


class Others:
    """What else goes on in a gateway: due rows are carried out, and colleagues close incidents."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._loop = asyncio.new_event_loop()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._loop.run_forever), threading.Thread(target=self._engine)]
        for thread in self._threads:
            thread.start()

    def _engine(self) -> None:
        while not self._stop.wait(0.25):
            found = self._desk.store.write_now(lambda tx: dues.take(tx, self._desk.clock.now_ms(), 30_000, 100))
            for due in found:
                self._await(self._desk.pipeline.fire(due))

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def close(self, numbers: Iterable[int]) -> None:
        """Closed by a colleague, fifty at a time."""
        for some in batched(sorted(numbers), 50):
            versions = self._desk.store.read_now(lambda tx, some=some: {n: _version(tx, n) for n in some})

            async def all_of_them(versions: dict[int, int] = versions) -> None:
                given = (
                    self._desk.pipeline.command(n, Command("close", "이서준", version, disposition="test"))
                    for n, version in versions.items()
                )
                await asyncio.gather(*given)

            self._await(all_of_them())

    def end(self) -> None:
        """No more of it."""
        self._stop.set()
        self._threads[1].join()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._threads[0].join()
        self._loop.close()


def batched(values: list[int], size: int) -> Iterator[list[int]]:
    """In pieces of so many."""
    for at in range(0, len(values), size):
        yield values[at : at + size]


def _version(tx: Any, number: int) -> int:
    row = tx.one("SELECT version FROM incident WHERE id = ?", (number,))
    return int(row["version"])


@contextlib.contextmanager
def others(desk: Desk) -> Iterator[Others]:
    """While it runs."""
    running = Others(desk)
    try:
        yield running
    finally:
        running.end()


def heap_bytes(page: Any) -> tuple[int, int]:
    """(JS heap, DOM nodes) after a full garbage collection."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("Performance.enable")
        session.send("HeapProfiler.collectGarbage")
        found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return int(found["JSHeapUsedSize"]), int(found["Nodes"])
    finally:
        session.detach()


def spread(values: list[float]) -> dict[str, float]:
    """p50, p99 and the largest, one decimal."""
    ordered = sorted(values)
    if not ordered:
        return {}
    at = {
        name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] for name, part in (("p50", 0.5), ("p99", 0.99))
    }
    return {name: round(value, 1) for name, value in (at | {"max": ordered[-1]}).items()}
