"""Bells as a table for a spreadsheet: out, and in again. All of it comes in, or nothing.

A line without a bell_id, or with one that is not known, enrols a bell: its file goes into a folder. A line of a known
bell puts its place right. Site and kind of a known bell stay: another site is another identity (`bellgate bell move`).
"""

import csv
import difflib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bellgate import admission, enrolment, pki
from bellgate.admission import BY, Files, NewBell
from bellgate.config import Config
from bellgate.console import spreadsheet
from bellgate.core.frozen import frozen
from bellgate.errors import EnrolmentError
from bellgate.store import Store, Tx, audit, bell_history, bells, places
from bellgate.store.places import Place

PLACE = ("bell_id", "site", "kind", "name", "address", "floor", "entrance", "approach", "lat", "lon")
# Only told, never taken.
TOLD = ("state", "enrolled_ms", "confirmed_ms", "confirmed_by", "commissioned_ms", "commissioned_by")
LIFE = ("last_seen_ms", "last_test_ms", "test_due_ms")
_NEEDED = ("site", "kind", "name", "address")
# A city's bells; each takes two milliseconds for its certificate.
LINES_MAX = 10_000
MAX_BYTES = 20_000_000
_NOTE_CHARS = {"floor": 40, "entrance": 500, "approach": 500}  # as the page takes them


@frozen
class Line:
    """One line of the table. number: as a spreadsheet counts, the heads are 1. known: its bell is enrolled."""

    number: int
    new: NewBell
    notes: Mapping[str, str]
    known: bool


@frozen
class Plan:
    """faults: "line 7: name: …"; if there is one, nothing is done."""

    lines: list[Line]
    faults: list[str]
    changed: int

    @property
    def added(self) -> list[Line]:
        """Those that enrol a bell."""
        return [one for one in self.lines if not one.known]


def write(store: Store, path: Path, test_every_days: int, now_ms: int) -> int:
    """Every bell into a new file, mode 0600; how many. Raises EnrolmentError, RecordError.

    test_every_days: how often a bell has to be pressed as a test.
    """

    def job(tx: Tx) -> list[dict[str, Any]]:
        rows = bell_history.listing(tx, test_every_days)
        audit.demand(tx, now_ms, None, BY, "bells_exported", {"n": len(rows)})
        return rows

    rows = store.write_now(job)
    names = (*PLACE, *TOLD, *LIFE)
    table = [list(names), *([row[name] for name in names] for row in rows)]
    enrolment.write_new(path, (spreadsheet.BOM + "".join(spreadsheet.lines(table))).encode("utf-8"), "FILE")
    return len(rows)


def read(store: Store, path: Path) -> Plan:
    """What the file would do. Raises EnrolmentError if it is no such table at all."""
    rows = _rows(path)
    return store.read_now(lambda tx: plan(tx, rows))


def plan(tx: Tx, rows: Sequence[tuple[int, Mapping[str, str]]]) -> Plan:
    """What these lines, each with its number, would do; every fault of every line."""
    lines: list[Line] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    changed = 0
    for number, cells in rows:
        try:
            line = _line(tx, number, cells)
        except EnrolmentError as error:
            faults.append(f"line {number}: {str(error).removeprefix('--')}")
            continue
        name = line.new.bell_id
        if name is not None and (first := seen.setdefault(name, number)) != number:
            faults.append(f"line {number}: bell_id {name!r} stands in line {first}, too")
        lines.append(line)
        changed += line.known and _differs(tx, line)
    return Plan(lines, faults, changed)


def bring_in(
    store: Store, config: Config, authority: pki.Authority, path: Path, out: Path, qr: Path | None, now_ms: int
) -> Plan:
    """Do it. Raises EnrolmentError if a line has a fault, or a file cannot be written; then nothing was done."""
    rows = _rows(path)
    wanted = store.read_now(lambda tx: _named(tx, plan(tx, rows)))
    if wanted.faults:
        raise EnrolmentError("\n".join(wanted.faults))
    # Certificates and files first: whoever writes into the database keeps alarms waiting.
    with Files(out, qr) as files:
        issued = {}
        for line in wanted.added:
            assert line.new.bell_id is not None
            made, key = admission.issue(config, authority, line.new.bell_id, line.new.site, line.new.kind)
            files.enrolment(made)
            issued[line.number] = (made, key)

        def job(tx: Tx) -> Plan:
            for line in wanted.lines:
                if not line.known:
                    admission.insert(tx, line.new, *issued[line.number], now_ms)
                _put_right(tx, line, now_ms)
            audit.demand(tx, now_ms, None, BY, "bells_imported", {"n": len(wanted.lines), "new": len(wanted.added)})
            return wanted

        return store.write_now(job)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise EnrolmentError(f'{path}: is not UTF-8: save it as "CSV UTF-8" in the spreadsheet') from None
    if len(data) > MAX_BYTES:
        raise EnrolmentError(f"{path}: is too large: at most {MAX_BYTES // 1_000_000} MB")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        heads = [head.strip() for head in next(reader, [])]
        _check_heads(path, heads)
        found = []
        for cells in reader:
            number = reader.line_num
            if any(cell.strip() for cell in cells):
                found.append((number, _cells(number, heads, cells)))
    except csv.Error as error:
        raise EnrolmentError(f"{path}: line {reader.line_num}: is no CSV ({error})") from None
    if len(found) > LINES_MAX:
        raise EnrolmentError(f"{path}: has {len(found)} lines, at most {LINES_MAX}: cut it into parts")
    return found


