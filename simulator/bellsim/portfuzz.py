"""`bellsim port-fuzz`: rubbish on the installer's cable of a bell in service, and presses meanwhile.

The bell is enrolled and linked to the real gateway. First come random bytes, then frames that were good before they
were changed: a bit, a byte, a piece taken out or doubled, or a request of changed JSON under a right CRC. Every press
is followed to `stored` on the lamp. All that the bell says is kept, and searched for its keys, its certificate's key
and its passwords: as bytes, in hex and in base64, in pieces. The same seed sends the same bytes.
"""

import asyncio
import base64
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from bellnode.config import FILE as CONFIG_FILE
from bellsim.bell import PRESS_MS, Bell
from bellsim.bench import PLACES, bench
from bellsim.goals import judge, quantiles
from bellsim.runtime import SimulatorError
from bellsim.story import STAGE_DEADLINE_S, linked
from bellwire import frame

PIECE_BYTES = 4_096
SECRET_PIECE_BYTES = 12  # of a key: fewer could be chance in so many bytes
PAUSE_S = 0.002
ALIVE_DEADLINE_S = 30.0
PASSWORD = "correct horse battery"
REQUESTS: tuple[dict[str, Any], ...] = (
    {"op": "hello"},
    {"op": "diag.inputs"},
    {"op": "diag.faults"},
    {"op": "diag.brokers", "from": 0},
    {"op": "diag.heap"},
    {"op": "diag.boot"},
    {"op": "watch", "on": True},
    {"op": "log", "on": True},
    {"op": "challenge", "for": "wipe"},
    {"op": "wipe", "code": "12345678"},
    {"op": "enrol.begin", "size": 4000, "sha256": "ab" * 32},
    {"op": "enrol.data", "at": 0, "data": "QUJD"},
    {"op": "output", "name": "strobe", "on": False},
    {"op": "test.end"},
    {"op": "repl"},
)


