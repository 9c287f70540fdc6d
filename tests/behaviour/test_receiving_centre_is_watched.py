"""The line to the receiving centre: supervision by NULL frames, and TLS around it all."""

import asyncio
import datetime
import hashlib
import ipaddress
import ssl
import threading
from pathlib import Path

import pytest
from centre import ACCOUNT, KEYS, SILENT, Centre, OddReceiver, ack, deliveries, now, reply, running, settled, target
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gatehouse import CONSOLE, Bell, Clock, Gatehouse
from pysiaalarm import SIAAccount
from station import until

from bellgate import clock
from bellgate.config import load
from bellgate.errors import ConfigError
from bellgate.targets import open_targets

QUICK = "null_s = 0.2\n"


@pytest.mark.parametrize("bits", [None, 128])
def test_null_frames_come_by_themselves_and_are_no_alarm(tmp_path: Path, bits: int | None) -> None:
    key, text = KEYS[bits] if bits else ("", None)
    centre = Centre(SIAAccount(ACCOUNT, text))
    settings = QUICK + (f'key = "{key}"\n' if bits else "")
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings=settings), now())
    with running(gate):
        until(lambda: len(centre.frames) >= 3, "no supervision")
    assert centre.events() == [] and gate.incidents() == [] and gate.count("delivery") == 0
    assert {(one.message_type.value, one.sequence, one.encrypted) for one in centre.frames} == {
        ("NULL", "0000", bool(bits))
    }
    assert centre.connections == 1
    gate.close()
    centre.close()


def test_silent_receiver_is_trouble_and_its_return_ends_it(tmp_path: Path) -> None:
    centre = Centre()
    port = centre.port
    gate = Gatehouse(tmp_path / "gate", target(port, settings=QUICK), now())
    with running(gate):
        until(lambda: centre.frames, "no supervision")
        centre.close()
        until(lambda: ("receiver_silent", "arc/1") in gate.troubles(), "silence was not noticed")
        assert f"127.0.0.1:{port}" in gate.troubles()["receiver_silent", "arc/1"]["detail"]
        centre = Centre(port=port)
        until(lambda: ("receiver_silent", "arc/1") not in gate.troubles(), "the return was not noticed")
    gate.close()
    centre.close()


def test_silent_backup_is_told_to_the_centre_over_the_primary(tmp_path: Path) -> None:
    """Of a target its own troubles are kept back; another target, here a second centre, hears of them."""
    primary, other = Centre(), Centre()
    gone = Centre()
    gone.close()
    second = target(other.port).replace('name = "arc"', 'name = "second"')
    gate = Gatehouse(tmp_path / "gate", target(primary.port, gone.port, settings=QUICK) + second, now())
    with running(gate):
        until(lambda: ("receiver_silent", "arc/2") in gate.troubles(), "silence was not noticed")
        until(lambda: other.codes() == ["YC"], "the other one was not told")
        assert ("receiver_silent", "arc/1") not in gate.troubles()
    gate.close()
    primary.close()
    other.close()


def test_trouble_of_an_earlier_life_ends_with_the_first_answer(tmp_path: Path) -> None:
    centre = Centre()
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings=QUICK), now())
    asyncio.run(gate.pipeline.trouble("receiver_silent", "arc/1", "before the restart"))
    asyncio.run(gate.pipeline.trouble("receiver_clock", "arc/1", "before the restart"))
    with running(gate):
        until(lambda: gate.troubles() == {}, "the old troubles stay")
    gate.close()
    centre.close()


def test_trouble_of_a_receiver_that_is_no_more_ends_at_the_start(tmp_path: Path) -> None:
    centre = Centre()
    gate = Gatehouse(tmp_path / "gate", target(centre.port), now())
    for subject in ("arc/1", "arc/2", "removed/1"):  # no longer supervised, no longer there, a target no longer there
        asyncio.run(gate.pipeline.trouble("receiver_silent", subject, "before the restart"))
    with running(gate):
        until(lambda: gate.troubles() == {}, "the old troubles stay")
    gate.close()
    centre.close()


