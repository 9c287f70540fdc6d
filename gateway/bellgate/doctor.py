"""What `bellgate doctor` tells an operator: everything that `check` examines, and what will be wrong next week.

Each finding has a level: `ok`, `warn` (works, but do something), `fault` (does not do what it should), and a remedy.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from bellgate import backups, checkup, disk, record, tiles
from bellgate.clock import Clock, now_ms, time_source
from bellgate.config import Config
from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError
from bellgate.pki import Authority
from bellgate.store import Store, Tx, bells, figures, open_store, troubles
from bellgate.texts import texts

OK, WARN, FAULT = "ok", "warn", "fault"
CERTIFICATE_WARN_DAYS = 90
# Two were missed.
BACKUP_LATE_FACTOR = 2.5
CHECKPOINT_LATE_MS = 2 * 3_600_000 + 600_000
DAYS_LEFT_WARN = 30
HTTP_S = 5.0


@frozen
class Finding:
    """One thing that was looked at. remedy: what to do, "" if nothing."""

    name: str
    level: str
    text: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return asdict(self)


def examine(config: Config) -> list[Finding]:
    """Look at everything. Changes nothing but a broker certificate that lacks an advertised name."""
    found = [_of_check(one) for one in checkup.examine(config)]
    for name, look in (
        ("running gateway", _running),
        ("clock", _clock),
        ("disk", _disk),
        ("files", _files),
        ("certificates", _certificates),
        ("backups", _backups),
        ("contents", _contents),
        ("map", _map),
    ):
        found += _safely(name, look, config)
    return found


def _of_check(one: checkup.Finding) -> Finding:
    text, _, remedy = one.text.partition(". ")
    return Finding(one.name, OK if one.ok else FAULT, text, "" if one.ok else remedy)


def _safely(name: str, look: Callable[[Config], Iterator[Finding]], config: Config) -> list[Finding]:
    try:
        return list(look(config))
    except AnsimbellError as error:
        text, _, remedy = str(error).partition(". ")
        return [Finding(name, FAULT, text, remedy)]
    except OSError as error:
        return [Finding(name, FAULT, f"{error.filename or name}: {error.strerror}", "Run as the gateway's user")]


def _running(config: Config) -> Iterator[Finding]:
    name, host = "running gateway", config.console.host
    host = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
    if not checkup.is_running(config):
        yield Finding(name, WARN, "no gateway runs with this folder", "Start it: `systemctl start ansimbell`, or `run`")
        return
    try:
        with urllib.request.urlopen(f"http://{host}:{config.console.port}/healthz", timeout=HTTP_S) as answer:
            checks = json.load(answer)["checks"]
    except urllib.error.HTTPError as error:
        checks = json.load(error)["checks"]
    except (OSError, ValueError):
        remedy = "Look into its log: `journalctl -u ansimbell`"
        yield Finding(name, FAULT, f"does not answer on {host}:{config.console.port}", remedy)
        return
    wrong = [f"{one['name']}: {one['text']}" for one in checks if not one["ok"]]
    if wrong:
        yield Finding(name, FAULT, "; ".join(wrong), "The finding of that name here says what to do")
    else:
        yield Finding(name, OK, "alarms get through, proved a moment ago")


def _clock(config: Config) -> Iterator[Finding]:
    known, source = Clock().synchronised(), time_source()
    by = f"by {source}" if source else "but no program that keeps it is seen"
    if known:
        yield Finding("clock source", OK if source else WARN, f"synchronised {by}", "" if source else "Install chrony")
    elif known is None:
        yield Finding("clock source", WARN, "cannot be asked on this system", "Make sure that something keeps the time")
    else:
        remedy = f"Let {source} reach its servers" if source else "`apt install chrony`, or `timedatectl set-ntp true`"
        text = f"not synchronised ({source or 'no program keeps it'}): times are marked as unsure"
        yield Finding("clock source", WARN, text, remedy)


def _disk(config: Config) -> Iterator[Finding]:
    room = disk.room(config.data_dir)
    if room is None:
        yield Finding("disk", FAULT, f"{config.data_dir}: cannot be asked", "Correct gateway.data_dir, or mount it")
        return
    text = f"{room.free // 1_000_000} MB free of {room.total // 1_000_000} MB"
    if room.readonly:
        yield Finding("disk", FAULT, f"{config.data_dir} is read-only", "Check the card, then mount it again")
    elif room.free < disk.LOW_BYTES:
        yield Finding("disk", FAULT, text, "Free some space now: the reserve will be used, then nothing is stored")
    elif room.free < disk.PLENTY_BYTES + disk.RESERVE_BYTES:
        yield Finding("disk", WARN, text, "Free some space, or lessen backup.keep_hourly")
    else:
        yield Finding("disk", OK, text)
    for name, folder, setting in (
        ("backups' place", config.backup_dir, "backup.folder"),
        ("checkpoints' place", config.checkpoint_dir, "audit.checkpoints"),
    ):
        near = next(one for one in (folder, *folder.parents) if one.exists())
        if near.stat().st_dev == config.data_dir.stat().st_dev:
            remedy = f"Mount another disk or a share, and name it in {setting}"
            yield Finding(name, WARN, f"{folder} lies on the same disk as the database: both are lost together", remedy)
        else:
            yield Finding(name, OK, f"{folder} lies on a disk of its own")


def _files(config: Config) -> Iterator[Finding]:
    secret = [config.path, *(config.data_dir / "pki").glob("*.key"), *config.data_dir.glob("*.db")]
    open_ones = [str(path) for path in secret if path.exists() and path.stat().st_mode & 0o077]
    if open_ones:
        remedy = "`chmod 600` on each: they hold keys"
        yield Finding("secret files", FAULT, f"other users may read {', '.join(open_ones)}", remedy)
    else:
        yield Finding("secret files", OK, "readable by their owner only")
    owner = config.data_dir.stat().st_uid
    if os.geteuid() not in (0, owner):
        remedy = f"Run this as user {owner}, or as root"
        yield Finding("user", WARN, f"the data folder belongs to user {owner}, this is {os.geteuid()}", remedy)


def _certificates(config: Config) -> Iterator[Finding]:
    ends = Authority(config.data_dir / "pki").not_after()
    days = {name: (end - datetime.now(UTC)).days for name, end in ends.items()}
    name, left = min(days.items(), key=lambda one: one[1])
    text = f"{len(days)} certificates; the first to end is {name}, in {left} days"
    if left < 0:
        yield Finding("certificates' end", FAULT, text, f"Remove pki/{name}.pem and .key, and start the gateway")
    elif left < CERTIFICATE_WARN_DAYS:
        yield Finding("certificates' end", WARN, text, f"Renew {name} before then")
    else:
        yield Finding("certificates' end", OK, text)


def _backups(config: Config) -> Iterator[Finding]:
    if not config.store.url.startswith("sqlite:"):
        remedy = "Make sure that pg_dump or your provider makes them, and that you have restored one"
        yield Finding("backups", WARN, "of PostgreSQL are not the gateway's work", remedy)
        return
    there = backups.listed(config.backup_dir)
    if not there:
        yield Finding("backups", WARN, f"none in {config.backup_dir}", "Run the gateway, or `bellgate backup`")
        return
    age_ms = now_ms() - there[-1].made_ms
    text = f"{len(there)}, the newest {age_ms // 60_000} minutes old"
    if age_ms > config.backup.every_s * 1000 * BACKUP_LATE_FACTOR:
        yield Finding("backups", FAULT, text, "The trouble list says why; `bellgate backup` tries it now")
        return
    backups.read(there[-1].folder)
    yield Finding("backups", OK, f"{text}; it is as it was made")


def _map(config: Config) -> Iterator[Finding]:
    if config.tiles_path is None:
        yield Finding("map", OK, "shows districts and no streets: console.tiles names none")
        return
    about = tiles.Tiles(config.tiles_path).about
    yield Finding("map", OK, f"streets from {config.tiles_path.name}, zoom {about.min_zoom} to {about.max_zoom}")


def _contents(config: Config) -> Iterator[Finding]:
    ca = Authority(config.data_dir / "pki").ca
    with open_store(config.store.url, config.data_dir) as store:
        verdict = record.verify(store, config.checkpoint_dir, config.gateway.id, ca, closely=False)
        said = store.read_now(figures.read)
        listed = store.read_now(troubles.open_troubles)
        silent = store.read_now(_silent)
        yield from _growth(config, store)
    if verdict.ok:
        yield Finding("record", OK, f"{verdict.rows} rows and {verdict.checkpoints} checkpoints fit together")
    else:
        yield Finding("record", FAULT, "was changed from outside", "`bellgate audit verify` says where")
    if verdict.checkpoint_ms is None or now_ms() - verdict.checkpoint_ms > CHECKPOINT_LATE_MS:
        seen = record.when(verdict.checkpoint_ms) if verdict.checkpoint_ms else "never"
        yield Finding("checkpoints", WARN, f"the last was written {seen}", "Run the gateway; see the trouble list")
    else:
        yield Finding("checkpoints", OK, f"the last was written {record.when(verdict.checkpoint_ms)}")
    for row in listed:
        remedy = texts("en").get(f"trouble_remedy.{row['kind']}", "docs/operate.md says what each trouble asks for")
        yield Finding("trouble", WARN, f"{row['kind']} {row['subject']}: {row['detail']}", remedy)
    waiting = sum(count for _, _, count in said.deliveries)
    if any(state == "failed" for _, state, _ in said.deliveries):
        targets = ", ".join(sorted({target for target, state, _ in said.deliveries if state == "failed"}))
        yield Finding(
            "deliveries", WARN, f"{waiting} wait; {targets} does not take them", "Reach or repair that target"
        )
    else:
        yield Finding("deliveries", OK, f"{waiting} wait")
    active = said.bells.get(bells.ACTIVE, 0)
    if silent:
        text = f"{len(silent)} of {active} are not heard: {', '.join(silent[:10])}"
        yield Finding("bells", WARN, text, "Visit them: power, network, then the bell itself")
    else:
        yield Finding("bells", OK, f"all {active} are heard" if active else "none is enrolled")


def _growth(config: Config, store: Store) -> Iterator[Finding]:
    size, growth = figures.size_bytes(store), store.read_now(figures.growth_bytes)
    text = f"{size / 1e6:.1f} MB"
    if growth is None:
        yield Finding("database size", OK, f"{text}; its growth is known after two days")
        return
    room = disk.room(config.data_dir)
    text += f", {growth / 1e6:+.2f} MB a day"
    # A backup is a copy: it grows as much for each one that is kept.
    copies = 1 + config.backup.keep_hourly + config.backup.keep_daily
    days = room.free // (growth * copies) if room and growth > 0 else None
    if days is not None and days < DAYS_LEFT_WARN:
        remedy = "Set [retention], keep fewer backups, or give it a larger disk"
        yield Finding("database size", WARN, f"{text}: with its backups the disk is full in {days} days", remedy)
    else:
        yield Finding("database size", OK, text)


def _silent(tx: Tx) -> list[str]:
    return [row["bell_id"] for row in bells.listing(tx) if row["state"] == bells.ACTIVE and not row["online"]]
