"""The part of `tls` that CPython needs: its `ssl` reads a certificate and its key only from a PEM file. asyncio.

A bell never imports this; a bell on CPython (where there is no MicroPython, and in tests) does.
"""

import asyncio
import os
import ssl
import tempfile
from base64 import encodebytes


def context(config):
    """A client's SSLContext that verifies the broker against our CA and shows our certificate (all DER)."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    handle, path = tempfile.mkstemp(prefix="bell-", suffix=".pem")  # mode 0600, and gone at once
    try:
        with open(handle, "wb") as file:
            file.write(_pem("CERTIFICATE", config.cert_der) + _pem(_key_name(config.key_der), config.key_der))
        made.load_cert_chain(path)
    finally:
        os.remove(path)
    made.load_verify_locations(cadata=config.ca_der)
    return made


def dialler(config):
    """dial(address, broker) -> (reader, writer)."""
    made = context(config)

    async def dial(address, broker):
        return await asyncio.open_connection(address, broker.port, ssl=made, server_hostname=broker.server_name)

    return dial


def _pem(name, der):
    return f"-----BEGIN {name}-----\n".encode() + encodebytes(der) + f"-----END {name}-----\n".encode()


def _key_name(der):
    # SEC 1: SEQUENCE { INTEGER 1 … }; PKCS #8: SEQUENCE { INTEGER 0, SEQUENCE { algorithm }, … }
    head = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return "EC PRIVATE KEY" if der[head : head + 3] == b"\x02\x01\x01" else "PRIVATE KEY"
