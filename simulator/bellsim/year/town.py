"""The town: its gateway.toml, its bells, and who is on duty by its own reckoning (not by the gateway's)."""

import dataclasses
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays

from bellgate.config import Config, load
from bellgate.store import bells
from bellwire import join, pack

ZONE = ZoneInfo("Asia/Seoul")
SECRET = "whsec_" + "QUJD" * 11
# Whoever is on call, by hand: the overseer's own copy of the shifts below.
DAY_SHIFT_H = range(9, 18)
ON_CALL = ("kim", "lee", "park")
TAKES_TESTS = ("desk", "service")
PHONES = ("station", "kim", "lee", "park", "siren", "service")


def toml() -> str:
    """Everything that a policy can have: shifts over midnight, holidays, gaps, conditions, groups, roles."""
    parts = ['[gateway]\nid = "year-1"\n[mqtt]\nadvertise = ["gateway.local:8883"]\n']
    parts += [f'[[target]]\nname = "{name}"\nkind = "console"\ntest = {_bool(name)}\n' for name in ("desk", "second")]
    parts += [
        f'[[target]]\nname = "{name}"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\n'
        f"test = {_bool(name)}\n"
        for name in PHONES
    ]
    parts.append(_REST)
    return "".join(parts)


def settings(folder: Path) -> Config:
    """The same, written down in this folder and read by the gateway."""
    (folder / "gateway.toml").write_text(toml(), encoding="utf-8")
    return load(folder)


def _bool(name: str) -> str:
    return "true" if name in TAKES_TESTS else "false"


_REST = """
[[person]]
name = "김하늘"
targets = ["kim"]
[[station]]
name = "지구대"
role = "station"
targets = ["desk", "station"]
[[station]]
name = "관제 2"
role = "second"
targets = ["second"]
[[station]]
name = "당직"
role = "supervisor"
[[shift]]
station = "당직"
days = ["mon", "tue", "wed", "thu", "fri"]
start = "09:00"
end = "18:00"
who = ["김하늘"]
[[shift]]
station = "당직"
days = ["sat", "sun", "holiday"]
start = "09:00"
end = "18:00"
who = ["park"]
[[shift]]
station = "당직"
start = "18:00"
end = "09:00"
who = ["lee"]
[[station]]
name = "가정 담당"
[[shift]]
station = "가정 담당"
days = ["mon", "tue", "wed", "thu", "fri"]
start = "08:00"
end = "20:00"
who = ["service"]
[[group]]
name = "homes"
sites = ["home-*"]

[[policy]]
name = "tests"
alarms = ["test"]
[[policy.step]]
after_s = 0
targets = ["desk", "station"]
[[policy.step]]
after_s = 30
targets = ["service", "당직"]

[[policy]]
name = "technical"
alarms = ["tamper"]
[[policy.step]]
after_s = 0
targets = ["service"]
[[policy.step]]
after_s = 60
targets = ["당직", "desk"]

[[policy]]
name = "holdup"
alarms = ["holdup", "duress"]
[[policy.step]]
after_s = 0
targets = ["지구대"]
[[policy.step]]
after_s = 30
targets = ["당직"]
when = "undispatched"
[[policy.step]]
after_s = 50
targets = ["지구대", "당직", "siren"]

[[policy]]
name = "homes"
groups = ["homes"]
[[policy.step]]
after_s = 0
targets = ["가정 담당"]
[[policy.step]]
after_s = 10
targets = ["second"]
when = "unseen"
[[policy.step]]
after_s = 25
targets = ["desk", "station"]
[[policy.step]]
after_s = 45
targets = ["*"]

[[policy]]
name = "standard"
"""


def on_call(at_ms: int) -> str:
    """Who of the three is on call, in this file's own words."""
    at = datetime.fromtimestamp(at_ms / 1000, ZONE)
    if at.hour not in DAY_SHIFT_H:
        return "lee"
    return "park" if at.weekday() >= 5 or at.date() in _HOLIDAYS else "kim"


_HOLIDAYS = holidays.country_holidays("KR", years=range(2026, 2030))


def start_ms(day: date) -> int:
    """Midnight there."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() * 1000)


def local(at_ms: int) -> str:
    """For a report."""
    return f"{datetime.fromtimestamp(at_ms / 1000, ZONE):%Y-%m-%d %H:%M:%S}"


@dataclasses.dataclass(slots=True)
class Bell:
    """One bell, as the wire sees it. waiting: what it has not been told to be stored."""

    bell_id: str
    site: str
    kind: str
    key: bytes
    boot: str = ""
    starts: int = 0
    seq: int = 0
    n: int = 0
    waiting: dict[tuple[str, int], bytes] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    @property
    def up(self) -> str:
        """Where it speaks."""
        return str(join(self.site, self.bell_id, "up"))

    @property
    def down(self) -> str:
        """Where it listens."""
        return str(join(self.site, self.bell_id, "down"))

    def restart(self) -> None:
        """A new start."""
        self.starts += 1
        self.boot, self.seq, self.n = f"{self.starts:016x}", 0, 0

    def event(self, what: str, state: str = "alarm") -> bytes:
        """A sealed event, kept until it is answered."""
        self.seq += 1
        message = {
            "v": 1,
            "type": "event",
            "boot": self.boot,
            "seq": self.seq,
            "what": what,
            "state": state,
            "age_ms": 0,
        }
        payload = bytes(pack(message, self.up, self.key))
        self.waiting[self.boot, self.seq] = payload
        return payload

    def heartbeat(self, **more: object) -> bytes:
        """A sealed heartbeat; more: what else the bell says of itself."""
        self.n += 1
        message = {"v": 1, "type": "heartbeat", "boot": self.boot, "seq": self.seq, "n": self.n, "up_s": 60 * self.n}
        message |= {"pending": len(self.waiting), "kind": self.kind, "fw": "1.0"} | more
        return bytes(pack(message, self.up, self.key))

    def status(self, state: str) -> tuple[str, bytes]:
        """(topic, sealed message): "online", or "offline", which the broker sends as the last will."""
        topic = str(join(self.site, self.bell_id, "status"))
        return topic, bytes(pack({"v": 1, "type": "status", "state": state, "boot": self.boot}, topic, self.key))

    def row(self) -> bells.Bell:
        """As the gateway enrols it."""
        return bells.Bell(
            self.bell_id, self.site, self.kind, self.bell_id, "연무장길 12", None, None, self.key, 0, "00", "active", 1
        )


def settle(count: int) -> list[Bell]:
    """So many bells: of five, three hang in shops, and two are the home set and the pendant of a home."""
    found = []
    for number in range(count):
        kind = ("store-bell", "store-bell", "store-bell", "home-set", "pendant")[number % 5]
        site = f"home-{number // 5}" if number % 5 >= 3 else f"shop-{number // 5}"
        found.append(Bell(f"b-{number:04x}", site, kind, f"{number:032d}".encode()))
    return found


def next_midnight_ms(at_ms: int) -> int:
    """The next local midnight."""
    return start_ms(datetime.fromtimestamp(at_ms / 1000, ZONE).date() + timedelta(days=1))
