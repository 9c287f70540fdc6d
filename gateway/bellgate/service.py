"""The composition root: makes the parts, joins them, starts them in order and stops them in reverse."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from functools import partial
from typing import Any

import structlog

from bellgate import disk, process
from bellgate.admission import open_authority
from bellgate.broker.canary import LISTENING_FACT, Canary
from bellgate.broker.embedded import EmbeddedBroker
from bellgate.broker.session import Session, client_context
from bellgate.broker.watch import BrokerWatch
from bellgate.clock import Clock
from bellgate.config import Config
from bellgate.console import server
from bellgate.console.deps import Deps
from bellgate.console.live import Hub
from bellgate.engine import Engine
from bellgate.errors import ConfigError, StoreError
from bellgate.health import CANARY_EVERY_S, Health, judge
from bellgate.housekeeping import Housekeeping
from bellgate.metrics import GatewayCollector, registry
from bellgate.pipeline import Inbound, Pipeline, news
from bellgate.ports import fault as port_fault
from bellgate.store import Store, Tx, bells, facts, members, open_store
from bellgate.targets import open_targets

STOP_S = 15.0  # systemd's default is 90 s; a person at a terminal waits less
_CLIENT_FACT = "mqtt_client"
JOIN_S = 5.0

_log = structlog.get_logger(__name__)


class Gateway:
    """One running gateway. `start`, then wait, then `stop`; a failed `start` has stopped what it had started."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self._clock = clock or Clock()
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = False
        self._heard = 0  # the newest canary that came from the broker, stored or not

    async def start(self) -> None:
        """Start everything. Raises AnsimbellError saying what is wrong and what to do."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop in reverse order. What was committed stays; what was not stays with broker and bell."""
        await self._stack.aclose()

    async def _start(self) -> None:
        config, stack = self.config, self._stack
        if disk.before_start(config.data_dir):
            _log.error("reserve_given_up", folder=str(config.data_dir))
        held = process.hold_folder(config.data_dir)
        stack.callback(held.close)
        listener = _listen(config)
        stack.callback(listener.close)
        self._store = store = open_store(config.store.url, config.data_dir)
        await asyncio.to_thread(store.start)
        stack.push_async_callback(asyncio.to_thread, store.stop)
        authority = open_authority(config)

        self._broker: EmbeddedBroker | None = None
        revision = 0
        if config.mqtt.embedded:
            self._broker = EmbeddedBroker(config, authority)
            stack.push_async_callback(asyncio.to_thread, self._broker.stop)
            revision, listed = await store.read(lambda tx: (bells.revision(tx), bells.all_bells(tx)))
            await asyncio.to_thread(self._broker.start, listed)

        await self._join(store)
        self._hub = hub = Hub()
        self._canary = canary = Canary(config.gateway.id)
        self._engine = engine = Engine(store, self._clock, open_targets(config, store, self._clock))
        client_id, listening = await store.write(partial(_client, config.gateway.id))
        # A mosquitto that knows us by our certificate; on loopback without TLS it knows nobody.
        expels = self._broker is None and config.mqtt.tls
        self._session = session = Session(
            config.mqtt.address,
            f"gateway-{config.gateway.id}-{client_id}",
            canary,
            self._take,
            client_context(authority) if config.mqtt.tls else None,
            None if listening is None else int(listening),
            self._read_over,
            control=expels,
        )
        self._pipeline = pipeline = Pipeline(
            store, config, self._clock, session.publish, hub.publish, engine.wake, canary.keep
        )
        stack.callback(pipeline.stop)
        store.listen(self._told)
        await engine.start(pipeline)
        stack.push_async_callback(engine.stop)
        watch = BrokerWatch(store, pipeline, self._broker, session, self._clock, revision, expels)
        pipeline.know(await store.read(bells.all_bells))
        self._housekeeping = housekeeping = Housekeeping(store, pipeline, config, self._clock, authority, watch.shelter)
        collector = GatewayCollector(store, pipeline, engine, session, canary, watch.counts, self.health, housekeeping)
        deps = Deps(store, pipeline, config, self._clock, self.health, registry(collector), hub)
        console = server.make(deps)
        process.settle()  # before the first press can come: it takes a tenth of a second
        session.start()
        stack.push_async_callback(asyncio.to_thread, session.stop)
        await self._serve(console, listener)
        for name, work in (
            ("canary", self._send_canaries()),
            ("watch", watch.run()),
            ("housekeeping", housekeeping.run()),
        ):
            self._tasks.append(asyncio.create_task(work, name=name))
        stack.push_async_callback(self._end_tasks)
        _log.info("started", gateway=config.gateway.id, console=f"http://{config.console.listen}", pid=os.getpid())

    def health(self) -> Health:
        """What /healthz says."""
        broker = self._broker.fault() if self._broker else ""
        if not broker and not self._session.listening:
            broker = self._session.fault
        return judge(
            listening=self._session.listening,
            canary_age_ms=self._canary.age_ms(),
            writer_fault=self._pipeline.store_fault,
            broker=broker,
            engine_turns=self._engine.alive(),
            clock=self._clock.state(),
        )

    def _told(self, text: str) -> None:
        """Another gateway on the database has changed something: our pages show it too."""
        event = self._store.read_now(partial(_news, text))
        if event is not None:
            self._hub.publish(event)

    async def _join(self, store: Store) -> None:
        """Be this gateway for the database, as soon as it has noticed that our last process is gone."""
        end_s = asyncio.get_running_loop().time() + JOIN_S
        while True:
            try:
                await store.write(lambda tx: members.join(tx, self.config.gateway.id, self._clock.now_ms()))
                return
            except StoreError:
                if asyncio.get_running_loop().time() > end_s:
                    raise
                await asyncio.sleep(0.1)

    def _take(self, inbound: Inbound) -> None:
        if inbound.topic == self._canary.topic:
            self._heard = self._canary.read(inbound.payload) or self._heard
        self._pipeline.gather(inbound)

    def _read_over(self) -> None:
        self._pipeline.take_gathered(self._session.send_now)

    async def _serve(self, console: server.Server, listener: socket.socket) -> None:
        task = asyncio.create_task(console.serve(sockets=[listener]), name="console")

        async def end() -> None:
            self._hub.close()
            console.should_exit = True
            await asyncio.wait([task], timeout=5)

        self._stack.push_async_callback(end)
        while not console.started:
            if task.done():
                raise ConfigError(f"the console does not start on {self.config.console.listen}") from task.exception()
            await asyncio.sleep(0.01)

    async def _send_canaries(self) -> None:
        """Sends them, and tells systemd what they prove: only a round trip feeds the watchdog.

        While the disk takes nothing, none can pass the database; then it is enough that they come in, because a new
        start would not repair the disk, and would lose what is told from memory. /healthz says that it is ill.
        """
        fed = heard = 0
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            if self._canary.back > fed and self._engine.alive():
                fed = self._canary.back
                if not self._ready:
                    self._ready = True
                    process.tell_systemd("READY=1")
                    _log.info("ready", canary_ms=self._canary.round_trip_ms)
                process.tell_systemd("WATCHDOG=1")
            elif self._pipeline.disk_fault and self._heard > heard:
                heard = self._heard
                process.tell_systemd("WATCHDOG=1")
            if loop.time() >= next_s:
                next_s = loop.time() + CANARY_EVERY_S
                if self._canary.sent or self._session.listening:
                    self._session.send_canary()
            await asyncio.sleep(0.1)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT. A second signal, or a stop that takes too long, ends the process at once."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            os._exit(1)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    gateway = Gateway(config)
    starting = asyncio.create_task(gateway.start())
    wanted = asyncio.create_task(asked.wait())
    await asyncio.wait([starting, wanted], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting  # raises what kept it from starting
        await wanted
    wanted.cancel()
    process.tell_systemd("STOPPING=1")
    _log.info("stopping")
    try:
        async with asyncio.timeout(STOP_S):
            await gateway.stop()
    except TimeoutError:
        _log.error("stop_late", deadline_s=STOP_S)
        os._exit(1)
    _log.info("stopped")


def _listen(config: Config) -> socket.socket:
    """The console's socket, bound first: a start that can't succeed must touch nothing."""
    host, port = config.console.host, config.console.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on each connection; without it an answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        text = port_fault(host, port, "console.listen") or f"console.listen = {host}:{port}: {error.strerror}"
        raise ConfigError(text) from None
    listener.setblocking(False)
    return listener


def _news(text: str, tx: Tx) -> dict[str, Any] | None:
    return news.read(tx, text)


def _client(gateway_id: str, tx: Tx) -> tuple[str, str | None]:
    """(this gateway's secret part of the MQTT client id, until when it is known to have listened).

    Secret, because a broker gives the session to whoever connects with its client id, even to a bell.
    """
    name = facts.of_gateway(_CLIENT_FACT, gateway_id)
    known = facts.get(tx, name)
    if known is None:
        known = secrets.token_hex(8)
        facts.put(tx, name, known)
    return known, facts.get(tx, facts.of_gateway(LISTENING_FACT, gateway_id))
