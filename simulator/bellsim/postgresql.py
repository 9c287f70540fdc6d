"""A PostgreSQL server of its own for a measurement or a test: made, started, frozen, killed, stopped, removed.

It listens on a Unix socket in its own folder and nowhere else. PostgreSQL refuses to run as root; started by root it
runs as the user that its Debian package made.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bellgate.errors import AnsimbellError

START_S = 30.0
STOP_S = 15.0
USER = "postgres"  # of the package, and of the database cluster
_PLACES = "/usr/lib/postgresql"


def program(name: str) -> Path | None:
    """Where a program of the server is; Debian keeps them out of the path."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    versions = sorted(Path(_PLACES).glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return versions[-1] if versions else None


def missing() -> str | None:
    """What to install, or None if the server can be started here."""
    if program("initdb") is None or program("postgres") is None:
        return "PostgreSQL's server is not here: `apt-get install postgresql` brings it"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            return f"PostgreSQL refuses to run as root, and there is no user {USER!r}: run as another user"
    return None


class Server:
    """One server in a folder of its own. `start`, then `database` for each use, then `stop`."""

    def __init__(self, durable: bool = True) -> None:
        """durable False: without fsync, for tests that are about something else. Raises AnsimbellError."""
        if (text := missing()) is not None:
            raise AnsimbellError(text)
        # A Unix socket's path may have 107 bytes, so the folder is near the root of the file system.
        self.folder = Path(tempfile.mkdtemp(prefix="bellpg-"))
        self._data = self.folder / "data"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self._user, self._group = user.pw_uid, user.pw_gid
            os.chown(self.folder, user.pw_uid, user.pw_gid)

    @property
    def pid(self) -> int | None:
        """The process id of the server's first process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Make the cluster at the first time; returns when the server answers. Raises AnsimbellError."""
        if not self._data.exists():
            self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "max_connections": "60"}
        if not self._durable:
            settings |= {"fsync": "off"}
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    str(program("postgres")),
                    "-D",
                    str(self._data),
                    *(f"--{key}={text}" for key, text in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                user=self._user,
                group=self._group,
            )
        end = time.monotonic() + START_S
        while True:
            try:
                self._run("psql", "-h", str(self.folder), "-U", USER, "-d", "template1", "-c", "SELECT 1")
                return
            except AnsimbellError as error:
                if time.monotonic() > end or self._process.poll() is not None:
                    self.stop()
                    raise AnsimbellError(f"PostgreSQL does not start: {error}") from None
                time.sleep(0.05)

    def live_in(self, folder: Path) -> None:
        """Keep the data in this folder, which its user gets. Call it before the first `start`."""
        if self._user is not None and self._group is not None:
            os.chown(folder, self._user, self._group)
        self._data = folder / "data"

    def database(self, name: str) -> str:
        """A new empty database; its URL."""
        create = f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING UTF8'
        self._run("psql", "-h", str(self.folder), "-U", USER, "-d", "template1", "-c", create)
        return f"postgresql:///{name}?host={self.folder}&user={USER}"

    def freeze(self, frozen: bool = True) -> None:
        """Stop every process of the server in the middle of what it does, or let it go on."""
        self._signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def terminate(self, database: str) -> int:
        """End the server's side of every connection to this database; how many. Raises AnsimbellError."""
        said = self._run(
            *("psql", "-h", str(self.folder), "-U", USER, "-d", "template1", "-A", "-t", "-c"),
            "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity "
            f"WHERE datname = '{database}' AND pid <> pg_backend_pid()) AS all_of_them WHERE ended",
        )
        return int(said)

    @property
    def running(self) -> bool:
        """True while its first process lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As a power cut would, without the machine: every process at once."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_S)
            self._process = None

    def stop(self) -> None:
        """End it; its data stays until `remove`."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)  # fast shutdown: clients are cut off
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _signal(self, number: signal.Signals) -> None:
        """To our server and the processes it made, by their ids."""
        if self._process is None:
            return
        import psutil  # noqa: PLC0415

        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(self._process.pid)
            for process in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)

    def _run(self, name: str, *arguments: str) -> str:
        path = program(name)
        if path is None:
            raise AnsimbellError(f"{name} is not here: `apt-get install postgresql` brings it")
        try:
            done = subprocess.run(
                [str(path), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=START_S,
                check=False,
                cwd=self.folder,
                user=self._user,
                group=self._group,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise AnsimbellError(f"{path}: {error}") from None
        if done.returncode != 0:
            raise AnsimbellError(f"{name}: {(done.stderr or done.stdout).strip()[-400:]}")
        return done.stdout


async def store_url(stack: contextlib.AsyncExitStack, store: str, say: Callable[[str], None]) -> str:
    """store.url of a scratch installation; a server of its own is started if `store` is "postgresql", and goes with
    the stack."""
    if store != "postgresql":
        return "sqlite:///ansimbell.db"
    say("starting PostgreSQL")
    server = Server()
    stack.push_async_callback(asyncio.to_thread, server.remove)
    await asyncio.to_thread(server.start)
    return await asyncio.to_thread(server.database, "ansimbell")
