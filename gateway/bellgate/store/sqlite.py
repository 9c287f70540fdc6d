"""SQLite as a `Database`: one file, written by one connection at a time (BEGIN IMMEDIATE keeps other processes out)."""

import contextlib
import fcntl
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from bellgate.clock import now_ms
from bellgate.errors import StoreError
from bellgate.store import opening, troubles
from bellgate.store.base import Row, Tx
from bellgate.store.migrate import migrate

# The log is copied back in a quiet second, so that no press waits for it; the canary alone makes 50 in four minutes.
CHECKPOINT_COMMITS = 50
# The statements of the table modules are a few hundred.
STATEMENTS_MAX = 1_024
# Of a district with 2,000 bells: each bell, its starts, its open incident, what that shows and when it is due; twice.
MEMO_MAX = 20_000


class SqliteTx:
    """A `Tx` on one connection."""

    def __init__(self, connection: sqlite3.Connection, gateways: "_Gateways") -> None:
        self._connection = connection
        self._gateways = gateways
        self._columns: dict[str, tuple[str, ...]] = {}  # of each statement
        self.memo: dict[Any, Any] = {}

    @property
    def holder(self) -> int:
        """This process's number; see `Tx`."""
        return self._gateways.number

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Every row, each as {column: value}."""
        cursor = self._connection.execute(sql, params)
        rows = cursor.fetchall()
        if not rows:
            return []
        names = self._columns.get(sql) or self._named(sql, cursor)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        cursor = self._connection.execute(sql, params)
        row = cursor.fetchone()
        names = self._columns.get(sql) or self._named(sql, cursor)
        cursor.close()  # an unfinished INSERT … RETURNING would keep the savepoint open
        return None if row is None else dict(zip(names, row, strict=True))

    def _named(self, sql: str, cursor: sqlite3.Cursor) -> tuple[str, ...]:
        names = tuple(column[0] for column in cursor.description)
        if len(self._columns) < STATEMENTS_MAX:
            self._columns[sql] = names
        return names

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows the statement changed."""
        return self._connection.execute(sql, params).rowcount

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        """A change; see `Tx`."""
        self._connection.execute(sql, params)

    def attempt(self, change: Callable[[], None]) -> Exception | None:
        """A statement that fails undoes itself here; see `Tx`."""
        try:
            change()
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            return error
        return None

    def hold(self, number: int) -> None:
        """Be the one gateway of this file; see `Tx`."""
        self._gateways.hold(number)

    def living(self) -> frozenset[int] | None:
        """Who runs with this file; see `Tx`."""
        return self._gateways.living()

    alone = True

    def tell(self, text: str) -> None:
        """Nobody is there to hear it."""


