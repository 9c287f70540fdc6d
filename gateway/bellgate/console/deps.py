"""What the console needs from the rest of the gateway; the service makes it, a test makes its own."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from bellgate.clock import Clock
from bellgate.config import Config
from bellgate.console.live import Hub
from bellgate.core.frozen import frozen
from bellgate.health import Health
from bellgate.pipeline import Pipeline
from bellgate.store import Store


@frozen
class Deps:
    """hub: the same whose `publish` the pipeline got as `announce`. health: answers at once, from what is known."""

    store: Store
    pipeline: Pipeline
    config: Config
    clock: Clock
    health: Callable[[], Health]
    metrics: CollectorRegistry
    hub: Hub
