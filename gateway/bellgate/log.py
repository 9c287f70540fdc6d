"""The gateway's log: one event a line on standard error, JSON for a journal, readable text for a terminal."""

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog

_log = structlog.get_logger(__name__)


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
    out = cast(TextIO, _Patient(sys.stderr))
    terminal = sys.stderr.isatty()
    last: structlog.types.Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if terminal:
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain: list[structlog.types.Processor] = [] if terminal else [_TRACEBACKS]
    structlog.configure(
        processors=[*shared, *plain, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    _how.write_all = _one_by_one if terminal else _together(out)
    # Libraries (uvicorn, asyncio, httpx) say through logging what they must; the same form for all.
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *plain, last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def info_all(notes: Iterable[dict[str, Any]]) -> None:
    """Lines of level info, each {"event": …, …}, in one write: a storm has three lines a press, and structlog takes
    for one what this takes for ten."""
    _how.write_all(notes)


def _one_by_one(notes: Iterable[dict[str, Any]]) -> None:
    for note in notes:
        _log.info(**note)


def _line(note: dict[str, Any]) -> str:
    try:
        return orjson.dumps(note, default=repr).decode()
    except TypeError:  # half a character, a number beyond 64 bits: it must not keep the other lines back
        return json.dumps(note, default=repr, skipkeys=True)


def _together(out: TextIO) -> Callable[[Iterable[dict[str, Any]]], None]:
    def write(notes: Iterable[dict[str, Any]]) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        ends = {"level": "info", "timestamp": stamp}
        text = "".join([_line(note | ends) + "\n" for note in notes])
        if text:
            out.write(text)
            out.flush()

    return write


class _How:
    """How `info_all` writes: as structlog was told to, until `set_up_log`."""

    write_all: Callable[[Iterable[dict[str, Any]]], None] = staticmethod(_one_by_one)


_how = _How()