def _check_heads(path: Path, heads: Sequence[str]) -> None:
    known = (*PLACE, *TOLD, *LIFE)
    for head in heads:
        if head not in known:
            near = difflib.get_close_matches(head, known, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise EnrolmentError(f"{path}: line 1: unknown column {head!r}.{meant} Known: {', '.join(known)}")
        if heads.count(head) > 1:
            raise EnrolmentError(f"{path}: line 1: the column {head!r} stands there twice")
    missing = [name for name in _NEEDED if name not in heads]
    if missing:
        raise EnrolmentError(f"{path}: line 1: the columns {', '.join(missing)} are missing")


def _cells(number: int, heads: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(heads):
        return {"": f"has {len(cells)} cells, but line 1 has {len(heads)}"}
    return {head: spreadsheet.typed(cell).strip() for head, cell in zip(heads, cells, strict=True)}


def _line(tx: Tx, number: int, cells: Mapping[str, str]) -> Line:
    if "" in cells:
        raise EnrolmentError(cells[""])
    lat, lon = (_degrees(name, cells.get(name, "")) for name in ("lat", "lon"))
    new = NewBell(cells["site"], cells["kind"], cells["name"], cells["address"], lat, lon, cells.get("bell_id") or None)
    notes = {name: cells[name] for name in _NOTE_CHARS if name in cells}
    for name, text in notes.items():
        if len(text) > _NOTE_CHARS[name] or not text.isprintable():
            raise EnrolmentError(f"{name}: at most {_NOTE_CHARS[name]} characters on one line")
    bell = None if new.bell_id is None else bells.get(tx, new.bell_id)
    if bell is not None and not bell.speaks:
        raise EnrolmentError(f"bell_id {bell.bell_id!r}: is revoked. Leave the line out, or its bell_id empty")
    if bell is not None and (bell.site, bell.kind) != (new.site, new.kind):
        raise EnrolmentError(
            f"site or kind: {bell.bell_id} is a {bell.kind} at {bell.site}, for life. `bellgate bell move` or `replace`"
        )
    if bell is None and new.bell_id in bells.RESERVED:
        raise EnrolmentError(f"bell_id {new.bell_id!r}: is a name that the gateway keeps for itself")
    admission.check(new)
    return Line(number, new, notes, bell is not None)


def _degrees(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise EnrolmentError(f"{name} {text!r}: write degrees such as 37.5446") from None


def _named(tx: Tx, found: Plan) -> Plan:
    """The same, with a bell_id for each new bell that has none."""
    taken = {line.new.bell_id for line in found.lines}
    lines = []
    for line in found.lines:
        new = line.new
        while new.bell_id is None:
            name = bells.new_id(tx)
            if name not in taken:
                taken.add(name)
                new = NewBell(new.site, new.kind, new.name, new.address, new.lat, new.lon, name)
        lines.append(Line(line.number, new, line.notes, line.known))
    return Plan(lines, found.faults, found.changed)


def _place(row: Mapping[str, Any], line: Line) -> Place:
    """A column that the table does not have stays as it is."""
    notes = {name: line.notes.get(name, row[name]) for name in _NOTE_CHARS}
    new = line.new
    return Place(
        new.name.strip(), new.address.strip(), notes["floor"], notes["entrance"], notes["approach"], new.lat, new.lon
    )


def _differs(tx: Tx, line: Line) -> bool:
    (row,) = bells.listing(tx, bell_id=line.new.bell_id)
    place = _place(row, line)
    return any(said != row[name] for name, said in asdict(place).items())


def _put_right(tx: Tx, line: Line, now_ms: int) -> None:
    assert line.new.bell_id is not None
    (row,) = bells.listing(tx, bell_id=line.new.bell_id)
    places.change(tx, line.new.bell_id, places.seen(row), _place(row, line), False, BY, now_ms)
