"""What /metrics says: taken from the live parts and the database at the moment of the question."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from bellgate import __version__
from bellgate.broker.canary import Canary
from bellgate.broker.session import Session
from bellgate.engine import Engine
from bellgate.errors import StoreError
from bellgate.pipeline import Pipeline
from bellgate.store import Store, Tx, refusals


class GatewayCollector(Collector):
    """One gateway's figures. broker: () -> (starts, reloads) of the embedded broker, None without one."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        engine: Engine,
        session: Session,
        canary: Canary,
        broker: Callable[[], tuple[int, int] | None],
    ) -> None:
        self._store, self._pipeline, self._engine = store, pipeline, engine
        self._session, self._canary, self._broker = session, canary, broker

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry then asks no questions before the parts run."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every figure once."""
        yield InfoMetricFamily("ansimbell_build", "What runs here", {"version": __version__})
        yield from self._of_the_pipeline()
        yield from self._of_the_session()
        counts = self._store.counters()
        yield SummaryMetricFamily(
            "ansimbell_commit_group",
            "Jobs per commit: _sum jobs in _count commits",
            count_value=counts["commits"],
            sum_value=counts["jobs"],
        )
        yield GaugeMetricFamily("ansimbell_commit_group_largest", "Most jobs in one commit", counts["largest_group"])
        yield GaugeMetricFamily("ansimbell_store_waiting", "Jobs that wait for the writer", counts["waiting"])
        yield CounterMetricFamily("ansimbell_store_refused", "Jobs refused: queue full", counts["refused"])
        yield CounterMetricFamily("ansimbell_commit_failures", "Commits that failed", counts["commit_failures"])
        sends = self._engine.counters()
        yield CounterMetricFamily("ansimbell_sent", "Deliveries that arrived", sends["sent"])
        yield CounterMetricFamily("ansimbell_send_failures", "Attempts that failed", sends["failed"])
        yield CounterMetricFamily("ansimbell_dues", "Due rows carried out", sends["fired"])
        yield from self._of_the_database()

    def _of_the_pipeline(self) -> Iterator[Metric]:
        counts = self._pipeline.counters()
        yield CounterMetricFamily("ansimbell_messages", "Messages taken from the broker", counts["taken"])
        yield CounterMetricFamily("ansimbell_signals", "New signals stored", counts["signals"])
        yield CounterMetricFamily("ansimbell_duplicates", "Events that were stored before", counts["duplicates"])
        yield CounterMetricFamily("ansimbell_heartbeats", "Heartbeats taken", counts["heartbeats"])
        yield CounterMetricFamily("ansimbell_replays", "Old heartbeats and statuses ignored", counts["replays"])
        yield CounterMetricFamily("ansimbell_receipts", "Receipts sent", counts["receipts"])
        yield CounterMetricFamily("ansimbell_intake_faults", "Messages we could not digest", counts["intake_faults"])
        yield GaugeMetricFamily("ansimbell_intake_waiting", "Messages tried again, the disk failed", counts["waiting"])

    def _of_the_session(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("ansimbell_listening", "1 while subscribed at the broker", int(self._session.listening))
        yield CounterMetricFamily("ansimbell_receipts_dropped", "Broker away too long", self._session.dropped_receipts)
        age_ms = self._canary.age_ms()
        if age_ms is not None:
            yield GaugeMetricFamily("ansimbell_canary_age_seconds", "Since the last round trip", age_ms / 1000)
        if self._canary.round_trip_ms is not None:
            took_s = self._canary.round_trip_ms / 1000
            yield GaugeMetricFamily("ansimbell_canary_round_trip_seconds", "MQTT, database, and back", took_s)
        if (broker := self._broker()) is not None:
            yield CounterMetricFamily("ansimbell_broker_starts", "Starts of the embedded broker", broker[0])
            yield CounterMetricFamily("ansimbell_broker_reloads", "Changes of its permissions", broker[1])

    def _of_the_database(self) -> Iterator[Metric]:
        try:
            refused, deliveries, incidents, troubles = self._store.read_now(_counts)
        except StoreError:
            return  # the other figures still say something, and the missing ones say this
        family = CounterMetricFamily("ansimbell_refused", "Messages refused, by reason", labels=["reason"])
        for reason, count in refused.items():
            family.add_metric([reason], count)
        yield family
        gauge = GaugeMetricFamily("ansimbell_deliveries", "Not settled, by target", labels=["target", "state"])
        for target, state, count in deliveries:
            gauge.add_metric([target, state], count)
        yield gauge
        yield GaugeMetricFamily("ansimbell_incidents_open", "Incidents that nobody has closed", incidents)
        yield GaugeMetricFamily("ansimbell_troubles_open", "Open lines of the trouble list", troubles)


def registry(collector: GatewayCollector) -> CollectorRegistry:
    """A registry of its own: two gateways in one process (a test) don't add up."""
    made = CollectorRegistry(auto_describe=False)
    made.register(collector)
    return made


def _counts(tx: Tx) -> tuple[dict[str, int], list[tuple[str, str, int]], int, int]:
    # Each of these walks a partial index of what is open, so it stays short however old the database is.
    open_deliveries = tx.all(
        "SELECT target, state, COUNT(*) AS n FROM delivery WHERE state IN ('pending', 'sending', 'failed') "
        "GROUP BY target, state"
    )
    incidents = tx.one("SELECT COUNT(*) AS n FROM incident WHERE handling <> 'closed'") or {"n": 0}
    troubles = tx.one("SELECT COUNT(*) AS n FROM trouble WHERE cleared_ms IS NULL") or {"n": 0}
    rows = [(row["target"], row["state"], row["n"]) for row in open_deliveries]
    return refusals.counts(tx), rows, incidents["n"], troubles["n"]
