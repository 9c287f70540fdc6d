"""A simulated bell without a gateway: an enrolment file of its own making, and no broker that answers."""

import base64
import contextlib
import datetime
import json
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bellsim.bell import BOOT_CODE, Bell
from bellsim.bus import Bus
from bellsim.runtime import find_runtime, link_packages


def config(port: int) -> dict[str, object]:
    """config.json of bell b-1, whose only broker is at this port of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "b-1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.datetime(1999, 12, 30))
        .not_valid_after(datetime.datetime(2049, 12, 31))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    private = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return {
        "v": 1,
        "bell_id": "b-1",
        "site": "s-1",
        "kind": "store-bell",
        "key": base64.b64encode(bytes(range(32))).decode(),
        "ca_der": base64.b64encode(certificate).decode(),
        "cert_der": base64.b64encode(certificate).decode(),
        "key_der": base64.b64encode(private).decode(),
        "brokers": [{"host": "127.0.0.1", "port": port, "server_name": "localhost"}],
    }


@contextlib.asynccontextmanager
async def lone_bell(folder: Path, runtime: str, port: int = 9, code: str = BOOT_CODE) -> AsyncIterator[Bell]:
    """A bell that is not switched on yet; ended at the end. Port 9: nobody answers there."""
    flash = folder / "flash"
    flash.mkdir()
    (flash / "config.json").write_text(json.dumps(config(port)))
    bus = Bus()
    await bus.start()
    bell = Bell("b-1", flash, find_runtime(runtime), link_packages(folder / "packages"), bus, code)
    try:
        yield bell
    finally:
        await bell.power_cut()
        await bus.stop()
