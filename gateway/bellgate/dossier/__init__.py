"""One incident for a court: everything that is kept of it, signed, and the same on paper in Korean and English.

    incident-5.json    what the database holds, with the hash of each row of the record; signed
    incident-5.html    the same for a reader, one file without anything from outside; its SHA-256 stands in the JSON

`drawing` draws the timeline, with a bar as wide as each moment is uncertain.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cryptography import x509

from bellgate import __version__, signing
from bellgate.dossier import page
from bellgate.errors import RecordError, StoreError, UnknownIncident
from bellgate.pki import Authority
from bellgate.store import Tx, audit, bells, incidents


def collect(tx: Tx, incident_id: int, gateway_id: str, at_ms: int, clock: str) -> dict[str, Any]:
    """What is kept of the incident, as plain values. clock: as in a checkpoint. Raises UnknownIncident."""
    view = incidents.view(tx, incident_id)
    if view is None:
        raise UnknownIncident(f"there is no incident {incident_id}: `bellgate incidents --state all` lists them")
    bell = bells.get(tx, view["bell_id"])
    assert bell is not None
    head = audit.head(tx)
    return {
        "v": 1,
        "kind": "ansimbell.incident",
        "gateway": gateway_id,
        "made_ms": at_ms,
        "clock": clock,
        "version": __version__,
        "incident": view,
        "bell": {"fingerprint": bell.fingerprint, "enrolled_ms": bell.enrolled_ms, "state": bell.state},
        "record": {"row": head.row, "hash": head.hash, "rows": audit.links(tx, incident_id)},
    }


def seal(content: dict[str, Any], authority: Authority) -> list[tuple[str, bytes]]:
    """(file name, bytes) of the signed JSON and of the HTML that belongs to it."""
    content = content | {"authority_sha256": authority.fingerprint("ca")}
    html = page.render(content, hashlib.sha256(signing.canonical(content)).hexdigest()).encode("utf-8")
    document = signing.sign(content | {"html_sha256": hashlib.sha256(html).hexdigest()}, authority.signer())
    name = f"incident-{content['incident']['id']}"
    signed = json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8")
    return [(f"{name}.json", signed), (f"{name}.html", html)]


def write(content: dict[str, Any], authority: Authority, folder: Path) -> tuple[Path, Path]:
    """Both files, in `folder`: (JSON, HTML). Raises StoreError; files that exist are not overwritten."""
    (json_name, signed), (html_name, html) = seal(content, authority)
    paths = folder / json_name, folder / html_name
    bodies = signed, html
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, body in zip(paths, bodies, strict=True):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
    except FileExistsError as error:
        raise StoreError(f"{error.filename}: exists already. Give another --out") from None
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}). Give another --out") from None
    return paths


def check(file: Path, ca: x509.Certificate) -> dict[str, Any]:
    """The signed document in `file`. Raises RecordError unless it, and an HTML beside it, is as it was made."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("kind") != "ansimbell.incident":
            raise RecordError("is not an export of one incident")
        signing.check(document, ca)
    except (OSError, ValueError) as error:
        raise RecordError(f"{file}: cannot be read ({error})") from None
    except RecordError as error:
        raise RecordError(f"{file}: {error}") from None
    html = file.with_suffix(".html")
    if html.exists() and hashlib.sha256(html.read_bytes()).hexdigest() != document.get("html_sha256"):
        raise RecordError(f"{html}: was changed, or belongs to another export. The JSON beside it is as it was made")
    broken = audit.broken_link(document["record"]["rows"])
    if broken is not None:
        raise RecordError(f"{file}: row {broken} of the record did not fit its hash when this was made")
    return dict(document)
