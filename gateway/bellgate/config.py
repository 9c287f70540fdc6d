"""gateway.toml: what it may say, and how to put it right when it says something else.

Every fault is a `ConfigError` that names the file, the key, the value that stands there, and the remedy.
"""

import difflib
import itertools
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bellgate import boundaries
from bellgate.boundaries import Boundaries
from bellgate.config_dc09 import Dc09Premises, Dc09Receiver
from bellgate.config_keeping import AuditSection, BackupSection, Days, RetentionSection
from bellgate.config_policy import (
    CalendarSection,
    GroupSection,
    PersonSection,
    PolicyConfig,
    PolicyStep,
    ShiftSection,
    StationSection,
)
from bellgate.config_targets import KINDS, Target
from bellgate.config_values import (
    Advertise,
    Broker,
    GatewayId,
    Listen,
    Origin,
    Section,
    StoreUrl,
    TargetSection,
    is_unspecified,
    split_host_port,
)
from bellgate.errors import ConfigError
from bellgate.policies import Policies
from bellgate.roster import Roster

FILE_NAME = "gateway.toml"


class GatewaySection(Section):
    """[gateway]"""

    id: GatewayId
    data_dir: Annotated[str, Field(min_length=1)] = "."


class ConsoleSection(Section):
    """[console]"""

    listen: Listen = "127.0.0.1:8080"
    sign_within_min: Annotated[int, Field(ge=1, le=240)] = 20
    origin: Origin = ""  # of the pages as a browser shows it; passkeys are bound to it
    tiles: Annotated[str, Field(min_length=1)] | None = None
    boundaries: Annotated[str, Field(min_length=1)] | None = None

    @property
    def host(self) -> str:
        """The address to listen on."""
        return split_host_port(self.listen)[0]

    @property
    def port(self) -> int:
        """The TCP port to listen on."""
        return split_host_port(self.listen)[1]


class MqttSection(Section):
    """[mqtt]"""

    broker: Broker = "embedded"
    listen: Listen = "0.0.0.0:8883"
    advertise: list[Advertise] = Field(
        min_length=1, max_length=8
    )  # 8: each one is tried in turn by a bell whose alarm is waiting

    @property
    def embedded(self) -> bool:
        """True if the gateway starts its own broker."""
        return self.broker == "embedded"

    @property
    def tls(self) -> bool:
        """True if the gateway itself speaks TLS to the broker."""
        return not self.broker.startswith("mqtt://")

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) where the gateway itself reaches the broker."""
        if self.embedded:
            host, port = split_host_port(self.listen)
            if is_unspecified(host):
                host = "::1" if ":" in host else "127.0.0.1"
            return host, port
        parts = urlsplit(self.broker)
        return parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883)

    @property
    def advertised(self) -> list[tuple[str, int]]:
        """(host, port) of each broker that enrolment files name, in order."""
        return [split_host_port(text) for text in self.advertise]


class StoreSection(Section):
    """[store]"""

    url: StoreUrl = "sqlite:///ansimbell.db"


class BellsSection(Section):
    """[bells]"""

    press_test_days: Days = 31  # the longest month; 0: nobody is reminded


class Config(BaseModel):
    """The whole of gateway.toml, checked. Paths are absolute."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Path
    gateway: GatewaySection
    console: ConsoleSection = ConsoleSection()
    mqtt: MqttSection
    store: StoreSection = StoreSection()
    bells: BellsSection = BellsSection()
    audit: AuditSection = AuditSection()
    backup: BackupSection = BackupSection()
    retention: RetentionSection = RetentionSection()
    targets: list[Target] = Field(default=[], alias="target")
    calendar: CalendarSection = CalendarSection()
    people: list[PersonSection] = Field(default=[], alias="person")
    stations: list[StationSection] = Field(default=[], alias="station")
    shifts: list[ShiftSection] = Field(default=[], alias="shift")
    groups: list[GroupSection] = Field(default=[], alias="group")
    policies: list[PolicyConfig] = Field(default=[], alias="policy")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        policies = self._policies()
        for fault in itertools.chain(policies.faults(self.boundaries), policies.uncovered()):
            raise ValueError(fault)
        return self

    @property
    def data_dir(self) -> Path:
        """The folder of database, certificates and broker; a relative one counts from gateway.toml's folder."""
        return (self.path.parent / self.gateway.data_dir).resolve()

    @property
    def checkpoint_dir(self) -> Path:
        """Where the record's checkpoints go; a relative one counts from data_dir."""
        return (self.data_dir / self.audit.checkpoints).resolve()

    @property
    def backup_dir(self) -> Path:
        """Where backups go; a relative one counts from data_dir."""
        return (self.data_dir / self.backup.folder).resolve()

    @property
    def tiles_path(self) -> Path | None:
        """The PMTiles file with streets for the map; a relative one counts from gateway.toml's folder."""
        return None if self.console.tiles is None else (self.path.parent / self.console.tiles).resolve()

    @property
    def boundaries(self) -> Boundaries:
        """The outlines of districts and dongs; a relative file counts from gateway.toml's folder."""
        name = self.console.boundaries
        return boundaries.seoul() if name is None else boundaries.read((self.path.parent / name).resolve())

    @property
    def page_origin(self) -> str:
        """Where a browser finds the pages, as far as it was stated."""
        return self.console.origin or f"http://{self.console.listen}"

    def roster(self) -> Roster:
        """Who is told when: the [[policy]] sections, or everyone every minute."""
        return self._policies().roster()

    def _policies(self) -> Policies:
        targets = [target.name for target in self.targets]
        return Policies(self.calendar, targets, self.people, self.stations, self.shifts, self.groups, self.policies)


