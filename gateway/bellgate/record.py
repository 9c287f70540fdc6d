"""Does the record hold? The chain from inside, the checkpoints from outside, and in words where it does not."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from bellgate import checkpoints
from bellgate.core.frozen import frozen
from bellgate.store import Store, Tx, audit
from bellgate.store.audit import Break

RESTORED = "restored"  # the act that `bellgate restore` writes down


@frozen
class Verdict:
    """ok: neither the chain nor the checkpoints say otherwise. notes: what a reader should know all the same."""

    ok: bool
    rows: int
    breaks: list[Break]
    faults: list[str]
    notes: list[str]
    checkpoints: int
    checkpoint_ms: int | None

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def verify(store: Store, folder: Path, gateway_id: str, ca: x509.Certificate, closely: bool = True) -> Verdict:
    """Read the whole record. folder: of the checkpoints; a missing one is said, and is no fault of the record."""

    def chain(tx: Tx) -> tuple[audit.Head, list[Break], list[dict[str, Any]]]:
        broken = audit.breaks(tx, closely=closely)
        return audit.head(tx), broken, [] if broken else audit.acts(tx, RESTORED)

    head, broken, restored = store.read_now(chain)

    def hashes(rows: Sequence[int]) -> dict[int, str]:
        return store.read_now(lambda tx: audit.hashes(tx, rows))

    faults: list[str] = []
    notes: list[str] = []
    lines = 0
    last_ms: int | None = None
    for name in dict.fromkeys([gateway_id, *checkpoints.gateways(folder)]):
        read = checkpoints.read(folder, name, ca, hashes)
        lines += read.lines
        last_ms = max(filter(None, (last_ms, read.last_ms)), default=None)
        faults += [f"checkpoints: {text}" for text in read.faults]
        for row, at_ms in read.bad:
            excuse = _excuse(restored, row, at_ms)
            if excuse is not None:
                notes.append(excuse)
                continue
            faults.append(_where(head, row, at_ms, max((good for good in read.good if good < row), default=0)))
            break  # the first one says where; those after it follow from it
    if not lines:
        notes.append(f"there are no checkpoints in {folder}: rows cut off at the end would not be seen")
    return Verdict(not broken and not faults, head.row, broken, faults, list(dict.fromkeys(notes)), lines, last_ms)


def _where(head: audit.Head, row: int, at_ms: int, good: int) -> str:
    since = f"row {good} still stands as it was then" if good else "no earlier checkpoint fits either"
    if row > head.row:
        gone = f"row {head.row + 1} to {row} were" if row > head.row + 1 else f"row {row} was"
        return f"{gone} cut off: the checkpoint of {when(at_ms)} saw row {row}; {since}"
    return f"row {good + 1} to {row}: written anew after {when(at_ms)}, when row {row} was another one; {since}"


def _excuse(restored: list[dict[str, Any]], row: int, at_ms: int) -> str | None:
    """A restore that replaced what this checkpoint saw: it is written down in the chain, by name."""
    for one in restored:
        if at_ms < one["at_ms"] and row >= one["id"]:
            return (
                f"rows from {one['id']} on that were written before {when(one['at_ms'])} are gone: {one['by']} "
                f"restored {one['detail'].get('backup', 'a backup')} then"
            )
    return None


def when(at_ms: int) -> str:
    """A moment for a reader, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
