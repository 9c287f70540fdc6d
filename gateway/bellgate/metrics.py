"""What /metrics says: taken from the live parts and the database at the moment of the question."""

from collections.abc import Callable, Iterable, Iterator, Mapping

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
from bellgate.health import Health
from bellgate.housekeeping import Housekeeping
from bellgate.pipeline import Pipeline
from bellgate.store import Store, figures


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
        health: Callable[[], Health],
        housekeeping: Housekeeping,
    ) -> None:
        self._store, self._pipeline, self._engine = store, pipeline, engine
        self._session, self._canary, self._broker = session, canary, broker
        self._health, self._housekeeping, self._clock = health, housekeeping, housekeeping.clock

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
        yield GaugeMetricFamily("ansimbell_sending_waiting", "Deliveries in memory, to be sent", sends["waiting"])
        yield from self._of_the_database()
        yield from self._of_the_machine()

    def _of_the_pipeline(self) -> Iterator[Metric]:
        counts = self._pipeline.counters()
        yield CounterMetricFamily("ansimbell_messages", "Messages taken from the broker", counts["taken"])
        yield CounterMetricFamily("ansimbell_signals", "New signals stored", counts["signals"])
        yield CounterMetricFamily("ansimbell_duplicates", "Events that were stored before", counts["duplicates"])
        yield CounterMetricFamily("ansimbell_heartbeats", "Heartbeats taken", counts["heartbeats"])
        yield CounterMetricFamily("ansimbell_replays", "Old heartbeats and statuses ignored", counts["replays"])
        yield CounterMetricFamily("ansimbell_receipts", "Receipts sent", counts["receipts"])
        yield CounterMetricFamily("ansimbell_intake_faults", "Messages we could not digest", counts["intake_faults"])
        yield CounterMetricFamily("ansimbell_statuses", "Hellos and last wills taken", counts["statuses"])
        yield CounterMetricFamily(
            "ansimbell_store_failures", "Messages the disk did not take", counts["store_failures"]
        )
        yield CounterMetricFamily(
            "ansimbell_left_unacknowledged", "Messages left to the broker", counts["left_unacknowledged"]
        )
        yield CounterMetricFamily(
            "ansimbell_told_from_memory", "Alarms told while the disk took nothing", counts["told_from_memory"]
        )
        yield CounterMetricFamily(
            "ansimbell_record_failures", "Alarms handled without an entry in the record", counts["record_failures"]
        )
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
            said = self._store.read_now(figures.read)
            growth = self._store.read_now(figures.growth_bytes)
            size = figures.size_bytes(self._store)
        except StoreError:
            return  # the other figures still say something, and the missing ones say this
        family = CounterMetricFamily("ansimbell_refused", "Messages refused, by reason", labels=["reason"])
        for reason, count in said.refused.items():
            family.add_metric([reason], count)
        yield family
        gauge = GaugeMetricFamily("ansimbell_deliveries", "Not settled, by target", labels=["target", "state"])
        for target, state, count in said.deliveries:
            gauge.add_metric([target, state], count)
        yield gauge
        yield _labelled("ansimbell_incidents_open", "Incidents that nobody has closed", "handling", said.incidents_open)
        yield _labelled("ansimbell_troubles_open", "Troubles, each bell's by itself", "kind", said.troubles_open)
        text = "Lines of the trouble list, a storm is one"
        yield _labelled("ansimbell_trouble_lines", text, "kind", said.trouble_lines)
        yield _labelled("ansimbell_bells", "Enrolled bells", "state", said.bells)
        yield GaugeMetricFamily("ansimbell_bells_online", "Active bells that are heard", said.bells_online)
        yield GaugeMetricFamily("ansimbell_dues_waiting", "Due rows, whenever they are due", said.dues_waiting)
        late_ms = 0 if said.oldest_due_ms is None else max(0, self._clock.now_ms() - said.oldest_due_ms)
        yield GaugeMetricFamily("ansimbell_due_late_seconds", "How late the oldest due row is", late_ms / 1000)
        yield GaugeMetricFamily("ansimbell_record_rows", "Rows of the record", said.record_rows)
        yield GaugeMetricFamily("ansimbell_legal_holds", "Incidents under legal hold", said.legal_holds)
        yield GaugeMetricFamily("ansimbell_database_bytes", "Size of the database", size)
        if growth is not None:
            yield GaugeMetricFamily("ansimbell_database_growth_bytes_per_day", "Over the last month at most", growth)

    def _of_the_machine(self) -> Iterator[Metric]:
        health = self._health()
        yield GaugeMetricFamily("ansimbell_healthy", "1 while /healthz says 200", int(health.ok))
        checks = {name: int(ok) for name, ok, _ in health.checks}
        yield _labelled("ansimbell_health_check", "1 while this check is well", "check", checks)
        known = self._clock.synchronised()
        yield GaugeMetricFamily(
            "ansimbell_clock_synchronised", "1, 0, or -1 if unknown", -1 if known is None else known
        )
        keeping, now_ms = self._housekeeping, self._clock.now_ms()
        if keeping.room is not None:
            yield GaugeMetricFamily("ansimbell_disk_free_bytes", "Where data_dir lies", keeping.room.free)
            yield GaugeMetricFamily("ansimbell_disk_bytes", "Where data_dir lies", keeping.room.total)
        if keeping.backup_ms is not None:
            age_s = (now_ms - keeping.backup_ms) / 1000
            yield GaugeMetricFamily("ansimbell_backup_age_seconds", "Since the newest backup", age_s)
        if keeping.checkpoint_ms is not None:
            age_s = (now_ms - keeping.checkpoint_ms) / 1000
            yield GaugeMetricFamily("ansimbell_checkpoint_age_seconds", "Since the record was last signed", age_s)
        yield CounterMetricFamily("ansimbell_removed", "Rows and incidents that retention removed", keeping.removed)


def _labelled(name: str, text: str, label: str, counts: Mapping[str, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        gauge.add_metric([value], count)
    return gauge


def registry(collector: GatewayCollector) -> CollectorRegistry:
    """A registry of its own: two gateways in one process (a test) don't add up."""
    made = CollectorRegistry(auto_describe=False)
    made.register(collector)
    return made
