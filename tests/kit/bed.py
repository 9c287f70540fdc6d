"""A blank bell on a pty beside a real gateway, and `bellkit` as a person starts it.

async with bed() as it:
    done = await it.kit("commission", "--file", str(it.file), "--ssid", "Shop", …)
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from usb import Cable as Usb

from bellsim import desk
from bellsim.bell import Bell
from bellsim.bench import healthy, start_mosquitto
from bellsim.programs import BELLGATE, Program, bellgate, free_ports

KIT = (sys.executable, "-m", "bellkit.cli")
KIT_S = 90.0
HERE = "seongsu-012"
ADDRESS, LAT, LON = "서울 성동구 연무장3길 97, 1층", 37.5432, 127.0561
SSID, PASSWORD = "Shop", "dawn-flowers"
AIR = [[SSID, PASSWORD, -58], ["Neighbour", "xxxxxxxx", -77]]
STATIONS = """
[[target]]
name = "seongsu-desk"
kind = "console"
[[target]]
name = "gangnam-desk"
kind = "console"
[[station]]
name = "성수지구대"
targets = ["seongsu-desk"]
area = ["성동구"]
[[station]]
name = "역삼지구대"
targets = ["gangnam-desk"]
area = ["강남구"]
[[policy]]
name = "here"
[[policy.step]]
after_s = 0
targets = ["{station}"]
"""
# All that a bell can have, on the pins of the default board; see docs/install.md.
SETTINGS = {
    "zones": [
        {"zone": 1, "name": "back door", "type": "perimeter", "wiring": "nc_eol", "input": "zone1"},
        {"zone": 9, "name": "case", "type": "tamper", "wiring": "nc", "input": "case"},
    ],
    "supply": ["mains", "battery"],
}
ZONE1, CASE, MAINS, BATTERY = 1, 16, 18, 10
HEALTHY_MV = {ZONE1: 1650, BATTERY: 2050}
TABLE_MV = {"open": 2200, "cut": 3300, "short": 0}


@dataclass
class Kit:
    """How a `bellkit` ended. said: its JSON, None without; text: all that it printed."""

    code: int
    said: Any
    text: str

    @property
    def causes(self) -> list[str]:
        """The causes that it named, the worst first."""
        return [one["cause"] for one in (self.said or {}).get("verdict", ())]


@dataclass
class Bed:
    """The place. bell: blank at first; cable: what the kit is plugged into; file, qr: of the enrolled bell."""

    root: Path
    config: Path
    url: str
    token: str
    gateway: Program
    broker_port: int
    bell: Bell
    inner: str
    cable: Usb
    file: Path
    qr: str
    bell_id: str
    mosquitto: Program | None = None
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def online(self) -> tuple[str, ...]:
        """The options of a kit that reaches the gateway."""
        return ("--gateway", self.url)

    async def start(self, *words: str, path: str | None = None, as_json: bool = True) -> asyncio.subprocess.Process:
        """A `bellkit` that runs."""
        plain = {"ports", "inspect", "report"}
        port = () if words[0] in plain else ("--port", path or self.cable.path)
        return await asyncio.create_subprocess_exec(
            *KIT, *words, *port, *(("--json",) if as_json and words[0] != "log" else ()),
            env=os.environ
            | {
                "BELLKIT_TOKEN": self.token,
                "BELLKIT_WIFI_PASSWORD": PASSWORD,
                "BELLKIT_FOLDER": str(self.root / "kit"),
                "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8", "COLUMNS": "100",
            },
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def kit(self, *words: str, path: str | None = None, as_json: bool = True) -> Kit:
        """Run a `bellkit` to its end."""
        return await ended(await self.start(*words, path=path, as_json=as_json))

    async def enrol(self) -> Kit:
        """The bell into service."""
        return await self.kit("enrol", "--file", str(self.file))

    def wire(self, mv: dict[int, int] = HEALTHY_MV, mains: bool = True, case: bool = True) -> None:
        """What hangs on the pins."""
        for pin, value in mv.items():
            self.bell.tell({"adc": pin, "mv": value})
        self.bell.tell({"pin": MAINS, "level": 0 if mains else 1})
        self.bell.tell({"pin": CASE, "level": 0 if case else 1})

    @property
    def enrolled(self) -> bool:
        """Does the bell have an identity?"""
        return (self.bell.flash / "config.json").exists()

    async def install(self, settings: dict[str, Any], wifi: tuple[str, str] = (SSID, PASSWORD)) -> None:
        """Enrol the bell without a cable: the file on its flash, with these settings, and its power on."""
        await self.off()
        (self.bell.flash / "config.json").write_bytes(self.file.read_bytes())
        settings = settings | {"wifi": [{"ssid": wifi[0], "password": wifi[1]}]}
        (self.bell.flash / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        await self.again()

    async def off(self) -> None:
        """Switch it off in order: one whose power is cut again and again starts in safe mode: another fault."""
        minder, self.bell._minder = self.bell._minder, None
        if minder is not None:
            minder.cancel()
        await self.bell.stop()

    async def again(self, linked: bool = True) -> None:
        """Off and on."""
        await self.off()
        await self.bell.power_on()
        self.wire()
        if linked:
            await self.linked()

    def fit(self) -> None:
        """Its first start with an identity finds SETTINGS on its flash, as after `configure`, and is wired."""
        start = self.bell.power_on

        async def power_on(*given: Any) -> None:
            if (self.bell.flash / "config.json").exists():
                path = self.bell.flash / "settings.json"
                found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
                path.write_text(json.dumps(found | SETTINGS), encoding="utf-8")
                self.bell.power_on = start  # type: ignore[method-assign]
                await start(*given)
                self.wire()
            else:
                await start(*given)

        self.bell.power_on = power_on  # type: ignore[method-assign]

    async def linked(self, deadline_s: float = 30.0) -> None:
        """Until the bell says that it is linked."""
        async with asyncio.timeout(deadline_s):
            while not self.bell.linked:
                await asyncio.sleep(0.05)

    def edit(self, **changes: Any) -> Path:
        """A copy of the enrolment file with other values."""
        found = json.loads(self.file.read_text(encoding="utf-8"))
        path = self.root / f"edited-{len(list(self.root.glob('edited-*')))}.json"
        path.write_text(json.dumps(found | changes), encoding="utf-8")
        return path

    async def api(self, path: str) -> Any:
        """A GET of the console's API."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            answer = await http.get(f"{self.url}/api/v1/{path}", headers={"Authorization": f"Bearer {self.token}"})
        return answer.json()


