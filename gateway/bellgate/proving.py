"""What the gateway makes of a kit's certificate: looks for itself, signs the whole, and keeps it."""

import hashlib
from collections.abc import Mapping
from typing import Any

from bellgate import commissioning, routing, signing
from bellgate.commissioning import Certificate
from bellgate.config import Config
from bellgate.core.frozen import frozen
from bellgate.errors import EnrolmentError, StalePlace
from bellgate.pki import Issued
from bellgate.store import Tx, audit, bells, commissioned, signals

# A telephone's position is good for some 10 m; a house stands this far from where its neighbour's bell hangs.
NEAR_DEG = 0.0003
KIND = "ansimbell.commissioned"


@frozen
class Checked:
    """What the gateway found: is the press here, is the place ours, does the routing agree?"""

    press: bool
    place: bool
    routing: routing.Routing

    def lacks(self, read: Certificate) -> list[str]:
        """What is missing for a bell that may be relied on; [] is complete."""
        verdicts = {one.verdict for one in read.results}
        missing = {
            "failed": not read.passed or "failed" in verdicts,
            "not_proved": "not_proved" in verdicts,
            "press": not self.press,
            "routing": self.routing.agree is not True,
            "place": not self.place,
        }
        return [name for name, is_so in missing.items() if is_so]


def store(
    tx: Tx, config: Config, signer: Issued, bell_id: str, document: dict[str, Any], by: str, now_ms: int
) -> tuple[dict[str, Any], bool]:
    """(the certificate as it is kept, True if it was new). by: whose token posted it.

    Raises EnrolmentError for one that is no certificate of this bell, StalePlace if its id was used for another one.
    """
    read = commissioning.check(document)
    rows = bells.listing(tx, bell_id=bell_id)
    if not rows or read.bell_id != bell_id:
        raise EnrolmentError(f"the certificate is of {read.bell_id}, not of {bell_id}: post it to its own bell")
    row = rows[0]
    kept = commissioned.one(tx, read.id)
    if kept is not None:
        if signing.canonical(kept["document"]["certificate"]) != signing.canonical(document):
            raise StalePlace(f"a certificate {read.id} is kept already, with another content: give this one its own id")
        return kept, False
    checked = look(tx, config, row, read, now_ms)
    lacks = checked.lacks(read)
    summary: dict[str, Any] = {
        "id": read.id,
        "bell_id": bell_id,
        "stored_ms": now_ms,
        "posted_by": by,
        "by": read.by,
        "made_ms": read.made_ms,
        "passed": read.passed,
        "kit_key": commissioning.fingerprint(read),
    }
    whole = {
        "v": 1,
        "kind": KIND,
        "gateway": config.gateway.id,
        **summary,
        "lacks": lacks,
        "name": row["name"],
        "fingerprint": row["fingerprint"],
        "checked": {"press": checked.press, "place": checked.place, "routing": checked.routing.as_dict()},
        "certificate": document,
    }
    commissioned.put(tx, summary, lacks, signing.sign(whole, signer))
    sha256 = hashlib.sha256(signing.canonical(document)).hexdigest()
    detail: dict[str, str | int | bool | None] = {"bell_id": bell_id, "certificate": read.id, "sha256": sha256}
    audit.demand(tx, now_ms, None, by, "commissioned", detail | {"lacks": ", ".join(lacks)})
    found = commissioned.one(tx, read.id)
    assert found is not None
    return found, True


def look(tx: Tx, config: Config, row: Mapping[str, Any], read: Certificate, now_ms: int) -> Checked:
    """What we can see of it ourselves."""
    press = read.press is not None and signals.is_test(tx, read.bell_id, read.press.boot, read.press.seq)
    return Checked(press, _same_place(row, read), routing.of(config, row, now_ms))


def _same_place(row: Mapping[str, Any], read: Certificate) -> bool:
    if read.site != row["site"] or read.address.strip() != row["address"]:
        return False
    if row["lat"] is None or read.lat is None or read.lon is None:
        return row["lat"] is None and read.lat is None
    return max(abs(read.lat - float(row["lat"])), abs(read.lon - float(row["lon"]))) <= NEAR_DEG
