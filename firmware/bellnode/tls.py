"""A TLS stream to a broker: verified against our CA, with the bell's own certificate. asyncio.

Never without `server_hostname`, and never by the legacy `ssl.wrap_socket`: either would verify nothing. This file is
for MicroPython, whose built-in `tls` is all of `ssl` that is needed; CPython's part is in `tls_cpython`.
"""

import asyncio
import select
import socket
import sys

from bellnode.loan import seldom

_CPYTHON = sys.implementation.name == "cpython"

_UNDER_WAY = (115, 119)  # EINPROGRESS on Linux, on the ESP32
_REFUSED = 111
POLL_S = 0.005


def context(config):
    """A client's SSLContext that verifies the broker against our CA and shows our certificate (all DER)."""
    import tls  # noqa: PLC0415 -- CPython has none

    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    made.load_cert_chain(config.cert_der, config.key_der)
    made.load_verify_locations(config.ca_der)
    return made


async def connect(address, port):
    """A plain socket that is connected to `address` (dotted). A cancelled call leaves none behind.

    asyncio's own loses the socket when the deadline strikes, and sets no TCP_NODELAY.
    """
    found = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM)[0]  # a dotted address: DNS is not asked
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
            if fault.errno not in _UNDER_WAY:
                raise
        poll = select.poll()
        poll.register(plain, select.POLLOUT)
        while True:
            ready = poll.poll(0)
            if ready:
                break
            await asyncio.sleep(POLL_S)
        if ready[0][1] & (select.POLLERR | select.POLLHUP):
            raise OSError(_REFUSED)
    except BaseException:  # the deadline's CancelledError too
        plain.close()
        raise
    return plain


class Stream:
    """asyncio's own stream as far as a link needs it. Loading that one would bring ten ways to read and write."""

    def __init__(self, wrapped):
        self.s = wrapped
        self._left = b""  # written, and not taken by the stream yet

    def read(self, count):
        """Await it: at most `count` bytes, b"" at the end."""
        data = None
        while data is None:
            yield asyncio.core._io_queue.queue_read(self.s)
            data = self.s.read(count)
        return data

    def write(self, data):
        """At once what the stream takes, the rest by drain()."""
        self._left += data
        self._left = self._left[self.s.write(self._left) or 0 :]

    def drain(self):
        """Await it: all that was written has left."""
        while self._left:
            yield asyncio.core._io_queue.queue_write(self.s)
            self._left = self._left[self.s.write(self._left) or 0 :]
        yield from asyncio.sleep_ms(0)


class Dialler:
    """Opens streams for one Config. names: names.Names, or whatever has its methods."""

    def __init__(self, config, names):
        if _CPYTHON:
            from bellnode import tls_cpython  # noqa: PLC0415 -- a bell has no use for it

            self._dial = tls_cpython.dialler(config)
        else:
            self._context = config.context or context(config)
        self._names = names
        self._address = None
        self.reached = False  # True if something at the other end of the last open() spoke, if only to refuse

    async def open(self, broker, urgent):
        """(reader, writer) to a config.Broker. No deadline of its own: a cancelled open leaves no socket behind."""
        self.reached = False
        self._address = None
        self._address = await self._names.find(broker.host, urgent)
        try:
            if _CPYTHON:
                return await self._dial(self._address, broker)
            return await self._dial_small(self._address, broker)
        except OSError as fault:
            self.reached = self.reached or fault.errno in (_REFUSED, 103, 104)  # ECONNABORTED, ECONNRESET
            raise

    async def _dial_small(self, address, broker):
        plain = await connect(address, broker.port)
        self.reached = True
        try:
            wrapped = self._context.wrap_socket(
                plain, server_hostname=broker.server_name, do_handshake_on_connect=False
            )
        except BaseException:
            plain.close()
            raise
        wrapped.setblocking(False)
        stream = Stream(wrapped)
        return stream, stream

    def worked(self, broker):
        """The broker has proved who it is: its address is worth keeping."""
        self.reached = True
        self._names.proved(broker.host, self._address)

    def failed(self, broker):
        """It has not: the address may be old."""
        if self._address is not None:
            self._names.doubt(broker.host)


@seldom("cable")
def usable(config):
    """None, or why no TLS can be made of a Config's certificates and key (text)."""
    try:
        if _CPYTHON:
            from bellnode import tls_cpython  # noqa: PLC0415 -- a bell has no use for it

            tls_cpython.context(config)
        else:
            context(config)
    except (OSError, ValueError) as fault:
        return str(fault)
    return None


@seldom("cable")
async def encrypt(plain, broker, config):
    """(reader, writer) on a socket of `connect`, verified. Closes it if that goes wrong. The handshake ends, or fails,
    with the first write.
    """
    if _CPYTHON:
        from bellnode import tls_cpython  # noqa: PLC0415 -- a bell has no use for it

        made = tls_cpython.context(config)
        return await asyncio.open_connection(sock=plain, ssl=made, server_hostname=broker.server_name)
    try:
        made = config.context or context(config)
        wrapped = made.wrap_socket(plain, server_hostname=broker.server_name, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise
    wrapped.setblocking(False)
    stream = asyncio.StreamReader(wrapped)
    return stream, stream


def drop(writer, kindly):
    """Close a stream without waiting for anybody; kindly: let what is written leave first. May raise OSError."""
    if not _CPYTHON:
        writer.s.close()
    elif kindly:
        writer.close()
    else:
        writer.transport.abort()
