"""How large the database is, table by table, each with its indexes."""

from typing import Any

from bellgate.errors import StoreError
from bellgate.store import Store, Tx

TABLES = (
    *("bell", "presence", "bell_boot", "incident", "signal", "due", "delivery", "trouble", "refusal", "audit", "fact"),
    *("legal_hold", "operator", "session", "token", "gateway"),
)
# dbstat is a part of SQLite that some builds leave out: then there are rows, and no bytes.
_PAGES = """
SELECT m.tbl_name AS name, SUM(s.pgsize) AS bytes FROM dbstat s JOIN sqlite_master m ON m.name = s.name
WHERE s.aggregate = TRUE GROUP BY m.tbl_name
"""
_FILE = "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()"
_RELATIONS = """
SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_CLUSTER = "SELECT pg_database_size(current_database()) AS bytes"


def look(store: Store, sqlite: bool) -> dict[str, Any]:
    """{"bytes": of all, "tables": {name: {"bytes", "rows"}}}; what lies in SQLite's log counts as if copied back."""
    whole = store.read_now(lambda tx: tx.one(_FILE if sqlite else _CLUSTER))
    try:
        found = store.read_now(lambda tx: tx.all(_PAGES if sqlite else _RELATIONS))
    except StoreError:
        found = []
    sizes = {row["name"]: int(row["bytes"]) for row in found}
    rows = store.read_now(_rows)
    assert whole is not None
    return {
        "bytes": int(whole["bytes"]),
        "tables": {name: {"bytes": sizes.get(name, 0), "rows": count} for name, count in rows.items()},
    }


def _rows(tx: Tx) -> dict[str, int]:
    return {name: int((tx.one(f"SELECT COUNT(*) AS n FROM {name}") or {"n": 0})["n"]) for name in TABLES}
