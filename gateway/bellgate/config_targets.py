"""[[target]] in gateway.toml: one class a kind, and the one table of kinds.

A new kind is a class here, its line in `KINDS` and in `Target`, and its opener in `bellgate.targets`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bellgate.config_dc09 import Dc09Target
from bellgate.config_values import CapName, HttpUrl, Secret, ServiceUrl, TargetSection


class ConsoleTarget(TargetSection):
    """[[target]] kind = "console": the pages of this gateway."""

    kind: Literal["console"]
    test: bool = True


class WebhookTarget(TargetSection):
    """[[target]] kind = "webhook": a POST with a Standard Webhooks signature."""

    kind: Literal["webhook"]
    url: HttpUrl
    secret: Secret
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 10


class CapTarget(TargetSection):
    """[[target]] kind = "cap": CAP 1.2 documents, by POST or as files in a folder."""

    kind: Literal["cap"]
    url: HttpUrl | None = None
    folder: Annotated[str, Field(min_length=1)] | None = None
    sender: CapName
    addresses: list[CapName] = Field(default=[])
    restriction: Annotated[str, Field(min_length=1)] = "112, 119, 관제센터 / police, fire service, control centre"
    contact: Annotated[str, Field(min_length=1)] | None = None
    test_status: Literal["Test", "Exercise"] = "Test"
    radius_m: Annotated[int, Field(ge=1, le=10_000)] = 50
    valid_s: Annotated[int, Field(ge=60, le=604_800)] = 86_400
    sign_key: Annotated[str, Field(min_length=1)] | None = None
    sign_cert: Annotated[str, Field(min_length=1)] | None = None
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 10

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.url is None and self.folder is None:
            raise ValueError(f"target {self.name!r}: name a url, a folder, or both: where the CAP documents go")
        if (self.sign_key is None) != (self.sign_cert is None):
            raise ValueError(f"target {self.name!r}: sign_key and sign_cert belong together: name both or neither")
        return self

    def takes(self, type_: str, what: str) -> bool:
        """Every signal and every change of handling; what colleagues say to each other stays in the house."""
        return super().takes(type_, what) and what not in ("note", "handoff")

    @property
    def told_once(self) -> bool:
        """A document stands until the next one: another round of telling changes nothing in it."""
        return True


class AppriseTarget(TargetSection):
    """[[target]] kind = "apprise": SMS, voice, chat and mail through the services that apprise knows."""

    kind: Literal["apprise"]
    urls: list[ServiceUrl] = Field(min_length=1, max_length=16)  # 16: sent side by side, one thread each
    language: Literal["ko", "en", "both"] = "ko"
    detail: Literal["least", "place", "full"] = "least"
    tell: list[Literal["alarm", "unacknowledged", "acknowledged", "dispatched", "closed"]] = Field(
        default=["alarm", "unacknowledged", "acknowledged", "closed"], min_length=1
    )
    timeout_s: Annotated[float, Field(ge=5, le=120)] = 20

    def takes(self, type_: str, what: str) -> bool:
        """What `tell` names; an acknowledgement that expired is an alarm that nobody has acknowledged."""
        if type_ == "ansimbell.signal":
            return "alarm" in self.tell and what not in ("contact", "cancel")
        return type_ == "ansimbell.incident" and _TOLD_AS.get(what) in self.tell


class SounderTarget(TargetSection):
    """[[target]] kind = "sounder": a relay on a GPIO pin of this machine."""

    kind: Literal["sounder"]
    pin: Annotated[int, Field(ge=0, le=27)]
    active_high: bool = True
    place: Literal["premises", "station"] = "premises"
    on_ms: Annotated[int, Field(ge=100, le=60_000)] = 1_000
    off_ms: Annotated[int, Field(ge=0, le=60_000)] = 500
    max_on_s: Annotated[int, Field(ge=1, le=3_600)] = 180
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 5


# {change of handling: the word for it in `tell`}; other changes are nobody's business outside the control room.
_TOLD_AS = {
    "unacknowledged": "unacknowledged",
    "acknowledgement_expired": "unacknowledged",
    "acknowledge": "acknowledged",
    "dispatch": "dispatched",
    "close": "closed",
    "merge": "closed",
}

KINDS: dict[str, type[TargetSection]] = {
    "console": ConsoleTarget,
    "webhook": WebhookTarget,
    "dc09": Dc09Target,
    "cap": CapTarget,
    "apprise": AppriseTarget,
    "sounder": SounderTarget,
}
Target = Annotated[
    ConsoleTarget | WebhookTarget | Dc09Target | CapTarget | AppriseTarget | SounderTarget, Field(discriminator="kind")
]
