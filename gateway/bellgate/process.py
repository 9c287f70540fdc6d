"""The gateway as a process: its log, its lock, its word to systemd."""

import fcntl
import logging
import os
import socket
import sys
from pathlib import Path
from typing import IO

import structlog

from bellgate.errors import ConfigError


def set_up_log() -> None:
    """One event a line on standard error: JSON for a journal, readable text for a terminal."""
    last: structlog.types.Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if sys.stderr.isatty():
        last = structlog.dev.ConsoleRenderer()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain: list[structlog.types.Processor] = [] if sys.stderr.isatty() else [structlog.processors.dict_tracebacks]
    structlog.configure(
        processors=[*shared, *plain, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries (uvicorn, asyncio, httpx) say through logging what they must; the same form for all.
    handler = logging.StreamHandler(sys.stderr)
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
