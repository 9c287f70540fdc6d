"""What a transaction offers, whatever database lies below. The modules of this package say the SQL."""

from collections.abc import Sequence
from typing import Any, Protocol

Row = dict[str, Any]


class Tx(Protocol):
    """One open transaction. It belongs to the thread that runs the job and ends with the job."""

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Every row, each as {column: value}."""
        ...

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows the statement changed."""
        ...