def load(path: Path) -> Config:
    """Read and check gateway.toml; a folder means the gateway.toml inside it. Raises ConfigError."""
    file = (path / FILE_NAME if path.is_dir() else path).absolute()
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file. `bellgate init DIR` makes a new installation") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}). Check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 at byte {error.start}. Save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f'{file}: is not TOML: {error}. Write one `key = "value"` a line') from None
    if "path" in data:
        raise ConfigError(f"{file}: unknown section or key 'path'. Remove it")
    try:
        context = {"boundaries": _boundaries(file, data)}
        return Config.model_validate({**data, "path": file}, context=context)
    except ValidationError as error:
        raise ConfigError(f"{file}: {_explain(error, data)}") from None


def _boundaries(file: Path, data: dict[str, Any]) -> Boundaries | None:
    """Those of the file that it names: areas of stations are looked for there. None: those of this version."""
    console = data.get("console")
    name = console.get("boundaries") if isinstance(console, dict) else None
    if not isinstance(name, str) or not name:
        return None
    try:
        return boundaries.read((file.parent / name).resolve())
    except ValueError as error:
        raise ConfigError(f"{file}: console.boundaries = {name!r}: {error}") from None


def _explain(error: ValidationError, data: dict[str, Any]) -> str:
    """The first fault in words: key, value, remedy; and how many more there are."""
    faults = error.errors()
    first = faults[0]
    loc = first["loc"]
    where = loc[:2] + loc[3:] if len(loc) > 2 and loc[0] == "target" and loc[2] in KINDS else loc
    key = _key(where)
    kind = first["type"]
    if kind == "extra_forbidden":
        section = _model_at(where[:-1], data)
        text = f"unknown key {key!r}.{_did_you_mean(str(where[-1]), section)} Known here: {', '.join(section)}"
    elif kind == "missing":
        text = f"{key!r} is missing. Add it; docs/configuration.md describes each key"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        text = f'{key}.kind must be one of {", ".join(KINDS)}. Write for example kind = "webhook"'
    else:
        said = _REMEDIES.get(kind) or first["msg"].removeprefix("Value error, ")
        value = "" if isinstance(first["input"], dict | list) else f" = {_shown(key, first['input'])}"
        text = f"{key}{value}: {said}" if key else said
    more = len(faults) - 1
    return text + (f" (and {more} more fault{'s' if more > 1 else ''} in this file)" if more else "")


# What pydantic calls a fault: what to write instead. Faults that are not here have words of their own.
_REMEDIES = {
    "string_type": 'write text in quotes, for example "…"',
    "string_too_short": "must not be empty",
    "bool_type": "write true or false, without quotes",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "list_type": 'write a list, for example ["…"]',
    "too_short": "name at least one",
    "model_type": "must be a section: write its name in brackets on a line of its own",
}
_MODELS: dict[str, type[BaseModel]] = {
    "gateway": GatewaySection,
    "console": ConsoleSection,
    "mqtt": MqttSection,
    "store": StoreSection,
    "bells": BellsSection,
    "audit": AuditSection,
    "backup": BackupSection,
    "retention": RetentionSection,
    "target": TargetSection,
    "target.receiver": Dc09Receiver,
    "target.premises": Dc09Premises,
    "calendar": CalendarSection,
    "person": PersonSection,
    "station": StationSection,
    "shift": ShiftSection,
    "group": GroupSection,
    "policy": PolicyConfig,
    "policy.step": PolicyStep,
}


def _model_at(where: tuple[int | str, ...], data: dict[str, Any]) -> list[str]:
    names = [str(part) for part in where if isinstance(part, str)]
    if not names:
        return [name for name in _MODELS if "." not in name]
    if names == ["target"] and isinstance(where[-1], int):
        return [*KINDS[data["target"][where[-1]]["kind"]].model_fields]
    model = _MODELS.get(".".join(names))
    return [*model.model_fields] if model else []


def _key(where: tuple[int | str, ...]) -> str:
    """ "target[1].url" of ("target", 0, "url"): people count from one."""
    text = ""
    for part in where:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(key: str, value: object) -> str:
    # A mistyped secret is still nearly a secret, and errors end up in logs.
    return "…" if key.endswith(("secret", ".key")) or ".urls[" in key else repr(value)[:80]


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def sections() -> dict[str, dict[str, Any]]:
    """{section: {key: default or None}}: every key that gateway.toml knows, for the docs and their test."""
    listed: dict[str, dict[str, Any]] = {}
    models = {**_MODELS, **{f"target ({kind})": model for kind, model in KINDS.items()}}
    for name, model in models.items():
        listed[name] = {
            key: None if field.is_required() else field.default
            for key, field in model.model_fields.items()
            if not (name == "policy" and key == "step")
        }
    return listed
