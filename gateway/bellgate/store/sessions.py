"""Signed-in browsers. A session's secret is in the browser alone; here is its SHA-256."""

import secrets

from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError
from bellgate.store import areas as areas_
from bellgate.store.areas import Areas
from bellgate.store.base import Tx
from bellgate.store.people import secret_hash

# A shift is eight to twelve hours: a session that nobody used for this long is over.
SESSION_IDLE_MS = 12 * 3_600_000
# `last_used_ms` is written at most this often, so that reading a page does not write to the disk each time.
SESSION_TOUCH_MS = 60_000
# One operator at several screens, and browsers that were closed without signing out; the oldest goes first.
SESSIONS_PER_OPERATOR = 20

AGENT_MAX_CHARS = 200  # what a browser calls itself; the rest of it tells nobody anything
_ID_CHARS = 16  # of the hash: names one of a person's sessions, and opens nothing


@frozen
class Session:
    """One signed-in browser."""

    operator: str
    role: str
    areas: Areas
    csrf: str
    created_ms: int
    last_used_ms: int


@frozen
class Listed:
    """A session as its person sees it in a list. id: names it, and opens nothing."""

    id: str
    address: str
    agent: str
    created_ms: int
    last_used_ms: int


def open_session(tx: Tx, operator: str, now_ms: int, address: str = "", agent: str = "") -> tuple[str, Session]:
    """A new session and the secret for its cookie, which is nowhere else. Sweeps out sessions that are over.

    Raises AnsimbellError when there is no such operator, or when the person may not sign in.
    """
    row = tx.one("SELECT role, areas FROM operator WHERE name = ? AND disabled_ms IS NULL", (operator,))
    if row is None:
        raise AnsimbellError(f"there is no operator named {operator} who may sign in")
    secret = secrets.token_urlsafe(32)
    session = Session(operator, row["role"], areas_.read(row["areas"]), secrets.token_urlsafe(32), now_ms, now_ms)
    tx.run("DELETE FROM session WHERE last_used_ms < ?", (now_ms - SESSION_IDLE_MS,))
    tx.run(
        "INSERT INTO session (token_hash, operator, csrf, address, agent, created_ms, last_used_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (secret_hash(secret), operator, session.csrf, address, agent[:AGENT_MAX_CHARS], now_ms, now_ms),
    )
    tx.run(
        "DELETE FROM session WHERE operator = ? AND token_hash NOT IN ("
        "SELECT token_hash FROM session WHERE operator = ? ORDER BY last_used_ms DESC, created_ms DESC LIMIT ?)",
        (operator, operator, SESSIONS_PER_OPERATOR),
    )
    tx.run("UPDATE operator SET signed_in_ms = ? WHERE name = ?", (now_ms, operator))
    return secret, session


def find(tx: Tx, secret: str, now_ms: int) -> Session | None:
    """The session of this cookie; None when there is none, it was idle for too long, or its person is disabled."""
    row = tx.one(
        "SELECT operator.name, operator.role, operator.areas, session.csrf, session.created_ms, session.last_used_ms"
        " FROM session JOIN operator ON operator.name = session.operator"
        " WHERE session.token_hash = ? AND session.last_used_ms >= ? AND operator.disabled_ms IS NULL",
        (secret_hash(secret), now_ms - SESSION_IDLE_MS),
    )
    if row is None:
        return None
    return Session(
        row["name"],
        row["role"],
        areas_.read(row["areas"]),
        row["csrf"],
        row["created_ms"],
        row["last_used_ms"],
    )


def touch(tx: Tx, secret: str, now_ms: int) -> None:
    """Somebody uses the session."""
    tx.run("UPDATE session SET last_used_ms = ? WHERE token_hash = ?", (now_ms, secret_hash(secret)))


def renew(tx: Tx, secret: str) -> str | None:
    """The same session under a new secret: whoever copied the old one has nothing. None if it is over."""
    fresh = secrets.token_urlsafe(32)
    changed = tx.run(
        "UPDATE session SET token_hash = ? WHERE token_hash = ?", (secret_hash(fresh), secret_hash(secret))
    )
    return fresh if changed else None


def close(tx: Tx, secret: str) -> None:
    """Signed out: the cookie opens nothing any more."""
    tx.run("DELETE FROM session WHERE token_hash = ?", (secret_hash(secret),))


def listing(tx: Tx, operator: str, now_ms: int) -> list[Listed]:
    """The sessions of a person, the last used first; at most SESSIONS_PER_OPERATOR."""
    rows = tx.all(
        "SELECT token_hash, address, agent, created_ms, last_used_ms FROM session"
        " WHERE operator = ? AND last_used_ms >= ? ORDER BY last_used_ms DESC, token_hash",
        (operator, now_ms - SESSION_IDLE_MS),
    )
    return [
        Listed(row["token_hash"][:_ID_CHARS], row["address"], row["agent"], row["created_ms"], row["last_used_ms"])
        for row in rows
    ]


def id_of(secret: str) -> str:
    """How `listing` names the session of this cookie."""
    return secret_hash(secret)[:_ID_CHARS]


def end(tx: Tx, operator: str, session_id: str) -> bool:
    """End one session of this person; False if there is none of that id."""
    return (
        tx.run(
            "DELETE FROM session WHERE operator = ? AND substr(token_hash, 1, ?) = ?",
            (operator, _ID_CHARS, session_id),
        )
        > 0
    )


def end_all(tx: Tx, operator: str, but: str | None = None) -> int:
    """End every session of this person, but that of this secret; how many."""
    kept = "" if but is None else secret_hash(but)
    return tx.run("DELETE FROM session WHERE operator = ? AND token_hash <> ?", (operator, kept))
