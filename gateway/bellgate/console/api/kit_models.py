"""The shapes of requests and answers for the installer's kit. Times are Unix ms on the gateway's clock."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from bellgate.commissioning import KIND
from bellgate.console.api.models import INT_MAX, Given, Name
from bellgate.portcode import NONCE_CHARS

Boot = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Seq = Annotated[int, Field(ge=1, le=INT_MAX)]


class Position(BaseModel):
    """In degrees, WGS 84."""

    lat: float
    lon: float


class RoutingAnswer(BaseModel):
    """Where a bell hangs against where it rings."""

    bell_id: str
    site: str
    address: str
    confirmed: bool = Field(description="A person found address and position right.")
    position: Position | None
    place: str | None = Field(description="The dong or district of the position.")
    expected: list[str] = Field(description="The stations in whose area the position lies.")
    routed: list[str] = Field(description="Those of the stations with an area that are told at once.")
    targets: list[str] = Field(description="Every target that is told at once, as duty stands now.")
    policy: str
    agree: bool | None = Field(description="null: it can't be said, and `reason` says why.")
    reason: str


class WalkedPress(BaseModel):
    """One press as a test and when it passed each hop; null: not yet, or this gateway did not take it."""

    boot: str
    seq: int
    what: str
    zone: int | None
    stage: str = Field(description="What the bell's lamp was told last.")
    incident_id: int | None
    number: int = Field(description="Its receipt number.")
    received_ms: int | None = Field(description="It came from the broker.")
    stored_ms: int | None = Field(description="The commit was over.")
    receipt_ms: int | None = Field(description="The receipt was given to the broker.")
    announced_ms: int | None = Field(description="The live event went to the consoles.")
    presented_ms: int | None = Field(description="A console has shown it.")
    presented_by: str | None


class WalkAnswer(BaseModel):
    """press null: there is no such one (yet)."""

    bell_id: str
    now_ms: int
    press: WalkedPress | None


class WalkPresented(Given):
    """The kit's screen has shown a press as a test."""

    boot: Boot
    seq: Seq
    console: Name = Field(description="Which screen, for the record.")


class PortCodeGiven(Given):
    """What shall be done at the bell's serial port."""

    op: Literal["enrol", "wipe"]
    nonce: Annotated[str, StringConstraints(pattern=rf"^[0-9a-fA-F]{{{NONCE_CHARS[0]},{NONCE_CHARS[1]}}}$")] = Field(
        description="As the bell gave it, in hex."
    )


class PortCode(BaseModel):
    """8 digits, for this nonce alone."""

    code: str


class CommissioningGiven(RootModel[dict[str, Any]]):
    """The kit's signed certificate, whole: see docs/installing.md. Every key is kept, known or not."""

    model_config = ConfigDict(json_schema_extra={"required": ["id", "bell_id", "signature"], "title": KIND})


class CommissioningItem(BaseModel):
    """One certificate that is kept."""

    id: str
    bell_id: str
    stored_ms: int
    posted_by: str = Field(description="Whose token posted it.")
    by: str = Field(description="Who proved the bell, as typed at the kit.")
    made_ms: int = Field(description="By the kit's clock.")
    passed: bool = Field(description="What the kit says.")
    complete: bool = Field(description="The kit passed it, and the gateway found nothing missing.")
    lacks: list[str] = Field(description="failed, not_proved, press, routing, place: what is missing.")
    kit_key: str = Field(description="SHA-256 of the kit's public key: the same laptop says the same.")


class CommissioningList(BaseModel):
    """Newest first, at most 50."""

    items: list[CommissioningItem]


class CommissioningAnswer(CommissioningItem):
    """One, whole."""

    document: dict[str, Any] = Field(description="What the gateway signed; the kit's own document is in it.")