def test_alarm_goes_before_supervision_that_waits_for_an_answer(tmp_path: Path) -> None:
    """The receiver answers events only: the NULL frame in flight gives way at once, on a connection of its own."""
    odd = OddReceiver(lambda sent, number: None if b'"NULL"' in sent else ack(sent))
    gate = Gatehouse(tmp_path / "gate", target(odd.port, settings=QUICK + "timeout_s = 30\n"), now())
    with running(gate):
        until(lambda: odd.frames, "no supervision")
        gate.press(gate.enrol(Bell()))
        settled(gate, "delivered")  # long before the 30 s for the NULL frame are over
    kinds = [one[9:].split(b'"')[1] for one in odd.frames]
    assert kinds[:2] == [b"NULL", b"SIA-DCS"] and odd.connections >= 2
    gate.close()
    odd.close()


def test_receiver_that_does_not_know_null_frames_is_there_all_the_same(tmp_path: Path) -> None:
    odd = OddReceiver(lambda sent, number: reply(f'"DUH"0000R0L0#{ACCOUNT}[]'))
    gate = Gatehouse(tmp_path / "gate", target(odd.port, settings=QUICK), now())
    with running(gate):
        until(lambda: len(odd.frames) >= 4, "no supervision")
        assert gate.troubles() == {}
    gate.close()
    odd.close()


def test_supervision_learns_the_time_before_an_alarm_needs_it(tmp_path: Path) -> None:
    centre = Centre()
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings=QUICK), Clock(clock.now_ms() + 900_000))
    with running(gate):
        until(lambda: centre.frames, "no supervision")
        refused = centre.counts.error_timestamp
        gate.press(gate.enrol(Bell()))
        settled(gate, "delivered")
        assert centre.counts.error_timestamp == refused == 1
        until(lambda: ("receiver_clock", "arc/1") in gate.troubles(), "the operator was not told")
    gate.close()
    centre.close()


def test_receiver_known_to_be_silent_is_asked_last(tmp_path: Path) -> None:
    """Nobody's alarm waits for the timeout of a receiver that supervision has found dead."""
    quiet = threading.Event()
    primary = OddReceiver(lambda sent, number: None if quiet.is_set() else ack(sent))
    backup = Centre()
    gate = Gatehouse(tmp_path / "gate", target(primary.port, backup.port, settings=QUICK + SILENT), now())
    with running(gate):
        until(lambda: primary.frames, "no supervision")
        quiet.set()
        until(lambda: ("receiver_silent", "arc/1") in gate.troubles(), "silence was not noticed")
        asked = [one for one in primary.frames if b"SIA-DCS" in one]
        gate.press(gate.enrol(Bell()))
        settled(gate, "delivered")
        assert [one for one in primary.frames if b"SIA-DCS" in one] == asked == [] and backup.codes() == ["PA"]
        quiet.clear()
        until(lambda: ("receiver_silent", "arc/1") not in gate.troubles(), "the return was not noticed")
        gate.press(gate.enrol(Bell("b-0002", "site-2")))
        settled(gate, "delivered", "delivered")
        assert backup.codes() == ["PA"]  # the primary again
    gate.close()
    primary.close()
    backup.close()


