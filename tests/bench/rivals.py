"""The programs that are measured, each started as a process of its own between the same broker and the same station."""

import base64
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from crowd import SITE, Crowd

from bellgate.store import bells, open_store
from bellsim.bench import healthy, listens
from bellsim.programs import BELLGATE, Program, bellgate, find_mosquitto, free_ports

HERE = Path(__file__).parent
RIVALS = ("floor", "promise alone", "simple script", "ansimbell")
FORGETFUL = RIVALS[:2]  # they keep nothing that a second start would need, and send nothing twice
START_S = 40.0


def slow_disk(folder: Path) -> Path | None:
    """The preloaded library that makes every fsync 8 ms slower; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "slow_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "slow_disk.c", "-ldl"], check=True)
    return library


async def plain_mosquitto(folder: Path) -> tuple[Program, int]:
    """mosquitto on the loopback without TLS, because it is not what is measured; and its port."""
    port = free_ports(1)[0]
    file = folder / "mosquitto.conf"
    file.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser root\n"
        "max_queued_messages 100000\nmax_inflight_messages 0\n"
    )
    command = [find_mosquitto(), "-c", str(file)]
    broker = Program("mosquitto", command, folder / "mosquitto.log", lambda: listens(port))
    await broker.start(START_S)
    return broker, port


@dataclass
class Rival:
    """One of RIVALS; it may be killed and started again in the same folder."""

    name: str
    folder: Path
    crowd: Crowd
    preload: Path | None = None
    _program: Program | None = None
    _command: list[str] = field(default_factory=list)

    async def prepare(self) -> None:
        """Everything before the first start."""
        if self.name == "ansimbell":
            await self._install()
            return
        (self.folder / "keys.json").write_text(self.crowd.keys_json())
        script = HERE / f"{self.name.replace(' ', '_')}.py"
        ports = (str(self.crowd.broker_port), str(self.crowd.station_port))
        place = self.folder
        if self.name == "promise alone":  # it writes into the tables of an installation
            await self._install()
            place = self.folder / "g" / "ansimbell.db"
        self._command = [sys.executable, str(script), *ports, str(place)]

    async def _install(self) -> None:
        console, mqtt = free_ports(2)
        await bellgate(
            *("init", str(self.folder / "g"), "--id", "bench", "--console", f"127.0.0.1:{console}"),
            *("--mqtt", f"127.0.0.1:{mqtt}", "--advertise", f"127.0.0.1:{mqtt}", "--json"),
        )
        config = self.folder / "g" / "gateway.toml"
        text = config.read_text(encoding="utf-8")
        broker = f'broker = "mqtt://127.0.0.1:{self.crowd.broker_port}"'
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        config.write_text(
            text.replace('broker = "embedded"', broker)
            + f'\n[[target]]\nname = "station"\nkind = "webhook"\nurl = "http://127.0.0.1:{self.crowd.station_port}/"\n'
            f'secret = "{secret}"\n',
            encoding="utf-8",
        )
        with open_store("sqlite:///ansimbell.db", config.parent) as store:
            made = [
                bells.Bell(name, SITE, "store-bell", name, "Bench 1", None, None, key, 0, "", bells.ACTIVE, 0)
                for name, key in self.crowd.keys.items()
            ]
            store.write_now(lambda tx: [bells.add(tx, bell) for bell in made])
        self._url = f"http://127.0.0.1:{console}"
        self._command = [*BELLGATE, "run", "-c", str(config)]

    async def start(self) -> None:
        """Start, and wait until a press would get through."""
        log = self.folder / "log"
        began = log.stat().st_size if log.exists() else 0

        async def ready() -> bool:
            if self.name == "ansimbell":
                return await healthy(self._url)
            return b"ready" in log.read_bytes()[began:]

        preload = ["env", f"LD_PRELOAD={self.preload}"] if self.preload else []
        self._program = Program(self.name, [*preload, *self._command], log, ready)
        await self._program.start(START_S)

    async def kill(self) -> None:
        """SIGKILL."""
        assert self._program is not None
        await self._program.kill()

    async def stop(self) -> None:
        """End it."""
        if self._program is not None:
            await self._program.stop()

    def cpu_s(self) -> float:
        """Seconds of CPU that the process has used, in all its threads."""
        assert self._program is not None and self._program.process is not None
        times = psutil.Process(self._program.process.pid).cpu_times()
        return float(times.user + times.system)
