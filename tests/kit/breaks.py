"""How things are broken for tests of the kit; each is put right when its block ends. What breaks never judges."""

import asyncio
import base64
import contextlib
import datetime
import fcntl
import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
from bed import Bed
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from usb import Cable

from bellgate import config, pki, signing
from bellsim import programs
from bellsim.runtime import Runtime

_DAY_MS = 24 * 3600 * 1000


async def bellgate(it: Bed, *words: str) -> str:
    """A `bellgate` command on this installation."""
    return await programs.bellgate(*words, "-c", str(it.config))


@contextlib.contextmanager
def held(path: str) -> Iterator[None]:
    """Another program has the port."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.asynccontextmanager
async def mute_bell(it: Bed) -> AsyncIterator[Cable]:
    """A cable with nothing at its end."""
    cable = Cable(None, it.root / "ttyMute")
    try:
        yield cable
    finally:
        cable.close()


@contextlib.asynccontextmanager
async def second_cable(it: Bed) -> AsyncIterator[Cable]:
    """Another cable to the bell: one that a test may pull."""
    cable = Cable(it.inner, it.root / "ttyLoose")
    it.cable.pause()
    try:
        yield cable
    finally:
        cable.close()
        it.cable.resume()


def another_key() -> str:
    """A private key that belongs to nothing; base64 of its DER."""
    form = serialization.PrivateFormat.PKCS8
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    return base64.b64encode(der).decode()


def _certificate() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(9).not_valid_before(datetime.datetime(1999, 12, 30, tzinfo=datetime.UTC))
    builder = builder.not_valid_after(datetime.datetime(2049, 1, 1, tzinfo=datetime.UTC))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return builder.sign(key, hashes.SHA256()), key


def another_authority() -> str:
    """The certificate of a CA that has nothing to do with us; base64 of its DER."""
    return base64.b64encode(_certificate()[0].public_bytes(serialization.Encoding.DER)).decode()


async def bundle(it: Bed, age_days: int = 0, forged: bool = False) -> Path:
    """A bundle of this gateway, as old as is said; forged: changed after it was signed."""
    path = it.root / f"{age_days}{forged}.bundle"
    if not path.exists():
        await bellgate(it, "bundle", it.bell_id, "--out", str(path), "--from", str(it.root))
    document = json.loads(path.read_text(encoding="utf-8"))
    if age_days:
        document["made_ms"] -= age_days * _DAY_MS
        document.pop("signature")
        document = signing.sign(document, pki.Authority(config.load(it.config).data_dir / "pki").signer())
    if forged:
        document["stations"][0]["name"] = "somewhere else"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def free_port() -> int:
    """Nobody listens there."""
    return programs.free_ports(1)[0]


@contextlib.asynccontextmanager
async def plain_server() -> AsyncIterator[int]:
    """Something that speaks, and not TLS."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            await reader.read(100)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def tls_server(folder: Path) -> AsyncIterator[int]:
    """A TLS server of another installation."""
    certificate, key = _certificate()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "other.pem").write_bytes(
        certificate.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "other.pem")

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(100)
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def broker_of(it: Bed) -> psutil.Process:
    """The broker's process."""
    program = it.mosquitto or it.gateway
    assert program.process is not None
    process = psutil.Process(program.process.pid)
    if it.mosquitto is not None:
        return process
    return next(child for child in process.children(recursive=True) if child.name() == "nats-server")


@contextlib.asynccontextmanager
async def frozen(it: Bed) -> AsyncIterator[None]:
    """The broker is stopped in the middle of what it does."""
    process = broker_of(it)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextlib.asynccontextmanager
async def acl_without_bells(it: Bed) -> AsyncIterator[None]:
    """mosquitto's access list has lost what lets bells send events."""
    path = it.root / "mosquitto" / "acl"
    before = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line for line in before.splitlines() if "%u/up" not in line) + "\n", encoding="utf-8")
    broker_of(it).send_signal(signal.SIGHUP)
    await asyncio.sleep(1)
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        broker_of(it).send_signal(signal.SIGHUP)


@contextlib.asynccontextmanager
async def boot_held(it: Bed) -> AsyncIterator[None]:
    """Somebody holds the BOOT button."""
    it.bell.boot_button(True)
    try:
        yield
    finally:
        it.bell.boot_button(False)


_CLOCK_C = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static long shift(void) { static long s; if (!s) { struct timespec t; int (*f)(clockid_t, struct timespec *) =
  dlsym(RTLD_NEXT, "clock_gettime"); f(CLOCK_REALTIME, &t); s = t.tv_sec - 946684800; } return s; }
int clock_gettime(clockid_t c, struct timespec *t) { int (*f)(clockid_t, struct timespec *) =
  dlsym(RTLD_NEXT, "clock_gettime"); int r = f(c, t); if (c == CLOCK_REALTIME) t->tv_sec -= shift(); return r; }
int gettimeofday(struct timeval *t, void *z) { struct timespec s; clock_gettime(CLOCK_REALTIME, &s);
  t->tv_sec = s.tv_sec; t->tv_usec = s.tv_nsec / 1000; return 0; }
time_t time(time_t *t) { struct timespec s; clock_gettime(CLOCK_REALTIME, &s); if (t) *t = s.tv_sec; return s.tv_sec; }
"""


@contextlib.contextmanager
def clock_at_2000(it: Bed) -> Iterator[None]:
    """The bell's starts from now on find the chip's clock where a chip has it: at 2000-01-01."""
    library = it.root / "clock.so"
    (it.root / "clock.c").write_text(_CLOCK_C, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, it.root / "clock.c", "-ldl"], check=True, timeout=60)
    before = it.bell.interpreter

    class Early(Runtime):
        def environment(self, packages: Path) -> dict[str, str]:
            return super().environment(packages) | {"LD_PRELOAD": str(library)}

    it.bell.interpreter = Early(before.name, before.folder, before.why)
    try:
        yield
    finally:
        it.bell.interpreter = before


def keys_of(it: Bed) -> dict[str, bytes]:
    """Every secret of the bell's enrolment, by name."""
    found: dict[str, Any] = json.loads(it.file.read_text(encoding="utf-8"))
    return {name: base64.b64decode(found[name]) for name in ("key", "key_der", "once")}


def listening(port: int) -> bool:
    """Does anybody take connections there?"""
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