def certificate(folder: Path, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path, str]:
    """A server's TLS settings, the file to trust it by, and its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "arc")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "arc.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / "arc.key"
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem, hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()


@pytest.mark.parametrize("trust", ["ca", "pin", "both layers"])
def test_tls_with_an_authority_of_its_own_or_a_pinned_certificate(tmp_path: Path, trust: str) -> None:
    context, pem, fingerprint = certificate(tmp_path)
    key, text = KEYS[256]
    centre = Centre(SIAAccount(ACCOUNT, text if trust == "both layers" else None), tls=context)
    more = f'tls = true\npin = "{fingerprint}"' if trust == "pin" else f'tls = true\nca = "{pem}"'
    settings = f'key = "{key}"\n' if trust == "both layers" else ""
    gate = Gatehouse(tmp_path / "gate", target(centre.port, settings=settings, more=more), now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        settled(gate, "delivered")
    assert centre.codes() == ["PA"] and centre.events()[0].encrypted == (trust == "both layers")
    gate.close()
    centre.close()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("tls = true", "certificate is not valid"),
        (f'tls = true\npin = "{"ab" * 32}"', "another certificate"),
        ('tls = true\nca = "{pem}"\nserver_name = "arc.example"', "certificate is not valid"),
    ],
    ids=["unknown authority", "wrong pin", "wrong name"],
)
def test_receiver_that_cannot_prove_itself_hears_nothing(tmp_path: Path, more: str, says: str) -> None:
    context, pem, _ = certificate(tmp_path)
    centre = Centre(tls=context)
    gate = Gatehouse(tmp_path / "gate", target(centre.port, more=more.replace("{pem}", str(pem))) + CONSOLE, now())
    with running(gate):
        gate.press(gate.enrol(Bell()))
        settled(gate, "failed")
        assert says in deliveries(gate)[0]["last_error"]
    assert centre.frames == [] and centre.counts.events == 0
    gate.close()
    centre.close()


def test_certificate_file_that_is_none_stops_the_start_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "rubbish.pem").write_text("no certificate")
    for name in ("rubbish.pem", "missing.pem"):
        gate = Gatehouse(tmp_path / name.partition(".")[0], target(1, more=f'tls = true\nca = "../{name}"'))
        with pytest.raises(ConfigError, match=r"cannot be used .*Name a PEM file"):
            open_targets(gate.config, gate.store, gate.clock)
        gate.close()


FAULTS = [
    ('account = "1234"', 'account = "0123"', "the first one not 0"),
    ('account = "1234"', 'account = "12"', "3 to 16 hex digits"),
    ('account = "1234"', 'account = "12G4"', "3 to 16 hex digits"),
    ('account = "1234"', 'account = "1234"\nkey = "A1B2"', "32, 48 or 64 hex digits"),
    ('account = "1234"', 'account = "1234"\nkey = "' + "zz" * 16 + '"', "32, 48 or 64 hex digits"),
    ('"127.0.0.1:4000"', '"arc.example:4000"', "could be read and forged"),
    ('"127.0.0.1:4000"', '"127.0.0.1:4000"\npin = "abc"\ntls = true', "64 hex digits"),
    ('"127.0.0.1:4000"', '"127.0.0.1:4000"\nca = "x.pem"', "tls = true"),
    ('"127.0.0.1:4000"', '"127.0.0.1:4000"\ntls = true\nca = "x.pem"\npin = "' + "ab" * 32 + '"', "needs no ca"),
    ('"127.0.0.1:4000"', '"127.0.0.1:4000"\ntsl = true', "Did you mean 'tls'?"),
    ('[[target.receiver]]\naddress = "127.0.0.1:4000"', "receiver = []", "name at least one"),
    ("timeout_s = 15", "timeout_s = 0.5", "timeout_s"),
    ("[[target.receiver]]", '[[target.premises]]\naccount = "AAA"\n[[target.receiver]]', "either a site or a bell"),
]


@pytest.mark.parametrize(
    ("old", "new", "says"), FAULTS, ids=[f"{number} {says}" for number, (_, _, says) in enumerate(FAULTS)]
)
def test_every_fault_in_the_file_names_its_remedy(tmp_path: Path, old: str, new: str, says: str) -> None:
    good = '[gateway]\nid = "g"\n[mqtt]\nadvertise = ["gateway.local:8883"]\n' + target(4000)
    file = tmp_path / "gateway.toml"
    file.write_text(good)
    assert load(file).targets[0].name == "arc"
    assert old in good
    file.write_text(good.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert says in str(caught.value) and str(file) in str(caught.value)
    assert "A1B2" not in str(caught.value) and "zz" not in str(caught.value)  # a mistyped key is still nearly a key


@pytest.mark.parametrize("more", ["key", "tls", "vpn"])
def test_receiver_far_away_needs_one_kind_of_protection(tmp_path: Path, more: str) -> None:
    settings = {"key": f'key = "{KEYS[128][0]}"\n', "vpn": "vpn = true\n"}.get(more, "")
    text = target(4000, settings=settings, more="tls = true" if more == "tls" else "")
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[gateway]\nid = "g"\n[mqtt]\nadvertise = ["g.local:8883"]\n' + text.replace("127.0.0.1", "arc.example")
    )
    assert load(file).targets[0].name == "arc"
