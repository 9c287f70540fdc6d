"""A TLS stream to a broker, on both runtimes: verified against our CA, with the bell's own certificate. asyncio.

Never without `server_hostname`, and never by the legacy `ssl.wrap_socket`: either would verify nothing.
"""

import asyncio
import os
import select
import socket
import ssl
import sys

_CPYTHON = sys.implementation.name == "cpython"


def context(config):
    """A client's SSLContext that verifies the broker against our CA and shows our certificate (all DER)."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    if _CPYTHON:
        _load_pem(made, config.cert_der, config.key_der)
    else:
        made.load_cert_chain(config.cert_der, config.key_der)
    made.load_verify_locations(cadata=config.ca_der)
    return made


def _load_pem(made, cert_der, key_der):
    """CPython reads a certificate and its key only from a PEM file: one that nobody else can read, gone at once."""
    import tempfile  # noqa: PLC0415 -- MicroPython has none

    handle, path = tempfile.mkstemp(prefix="bell-", suffix=".pem")  # mode 0600
    try:
        with open(handle, "wb") as file:
            file.write(_pem("CERTIFICATE", cert_der) + _pem(_key_name(key_der), key_der))
        made.load_cert_chain(path)
    finally:
        os.remove(path)


def _pem(name, der):
    from base64 import encodebytes  # noqa: PLC0415 -- MicroPython has none

    return f"-----BEGIN {name}-----\n".encode() + encodebytes(der) + f"-----END {name}-----\n".encode()


def _key_name(der):
    # SEC 1: SEQUENCE { INTEGER 1 … }; PKCS #8: SEQUENCE { INTEGER 0, SEQUENCE { algorithm }, … }
    head = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return "EC PRIVATE KEY" if der[head : head + 3] == b"\x02\x01\x01" else "PRIVATE KEY"


class Dialler:
    """Opens streams for one Config."""

    def __init__(self, config):
        self._context = context(config)
        self._addresses = {}

    async def open(self, broker):
        """(reader, writer) to a config.Broker. No deadline of its own: a cancelled open leaves no socket behind."""
        if _CPYTHON:
            return await asyncio.open_connection(
                broker.host, broker.port, ssl=self._context, server_hostname=broker.server_name
            )
        stream = await self._open_small(broker)
        return stream, stream

    async def _open_small(self, broker):
        """open_connection for MicroPython: its own loses the socket when the deadline strikes, and sets no TCP_NODELAY.

        getaddrinfo blocks for as long as DNS takes. The button's interrupt goes on noting edges, and an address that
        worked is not asked for again.
        """
        name = (broker.host, broker.port)
        if name not in self._addresses:
            self._addresses[name] = socket.getaddrinfo(broker.host, broker.port, 0, socket.SOCK_STREAM)[0]
        found = self._addresses.pop(name)  # put back when it has worked
        plain = socket.socket(found[0], found[1], found[2])
        try:
            plain.setblocking(False)
            try:
                plain.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
            except OSError:
                pass  # slower, not wrong
            try:
                plain.connect(found[-1])
            except OSError as fault:
                if fault.errno not in (115, 119):  # EINPROGRESS on Linux, on the ESP32
                    raise
            poll = select.poll()
            poll.register(plain, select.POLLOUT)
            while not poll.poll(0):
                await asyncio.sleep(0.005)
            wrapped = self._context.wrap_socket(
                plain, server_hostname=broker.server_name, do_handshake_on_connect=False
            )
        except BaseException:  # the deadline's CancelledError too
            plain.close()
            raise
        wrapped.setblocking(False)
        self._addresses[name] = found
        return asyncio.StreamReader(wrapped)


def drop(writer, kindly):
    """Close a stream without waiting for anybody; kindly: let what is written leave first. May raise OSError."""
    if not _CPYTHON:
        writer.s.close()
    elif kindly:
        writer.close()
    else:
        writer.transport.abort()
