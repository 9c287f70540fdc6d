"""For the tests of the gateway's shell: installations made in this process, and the command line called in it."""

import contextlib
import io
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bellgate import installation
from bellgate.cli import main
from bellgate.config import Config, load


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def made(folder: Path, gateway_id: str = "test-1") -> Config:
    """A new installation with ports of its own."""
    port = free_port()
    created = installation.create(
        folder, gateway_id, f"127.0.0.1:{free_port()}", f"127.0.0.1:{port}", [f"127.0.0.1:{port}"], "admin"
    )
    return load(created.config.path)


def bellgate(*arguments: object) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of one command, run in this process by its real entry point."""
    out, error = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["bellgate", *map(str, arguments)]
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    finally:
        sys.argv = before
    return code, out.getvalue(), error.getvalue()


def eventually(happened: Callable[[], Any], what: str, deadline_s: float = 15.0) -> Any:
    end = time.monotonic() + deadline_s
    while not (value := happened()):
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.02)
    return value
