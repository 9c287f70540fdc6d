"""gateway.toml: what it may say, and how to put it right when it says something else.

Every fault is a `ConfigError` that names the file, the key, the value that stands there, and the remedy.
"""

import difflib
import itertools
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bellgate.config_values import (
    Advertise,
    Broker,
    GatewayId,
    HttpUrl,
    Listen,
    Name,
    Secret,
    StoreUrl,
    is_unspecified,
    split_host_port,
)
from bellgate.core import escalation
from bellgate.errors import ConfigError

FILE_NAME = "gateway.toml"
EVERY_TARGET = "*"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GatewaySection(_Section):
    """[gateway]"""

    id: GatewayId
    data_dir: Annotated[str, Field(min_length=1)] = "."


class ConsoleSection(_Section):
    """[console]"""

    listen: Listen = "127.0.0.1:8080"

    @property
    def host(self) -> str:
        """The address to listen on."""
        return split_host_port(self.listen)[0]

    @property
    def port(self) -> int:
        """The TCP port to listen on."""
        return split_host_port(self.listen)[1]


class MqttSection(_Section):
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


class StoreSection(_Section):
    """[store]"""

    url: StoreUrl = "sqlite:///ansimbell.db"


class ConsoleTarget(_Section):
    """[[target]] kind = "console": the pages of this gateway."""

    name: Name
    kind: Literal["console"]
    test: bool = True


class WebhookTarget(_Section):
    """[[target]] kind = "webhook": a POST with a Standard Webhooks signature."""

    name: Name
    kind: Literal["webhook"]
    url: HttpUrl
    secret: Secret
    test: bool = False
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 10


Target = Annotated[ConsoleTarget | WebhookTarget, Field(discriminator="kind")]


class PolicyStep(_Section):
    """[[policy.step]]: whom to tell, so many seconds after the incident opened."""

    after_s: Annotated[int, Field(ge=0, le=3600)]
    targets: list[str] = Field(min_length=1)


class PolicyConfig(_Section):
    """[[policy]]: steps in order of time; the last one is repeated until somebody acknowledges."""

    name: Name
    repeat_s: Annotated[int, Field(ge=1, le=3600)] = 60
    step: list[PolicyStep] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [step.after_s for step in self.step]
        if times[0] != 0:
            raise ValueError(f"policy {self.name!r}: the first step must have after_s = 0, an alarm never waits")
        for earlier, later in itertools.pairwise(times):
            if later <= earlier:
                raise ValueError(
                    f"policy {self.name!r}: after_s must rise from step to step, but {later} follows {earlier}"
                )
        return self


class Config(BaseModel):
    """The whole of gateway.toml, checked. Paths are absolute."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Path
    gateway: GatewaySection
    console: ConsoleSection = ConsoleSection()
    mqtt: MqttSection
    store: StoreSection = StoreSection()
    targets: list[Target] = Field(default=[], alias="target")
    policies: list[PolicyConfig] = Field(default=[], alias="policy")

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for what, names in (
            ("target", [target.name for target in self.targets]),
            ("policy", [policy.name for policy in self.policies]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"two {what} sections have the name {name!r}: give each its own")
        known = [target.name for target in self.targets]
        for policy in self.policies:
            for step in policy.step:
                for name in step.targets:
                    if name != EVERY_TARGET and name not in known:
                        raise ValueError(
                            f"policy {policy.name!r}: there is no target {name!r}.{_did_you_mean(name, known)} "
                            f"Targets: {', '.join(known) or 'none'}, or {EVERY_TARGET!r} for all"
                        )
        return self

    @property
    def data_dir(self) -> Path:
        """The folder of database, certificates and broker; a relative one counts from gateway.toml's folder."""
        return (self.path.parent / self.gateway.data_dir).resolve()

    def policy(self) -> escalation.Policy:
        """The escalation policy of every incident: the first [[policy]], or everyone every minute."""
        if not self.policies:
            return escalation.DEFAULT
        first = self.policies[0]
        steps = tuple(escalation.Step(step.after_s * 1000, tuple(step.targets)) for step in first.step)
        return escalation.Policy(first.name, steps, first.repeat_s * 1000)


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
        return Config.model_validate({**data, "path": file})
    except ValidationError as error:
        raise ConfigError(f"{file}: {_explain(error, data)}") from None


def _explain(error: ValidationError, data: dict[str, Any]) -> str:
    """The first fault in words: key, value, remedy; and how many more there are."""
    faults = error.errors()
    first = faults[0]
    loc = first["loc"]
    where = loc[:2] + loc[3:] if len(loc) > 2 and loc[0] == "target" and loc[2] in _TAGS else loc
    key = _key(where)
    kind = first["type"]
    if kind == "extra_forbidden":
        section = _model_at(where[:-1], data)
        text = f"unknown key {key!r}.{_did_you_mean(str(where[-1]), section)} Known here: {', '.join(section)}"
    elif kind == "missing":
        text = f"{key!r} is missing. Add it; docs/configuration.md describes each key"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        text = f'{key}.kind must be one of {", ".join(_TAGS)}. Write for example kind = "webhook"'
    else:
        said = _REMEDIES.get(kind) or first["msg"].removeprefix("Value error, ")
        value = "" if isinstance(first["input"], dict | list) else f" = {_shown(key, first['input'])}"
        text = f"{key}{value}: {said}" if key else said
    more = len(faults) - 1
    return text + (f" (and {more} more fault{'s' if more > 1 else ''} in this file)" if more else "")


_TAGS = ("console", "webhook")
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
    "target": WebhookTarget,
    "policy": PolicyConfig,
    "policy.step": PolicyStep,
}


def _model_at(where: tuple[int | str, ...], data: dict[str, Any]) -> list[str]:
    names = [str(part) for part in where if isinstance(part, str)]
    if not names:
        return [*_MODELS][:-1]
    if names == ["target"] and isinstance(where[-1], int):
        kind = data["target"][where[-1]].get("kind")
        return [*(ConsoleTarget if kind == "console" else WebhookTarget).model_fields]
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
    return "…" if key.endswith("secret") else repr(value)[:80]


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def sections() -> dict[str, dict[str, Any]]:
    """{section: {key: default or None}}: every key that gateway.toml knows, for the docs and their test."""
    listed: dict[str, dict[str, Any]] = {}
    models: dict[str, type[BaseModel]] = {**_MODELS, "target (console)": ConsoleTarget}
    for name, model in models.items():
        listed[name] = {
            key: None if field.is_required() else field.default
            for key, field in model.model_fields.items()
            if not (name == "policy" and key == "step")
        }
    return listed
