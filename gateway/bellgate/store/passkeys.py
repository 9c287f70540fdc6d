"""Passkeys (WebAuthn): the public half of a key whose private half never leaves a person's device.

How a device's answer is checked stands in `bellgate.console.passkey_check`.
"""

from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError
from bellgate.store.base import Tx

# A telephone, a computer or two, and a spare key in the drawer.
PASSKEYS_PER_OPERATOR = 10
LABEL_MAX_CHARS = 64


@frozen
class Passkey:
    """credential_id, public_key: base64url. sign_count: of the device's last answer; 0 if it does not count."""

    credential_id: str
    operator: str
    public_key: str
    sign_count: int
    label: str
    created_ms: int
    used_ms: int | None


def add(tx: Tx, key: Passkey) -> None:
    """Keep it. Raises AnsimbellError when it is known already, or when the person has too many."""
    if len(listing(tx, key.operator)) >= PASSKEYS_PER_OPERATOR:
        raise AnsimbellError(f"{PASSKEYS_PER_OPERATOR} passkeys are the most one person may have: remove one first")
    added = tx.run(
        "INSERT INTO passkey (credential_id, operator, public_key, sign_count, label, created_ms)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (credential_id) DO NOTHING",
        (key.credential_id, key.operator, key.public_key, key.sign_count, key.label, key.created_ms),
    )
    if not added:
        raise AnsimbellError("this passkey is registered already")


def find(tx: Tx, credential_id: str) -> Passkey | None:
    """The key of that id, whose person may sign in."""
    row = tx.one(
        f"SELECT {_COLUMNS} FROM passkey JOIN operator ON operator.name = passkey.operator"
        " WHERE passkey.credential_id = ? AND operator.disabled_ms IS NULL",
        (credential_id,),
    )
    return None if row is None else Passkey(**row)


def listing(tx: Tx, operator: str) -> list[Passkey]:
    """Those of a person, the oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM passkey WHERE passkey.operator = ? ORDER BY passkey.created_ms, passkey.credential_id",
        (operator,),
    )
    return [Passkey(**row) for row in rows]


def used(tx: Tx, key: Passkey, sign_count: int, now_ms: int) -> bool:
    """It signed, and its counter stands there now; False if somebody used it in the meantime."""
    changed = tx.run(
        "UPDATE passkey SET sign_count = ?, used_ms = ? WHERE credential_id = ? AND sign_count = ?",
        (sign_count, now_ms, key.credential_id, key.sign_count),
    )
    return changed > 0


def remove(tx: Tx, operator: str, credential_id: str) -> bool:
    """Forget one of this person's; False if there is none of that id."""
    return tx.run("DELETE FROM passkey WHERE operator = ? AND credential_id = ?", (operator, credential_id)) > 0


def remove_all(tx: Tx, operator: str) -> int:
    """Forget all of this person's; how many."""
    return tx.run("DELETE FROM passkey WHERE operator = ?", (operator,))


_COLUMNS = ", ".join(f"passkey.{name}" for name in Passkey.__dataclass_fields__)
