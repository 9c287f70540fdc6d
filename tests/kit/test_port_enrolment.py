"""Enrolment over the bell's serial port, with the real firmware on a pty: to the first link, through pulled cables and
power cuts, and away again."""

import asyncio
import base64
import datetime
import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from port_client import Client, code, proof

from bellnode import enrol
from bellsim.bench import PLACES, bench
from bellsim.desk import desk
from bellwire import frame

ONCE = bytes(range(200, 216))
KEY = bytes(range(32))
FAR = [["Shop", "correct horse", -61]]


@functools.cache
def identity() -> tuple[str, str]:
    """(certificate, key), DER in base64: real ones, a bell tries them."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "b-1")])
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), 1)
        .not_valid_before(datetime.datetime(1999, 12, 30))
        .not_valid_after(datetime.datetime(2049, 12, 31))
        .sign(private, hashes.SHA256())
    )
    key = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode(), base64.b64encode(key).decode()


def a_file(**more: Any) -> bytes:
    """An enrolment file that a bell takes; nobody answers at its broker."""
    certificate, key = identity()
    found = {
        **{"v": 1, "bell_id": "b-1", "site": "s-1", "kind": "store-bell", "key": base64.b64encode(KEY).decode()},
        **{"ca_der": certificate, "cert_der": certificate, "key_der": key},
        **{"brokers": [{"host": "127.0.0.1", "port": 9, "server_name": "localhost"}]},
        "once": base64.b64encode(ONCE).decode(),
    }
    return json.dumps(found | more).encode()


def test_from_blank_to_linked_and_away_again(tmp_path: Path):
    """The real gateway and its broker; every step of a broker is measured; then the wipe."""

    async def story() -> None:
        async with bench(places=PLACES[:1]) as it:
            await it.bells[0].stop()
            config = json.loads((it.bells[0].flash / "config.json").read_text())
            once = base64.b64decode(config["once"]) if "once" in config else ONCE
            data = json.dumps(config | {"once": base64.b64encode(once).decode()}).encode()
            flash = tmp_path / "flash"
            flash.mkdir()
            async with desk(flash, tmp_path / "packages", "desk-1") as (bell, cable):
                client = Client(cable.path)
                hello = await client.hello(enrolled=False)
                assert hello["port"] == 1 and "bell_id" not in hello and bell.lamp_state() == "not_enrolled"
                answer = await client.enrol(data, bytes(16))
                assert answer["code"] == "proof" and not (flash / "config.json").exists()
                answer = await client.enrol(data, once)
                assert answer == {"ok": True, "bell_id": config["bell_id"]}
                assert (await client.event("gone"))["why"] == "restart"
                hello = await client.hello(enrolled=True, linked=True)
                assert hello["bell_id"] == config["bell_id"] and hello["site"] == PLACES[0].site
                assert (flash / "config.json").read_bytes() == data and not (flash / "config.part").exists()

                broker = await client.ask("diag.broker", n=0)
                assert broker["failed"] is None, broker
                assert [name for name, _ in broker["steps"]] == ["dns", "tcp", "tls", "connect", "subscribe"]
                assert (await client.ask("diag.broker", n=7))["code"] == "request"
                assert (await client.ask("diag.brokers"))["linked"] == 0
                for op in ("enrol.begin", "repl"):
                    assert (await client.ask(op, size=5, sha256="a"))["code"] == "state"

                await client.ask("test.begin", minutes=1)
                await client.ask("watch", on=True)
                await bell.press()
                assert (await client.event("edge"))["closed"] is True
                press = await client.event("press")
                assert press["what"] == "test"
                stage = await client.event("stage")
                assert (stage["seq"], stage["stage"]) == (press["seq"], "stored") and stage["after_ms"] < 5_000
                await client.ask("test.end")

                await wiped(client, bell, base64.b64decode(config["key"]))
                left = {path.name for path in flash.iterdir()}
                assert not left & {"config.json", "settings.json", "memory.a", "addresses.json", "wipe.todo"}, left
                for secret in ("key", "key_der"):
                    assert config[secret].encode() not in client.heard
                client.close()

    asyncio.run(story())


async def wiped(client: Client, bell: Any, key: bytes) -> None:
    challenge = await client.ask("challenge", **{"for": "wipe"})
    assert challenge["ok"] and challenge["hold_s"] == 5, challenge
    right = code(key, challenge["nonce"])
    assert (await client.ask("wipe", code=right))["code"] == "gesture"
    bell.boot_button(True)
    await asyncio.sleep(5.5)
    bell.boot_button(False)
    assert (await client.ask("wipe", code="00000000"))["code"] == "code"
    assert (await client.ask("wipe", code=right))["ok"]
    await client.hello(enrolled=False)


def test_a_cable_that_is_pulled_goes_on_where_it_was(tmp_path: Path):
    async def story() -> None:
        flash = tmp_path / "flash"
        flash.mkdir()
        data = a_file()
        async with desk(flash, tmp_path / "packages") as (_, cable):
            client = Client(cable.path)
            await client.hello()
            answer = await client.begin(data)
            at = await client.piece(data, 0, answer["chunk"])
            at = await client.piece(data, at, answer["chunk"])
            assert await client.piece(data, 0, answer["chunk"]) == at  # its answer had got lost
            _, half = client.request("enrol.data", at=at, data=base64.b64encode(data[at : at + 64]).decode())
            await client.send(half[:40])
            await asyncio.sleep(0.1)
            cable.plugged = False
            client.close()
            await asyncio.sleep(0.5)
            cable.plugged = True
            client = Client(cable.path)
            assert (await client.ask("enrol.end", proof=proof(data, ONCE)))["code"] == "offset"
            assert (await client.begin(data))["have"] == at
            skipped = await client.ask("enrol.data", at=at + 10, data="AAAA")
            assert (skipped["code"], skipped["have"]) == ("offset", at)
            assert (await client.enrol(data, ONCE))["ok"]
            await client.hello(enrolled=True, bell_id="b-1")
            client.close()

    asyncio.run(story())


def test_the_power_goes_at_every_step_of_an_enrolment(tmp_path: Path):
    """SIGKILL some ms after a request left: afterwards the bell is blank, and can be enrolled, or it is whole."""

    async def story() -> None:
        flash = tmp_path / "flash"
        flash.mkdir()
        data = a_file()
        whole = 0
        async with desk(flash, tmp_path / "packages") as (bell, cable):
            for cut, pause_ms in ((0, 5), (1, 15), (3, 25), (99, 0), (99, 10), (99, 20), (99, 30), (99, 60)):
                client = Client(cable.path)
                await client.hello(enrolled=False)
                answer = await client.begin(data)
                assert answer["have"] == 0
                at = 0
                while at < len(data) and cut:
                    at = await client.piece(data, at, answer["chunk"])
                    cut -= 1  # noqa: PLW2901
                if at < len(data):
                    piece = base64.b64encode(data[at : at + answer["chunk"]]).decode()
                    _, request = client.request("enrol.data", at=at, data=piece)
                else:
                    _, request = client.request("enrol.end", proof=proof(data, ONCE))
                await client.send(request)
                await asyncio.sleep(pause_ms / 1_000)
                await bell.power_cut()
                client.close()
                there = (flash / "config.json").exists()
                if there:
                    assert (flash / "config.json").read_bytes() == data
                    whole += 1
                await bell.power_on()
                client = Client(cable.path)
                await client.hello(enrolled=there)
                client.close()
                if there:
                    await bell.power_cut()
                    (flash / "config.json").unlink()
                    await bell.power_on()
        assert not (flash / "config.part").exists() or whole < 8

    asyncio.run(story())


class PowerCut(Exception):
    """The power went just before an operation of the flash."""


def cuts(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Before the at-th change of a file (create, write, rename, remove), counted from now on, the power goes."""
    left = [at]
    real_open = open

    def counted(call: Any) -> Any:
        def run(*given: Any, **more: Any) -> Any:
            if not left[0]:
                raise PowerCut
            left[0] -= 1
            return call(*given, **more)

        return run

    def opened(path: Any, mode: str = "r", **more: Any) -> Any:
        if mode == "rb":
            return real_open(path, mode, **more)
        file = counted(real_open)(path, mode, **more)

        class Written:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *why: Any) -> None:
                file.close()

            def write(self, data: bytes) -> int:
                if not left[0]:
                    file.write(data[: len(data) // 2])
                    raise PowerCut
                return int(counted(file.write)(data))

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

        return Written()

    monkeypatch.setattr("builtins.open", opened)
    for name in ("rename", "remove"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


def test_no_operation_of_the_flash_leaves_half_an_identity(tmp_path: Path):
    """Every operation of a whole enrolment on a flash with an old bell's leftovers, cut off in turn."""
    data = a_file()
    finished = 0
    for at in range(200):
        folder = tmp_path / str(at)
        folder.mkdir()
        for name in ("journal.a", "journal.b", "memory.a", "settings.trial", "addresses.json", "config.part"):
            (folder / name).write_text("old")
        (folder / "settings.json").write_text(json.dumps({"v": 1, "night": [22, 7], "wifi": [{"ssid": "Shop"}]}))
        incoming = enrol.Incoming(str(folder), None)
        with pytest.MonkeyPatch.context() as patched:
            cuts(patched, at)
            try:
                assert incoming.begin(len(data), enrol_sum(data))["ok"]
                for start in range(0, len(data), 400):
                    assert incoming.data(start, base64.b64encode(data[start : start + 400]).decode())["ok"]
                assert incoming.end(proof(data, ONCE))["ok"]
                finished += 1
            except PowerCut:
                pass
        config = folder / "config.json"
        assert not config.exists() or config.read_bytes() == data
        if config.exists():
            left = {path.name for path in folder.iterdir()}
            assert left <= {"config.json", "settings.json"}, (at, left)
            assert json.loads((folder / "settings.json").read_text()) == {"v": 1, "wifi": [{"ssid": "Shop"}]}
    assert 120 < finished < 195


def test_a_wipe_that_is_cut_off_is_finished_by_the_next_start(tmp_path: Path):
    names = ("config.json", "settings.json", "memory.a", "memory.b", "boot.a", "boot.b", "journal.a.bad", "arming.a")
    finished = 0
    for at in range(20):
        folder = tmp_path / str(at)
        folder.mkdir()
        for name in (*names, "main.py", "boot.py"):
            (folder / name).write_text("something")
        with pytest.MonkeyPatch.context() as patched:
            cuts(patched, at)
            try:
                enrol.begin_wipe(str(folder))
                enrol.finish_wipe(str(folder), None)
                finished += 1
            except PowerCut:
                pass
        if (folder / "wipe.todo").exists():
            enrol.finish_wipe(str(folder), None)
        left = {path.name for path in folder.iterdir()} - {"wipe.todo.new"}
        assert left in ({"main.py", "boot.py"}, {"main.py", "boot.py", *names}), (at, left)
    assert 5 < finished < 20


def enrol_sum(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"once": None}, "file"),
        ({"once": "AAAA"}, "file"),
        ({"key": "AAAA"}, "file"),
        ({"kind": "kettle"}, "file"),
        ({"key_der": base64.b64encode(b"\x30" + bytes(120)).decode()}, "file"),
    ],
)
def test_a_file_that_is_no_use_is_refused_and_gone(tmp_path: Path, change: dict[str, Any], why: str):
    data = a_file(**change)
    incoming = enrol.Incoming(str(tmp_path), None)
    incoming.begin(len(data), enrol_sum(data))
    for start in range(0, len(data), 100):
        incoming.data(start, base64.b64encode(data[start : start + 100]).decode())
    assert incoming.end(proof(data, ONCE))["code"] == why
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_sum_or_size_is_refused(tmp_path: Path):
    data = a_file()
    incoming = enrol.Incoming(str(tmp_path), None)
    assert incoming.data(0, "AAAA")["code"] == "state"
    assert incoming.begin(16_385, "00")["code"] == "size" and incoming.begin(0, "00")["code"] == "size"
    incoming.begin(len(data), "00" * 32)
    assert incoming.data(0, "A")["code"] == "request"
    for start in range(0, len(data), 100):
        incoming.data(start, base64.b64encode(data[start : start + 100]).decode())
    assert incoming.end(proof(data, ONCE))["code"] == "sum" and list(tmp_path.iterdir()) == []


def test_a_whole_request_fits_what_an_esp32_keeps():
    piece = base64.b64encode(bytes(enrol.CHUNK_BYTES)).decode()
    payload = json.dumps({"op": "enrol.data", "at": 16_384, "data": piece}).encode()
    assert len(frame.frame(frame.REQUEST, 255, payload)) + 1 <= frame.REQUEST_BYTES_MAX