class _Gateways:
    """The gateway on a SQLite file is one process: a second one would need to be on the same machine anyway."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".gateway.lock")
        self._held: IO[str] | None = None
        self.number = 0

    def hold(self, number: int) -> None:
        if self._held is None:
            handle = self._path.open("a")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                handle.close()
                raise StoreError(
                    f"{self._path.name}: a gateway runs with this database already. End it first; "
                    "several gateways at once need store.url = postgresql://…"
                ) from None
            self._held = handle
        self.number = number

    def living(self) -> frozenset[int]:
        if self._held is not None:
            return frozenset((self.number,))
        try:
            with self._path.open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return frozenset((-1,))  # some process holds it: we can't say which, but there is one
        return frozenset()

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


class SqliteConnection:
    """A `Connection`; a reader sees one picture and may not write (PRAGMA query_only)."""

    turn_s = 1.0  # nobody else waits but a command line, which has five seconds

    def __init__(self, connection: sqlite3.Connection, gateways: _Gateways, readonly: bool) -> None:
        connection.row_factory = None  # `SqliteTx` names the columns, once a query and not once a row
        self._connection = connection
        self._begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"
        self._readonly = readonly
        self._since_checkpoint = 0
        self._others = -1  # rises when another connection has written
        self.tx: Tx = SqliteTx(connection, gateways)

    def begin(self) -> None:
        """Begin; a writer waits for other processes, at most opening.BUSY_TIMEOUT_MS."""
        self._connection.execute(self._begin)
        others = -1 if self._readonly else self._connection.execute("PRAGMA data_version").fetchone()[0]
        if others != self._others or self._readonly or len(self.tx.memo) > MEMO_MAX:
            self.tx.memo.clear()
            self._others = others

    def commit(self) -> None:
        """One fdatasync."""
        self._connection.execute("COMMIT")
        self._since_checkpoint += 1

    def roll_back(self) -> None:
        """Drop it."""
        self.tx.memo.clear()
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def mark(self) -> None:
        """A savepoint."""
        self._connection.execute("SAVEPOINT job")

    def settle(self) -> None:
        """Everything is done at once here."""

    def unmark(self) -> None:
        """Forget it."""
        self._connection.execute("RELEASE job")

    def back_to_mark(self) -> None:
        """Undo what followed it."""
        self.tx.memo.clear()
        self._connection.execute("ROLLBACK TO job")

    @property
    def in_transaction(self) -> bool:
        """False after a full disk or an I/O error: SQLite has rolled back by itself."""
        return self._connection.in_transaction

    @property
    def wants_rest(self) -> bool:
        """True when the log has grown enough to be copied back."""
        return self._since_checkpoint >= CHECKPOINT_COMMITS

    def rest(self) -> None:
        """Copy the log back."""
        self._since_checkpoint = 0
        with contextlib.suppress(sqlite3.Error):  # the next quiet moment tries again
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


class SqliteSchema:
    """`PRAGMA user_version` says which changes are in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """connection: in autocommit mode (isolation_level None)."""
        self._connection = connection

    def version(self) -> int:
        """The number of the last change."""
        return int(self._connection.execute("PRAGMA user_version").fetchone()["user_version"])

    def apply(self, number: int, statements: Iterable[str]) -> bool:
        """One change and its number, together or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if missing := self.version() == number - 1:  # another process may have made it while we waited
                for statement in statements:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number}")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return missing


class SqliteDatabase:
    """A `Database` in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._gateways = _Gateways(path)
        self._held: IO[str] | None = None

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self.path)

    def open(self) -> bool:
        """Check, migrate; True if it was empty."""
        opening.prepare(self.path)
        self._held = opening.hold(self.path)
        try:
            opening.check_integrity(self.path, self._held)
            with contextlib.closing(opening.connect(self.path)) as connection:
                return migrate(SqliteSchema(connection), str(self.path)) > 0
        except sqlite3.Error as error:
            raise opening.explained(error, self.path) from error

    def writer(self) -> SqliteConnection:
        """The connection that writes."""
        try:
            connection = opening.connect(self.path)
            opening.grow_log(connection, self.path)
        except sqlite3.Error as error:
            raise opening.explained(error, self.path) from error
        return SqliteConnection(connection, self._gateways, readonly=False)

    def reader(self) -> SqliteConnection:
        """A connection that may not write."""
        return SqliteConnection(opening.connect(self.path, readonly=True), self._gateways, readonly=True)

    def first_job(self, fresh: bool) -> Callable[[Tx], Any]:
        """Say which damaged files lie beside a fresh database."""
        names = list(opening.set_aside_before(self.path))
        return lambda tx: troubles.set_aside(tx, names, fresh, now_ms())

    def explained(self, error: Exception) -> Exception:
        """A wrong value or a broken constraint is the job's own affair; the rest is the database's."""
        own = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
        if isinstance(error, sqlite3.Error) and not isinstance(error, own):
            return opening.explained(error, self.path)
        return error

    def failed(self, error: Exception) -> StoreError:
        """A failed commit in words."""
        return opening.explained(error, self.path)

    def listen(self, told: Callable[[str], None]) -> None:
        """There is no other gateway."""

    def close(self) -> None:
        """Let go of the file."""
        self._gateways.close()
        if self._held is not None:
            self._held.close()
            self._held = None
