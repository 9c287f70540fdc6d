"""The operator's code: it opens the serial port of an enrolled bell for one operation, for one nonce of that bell.

    HMAC-SHA256(sealing key, "ansimbell port " op " " nonce) as one big-endian integer, modulo 10^8, in 8 digits

The bell asks for the button beside it. Each code stands in the record, with who asked for it.
"""

import hashlib
import hmac

from bellgate.errors import EnrolmentError
from bellgate.store import Tx, audit, bells

OPERATIONS = ("enrol", "wipe")
DIGITS = 8
NONCE_CHARS = (16, 64)  # hex: 8 to 32 bytes, as the bell draws them


def code(key: bytes, op: str, nonce: str) -> str:
    """The 8 digits. nonce: lowercase hex."""
    digest = hmac.new(key, f"ansimbell port {op} {nonce}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest, 'big') % 10**DIGITS:0{DIGITS}d}"


def give(tx: Tx, bell_id: str, op: str, nonce: str, by: str, now_ms: int) -> str:
    """The code, written down. A revoked bell's port is opened by it too. Raises EnrolmentError, RecordError."""
    if op not in OPERATIONS:
        raise EnrolmentError(f"{op!r}: the operation is {' or '.join(OPERATIONS)}")
    nonce = nonce.strip().lower()
    least, most = NONCE_CHARS
    if not least <= len(nonce) <= most or any(char not in "0123456789abcdef" for char in nonce):
        raise EnrolmentError(f"the nonce is {least} to {most} hex digits: type it as `bellkit` shows it")
    bell = bells.known(tx, bell_id)
    audit.demand(tx, now_ms, None, by, "port_code", {"bell_id": bell_id, "op": op, "nonce": nonce})
    return code(bell.key, op, nonce)
