"""PostgreSQL as a `Database`: for a city, or for two gateways that stand in for one another.

A writer takes one lock for its whole transaction, as SQLite's BEGIN IMMEDIATE does: the jobs of all gateways happen
one after the other, so what is proved on one store holds on the other, and no two of them can deadlock or overtake
one another in the audit chain. Group commit makes up for it. The server ends a holder that stops in the middle.

A gateway that lives holds a second lock, on its number, by its writing connection; see `members`.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import structlog
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.numeric import Int8Dumper

from bellgate.errors import StoreBusy, StoreError
from bellgate.store import dialect
from bellgate.store.base import Row, Tx
from bellgate.store.migrate import migrate

# Ours among the advisory locks of the database: (this, 0) for whoever writes, (this, number) for a gateway that lives.
_LOCKS = 0x62656C6C
_CHANNEL = "ansimbell"
CONNECT_S = 3
# A server that is gone is noticed after this, one that hangs after ANSWER_S.
_NETWORK = {
    "connect_timeout": CONNECT_S,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
ANSWER_S = 15.0
AGAIN_S = 1.0  # between attempts to connect
# After the server was away every gateway comes back within AGAIN_S + CONNECT_S; until then nobody is called dead.
RETURN_S = 5.0
_SETTINGS = """\
SET client_encoding = 'UTF8';
SET idle_in_transaction_session_timeout = '5s';
SET lock_timeout = '10s';
SET statement_timeout = '12s';
SET tcp_keepalives_idle = 3;
SET tcp_keepalives_interval = 1;
SET tcp_keepalives_count = 3;
SET default_transaction_isolation = 'read committed'
"""
_BEGIN_WRITE = f"BEGIN; SELECT pg_advisory_xact_lock({_LOCKS}, 0)"
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LIVING = (
    f"SELECT CAST(objid AS BIGINT) AS number FROM pg_locks WHERE locktype = 'advisory' AND classid = {_LOCKS} "
    "AND objid > 0 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

_log = structlog.get_logger(__name__)


class _FlagDumper(Int8Dumper):
    """Flags are 0 or 1 in both databases."""

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _NumberLoader(psycopg.adapt.Loader):
    """SUM of whole numbers is a whole number, as in SQLite."""

    def load(self, data: Any) -> Any:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


class PostgresqlTx:
    """A `Tx` on one connection."""

    def __init__(self, connection: "PostgresqlConnection") -> None:
        self._connection = connection
        self.memo: dict[Any, Any] = {}

    @property
    def holder(self) -> int:
        """This process's number; see `Tx`."""
        return self._connection.database.number

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Every row, each as {column: value}."""
        return self._connection.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        return self._connection.execute(sql, params).fetchone()

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows the statement changed."""
        return self._connection.execute(sql, params).rowcount

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        """A change that goes to the server with the next question; see `Tx`."""
        self._connection.queue(sql, params)

    def attempt(self, change: Callable[[], None]) -> Exception | None:
        """Under a savepoint, because an error ends a transaction here; see `Tx`."""
        self.put("SAVEPOINT attempt")
        try:
            change()
            self.run("RELEASE SAVEPOINT attempt")  # a question: whatever was only put has arrived with it
        except Exception as error:
            self.run("ROLLBACK TO SAVEPOINT attempt")
            self.run("RELEASE SAVEPOINT attempt")
            self.memo.clear()
            return error
        return None

    def hold(self, number: int) -> None:
        """Take the lock on this number; the server lets it go when this process ends. See `Tx`."""
        row = self.one(f"SELECT pg_try_advisory_lock({_LOCKS}, CAST(? AS INTEGER)) AS held", (number,))
        if row is None or not row["held"]:
            raise StoreError(f"number {number} belongs to a gateway that runs: report this fault")
        self._connection.database.number = number

    def living(self) -> frozenset[int] | None:
        """Whose lock is held; see `Tx`."""
        if self._connection.database.back_since_s + RETURN_S > time.monotonic():
            return None
        living = frozenset(row["number"] for row in self.all(_LIVING))
        self._connection.database.alone = len(living) <= 1
        return living

    @property
    def alone(self) -> bool:
        """As far as is known; see `Tx`."""
        return self._connection.database.alone

    def tell(self, text: str) -> None:
        """Goes out with the commit, to whoever listens; see `Tx`."""
        if self.alone:
            return
        self.put("SELECT pg_notify(?, ?)", (_CHANNEL, f"{self.holder} {text}"))


