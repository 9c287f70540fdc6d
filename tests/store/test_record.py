"""The record: one changed byte is found and named, also by whoever looks from outside."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellgate import checkpoints, record, signing
from bellgate.errors import RecordError
from bellgate.pki import Authority
from bellgate.store import Store, audit, open_store
from bellgate.store.sqlite import SqliteDatabase

NOW_MS = 1_795_430_400_000
COLUMNS = ("at_ms", "incident_id", "by", "act", "detail", "hash")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("pki"), "test-1")


@pytest.fixture
def store(store: Store) -> Store:
    """With six rows, on either database."""
    chain(store, 1, 6)
    return store


def chain(store: Store, first: int, last: int) -> None:
    for number in range(first, last + 1):
        detail = {"text": f"글 {number}", "n": number}
        entry = audit.Entry(NOW_MS + number * 60_000, number % 3 or None, "김하늘", "note", detail)
        store.write_now(lambda tx, entry=entry: audit.append_all(tx, [entry]))


def point(writer: checkpoints.Writer, store: Store, at_ms: int) -> None:
    writer.write(store.read_now(audit.head), at_ms, "synchronised")


def test_a_whole_record_holds(store: Store, authority: Authority, tmp_path: Path) -> None:
    found = record.verify(store, tmp_path / "none", "test-1", authority.ca)
    assert found.ok and found.rows == 6 and "no checkpoints" in found.notes[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(1, 6), column=st.sampled_from(COLUMNS), place=st.integers(0, 10**6), to=st.integers(0, 255))
def test_any_one_byte_is_found_with_its_row_and_column(
    store: Store, row: int, column: str, place: int, to: int
) -> None:
    """Any byte of any column of any row becomes any other byte, as a hex editor would do it."""
    (was,) = store.read_now(lambda tx: tx.all(f"SELECT {column} AS c FROM audit WHERE id = ?", (row,)))
    value = was["c"]
    if value is None:
        return
    raw = bytearray(value.to_bytes(8, "big", signed=True) if isinstance(value, int) else value.encode())
    place %= len(raw)
    if raw[place] == to:
        return
    raw[place] = to
    now = int.from_bytes(raw, "big", signed=True) if isinstance(value, int) else bytes(raw)
    sql = f"UPDATE audit SET {column} = ? WHERE id = ?"
    if isinstance(now, bytes):
        if isinstance(store.database, SqliteDatabase):
            # CAST keeps the bytes whatever they are: so text can hold what is no text.
            sql = f"UPDATE audit SET {column} = CAST(? AS TEXT) WHERE id = ?"
        else:  # PostgreSQL takes nothing but text
            now = now.decode("utf-8", "replace")
            if "\x00" in now or "\ufffd" in now:
                return
    store.write_now(lambda tx: tx.run(sql, (now, row)))
    try:
        (found,) = store.read_now(audit.breaks)
        assert (found.row, found.kind, found.column) == (row, "changed", column), found
    finally:
        store.write_now(lambda tx: tx.run(f"UPDATE audit SET {column} = ? WHERE id = ?", (value, row)))
    assert store.read_now(audit.breaks) == []


SCALARS = st.one_of(st.text(), st.integers(-(2**70), 2**70), st.booleans(), st.none(), st.binary(max_size=4))


@given(st.one_of(st.dictionaries(st.text(), SCALARS), st.lists(SCALARS).map(tuple)))
def test_there_is_one_way_to_write_a_row_however_quickly_it_is_written(value: Any) -> None:
    """The chain of a database that an earlier version wrote still holds."""
    slowly = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=repr)
    assert audit._canonical(value) == slowly


def test_the_change_is_said_in_words(store: Store) -> None:
    store.write_now(lambda tx: tx.run("UPDATE audit SET by = '김하늙' WHERE id = 4"))
    (found,) = store.read_now(audit.breaks)
    assert found.row == 4 and found.at_ms == NOW_MS + 240_000
    assert found.column == "by" and "[늙]" in found.text and "was [늘]" in found.text


def test_two_changes_are_two_findings_and_more_than_a_byte_has_no_column(store: Store) -> None:
    store.write_now(lambda tx: tx.run("UPDATE audit SET detail = '{}' WHERE id = 2"))
    store.write_now(lambda tx: tx.run("UPDATE audit SET act = 'vote' WHERE id = 5"))
    one, two = store.read_now(audit.breaks)
    assert (one.row, one.column, two.row, two.column) == (2, None, 5, "act")


@pytest.mark.parametrize(("gone", "said"), [("1", "row 1 was"), ("3", "row 3 was"), ("2, 3", "row 2 to 3 was")])
def test_removed_rows_are_named(store: Store, gone: str, said: str) -> None:
    store.write_now(lambda tx: tx.run(f"DELETE FROM audit WHERE id IN ({gone})"))
    (found,) = store.read_now(audit.breaks)
    assert found.kind == "missing" and said in found.text


def test_a_cut_end_is_seen_by_the_checkpoints(store: Store, authority: Authority, tmp_path: Path) -> None:
    writer = checkpoints.Writer(tmp_path / "second", "test-1", authority)
    point(writer, store, NOW_MS)
    chain(store, 7, 9)
    point(writer, store, NOW_MS + 300_000)
    assert record.verify(store, tmp_path / "second", "test-1", authority.ca).ok
    store.write_now(lambda tx: tx.run("DELETE FROM audit WHERE id > 7"))
    assert store.read_now(audit.breaks) == []  # from inside nothing is to be seen
    found = record.verify(store, tmp_path / "second", "test-1", authority.ca)
    (text,) = found.faults
    assert not found.ok and "row 8 to 9 were cut off" in text and "row 6 still stands" in text


def test_a_chain_that_was_written_anew_is_seen(store: Store, authority: Authority, tmp_path: Path) -> None:
    writer = checkpoints.Writer(tmp_path / "second", "test-1", authority)
    for _ in range(3):
        chain(store, *(store.read_now(audit.head).row + one for one in (1, 2)))
        point(writer, store, NOW_MS)
    rows = store.read_now(lambda tx: tx.all("SELECT * FROM audit WHERE id >= 9 ORDER BY id"))
    store.write_now(lambda tx: (tx.run("DELETE FROM audit WHERE id >= 9"), tx.memo.clear()))
    for row in rows:  # whoever can write the database and knows the code
        entry = audit.Entry(row["at_ms"], row["incident_id"], "somebody", row["act"], json.loads(row["detail"]))
        store.write_now(lambda tx, entry=entry: audit.append_all(tx, [entry]))
    assert store.read_now(audit.breaks) == []
    (text,) = record.verify(store, tmp_path / "second", "test-1", authority.ca).faults
    assert "row 9 to 10: written anew" in text and "row 8 still stands" in text


def test_lines_that_were_changed_or_removed_are_named(store: Store, authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    for number in range(4):  # each time by a writer that has just started
        chain(store, 7 + number, 7 + number)
        point(checkpoints.Writer(folder, "test-1", authority), store, NOW_MS + number)
    (file,) = folder.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["n"] for line in lines] == [1, 2, 3, 4]

    def faults(changed: list[bytes]) -> list[str]:
        file.write_bytes(b"".join(changed))
        return record.verify(store, folder, "test-1", authority.ca).faults

    assert faults(lines) == []
    assert "line 2: 1 lines before it were removed" in faults([lines[0], *lines[2:]])[0]
    assert "is not the first one" in faults(lines[1:])[0]
    forged = json.loads(lines[1])
    forged["row"] = 1
    assert "changed after it was signed" in faults([lines[0], json.dumps(forged).encode() + b"\n", *lines[2:]])[0]
    assert "is torn or changed" in faults([*lines[:3], lines[3][:100]])[0]


def test_a_torn_line_hinders_no_further_one(store: Store, authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    point(checkpoints.Writer(folder, "test-1", authority), store, NOW_MS)
    (file,) = folder.glob("*.jsonl")
    with file.open("ab") as out:
        out.write(b'{"v":1,"gate')
    point(checkpoints.Writer(folder, "test-1", authority), store, NOW_MS + 1)
    found = record.verify(store, folder, "test-1", authority.ca)
    assert found.checkpoints == 2 and found.faults == ["checkpoints: test-1-2026-11.jsonl line 2: is torn or changed"]


def test_another_authority_is_not_believed(store: Store, authority: Authority, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "pki", "other")
    point(checkpoints.Writer(tmp_path / "second", "test-1", other), store, NOW_MS)
    (text,) = record.verify(store, tmp_path / "second", "test-1", authority.ca).faults
    assert "authority does not know" in text
    # Nor a certificate of ours that is for something else, such as a bell's.
    with pytest.raises(RecordError, match="may not sign records"):
        signing.check(signing.sign({"v": 1}, authority.issue_client("b-7f3a")), authority.ca)
    with pytest.raises(RecordError, match="no ECDSA"):
        signing.check({"v": 1}, authority.ca)


def test_a_line_is_due_when_something_was_written_or_an_hour_has_passed(
    store: Store, authority: Authority, tmp_path: Path
) -> None:
    writer = checkpoints.Writer(tmp_path / "second", "test-1", authority)
    head = store.read_now(audit.head)
    assert writer.due(head, NOW_MS)
    point(writer, store, NOW_MS)
    assert not writer.due(head, NOW_MS + 300_000) and writer.due(head, NOW_MS + 3_600_000)
    assert not checkpoints.Writer(tmp_path / "second", "test-1", authority).due(head, NOW_MS + 300_000)
    chain(store, 7, 7)
    assert writer.due(store.read_now(audit.head), NOW_MS + 300_000)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordError, match="no checkpoint can be written"):
        checkpoints.Writer(tmp_path / "file", "test-1", authority).write(head, NOW_MS, "unknown")


def test_a_byte_changed_in_the_file_itself(tmp_path: Path) -> None:
    with open_store("sqlite:///b.db", tmp_path) as store:
        chain(store, 1, 3)
    with sqlite3.connect(tmp_path / "b.db") as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    plain.close()
    file = tmp_path / "b.db"
    body = file.read_bytes()
    assert body.count("글 2".encode()) == 1
    file.write_bytes(body.replace("글 2".encode(), "글 3".encode()))
    with open_store("sqlite:///b.db", tmp_path) as store:
        (found,) = store.read_now(audit.breaks)
    assert (found.row, found.column) == (2, "detail") and "[3]" in found.text and "was [2]" in found.text
