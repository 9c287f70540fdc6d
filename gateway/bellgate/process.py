"""The gateway as a process: its lock, its word to systemd."""

import fcntl
import gc
import os
import socket
import sys
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


# Python looks for garbage each time that 700 objects more were made than dropped; a group of presses makes more.
GARBAGE = (20_000, 20, 50)
# How long a thread that computes may keep the others waiting. Left at 5 ms, an alarm waits for a page that is drawn.
SWITCH_S = 0.001


def settle() -> None:
    """Everything is loaded: it is never garbage and need not be looked through while a press waits."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    sys.setswitchinterval(SWITCH_S)


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
