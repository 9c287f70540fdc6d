"""Changes of people. Each is written into the record, or is not made (`audit.demand`).

by: who does it, as the record calls them. Every function raises AnsimbellError for what can't be, RecordError if the
record takes no entry, and UnknownOperator for a name that there is not.
"""

from bellgate.errors import AnsimbellError, UnknownOperator
from bellgate.store import areas as areas_
from bellgate.store import audit, passkeys, people, second_factor, sessions
from bellgate.store.areas import EVERYWHERE, Areas
from bellgate.store.base import Tx
from bellgate.store.people import Operator

FIRST = "administrator"  # the role that must never be without anybody


def add(tx: Tx, now_ms: int, by: str, name: str, role: str, areas: Areas, password_hash: str) -> None:
    """A new person, with a password that has to be changed at the first sign-in."""
    people.insert(tx, name, role, password_hash, now_ms, areas, due=True)
    _record(tx, now_ms, by, "operator_added", name, role=role, areas=_said(areas))


def change(tx: Tx, now_ms: int, by: str, name: str, role: str, areas: Areas) -> None:
    """Another role or other areas. The sessions end: what was opened with other rights must not stay open."""
    before = _known(tx, name)
    people.check_role(role)
    written = areas_.written(areas)
    if (before.role, before.areas) == (role, areas_.read(written)):
        return
    if (role, areas) != (FIRST, EVERYWHERE):
        _keep_one(tx, before)
    tx.run("UPDATE operator SET role = ?, areas = ? WHERE name = ?", (role, written, name))
    sessions.end_all(tx, name)
    _record(tx, now_ms, by, "operator_changed", name, role=role, areas=_said(areas), role_before=before.role)


def disable(tx: Tx, now_ms: int, by: str, name: str) -> None:
    """The person may not sign in any more, and is signed out everywhere."""
    before = _known(tx, name)
    if before.disabled_ms is not None:
        return
    _keep_one(tx, before)
    tx.run("UPDATE operator SET disabled_ms = ? WHERE name = ?", (now_ms, name))
    sessions.end_all(tx, name)
    _record(tx, now_ms, by, "operator_disabled", name)


def enable(tx: Tx, now_ms: int, by: str, name: str) -> None:
    """The person may sign in again."""
    if _known(tx, name).disabled_ms is None:
        return
    tx.run("UPDATE operator SET disabled_ms = NULL WHERE name = ?", (name,))
    _record(tx, now_ms, by, "operator_enabled", name)


def give_password(tx: Tx, now_ms: int, by: str, name: str, password_hash: str) -> None:
    """A password from somebody else: it has to be changed at the next sign-in. The sessions end."""
    _known(tx, name)
    tx.run("UPDATE operator SET password_hash = ?, password_due = 1 WHERE name = ?", (password_hash, name))
    sessions.end_all(tx, name)
    _record(tx, now_ms, by, "password_given", name)


def choose_password(tx: Tx, now_ms: int, name: str, password_hash: str, keep: str | None = None) -> None:
    """A password of one's own choice. keep: the secret of the session that stays; all others end."""
    _known(tx, name)
    tx.run("UPDATE operator SET password_hash = ?, password_due = 0 WHERE name = ?", (password_hash, name))
    sessions.end_all(tx, name, keep)
    _record(tx, now_ms, name, "password_changed", name)


def reset_second_factor(tx: Tx, now_ms: int, by: str, name: str) -> None:
    """For somebody whose telephone is gone: no code is asked for and no passkey opens. The sessions end."""
    _known(tx, name)
    had = second_factor.remove(tx, name)
    keys = passkeys.remove_all(tx, name)
    sessions.end_all(tx, name)
    _record(tx, now_ms, by, "second_factor_reset", name, code=had, passkeys=keys)


def end_sessions(tx: Tx, now_ms: int, by: str, name: str) -> int:
    """Sign the person out everywhere; how many sessions there were."""
    _known(tx, name)
    ended = sessions.end_all(tx, name)
    _record(tx, now_ms, by, "sessions_ended", name, sessions=ended)
    return ended


def end_own(tx: Tx, now_ms: int, name: str, session_id: str | None, keep: str) -> int:
    """End one of the own sessions, or (None) all but that of the secret `keep`; how many."""
    ended = sessions.end_all(tx, name, keep) if session_id is None else int(sessions.end(tx, name, session_id))
    _record(tx, now_ms, name, "sessions_ended", name, sessions=ended)
    return ended


def confirm_code(tx: Tx, now_ms: int, name: str, code: str) -> bool:
    """The first code of a new authenticator: from now on one is asked for. False for a wrong one."""
    if not second_factor.confirm(tx, name, code, now_ms):
        return False
    _record(tx, now_ms, name, "second_factor_added", name)
    return True


def remove_code(tx: Tx, now_ms: int, name: str) -> None:
    """No code is asked for any more, at the person's own wish."""
    if second_factor.remove(tx, name):
        _record(tx, now_ms, name, "second_factor_removed", name)


def add_passkey(tx: Tx, now_ms: int, key: passkeys.Passkey) -> None:
    """A new passkey of a person."""
    passkeys.add(tx, key)
    _record(tx, now_ms, key.operator, "passkey_added", key.operator, label=key.label)


def remove_passkey(tx: Tx, now_ms: int, name: str, credential_id: str) -> bool:
    """Forget one of the own passkeys; False if there is none of that id."""
    if not passkeys.remove(tx, name, credential_id):
        return False
    _record(tx, now_ms, name, "passkey_removed", name)
    return True


def _known(tx: Tx, name: str) -> Operator:
    found = people.operator(tx, name)
    if found is None:
        raise UnknownOperator(f"there is no operator named {name}")
    return found


def _keep_one(tx: Tx, leaving: Operator) -> None:
    """Somebody must be left who may change people, everywhere: otherwise nobody can ever put it right."""
    if (leaving.role, leaving.areas) != (FIRST, EVERYWHERE) or leaving.disabled_ms is not None:
        return
    left = tx.one(
        "SELECT COUNT(*) AS n FROM operator WHERE role = ? AND areas = ? AND disabled_ms IS NULL AND name <> ?",
        (FIRST, areas_.written(EVERYWHERE), leaving.name),
    )
    if left is None or not left["n"]:
        raise AnsimbellError(f"{leaving.name} is the last administrator of all areas: make somebody else one first")


def _said(areas: Areas) -> str:
    return " ".join(areas) or "*"


def _record(tx: Tx, now_ms: int, by: str, act: str, name: str, **more: str | int | bool) -> None:
    audit.demand(tx, now_ms, None, by, act, {"operator": name, **more})