class PostgresqlConnection:
    """A `Connection` that comes back by itself after the server was away."""

    # Another gateway waits for the lock, perhaps with an escalation that is due.
    turn_s = 0.02

    def __init__(self, database: "PostgresqlDatabase", readonly: bool) -> None:
        self.database = database
        self._begin = _BEGIN_READ if readonly else _BEGIN_WRITE
        self._readonly = readonly
        self._connection: psycopg.Connection[Row] | None = None
        self._cursor: psycopg.RawCursor[Row] | None = None
        self._marked = False  # a savepoint that is no longer needed is still there
        self._ready = False  # a fresh savepoint is there already
        self._in_job = False
        self._queue: list[tuple[bytes, Sequence[Any]]] = []
        self.tx: Tx = PostgresqlTx(self)
        self.busy_since_s: float | None = None

    def execute(self, statement: str, params: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        """One statement of a table module."""
        if self._cursor is None or self._connection is None:
            raise StoreError(f"{self.database.where}: not connected")
        if not self._queue:
            return self._cursor.execute(dialect.statement(statement), params or None)
        with self._connection.pipeline():
            self._send_queue(self._connection)
            return self._cursor.execute(dialect.statement(statement), params or None)

    def queue(self, statement: str, params: Sequence[Any]) -> None:
        """The same, without waiting for the answer."""
        if self._readonly:
            self.execute(statement, params)  # refused, and at once
            return
        self._queue.append((dialect.statement(statement), params))

    def settle(self) -> None:
        """Send what waits; in the same message, take the next savepoint."""
        if not self._queue or self._connection is None:
            return
        with self._connection.pipeline():
            self._send_queue(self._connection)
            if self._in_job:
                psycopg.RawCursor(self._connection).execute(b"RELEASE SAVEPOINT job")
                psycopg.RawCursor(self._connection).execute(b"SAVEPOINT job")
        self._ready = self._in_job

    def _send_queue(self, connection: "psycopg.Connection[Row]") -> None:
        queue, self._queue = self._queue, []
        for statement, params in queue:
            psycopg.RawCursor(connection).execute(statement, params or None)

    def begin(self) -> None:
        """Begin; a writer waits until no other one writes. Connects if that is needed."""
        self._marked = self._ready = self._in_job = False
        self._queue.clear()
        self.tx.memo.clear()  # another gateway may have had its turn
        self.busy_since_s = time.monotonic()
        if self._connection is not None:
            try:
                self._command(self._begin)
                return
            except psycopg.Error:  # it broke while nobody used it: nothing is lost yet
                if self._connection is not None and not self._connection.broken:
                    raise
                self.close()
        self._connect()
        self._command(self._begin)

    def commit(self) -> None:
        """Returns when the server has it on disk."""
        self._command("COMMIT")
        self.busy_since_s = None

    def roll_back(self) -> None:
        """Drop it."""
        self._queue.clear()
        self.tx.memo.clear()
        with contextlib.suppress(psycopg.Error, StoreError):
            if self._connection is not None and not self._connection.broken:
                self._command("ROLLBACK")
        if self._connection is not None and self._connection.broken:
            self.close()
        self.busy_since_s = None

    def mark(self) -> None:
        """A savepoint; the one before it goes with the same message."""
        if not self._ready:
            self._command("RELEASE SAVEPOINT job; SAVEPOINT job" if self._marked else "SAVEPOINT job")
        self._marked = self._ready = False
        self._in_job = True

    def unmark(self) -> None:
        """Forget it, together with the next `mark` or the commit."""
        self._marked = not self._ready
        self._in_job = False

    def back_to_mark(self) -> None:
        """Undo what followed it."""
        self._queue.clear()
        self.tx.memo.clear()
        self._ready = False
        self._command("ROLLBACK TO SAVEPOINT job")

    @property
    def in_transaction(self) -> bool:
        """False if the connection broke."""
        if self._connection is None or self._connection.broken:
            return False
        return self._connection.info.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

    @property
    def wants_rest(self) -> bool:
        """The server keeps its own house."""
        return False

    def rest(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Close; the next `begin` connects again."""
        connection, self._connection, self._cursor = self._connection, None, None
        self.busy_since_s = None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                connection.close()

    def stuck(self, now_s: float) -> None:
        """Cut the connection if the server has kept us waiting for too long; any thread."""
        since_s, connection = self.busy_since_s, self._connection
        if since_s is None or connection is None or now_s - since_s < ANSWER_S:
            return
        with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as handle:
            handle.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> None:
        self._connection = self.database.connect()
        self._cursor = psycopg.RawCursor(self._connection)
        if not self._readonly:
            self.database.came_back(self._connection)

    def _command(self, text: str) -> None:
        """Without parameters, several at once in one message."""
        if self._connection is None:
            raise StoreError(f"{self.database.where}: not connected")
        result = self._connection.pgconn.exec_(text.encode())
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise psycopg.errors.error_from_result(result)


class PostgresqlSchema:
    """A table of one row says which changes are in."""

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    def version(self) -> int:
        """The number of the last change."""
        found = self._connection.execute("SELECT to_regclass('schema_version') AS name").fetchone()
        if found is None or found["name"] is None:
            return 0
        row = self._connection.execute("SELECT version FROM schema_version").fetchone()
        return int(row["version"]) if row else 0

    def apply(self, number: int, statements: Iterable[str]) -> bool:
        """One change and its number, together or not at all."""
        with self._connection.transaction():
            self._connection.execute(f"SELECT pg_advisory_xact_lock({_LOCKS}, 0)")
            if self.version() != number - 1:
                return False
            for statement in statements:
                self._connection.execute(dialect.schema(statement).encode())
            self._connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
            self._connection.execute("DELETE FROM schema_version")
            self._connection.execute("INSERT INTO schema_version VALUES (%s)", (number,))
        return True


class PostgresqlDatabase:
    """A `Database` on a server. The URL is libpq's: postgresql://user:password@host:port/name?sslmode=verify-full"""

    def __init__(self, url: str) -> None:
        self.url = url
        self._dsn = ""  # the URL and our deadlines, made by `open`: a URL that libpq cannot read is refused there
        self._where = _without_password(url)
        self._connections: list[PostgresqlConnection] = []
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tried_s = -AGAIN_S
        self._fault: psycopg.Error | None = None
        self._lived = False  # this process has had its number before: the next connection is one after an outage
        self.number = 0
        self.alone = False  # as far as `living` has said
        self.back_since_s = -RETURN_S

    @property
    def where(self) -> str:
        """The URL without its password."""
        return self._where

    def open(self) -> bool:
        """Migrate; True if it was empty."""
        try:
            self._dsn = make_conninfo(self.url, **_NETWORK)
            with self.connect() as connection:
                self._check(connection)
                fresh = migrate(PostgresqlSchema(connection), self._where) > 0
        except psycopg.Error as error:
            raise self.failed(error) from error
        self._spawn(self._watch, "store-watch")
        return fresh

    def writer(self) -> PostgresqlConnection:
        """The connection that writes."""
        return self._made(PostgresqlConnection(self, readonly=False))

    def reader(self) -> PostgresqlConnection:
        """A connection that may not write."""
        return self._made(PostgresqlConnection(self, readonly=True))

    def first_job(self, fresh: bool) -> Callable[[Tx], Any] | None:
        """Nothing."""
        return None

    def explained(self, error: Exception) -> Exception:
        """A wrong value or a broken constraint is the job's own affair; the rest is the database's."""
        if isinstance(error, psycopg.Error) and not isinstance(error, psycopg.IntegrityError | psycopg.DataError):
            return self.failed(error)
        return error

    def failed(self, error: Exception) -> StoreError:
        """The server's words, and what to do."""
        if isinstance(error, StoreError):
            return error
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
            return StoreBusy(f"{self._where}: another program keeps the database locked ({text}). End it, or try again")
        if isinstance(error, psycopg.errors.DiskFull):
            return StoreError(f"{self._where}: the server's disk is full ({text}). Free some space")
        if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction):
            return StoreError(f"{self._where}: may not be written ({text}). Make the URL's user owner of the database")
        if isinstance(error, psycopg.OperationalError):
            return StoreError(
                f"{self._where}: the database server does not answer ({text}). Start it, or correct store.url; "
                "waiting messages are tried again by themselves"
            )
        return StoreError(f"{self._where}: {text}")

    def listen(self, told: Callable[[str], None]) -> None:
        """From a thread and a connection of its own."""
        self._spawn(lambda: self._hear(told), "store-listen")

    def close(self) -> None:
        """End the threads and let go of every connection."""
        self._closed.set()
        for connection in self._connections:
            connection.close()
        for thread in self._threads:
            thread.join(AGAIN_S + CONNECT_S)

    # For the connections

    def connect(self) -> "psycopg.Connection[Row]":
        """A new connection. While the server is away it is asked once a second, and the others hear of it at once."""
        if self._fault is not None and time.monotonic() - self._tried_s < AGAIN_S:
            raise self._fault
        try:
            connection = psycopg.connect(self._dsn, autocommit=True, row_factory=dict_row)
            connection.pgconn.exec_(_SETTINGS.encode())
        except psycopg.Error as error:
            self._tried_s, self._fault = time.monotonic(), error
            raise
        self._fault = None
        # One type for every whole number, so that a statement is prepared once and not for each size of number.
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.adapters.register_dumper(bool, _FlagDumper)
        connection.adapters.register_loader("numeric", _NumberLoader)
        return connection

    def came_back(self, connection: "psycopg.Connection[Row]") -> None:
        """The writer has a new connection: it holds this process's number again before anything else."""
        if not self.number:
            return
        self.back_since_s = time.monotonic()
        row = connection.execute(f"SELECT pg_try_advisory_lock({_LOCKS}, {self.number}) AS held").fetchone()
        if row is None or not row["held"]:  # the server has not noticed yet that the old connection is gone
            connection.close()
            raise StoreBusy(f"{self._where}: the server still holds our last connection; tried again")

    def _check(self, connection: "psycopg.Connection[Row]") -> None:
        row = connection.execute(
            "SELECT current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS sync"
        ).fetchone()
        assert row is not None
        if row["encoding"] != "UTF8":
            raise StoreError(
                f"{self._where}: its encoding is {row['encoding']}. Make it with `createdb -E UTF8 -T template0`"
            )
        if row["sync"] == "off":
            raise StoreError(
                f"{self._where}: synchronous_commit is off, so a power cut would lose presses that were answered. "
                "Set it to on"
            )

    def _made(self, connection: PostgresqlConnection) -> PostgresqlConnection:
        self._connections.append(connection)
        return connection

    def _spawn(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch(self) -> None:
        """A server that has hung must not hang us: waiting for it has an end."""
        while not self._closed.wait(1.0):
            now_s = time.monotonic()
            for connection in list(self._connections):
                connection.stuck(now_s)

    def _hear(self, told: Callable[[str], None]) -> None:
        while not self._closed.is_set():
            try:
                with self.connect() as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    while not self._closed.is_set():
                        for note in connection.notifies(timeout=AGAIN_S):
                            self._told(note.payload, told)
            except psycopg.Error:
                self._closed.wait(AGAIN_S)  # the writer says that the server is away

    def _told(self, payload: str, told: Callable[[str], None]) -> None:
        number, _, text = payload.partition(" ")
        if number == str(self.number):
            return
        try:
            told(text)
        except Exception:
            _log.exception("told_failed")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=user + host))
