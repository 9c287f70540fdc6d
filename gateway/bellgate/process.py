"""The gateway as a process: its lock, its word to systemd."""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO

import structlog

from bellgate.errors import ConfigError


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
