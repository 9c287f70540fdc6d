"""People and programs: operators with a password, and bearer tokens for scripts.

A password is kept as argon2id, a bearer token as SHA-256: a copy of the database opens no door. Hashing a password
takes tens of milliseconds on purpose, so it never happens inside a transaction: `password_hash` reads, `password_fits`
and `hashed` reckon outside the store, `sessions.open_session` and `staff` write.
"""

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError
from bellgate.store import areas as areas_
from bellgate.store.areas import EVERYWHERE, Areas
from bellgate.store.base import Row, Tx

# Who somebody is. What each may do stands in `bellgate.console.access`.
ROLES = ("dispatcher", "supervisor", "control-centre", "installer", "owner", "auditor", "administrator")

# A city's staff; the list of them is shown whole.
OPERATORS_MAX = 1_000

NAME_MAX_CHARS = 64
# NIST SP 800-63B: length counts, not classes of characters. An upper end, because hashing takes time.
PASSWORD_MIN_CHARS = 10
PASSWORD_MAX_CHARS = 256

# The library's defaults are RFC 9106's second choice (64 MiB, 3 passes): about a tenth of a second on a Pi 4.
_HASHER = PasswordHasher()
_WORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without i l o 0 1, which a person misreads


@frozen
class Operator:
    """A person who may sign in, unless disabled_ms says since when not any more.

    password_due: it was given by somebody else, and must be changed at the next sign-in. passkeys, sessions: how many.
    """

    name: str
    role: str
    areas: Areas
    created_ms: int
    signed_in_ms: int | None
    disabled_ms: int | None
    password_due: bool
    totp: bool
    passkeys: int
    sessions: int


def new_password() -> str:
    """A password to print once: four groups of four letters and digits, 79 bits."""
    return "-".join("".join(secrets.choice(_WORD_LETTERS) for _ in range(4)) for _ in range(4))


def add_operator(tx: Tx, name: str, role: str, password: str, now_ms: int, areas: Areas = EVERYWHERE) -> None:
    """A new operator. Raises AnsimbellError when the name, the role or the password can't be used. For a database that
    nobody else waits for: it hashes inside the transaction."""
    insert(tx, name, role, hashed(password, name), now_ms, areas)


def insert(
    tx: Tx, name: str, role: str, password_hash: str, now_ms: int, areas: Areas = EVERYWHERE, *, due: bool = False
) -> None:
    """A new operator with a hash that `hashed` gave. due: the password must be changed at the first sign-in."""
    check_name(name)
    check_role(role)
    if tx.one("SELECT name FROM token WHERE name = ?", (name,)):
        raise AnsimbellError(f"{name} is the name of a bearer token: choose another name")
    count = tx.one("SELECT COUNT(*) AS n FROM operator")
    if count is not None and count["n"] >= OPERATORS_MAX:
        raise AnsimbellError(f"there are {OPERATORS_MAX} operators already: no more fit in one gateway")
    added = tx.run(
        "INSERT INTO operator (name, role, areas, password_hash, password_due, created_ms) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO NOTHING",
        (name, role, areas_.written(areas), password_hash, int(due), now_ms),
    )
    if not added:
        raise AnsimbellError(f"there is an operator named {name} already: choose another name")


def hashed(password: str, name: str) -> str:
    """The hash to keep. Raises AnsimbellError for a password that can't be used. Never call it inside a transaction
    that others wait for."""
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise AnsimbellError(
            f"the password of operator {name} has {len(password)} characters: "
            f"use {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS}"
        )
    if password.casefold() == name.casefold():
        raise AnsimbellError("the password is the name: choose another one")
    return _HASHER.hash(password)


_OPERATOR = (
    "SELECT name, role, areas, created_ms, signed_in_ms, disabled_ms, password_due, totp_secret,"
    " (SELECT COUNT(*) FROM passkey WHERE passkey.operator = operator.name) AS passkeys,"
    " (SELECT COUNT(*) FROM session WHERE session.operator = operator.name) AS sessions FROM operator"
)


def operators(tx: Tx) -> list[Operator]:
    """Every operator, by name."""
    return [_operator(row) for row in tx.all(f"{_OPERATOR} ORDER BY name LIMIT ?", (OPERATORS_MAX,))]


def operator(tx: Tx, name: str) -> Operator | None:
    """The operator of that name."""
    row = tx.one(f"{_OPERATOR} WHERE name = ?", (name,))
    return None if row is None else _operator(row)


def _operator(row: Row) -> Operator:
    return Operator(
        row["name"],
        row["role"],
        areas_.read(row["areas"]),
        row["created_ms"],
        row["signed_in_ms"],
        row["disabled_ms"],
        bool(row["password_due"]),
        row["totp_secret"] is not None,
        row["passkeys"],
        row["sessions"],
    )


def password_hash(tx: Tx, name: str) -> str | None:
    """What `password_fits` needs; None when there is no such operator, or when the person may not sign in."""
    row = tx.one("SELECT password_hash FROM operator WHERE name = ? AND disabled_ms IS NULL", (name,))
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


def add_token(tx: Tx, name: str, role: str, now_ms: int, areas: Areas = EVERYWHERE) -> str:
    """A new bearer token, returned once. Several may share a name (to replace one without a gap)."""
    check_name(name)
    check_role(role)
    if tx.one("SELECT name FROM operator WHERE name = ?", (name,)):
        raise AnsimbellError(f"{name} is the name of an operator: choose another name")
    secret = f"asb_{secrets.token_urlsafe(32)}"
    tx.run(
        "INSERT INTO token (token_hash, name, role, areas, created_ms) VALUES (?, ?, ?, ?, ?)",
        (secret_hash(secret), name, role, areas_.written(areas), now_ms),
    )
    return secret


def token(tx: Tx, secret: str) -> tuple[str, str, Areas] | None:
    """(name, role, areas) of a bearer token; None when there is none."""
    row = tx.one("SELECT name, role, areas FROM token WHERE token_hash = ?", (secret_hash(secret),))
    return None if row is None else (str(row["name"]), str(row["role"]), areas_.read(row["areas"]))


def secret_hash(secret: str) -> str:
    """What is kept of a session's or a token's secret."""
    # No salt and no slow hash: the secrets are 256 random bits, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def check_name(name: str) -> None:
    """Raises AnsimbellError for what can't be a name."""
    if not 1 <= len(name) <= NAME_MAX_CHARS or name != name.strip() or not name.isprintable():
        raise AnsimbellError(
            f"{name!r} can't be a name: use 1 to {NAME_MAX_CHARS} printable characters without space at either end"
        )
    if name == "gateway" or name.startswith("bell "):
        raise AnsimbellError(f"{name!r} can't be a name: the record uses it for the machine itself")


def check_role(role: str) -> None:
    """Raises AnsimbellError for what is no role."""
    if role not in ROLES:
        raise AnsimbellError(f"{role!r} is no role: use one of {', '.join(ROLES)}")
