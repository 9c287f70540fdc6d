"""The enrolment file: all that a bell must know to speak to its gateway, and a secret.

    {"v": 1, "bell_id", "site", "kind", "key", "ca_der", "cert_der", "key_der",
     "brokers": [{"host", "port", "server_name"}], "once"}

Binary values are base64. `once` is a one-time secret that also stands on the QR code: whoever enrols the bell proves
with it to hold both; a file of an older gateway has none. Who holds the file can speak as that bell, so it is written
with mode 0600 and goes to the bell and nowhere else. This module is the format only; admission.py makes the contents.
"""

import base64
import binascii
import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bellgate.errors import EnrolmentError
from bellwire import KINDS, valid_name

KEY_BYTES = 32
ONCE_BYTES = 16
MAX_FILE_BYTES = 64 * 1024  # three DER files of under 1 kB each: a larger file is something else


def _name(text: str) -> str:
    if not valid_name(text):
        raise ValueError("must be 1 to 32 of a-z 0-9 and -, not starting or ending with -")
    return text


def _kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return text


def _base64(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64") from None
    if not raw:
        raise ValueError("must not be empty")
    return text


def _key(text: str) -> str:
    if len(base64.b64decode(_base64(text))) != KEY_BYTES:
        raise ValueError(f"must be the base64 of {KEY_BYTES} bytes")
    return text


def _once(text: str) -> str:
    if len(base64.b64decode(_base64(text))) != ONCE_BYTES:
        raise ValueError(f"must be the base64 of {ONCE_BYTES} bytes")
    return text


Base64 = Annotated[str, AfterValidator(_base64)]


class BrokerAddress(BaseModel):
    """Where a broker is, and the name that its certificate must carry (also sent as SNI)."""

    model_config = ConfigDict(strict=True, frozen=True)

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)]
    server_name: Annotated[str, Field(min_length=1, max_length=253)]


class Enrolment(BaseModel):
    """The contents of an enrolment file. Unknown keys are ignored: an older kit reads a newer gateway's file."""

    model_config = ConfigDict(strict=True, frozen=True)

    v: Literal[1]
    bell_id: Annotated[str, AfterValidator(_name)]
    site: Annotated[str, AfterValidator(_name)]
    kind: Annotated[str, AfterValidator(_kind)]
    key: Annotated[str, AfterValidator(_key)] = Field(repr=False)
    ca_der: Base64 = Field(repr=False)
    cert_der: Base64 = Field(repr=False)
    key_der: Base64 = Field(repr=False)
    brokers: list[BrokerAddress] = Field(min_length=1)
    once: Annotated[str, AfterValidator(_once)] | None = Field(None, repr=False)

    @property
    def key_bytes(self) -> bytes:
        """The 32 bytes of the bell's sealing key."""
        return base64.b64decode(self.key)

    @property
    def once_bytes(self) -> bytes | None:
        """The 16 bytes of the one-time secret; None in a file of an older gateway."""
        return None if self.once is None else base64.b64decode(self.once)

    @property
    def once_sha256(self) -> str | None:
        """What the gateway keeps of it, hex."""
        return None if self.once is None else hashlib.sha256(base64.b64decode(self.once)).hexdigest()

    @property
    def tls_bytes(self) -> tuple[bytes, bytes, bytes]:
        """(authority's certificate, bell's certificate, bell's private key), DER each."""
        return base64.b64decode(self.ca_der), base64.b64decode(self.cert_der), base64.b64decode(self.key_der)


def dumps(enrolment: Enrolment) -> str:
    """The file's text: one JSON object, keys in the order of the format, and a line feed."""
    return json.dumps(enrolment.model_dump(exclude_none=True), indent=1, ensure_ascii=False) + "\n"


def write(enrolment: Enrolment, path: Path) -> None:
    """Make the file with mode 0600. An existing file is not touched: it may be another bell's only key."""
    write_new(path, dumps(enrolment).encode("utf-8"), "--out")


def write_new(path: Path, data: bytes, option: str) -> None:
    """A new file with mode 0600, durable. option: where another name can be given. Raises EnrolmentError."""
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise EnrolmentError(f"{path}: exists already. Give another {option}, or move that file away") from None
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be written ({error.strerror}). Give another {option}") from None
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise EnrolmentError(f"{path}: cannot be written ({error.strerror}). Give another {option}") from None


def read(path: Path) -> Enrolment:
    """Read and check an enrolment file. Raises EnrolmentError naming the file, the key and the fault."""
    return parse(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises EnrolmentError if it cannot be read or is too large for an enrolment file."""
    return read_at_most(path, MAX_FILE_BYTES, "an enrolment file", "`bellgate enrol --out FILE`")


def read_at_most(path: Path, max_bytes: int, what: str, writer: str) -> bytes:
    """The bytes of a file that `writer` writes; never more than max_bytes of it are read. Raises EnrolmentError."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read ({error.strerror}). {writer} writes such a file") from None
    if len(data) > max_bytes:
        raise EnrolmentError(f"{path}: is too large for {what}. Take the file that {writer} wrote, unchanged")
    return data


def parse(data: bytes, source: str) -> Enrolment:
    """The contents of an enrolment file. source: its name, for the message. Raises EnrolmentError."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise EnrolmentError(f"{source}: is not JSON. {_REMEDY}") from None
    if not isinstance(content, dict):
        raise EnrolmentError(f"{source}: is not an enrolment file. {_REMEDY}")
    if content.get("v") != 1:
        raise EnrolmentError(
            f"{source}: has version {str(content.get('v'))[:20]!r}, this program reads version 1. {_REMEDY}"
        )
    try:
        return Enrolment.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise EnrolmentError(f"{source}: {key}: {fault['msg'].removeprefix('Value error, ')}. {_REMEDY}") from None


_REMEDY = "Take the file that `bellgate enrol --out FILE` wrote, unchanged"
