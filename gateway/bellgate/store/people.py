"""People and programs: operators with a password, their browser sessions, and bearer tokens for scripts.

A password is kept as argon2id, a session or a bearer token as SHA-256: a copy of the database opens no door. Checking
a password takes tens of milliseconds on purpose, so it never happens inside a transaction: `password_hash` reads,
`password_fits` checks outside the store, `open_session` writes.
"""

import hashlib
import secrets
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bellgate.errors import AnsimbellError
from bellgate.store import areas as areas_
from bellgate.store.areas import EVERYWHERE, Areas
from bellgate.store.base import Tx

# Who somebody is. What each may do stands in `bellgate.console.access`.
ROLES = ("dispatcher", "supervisor", "control-centre", "installer", "owner", "auditor", "administrator")

# A shift is eight to twelve hours: a session that nobody used for this long is over.
SESSION_IDLE_MS = 12 * 3_600_000
# `last_used_ms` is written at most this often, so that reading a page does not write to the disk each time.
SESSION_TOUCH_MS = 60_000
# One operator at several screens, and browsers that were closed without signing out; the oldest goes first.
SESSIONS_PER_OPERATOR = 20

NAME_MAX_CHARS = 64
# NIST SP 800-63B: length counts, not classes of characters. An upper end, because hashing takes time.
PASSWORD_MIN_CHARS = 10
PASSWORD_MAX_CHARS = 256

# The library's defaults are RFC 9106's second choice (64 MiB, 3 passes): about a tenth of a second on a Pi 4.
_HASHER = PasswordHasher()
_WORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without i l o 0 1, which a person misreads


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may sign in."""

    name: str
    role: str
    areas: Areas
    created_ms: int


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser."""

    operator: str
    role: str
    areas: Areas
    csrf: str
    created_ms: int
    last_used_ms: int


def new_password() -> str:
    """A password to print once: four groups of four letters and digits, 79 bits."""
    return "-".join("".join(secrets.choice(_WORD_LETTERS) for _ in range(4)) for _ in range(4))


def add_operator(tx: Tx, name: str, role: str, password: str, now_ms: int, areas: Areas = EVERYWHERE) -> None:
    """A new operator. Raises AnsimbellError when the name, the role or the password can't be used."""
    _check_name(name)
    _check_role(role)
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise AnsimbellError(
            f"the password of operator {name} has {len(password)} characters: "
            f"use {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS}"
        )
    if tx.one("SELECT name FROM token WHERE name = ?", (name,)):
        raise AnsimbellError(f"{name} is the name of a bearer token: choose another name")
    added = tx.run(
        "INSERT INTO operator (name, role, areas, password_hash, created_ms) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO NOTHING",
        (name, role, areas_.written(areas), _HASHER.hash(password), now_ms),
    )
    if not added:
        raise AnsimbellError(f"there is an operator named {name} already: choose another name")


def operators(tx: Tx) -> list[Operator]:
    """Every operator, by name."""
    rows = tx.all("SELECT name, role, areas, created_ms FROM operator ORDER BY name", ())
    return [Operator(row["name"], row["role"], areas_.read(row["areas"]), row["created_ms"]) for row in rows]


def password_hash(tx: Tx, name: str) -> str | None:
    """What `password_fits` needs; None when there is no such operator."""
    row = tx.one("SELECT password_hash FROM operator WHERE name = ?", (name,))
    return None if row is None else str(row["password_hash"])


def password_fits(hashed: str | None, password: str) -> bool:
    """Is it the password? Takes as long for an unknown operator (None). Never call it inside a transaction."""
    try:
        _HASHER.verify(hashed or _nobody(), password[: PASSWORD_MAX_CHARS + 1])
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


@cache
def _nobody() -> str:
    # Checked when there is no such operator, so that the time of an answer does not tell which names exist.
    return _HASHER.hash("nobody has this password")


def open_session(tx: Tx, operator: str, now_ms: int) -> tuple[str, Session]:
    """A new session and the secret for its cookie, which is nowhere else. Sweeps out sessions that are over."""
    row = tx.one("SELECT role, areas FROM operator WHERE name = ?", (operator,))
    if row is None:
        raise AnsimbellError(f"there is no operator named {operator}")
    secret = secrets.token_urlsafe(32)
    session = Session(operator, row["role"], areas_.read(row["areas"]), secrets.token_urlsafe(32), now_ms, now_ms)
    tx.run("DELETE FROM session WHERE last_used_ms < ?", (now_ms - SESSION_IDLE_MS,))
    tx.run(
        "INSERT INTO session (token_hash, operator, csrf, created_ms, last_used_ms) VALUES (?, ?, ?, ?, ?)",
        (_hash(secret), operator, session.csrf, now_ms, now_ms),
    )
    tx.run(
        "DELETE FROM session WHERE operator = ? AND token_hash NOT IN ("
        "SELECT token_hash FROM session WHERE operator = ? ORDER BY last_used_ms DESC, created_ms DESC LIMIT ?)",
        (operator, operator, SESSIONS_PER_OPERATOR),
    )
    return secret, session


def session(tx: Tx, secret: str, now_ms: int) -> Session | None:
    """The session of this cookie; None when there is none or it was idle for too long."""
    row = tx.one(
        "SELECT operator.name, operator.role, operator.areas, session.csrf, session.created_ms, session.last_used_ms"
        " FROM session JOIN operator ON operator.name = session.operator"
        " WHERE session.token_hash = ? AND session.last_used_ms >= ?",
        (_hash(secret), now_ms - SESSION_IDLE_MS),
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


def touch_session(tx: Tx, secret: str, now_ms: int) -> None:
    """Somebody uses the session."""
    tx.run("UPDATE session SET last_used_ms = ? WHERE token_hash = ?", (now_ms, _hash(secret)))


def close_session(tx: Tx, secret: str) -> None:
    """Signed out: the cookie opens nothing any more."""
    tx.run("DELETE FROM session WHERE token_hash = ?", (_hash(secret),))


def add_token(tx: Tx, name: str, role: str, now_ms: int, areas: Areas = EVERYWHERE) -> str:
    """A new bearer token, returned once. Several may share a name (to replace one without a gap)."""
    _check_name(name)
    _check_role(role)
    if tx.one("SELECT name FROM operator WHERE name = ?", (name,)):
        raise AnsimbellError(f"{name} is the name of an operator: choose another name")
    secret = f"asb_{secrets.token_urlsafe(32)}"
    tx.run(
        "INSERT INTO token (token_hash, name, role, areas, created_ms) VALUES (?, ?, ?, ?, ?)",
        (_hash(secret), name, role, areas_.written(areas), now_ms),
    )
    return secret


def token(tx: Tx, secret: str) -> tuple[str, str, Areas] | None:
    """(name, role, areas) of a bearer token; None when there is none."""
    row = tx.one("SELECT name, role, areas FROM token WHERE token_hash = ?", (_hash(secret),))
    return None if row is None else (str(row["name"]), str(row["role"]), areas_.read(row["areas"]))


def _hash(secret: str) -> str:
    # No salt and no slow hash: the secrets are 256 random bits, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= NAME_MAX_CHARS or name != name.strip() or not name.isprintable():
        raise AnsimbellError(
            f"{name!r} can't be a name: use 1 to {NAME_MAX_CHARS} printable characters without space at either end"
        )
    if name == "gateway" or name.startswith("bell "):
        raise AnsimbellError(f"{name!r} can't be a name: the record uses it for the machine itself")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise AnsimbellError(f"{role!r} is no role: use one of {', '.join(ROLES)}")
