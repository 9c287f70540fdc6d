"""What the modules of this package say SQL to, and what a database has to offer to a `Store`.

Two databases implement it, `sqlite` and `postgresql`. The SQL in the table modules is one and the same for both:

    ?                            for every parameter; bool, int, float, str, bytes or None
    CAST(? AS BIGINT)            where a parameter that may be None stands alone (? IS NULL)
    CASE WHEN a > b THEN a …     there is no MAX(a, b) in PostgreSQL and no GREATEST in SQLite
    RETURNING, ON CONFLICT       mean the same in both; name the table in `DO UPDATE SET n = trouble.n + 1`
    flag = 1                     flags are INTEGER 0 or 1; a column alone is no condition in PostgreSQL
    no rowid, no PRAGMA          nor anything else that only one of them has
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from bellgate.errors import StoreError

T = TypeVar("T")
Row = dict[str, Any]


class Tx(Protocol):
    """One open transaction. It belongs to the thread that runs the job and ends with the job."""

    memo: dict[Any, Any]
    """What jobs have read and may take for true in this transaction: it is emptied whenever somebody else may have
    written, and when something is undone. Who changes a row that is kept in it, changes or removes it there too."""

    @property
    def holder(self) -> int:
        """The number of this process among the gateways of the database (see `members`): its name in a lease.
        0 for a program that is not a gateway."""
        ...

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Every row, each as {column: value}."""
        ...

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows the statement changed."""
        ...

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        """A change whose count nobody needs. It may go out together with what follows; its error is the job's."""
        ...

    def attempt(self, change: Callable[[], None]) -> Exception | None:
        """Do this; what went wrong, if it did: then the statement that failed is undone (on PostgreSQL, with those
        before it in `change`), and the transaction goes on. Raises if the transaction itself is gone."""
        ...

    def hold(self, number: int) -> None:
        """From now on this process is the gateway of that number, as long as it lives. Raises StoreError."""
        ...

    def living(self) -> frozenset[int] | None:
        """The numbers of the gateways that run with this database now; None while that cannot be said."""
        ...

    @property
    def alone(self) -> bool:
        """True if no other gateway is on the database: then nobody hears what is told."""
        ...

    def tell(self, text: str) -> None:
        """Say this to the other gateways on the database, with the commit. At most 7,000 bytes."""
        ...


class Connection(Protocol):
    """One way into a database, for one thread at a time. The writer's keeps every other writer out from `begin` to
    `commit`, in this process and in all others: jobs of all gateways happen one after the other."""

    turn_s: float
    """After so long in one transaction a writer commits and lets others in."""

    @property
    def tx(self) -> Tx:
        """What a job gets."""
        ...

    def begin(self) -> None:
        """Begin a transaction; connects again if that is needed. Raises the driver's errors, StoreError."""
        ...

    def commit(self) -> None:
        """Make it durable: when this returns it survives a power cut. Raises the driver's errors."""
        ...

    def roll_back(self) -> None:
        """Drop the transaction, if there is one. Never raises."""
        ...

    def mark(self) -> None:
        """A savepoint: what follows can be undone by itself."""
        ...

    def settle(self) -> None:
        """The job is over: whatever it `put` is done, or raises here."""
        ...

    def unmark(self) -> None:
        """The savepoint is no longer needed."""
        ...

    def back_to_mark(self) -> None:
        """Undo what followed the savepoint."""
        ...

    @property
    def in_transaction(self) -> bool:
        """False if the database has ended the transaction by itself: then nothing of it counts."""
        ...

    @property
    def wants_rest(self) -> bool:
        """True if `rest` should be called in a quiet second."""
        ...

    def rest(self) -> None:
        """House-keeping while nobody waits. Never raises."""
        ...

    def close(self) -> None:
        """Never raises."""
        ...


class Database(Protocol):
    """One database and how to get into it."""

    @property
    def where(self) -> str:
        """For messages: the file's path, or the URL without a password."""
        ...

    def open(self) -> bool:
        """Check it and bring its tables up to date; True if it was empty. Raises StoreError and its kinds."""
        ...

    def writer(self) -> Connection:
        """The one connection that writes."""
        ...

    def reader(self) -> Connection:
        """A connection that sees one consistent picture from `begin` to `roll_back` and may not write."""
        ...

    def first_job(self, fresh: bool) -> Callable[[Tx], Any] | None:
        """What has to be written down at every start, if anything."""
        ...

    def explained(self, error: Exception) -> Exception:
        """The driver's error as a StoreError that says what to do; an error of the job itself stays as it is."""
        ...

    def failed(self, error: Exception) -> StoreError:
        """A failed commit in words."""
        ...

    def listen(self, told: Callable[[str], None]) -> None:
        """Hand over what other gateways `tell`, from a thread of its own, until `close`."""
        ...

    def close(self) -> None:
        """Let go of everything. Never raises."""
        ...
