"""An installation to be attacked: `bellgate run` once or twice, a broker, a database, and targets that write down."""

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from bellgate import admission
from bellgate.admission import NewBell
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.enrolment import Enrolment
from bellgate.store import open_store
from bellsim.bench import SERVER_NAME, start_mosquitto
from bellsim.chaos.victim import Victim
from bellsim.programs import Program, bellgate, free_ports
from bellsim.runtime import SimulatorError

STORES = ("sqlite", "postgresql")


@dataclass
class Installation:
    """`config` is the first gateway's. mosquitto: None with the broker that the first gateway starts."""

    root: Path
    config: Path
    urls: list[str]
    token: str
    victims: list[Victim]
    broker_port: int
    mosquitto: Program | None


def check(store: str, gateways: int) -> None:
    """Raises SimulatorError for what makes no sense."""
    if store not in STORES:
        raise SimulatorError(f"there is no store {store!r}: choose one of {', '.join(STORES)}")
    if store == "sqlite" and gateways > 1:
        raise SimulatorError("several gateways need one PostgreSQL: --store postgresql")


async def make(
    stack: contextlib.AsyncExitStack,
    root: Path,
    store_url: str,
    gateways: int,
    broker: str,
    sections: str,
    environment: Callable[[int], dict[str, str]] = lambda number: {},
) -> Installation:
    """Everything but the gateways is started. sections: TOML, what follows in gateway.toml. environment: more of it for
    the gateway of this number, from 1."""
    broker_port, *ports = free_ports(1 + gateways)
    config = root / "gateway-1" / "gateway.toml"
    await bellgate(
        *("init", str(config.parent), "--id", "chaos-1", "--store", store_url, "--json"),
        *("--console", f"127.0.0.1:{ports[0]}", "--mqtt", f"127.0.0.1:{broker_port}"),
        *("--advertise", f"{SERVER_NAME}:{broker_port}"),
    )
    with config.open("a", encoding="utf-8") as file:
        file.write("\n" + sections)
    mosquitto = await start_mosquitto(stack, config, root, broker_port) if broker == "mosquitto" else None
    token = json.loads(await bellgate("token", "-c", str(config), "--role", "dispatcher", "--json"))["token"]
    configs = [config, *(_twin(config, n, ports[n - 1], broker_port) for n in range(2, gateways + 1))]
    victims = [
        Victim(f"gateway {n}", one, port, root / f"gateway-{n}.log", environment(n))
        for n, (one, port) in enumerate(zip(configs, ports, strict=True), 1)
    ]
    for victim in reversed(victims):  # the broker's owner is stopped last
        stack.push_async_callback(victim.stop)
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    return Installation(root, config, urls, token, victims, broker_port, mosquitto)


def enrolled(config: Path, count: int) -> list[Enrolment]:
    """So many bells of shops, admitted as the command line does it."""
    loaded = load(config)
    authority = admission.open_authority(loaded)
    made = []
    with open_store(loaded.store.url, loaded.data_dir) as store:
        for number in range(1, count + 1):
            new = NewBell(f"seongsu-{number:03}", "store-bell", f"가게 {number}", f"서울 성동구 연무장길 {number}")
            made.append(admission.enrol(store, loaded, authority, new, None, now_ms()))
    return made


def _twin(first: Path, number: int, console_port: int, broker_port: int) -> Path:
    """As docs/operate.md says it: the first one's folder without its database, another id, and the broker's URL."""
    folder = first.parent.with_name(f"gateway-{number}")
    folder.mkdir(mode=0o700)
    shutil.copytree(first.parent / "pki", folder / "pki")
    document = tomlkit.parse(first.read_text(encoding="utf-8"))
    document["gateway"]["id"] = f"chaos-{number}"
    document["console"]["listen"] = f"127.0.0.1:{console_port}"
    if load(first).mqtt.embedded:
        document["mqtt"]["broker"] = f"mqtts://{SERVER_NAME}:{broker_port}"
    config = folder / "gateway.toml"
    config.write_text(tomlkit.dumps(document), encoding="utf-8")
    return config


def webhook(name: str, url: str, secret: str, test: bool) -> str:
    """A target's section of gateway.toml."""
    return (
        f'[[target]]\nname = "{name}"\nkind = "webhook"\nurl = "{url}"\nsecret = "{secret}"\n'
        f"test = {str(test).lower()}\n\n"
    )
