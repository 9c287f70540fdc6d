"""A certificate on paper, from the laptop: the same sheet as the gateway's, with what the gateway has not seen yet
left open."""

from collections.abc import Mapping
from typing import Any

from bellgate import certificate, commissioning
from bellkit.errors import KitError

NOT_YET = "–"


def html(document: Mapping[str, Any]) -> str:
    """One file without anything from outside, Korean and English."""
    return certificate.html(as_stored(document), page_of(document))


def pdf(document: Mapping[str, Any]) -> bytes:
    """The same as PDF, with its fonts inside. Raises AnsimbellError if no font with Hangul is installed."""
    return bytes(certificate.pdf(as_stored(document), page_of(document)))


def page_of(document: Mapping[str, Any]) -> str:
    """What the QR code opens: the bell's page, or its name where no gateway was known."""
    return str(document.get("page") or f"ansimbell:{document['bell_id']}")


def as_stored(document: Mapping[str, Any]) -> dict[str, Any]:
    """As the gateway keeps it (docs/installing.md), without the gateway's part."""
    try:
        lacks = ["failed"] if not document["passed"] else []
        if any(one["verdict"] == "not_proved" for one in document["results"]):
            lacks.append("not_proved")
        return {
            "id": document["id"],
            "bell_id": document["bell_id"],
            "name": document.get("name") or document["site"],
            "gateway": NOT_YET,
            "stored_ms": None,
            "posted_by": NOT_YET,
            "lacks": [*lacks, "press"],  # whether the press arrived, only the gateway can say
            "checked": {"routing": {"expected": document.get("expected", [])}},
            "kit_key": commissioning.fingerprint(commissioning.check(dict(document))),
            "certificate": dict(document),
        }
    except KeyError as error:
        raise KitError(f"this is no certificate of the kit: {error} is missing") from None
