"""Codes of an authenticator (TOTP, RFC 6238): six digits, a new one every 30 s, each of them good once.

A secret counts only after a code of it was shown: whoever could not scan it is not shut out.
"""

import hmac
import unicodedata

import pyotp

from bellgate.store.base import Tx

STEP_MS = 30_000
# The person's telephone may be half a minute ahead or behind; each further step would be one more code to guess.
DRIFT_STEPS = 1
CODE_MAX_CHARS = 16  # with spaces, as some authenticators show it


def begin(tx: Tx, operator: str) -> str:
    """A new secret, base32, that waits for its first code; the one in force stays in force until then."""
    secret = pyotp.random_base32()
    tx.run("UPDATE operator SET totp_pending = ? WHERE name = ?", (secret, operator))
    return secret


def pending(tx: Tx, operator: str) -> str | None:
    """The secret that waits for its first code."""
    row = tx.one("SELECT totp_pending FROM operator WHERE name = ?", (operator,))
    return None if row is None or row["totp_pending"] is None else str(row["totp_pending"])


def confirm(tx: Tx, operator: str, code: str, now_ms: int) -> bool:
    """The first code of a secret that waits: from now on it counts. False for a wrong one, or when none waits."""
    secret = pending(tx, operator)
    step = None if secret is None else _step(secret, code, now_ms, -1)
    if step is None:
        return False
    tx.run(
        "UPDATE operator SET totp_secret = ?, totp_pending = NULL, totp_step = ? WHERE name = ?",
        (secret, step, operator),
    )
    return True


def wanted(tx: Tx, operator: str) -> bool:
    """Must this person show a code?"""
    return tx.one("SELECT 1 AS one FROM operator WHERE name = ? AND totp_secret IS NOT NULL", (operator,)) is not None


def use(tx: Tx, operator: str, code: str, now_ms: int) -> bool:
    """Is it a code of now that was not used before? It is used up."""
    row = tx.one("SELECT totp_secret, totp_step FROM operator WHERE name = ?", (operator,))
    if row is None or row["totp_secret"] is None:
        return False
    step = _step(row["totp_secret"], code, now_ms, row["totp_step"])
    if step is None:
        return False
    tx.run("UPDATE operator SET totp_step = ? WHERE name = ?", (step, operator))
    return True


def remove(tx: Tx, operator: str) -> bool:
    """No code is asked for any more; False if none was."""
    had = wanted(tx, operator)
    tx.run("UPDATE operator SET totp_secret = NULL, totp_pending = NULL, totp_step = 0 WHERE name = ?", (operator,))
    return had


def _step(secret: str, code: str, now_ms: int, used: int) -> int | None:
    """The number of the 30 s step whose code it is; None if it is none of now, or of one that was used."""
    # A keyboard set to Hangul may give full-width digits.
    given = "".join(unicodedata.normalize("NFKC", code[:CODE_MAX_CHARS]).split()).encode()
    now = now_ms // STEP_MS
    authenticator = pyotp.TOTP(secret)
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if step > used and step >= 0 and hmac.compare_digest(authenticator.generate_otp(step).encode(), given):
            return step
    return None
