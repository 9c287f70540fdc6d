"""The certificate that a bell was proved on the wall: the kit's measurement, signed by the kit's own key.

The format alone, for the kit and the gateway; docs/installing.md describes it. What the gateway makes of it stands in
`certificate`. The kit's key is made on the laptop and stays there: it says that nobody changed the measurement on its
way, perhaps days later; who posted it, the gateway learns from the token.
"""

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bellgate import signing
from bellgate.errors import EnrolmentError

KIND = "ansimbell.commissioning"
MAX_BYTES = 30 * 1024  # a request to the console has 32 KiB; 64 contacts with a sentence each take 8
RESULTS_MAX = 200
_ECDSA = ec.ECDSA(hashes.SHA256())
_Text = Annotated[str, StringConstraints(max_length=500)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
# As a moment of this century; a laptop without a clock says 1970, which is false but harmless.
_Ms = Annotated[int, Field(ge=0, le=253_402_300_799_999)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class Press(_Part):
    """Which press as a test was followed."""

    boot: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    seq: Annotated[int, Field(ge=1, le=2**53 - 1)]


class Rung(_Part):
    """One hop of the press, and how long it took; None: not reached."""

    name: _Name
    ms: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None


class Result(_Part):
    """One thing that was asked for."""

    name: _Name
    verdict: Literal["ok", "failed", "not_proved"]
    text: _Text = ""


class Signature(_Part):
    """By the kit."""

    algorithm: Literal["ECDSA-P256-SHA256"]
    key: str
    value: str


class Certificate(_Part):
    """What the kit posts. Unknown keys are kept: they are signed too."""

    v: Literal[1]
    kind: Literal["ansimbell.commissioning"]
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    bell_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    made_ms: _Ms
    by: _Name
    kit: _Name
    passed: bool
    address: _Text
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None
    station: Annotated[list[_Name], Field(max_length=20)]
    press: Press | None
    rungs: Annotated[list[Rung], Field(max_length=50)]
    results: Annotated[list[Result], Field(max_length=RESULTS_MAX)]
    signature: Signature


def sign(document: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """The certificate with the kit's signature (key: P-256)."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return document | {
        "signature": {
            "algorithm": signing.ALGORITHM,
            "key": base64.b64encode(public).decode("ascii"),
            "value": base64.b64encode(key.sign(signing.canonical(document), _ECDSA)).decode("ascii"),
        }
    }


def check(document: dict[str, Any]) -> Certificate:
    """What is in it. Raises EnrolmentError, saying why, unless it is whole and signed by the key that it names."""
    try:
        size = len(signing.canonical(document))
    except (TypeError, ValueError, RecursionError):
        raise EnrolmentError("the certificate is no JSON that can be signed") from None
    if size > MAX_BYTES:
        raise EnrolmentError(f"the certificate has {size} bytes, at most {MAX_BYTES}: shorten its texts")
    try:
        read = Certificate.model_validate(document)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise EnrolmentError(f"the certificate's {where}: {fault['msg']}") from None
    if (read.lat is None) != (read.lon is None):
        raise EnrolmentError("the certificate's lat, lon: a position has both, or neither")
    for leaf in _leaves(document):
        if isinstance(leaf, str) and _CONTROL.search(leaf):
            raise EnrolmentError("the certificate holds control characters: every text is one line")
        if isinstance(leaf, float) and not math.isfinite(leaf):
            raise EnrolmentError("the certificate holds a number that is none (NaN or infinite)")
    try:
        key = serialization.load_der_public_key(base64.b64decode(read.signature.key, validate=True))
        value = base64.b64decode(read.signature.value, validate=True)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise EnrolmentError("the certificate's signature is damaged") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EnrolmentError("the certificate's signature is by a key that is no P-256 key")
    try:
        key.verify(value, signing.canonical(document), _ECDSA)
    except InvalidSignature:
        raise EnrolmentError("the certificate was changed after the kit had signed it") from None
    return read


def fingerprint(read: Certificate) -> str:
    """SHA-256 of the kit's public key, hex: the same laptop says the same."""
    return hashlib.sha256(base64.b64decode(read.signature.key)).hexdigest()


# Also lone surrogates: no database takes them, and no page shows them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _leaves(value: Any) -> Iterator[Any]:
    """Every key and every value that holds no others."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