async def measure(
    random_bytes: int = 1_000_000,
    frames: int = 10_000,
    presses: int = 20,
    seed: int = 1,
    broker: str = "embedded",
    runtime: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """{"random_bytes", "frames", "presses", "stored_ms", "secrets_seen", "restarts", "heard", "answers", …}."""
    async with bench(broker, runtime, proxied=False, say=say, places=PLACES[:1]) as it:
        bell = it.bells[0]
        await linked(bell)
        (bell.flash / "settings.json").write_text(
            json.dumps({"v": 1, "wifi": [{"ssid": "Shop", "password": PASSWORD}]}), encoding="utf-8"
        )
        await bell.stop()
        await bell.power_on()
        await linked(bell)
        secrets = _secrets((bell.flash / CONFIG_FILE).read_bytes())
        said = bytearray()
        bell.on_uart = said.extend
        chance = random.Random(seed)
        stored_ms: list[float] = []
        answers: dict[str, int] = {}
        for name, pieces in (
            ("random bytes", _random(chance, random_bytes)),
            ("changed frames", _frames(chance, frames)),
        ):
            say(f"{name}, and a press now and then")
            flood = asyncio.ensure_future(_send(bell, pieces))
            try:
                for _ in range(presses // 2):
                    stored_ms.append(await _pressed(bell))
                await flood
            finally:
                flood.cancel()
        end = await _hello(bell, said, answers)
        process = bell.process
        result = {
            "random_bytes": random_bytes,
            "frames": frames,
            "seed": seed,
            "runtime": bell.runtime,
            "broker": it.broker,
            "presses": len(stored_ms),
            "stored_ms": quantiles(stored_ms),
            "said_bytes": len(said),
            "answers": answers,
            "heard": end.get("heard"),
            "dropped": end.get("dropped"),
            "secrets_seen": sum(said.count(piece) for piece in secrets),
            "faults_said": sum(b"fault: " in line for line in said.split(b"\n")),
            "alive": process is not None and process.returncode is None and end.get("enrolled") is True,
            "same_start": end.get("boot") is not None and said.count(b"blank  ") == 0,
            "at_unix_s": int(time.time()),
        }
    return judge(
        result, {"stored_ms.max": 1_000.0}, {"secrets_seen": 0, "faults_said": 0, "alive": True, "same_start": True}
    )


def _random(chance: random.Random, count: int) -> Iterator[bytes]:
    while count:
        size = min(count, PIECE_BYTES)
        yield chance.randbytes(size)
        count -= size


def _frames(chance: random.Random, count: int) -> Iterator[bytes]:
    for number in range(count):
        yield mutated(chance, number)


def mutated(chance: random.Random, number: int) -> bytes:
    """One frame that was good before it was changed."""
    payload = json.dumps(chance.choice(REQUESTS)).encode()
    if chance.random() < 0.3:
        good: bytes = frame.frame(frame.REQUEST, number % 256, _changed(chance, payload)[:200])
        return good
    if chance.random() < 0.2:
        return _changed(chance, frame.improv(frame.RPC, bytes((chance.randrange(2, 4), 0))))
    return _changed(chance, frame.frame(frame.REQUEST, number % 256, payload))


def _changed(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    match chance.randrange(5):
        case 0:
            return data[:at] + bytes((data[at] ^ (1 << chance.randrange(8)),)) + data[at + 1 :]
        case 1:
            return data[:at] + bytes((chance.randrange(256),)) + data[at + 1 :]
        case 2:
            return data[:at] + data[at + chance.randrange(1, 9) :]
        case 3:
            return data[:at] + data[max(0, at - 8) :]
        case _:
            return data[:at]


async def _send(bell: Bell, pieces: Iterator[bytes]) -> None:
    """As fast as the bell reads."""
    for piece in pieces:
        waiting = piece
        while waiting:
            waiting = waiting[bell.write_uart(waiting) :]
            await asyncio.sleep(PAUSE_S if waiting else 0)


async def _pressed(bell: Bell) -> float:
    """Milliseconds from a press to `stored` on the lamp."""
    at_ns = bell.push()
    await asyncio.sleep(PRESS_MS / 1_000)
    bell.release()
    stored = await bell.wait_for("stored", STAGE_DEADLINE_S, at_ns)
    await asyncio.sleep(PRESS_MS / 1_000)
    return (stored.at_ns - at_ns) / 1e6


async def _hello(bell: Bell, said: bytearray, answers: dict[str, int]) -> dict[str, Any]:
    """What the bell answers when the noise is over; and what it answered before is counted by `code`, or "ok"."""
    end_s = time.monotonic() + ALIVE_DEADLINE_S
    while time.monotonic() < end_s:
        bell.write_uart(b"\n" + frame.frame(frame.REQUEST, 77, b'{"op": "hello"}'))
        await asyncio.sleep(1.0)
        reader = frame.Reader((frame.ANSWER, frame.EVENT), (frame.STATE, frame.ERROR, frame.RESULT))
        answers.clear()
        last: dict[str, Any] = {}
        for item in reader.feed(bytes(said)):
            if item[0] == "frame" and item[1] == frame.ANSWER:
                last = json.loads(item[3])
                code = "ok" if last["ok"] else last["code"]
                answers[code] = answers.get(code, 0) + 1
        if last.get("fw"):
            return last
    raise SimulatorError(f"the bell does not answer any more. It said last:\n{bell.last_words()}")


def _secrets(config: bytes) -> list[bytes]:
    """What must not be heard: each secret in three notations, in overlapping pieces; and passwords."""
    found = json.loads(config)
    pieces = {PASSWORD.encode()}
    for name in ("key", "key_der", "once"):
        if name not in found:
            continue
        raw = base64.b64decode(found[name])
        for text in (raw, raw.hex().encode(), found[name].encode()):
            pieces |= {text[at : at + SECRET_PIECE_BYTES] for at in range(len(text) - SECRET_PIECE_BYTES + 1)}
    return sorted(pieces)
