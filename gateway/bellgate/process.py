"""The gateway as a process: its log, its lock, its word to systemd."""

import contextlib
import fcntl
import logging
import os
import socket
import sys
from pathlib import Path
from typing import IO, TextIO, cast

import structlog

from bellgate.errors import ConfigError


class _Patient:
    """Where log lines go. A line that cannot be written (a full disk, a pipe whose reader is gone) is lost, no more:
    an alarm must not fail because of what is said about it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._out.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._out.flush()


_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def set_up_log() -> None:
    """One event a line on standard error: JSON for a journal, readable text for a terminal.

    A traceback never shows the values of variables: keys of bells and passwords are among them.
    """
    last: structlog.types.Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if sys.stderr.isatty():
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain: list[structlog.types.Processor] = [] if sys.stderr.isatty() else [_TRACEBACKS]
    structlog.configure(
        processors=[*shared, *plain, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    # Libraries (uvicorn, asyncio, httpx) say through logging what they must; the same form for all.
    handler = logging.StreamHandler(_Patient(sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *plain, last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def hold_folder(data_dir: Path) -> IO[str]:
    """Keep a second gateway out of this data folder as long as the file stays open. Raises ConfigError."""
    if not data_dir.is_dir():
        raise ConfigError(
            f"{data_dir}: there is no such folder. Correct gateway.data_dir, or `bellgate init` a new installation"
        )
    path = data_dir / "gateway.lock"
    try:
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(
            f"{data_dir}: cannot be written ({error.strerror}). Give the gateway's user the right to write in it"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        other = file.read().strip() or "?"
        file.close()
        raise ConfigError(
            f"{data_dir}: a gateway runs with this folder already (process {other}). End it first"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def tell_systemd(text: str) -> None:
    """sd_notify: "READY=1", "WATCHDOG=1", "STOPPING=1"; nothing happens without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(text.encode(), address)
    except OSError as error:
        structlog.get_logger(__name__).warning("systemd_not_told", text=text, reason=str(error))
