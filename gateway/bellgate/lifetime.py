"""What becomes of an enrolled bell: replaced, moved, suspended, wiped, rotated, revoked.

An identity is a bell_id with its key and certificate. It hangs at one site for life; another bell or another site is
another identity, and what happened stays with the one that it happened to. All of this runs in the command line, beside
the running gateway, which follows the database within a second.
"""

from dataclasses import replace as changed
from pathlib import Path

from bellgate import clock, pki
from bellgate.admission import BY, Files, NewBell, admit, issue
from bellgate.config import Config
from bellgate.core.supervision import MISSING_AFTER_MS
from bellgate.enrolment import Enrolment
from bellgate.errors import EnrolmentError
from bellgate.store import Store, Tx, audit, bells, dues, places, retention
from bellgate.store.bells import Bell


def revoke(store: Store, bell_id: str) -> None:
    """Take a bell's right to speak away: the gateway refuses it at once, the broker within seconds."""

    def job(tx: Tx) -> None:
        bells.set_state(tx, bell_id, bells.REVOKED)
        audit.demand(tx, clock.now_ms(), None, BY, "revoked", {"bell_id": bell_id})

    store.write_now(job)


def replace(
    store: Store,
    config: Config,
    authority: pki.Authority,
    bell_id: str,
    out: Path,
    qr: Path | None,
    at_once: bool,
    now_ms: int,
) -> Enrolment:
    """Another bell at the same place. The old one may speak until the new one is heard for the first time, so that
    nobody is without a bell meanwhile; at_once: it is stolen or mad, and may not. Raises EnrolmentError."""

    def job(tx: Tx) -> Enrolment:
        old = _speaking(tx, bell_id)
        new = NewBell(old.site, old.kind, old.name, old.address, old.lat, old.lon)
        made = admit(tx, config, authority, new, files, now_ms, replaces=bell_id)
        places.take_over(tx, bell_id, made.bell_id)
        if at_once:
            bells.set_state(tx, bell_id, bells.REVOKED)
            detail = {"bell_id": bell_id, "replaced_by": made.bell_id}
            audit.demand(tx, now_ms, None, BY, "revoked", detail)
        return made

    with Files(out, qr) as files:
        return store.write_now(job)


def move(
    store: Store,
    config: Config,
    authority: pki.Authority,
    bell_id: str,
    to: NewBell,
    out: Path,
    qr: Path | None,
    now_ms: int,
) -> Enrolment:
    """The bell hangs at another site from now on, as a new identity; the old one ends when that is heard.

    Nothing of the old place goes along: neither its history nor its notes. Raises EnrolmentError.
    """

    def job(tx: Tx) -> Enrolment:
        old = _speaking(tx, bell_id)
        if to.site == old.site:
            raise EnrolmentError(
                f"--site {to.site!r}: {bell_id} hangs there already. A place within a site is put right on the page of "
                "bells, or by `bellgate bells import`"
            )
        return admit(tx, config, authority, changed(to, kind=old.kind), files, now_ms, replaces=bell_id)

    with Files(out, qr) as files:
        return store.write_now(job)


def suspend(store: Store, bell_id: str, reason: str, now_ms: int) -> None:
    """Nobody is told that it is silent, without power or ill. A press is still taken, stored and told like any other:
    whoever presses needs help, whatever we think of the bell. Raises EnrolmentError."""

    def job(tx: Tx) -> None:
        if _speaking(tx, bell_id).state == bells.SUSPENDED:
            raise EnrolmentError(f"{bell_id} is suspended already: `bellgate bell resume {bell_id}` ends it")
        bells.set_state(tx, bell_id, bells.SUSPENDED)
        audit.demand(tx, now_ms, None, BY, "suspended", {"bell_id": bell_id, "reason": reason})

    store.write_now(job)


def resume(store: Store, bell_id: str, now_ms: int) -> None:
    """It is supervised again; if it is silent, that is trouble in three minutes. Raises EnrolmentError."""

    def job(tx: Tx) -> None:
        if _speaking(tx, bell_id).state != bells.SUSPENDED:
            raise EnrolmentError(f"{bell_id} is not suspended")
        bells.set_state(tx, bell_id, bells.ACTIVE)
        if bells.presence(tx, bell_id).last_seen_ms is not None:
            dues.put(tx, "supervision", bell_id, now_ms + MISSING_AFTER_MS)
        audit.demand(tx, now_ms, None, BY, "resumed", {"bell_id": bell_id})

    store.write_now(job)


def wipe(store: Store, bell_id: str, now_ms: int) -> bool:
    """Somebody moved out: the identity ends, and what we know of the place is erased; True if all of it was.

    Owners, notes, floor and the last heartbeat go at once. Name, address and position stay as long as an incident needs
    them (retention, legal hold) and then go by themselves. The key stays: a code for the serial port is made of it, and
    it opens nothing any more. Raises EnrolmentError.
    """

    def job(tx: Tx) -> bool:
        bell = bells.known(tx, bell_id)
        if bell.speaks:
            bells.set_state(tx, bell_id, bells.REVOKED)
        places.wipe(tx, bell_id, now_ms)
        audit.demand(tx, now_ms, None, BY, "wiped", {"bell_id": bell_id})
        retention.places(tx)
        left = tx.one("SELECT address FROM bell WHERE bell_id = ?", (bell_id,))
        return left is not None and left["address"] == ""

    return store.write_now(job)


def rotate(
    store: Store, config: Config, authority: pki.Authority, bell_id: str, out: Path, qr: Path | None, now_ms: int
) -> Enrolment:
    """New secrets for a bell that stays: sealing key, certificate, one-time secret, in a new enrolment file.

    The old key counts until the bell is heard under the new one, and an hour longer. A rotation that waits already is
    replaced by this one. Raises EnrolmentError.
    """

    def job(tx: Tx) -> Enrolment:
        bell = _speaking(tx, bell_id)
        made, issued = issue(config, authority, bell_id, bell.site, bell.kind)
        assert made.once_sha256 is not None
        bells.put_other_key(tx, bell_id, made.key_bytes, issued.fingerprint, made.once_sha256)
        audit.demand(tx, now_ms, None, BY, "rotation_begun", {"bell_id": bell_id})
        files.enrolment(made)
        return made

    with Files(out, qr) as files:
        return store.write_now(job)


def _speaking(tx: Tx, bell_id: str) -> Bell:
    bell = bells.known(tx, bell_id)
    if not bell.speaks:
        raise EnrolmentError(f"{bell_id} is revoked: `bellgate enrol` makes a new identity for the place")
    return bell