async def ended(process: asyncio.subprocess.Process) -> Kit:
    """What a kit said, when it is over."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), KIT_S)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    text = out.decode() + err.decode()
    said = None
    with contextlib.suppress(ValueError):
        said = json.loads(out)
    assert process.returncode is not None
    assert "Traceback" not in text, text
    return Kit(process.returncode, said, text)


@contextlib.asynccontextmanager
async def bed(broker: str = "embedded", station: str = "성수지구대", runtime: str | None = None) -> AsyncIterator[Bed]:
    """Everything, running; gone at the end."""
    async with contextlib.AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellsim-")))
        config = root / "gateway" / "gateway.toml"
        console_port, broker_port = free_ports(2)
        await bellgate(
            *("init", str(config.parent), "--id", "seongsu-1", "--json", "--console", f"127.0.0.1:{console_port}"),
            *("--mqtt", f"127.0.0.1:{broker_port}", "--advertise", f"localhost:{broker_port}"),
        )
        with config.open("a", encoding="utf-8") as more:
            more.write(STATIONS.format(station=station))
        mosquitto = await start_mosquitto(stack, config, root, broker_port) if broker == "mosquitto" else None
        enrolled = json.loads(
            await bellgate(
                *("enrol", "-c", str(config), "--out", str(root), "--site", HERE, "--kind", "store-bell", "--json"),
                *("--name", "새벽꽃집", "--address", ADDRESS, "--lat", str(LAT), "--lon", str(LON)),
            )
        )
        bell_id = enrolled["bell_id"]
        file = root / f"{bell_id}.json"
        once = json.loads(file.read_text(encoding="utf-8"))["once"]
        qr = f"ansimbell:1:{bell_id}:{once.replace('+', '-').replace('/', '_').rstrip('=')}"
        token = json.loads(await bellgate("token", "-c", str(config), "--role", "installer", "--json"))["token"]
        url = f"http://127.0.0.1:{console_port}"
        gateway = Program("gateway", [*BELLGATE, "run", "-c", str(config)], root / "gateway.log", lambda: healthy(url))
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        flash = root / "flash"
        flash.mkdir()
        bell, inner = await stack.enter_async_context(
            desk.desk(flash, root / "packages", runtime=runtime, networks=AIR)
        )
        cable = Usb(inner.path, root / "ttyUSB0")
        stack.callback(cable.close)
        yield Bed(root, config, url, token, gateway, broker_port, bell, inner.path, cable, file, qr, bell_id, mosquitto)


async def installer(it: Bed, zones: bool = True) -> None:
    """What a person does during a walk test: the button, then each contact, and closes it again. Waits for the test
    mode, and for each press until a console has shown it."""
    async with asyncio.timeout(KIT_S):
        while not any("test mode on" in line for line in it.bell.uart):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        await it.bell.press()
        await _shown(it, 1)
        if zones:
            it.bell.tell({"adc": ZONE1, "mv": TABLE_MV["open"]})
            await _shown(it, 2)
            it.bell.tell({"adc": ZONE1, "mv": HEALTHY_MV[ZONE1]})
            it.bell.tell({"pin": CASE, "level": 1})
            await _shown(it, 3)
            it.bell.tell({"pin": CASE, "level": 0})


async def _shown(it: Bed, count: int) -> None:
    """Until so many presses as a test were shown."""
    while True:
        press = (await it.api(f"bells/{it.bell_id}/walk")).get("press")
        if press and press["presented_ms"] and press["number"] >= count:
            await asyncio.sleep(1.0)  # until the kit has asked for the next one
            return
        await asyncio.sleep(0.1)
