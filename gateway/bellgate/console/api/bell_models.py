"""The shapes of requests and answers about bells. Times are Unix ms on the gateway's clock."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bellgate.console.api.models import Given, Name
from bellgate.console.api.troubles import TroubleLine
from bellgate.store.places import OWNERS_MAX

# As a card shows it to a dispatcher on one glance; a plan of the house belongs elsewhere.
_NAME_CHARS, _ADDRESS_CHARS, _FLOOR_CHARS, _NOTE_CHARS = 100, 200, 40, 500
# No line breaks and no control characters: it stands in one line, is read out, and goes into messages.
_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


DUE = "Until when somebody should press it as a test; null: nobody is asked to."


def _line(most: int, least: int = 0) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most, pattern=_LINE)


class Background(BaseModel):
    """In one glance, beside an incident. What the bell never said is null."""

    bell_id: str
    last_seen_ms: int | None
    online: bool
    last_test_ms: int | None = Field(description="When its button was last pressed as a test.")
    battery_mv: int | None
    mains: bool | None
    rssi_dbm: int | None
    firmware: str | None
    troubles: list[str] = Field(description="Kinds that are open now.")
    closed_365d: int = Field(description="Real alarms that were closed within a year, without duplicates.")
    false_365d: int = Field(description="Of these: accidental, prank, device_fault.")
    genuine_365d: int


class Bell(BaseModel):
    """One bell, without its key."""

    model_config = ConfigDict(extra="allow")

    bell_id: str
    site: str
    kind: str = Field(description='"store-bell", "home-set", "pendant" …')
    name: str
    address: str
    floor: str
    entrance: str
    approach: str = Field(description="What whoever goes there must know.")
    lat: float | None
    lon: float | None
    confirmed_ms: int | None = Field(description="When a person found address and position right.")
    confirmed_by: str | None
    state: str = Field(description="active, suspended (nobody is told of its troubles) or revoked.")
    enrolled_ms: int
    enrolment: str = Field(description="waiting: it was never heard since its file was made; done.")
    replaces: str | None = Field(description="The identity whose place it takes.")
    commissioned_ms: int | None = Field(description="When its newest complete certificate was kept; null: never.")
    commissioned_by: str | None = Field(description="Who proved it where it hangs.")
    online: bool
    last_seen_ms: int | None
    health: dict[str, Any] | None = Field(description="The fields of its last heartbeat.")
    open_incidents: int | None = Field(description="Tests among them; null for a role that may not read incidents.")
    open_alarms: int | None = Field(description="Without tests.")


class BellItem(Bell):
    """One of a list."""

    last_test_ms: int | None
    test_due_ms: int | None = Field(description=DUE)
    troubles: list[str]


class Bells(BaseModel):
    """By site and name."""

    items: list[BellItem]
    now_ms: int


class PressTest(BaseModel):
    """The newest press as a test. stage: what the bell's lamp said in the end."""

    at_ms: int
    stage: str
    incident_id: int | None
    handling: str | None
    disposition: str | None


class Case(BaseModel):
    """An incident in a bell's past."""

    id: int
    bell_id: str = Field(description="This bell, or an identity that it replaced here.")
    what: str
    test: bool
    silent: bool
    handling: str
    disposition: str | None
    signals: int
    opened_ms: int
    closed_ms: int | None


class BellDetail(Bell):
    """Everything of one bell."""

    seen: str = Field(description="Which place this is: name it when you change the place.")
    last_test: PressTest | None
    test_due_ms: int | None = Field(description=DUE)
    troubles: list[TroubleLine]
    closed_365d: dict[str, int] = Field(description="{disposition: how many real alarms}, without duplicates.")
    false_365d: int = Field(description="accidental, prank and device_fault. Shown, and never used to suppress.")
    incidents: list[Case] = Field(description="The newest, at most 20; empty for a role that may not read them.")
    owners: list[str]
    replaced_by: str | None = Field(description="The identity that takes its place.")
    certificate: str | None = Field(description="id of the newest certificate, complete or not.")


class PlaceGiven(Given):
    """Where it hangs, whole: what is left out is empty from then on."""

    seen: str = Field(pattern=r"^[0-9a-f]{16}$", description="`seen` of the bell as you read it.")
    name: Annotated[str, _line(_NAME_CHARS, 1)]
    address: Annotated[str, _line(_ADDRESS_CHARS, 1)]
    floor: Annotated[str, _line(_FLOOR_CHARS)] = ""
    entrance: Annotated[str, _line(_NOTE_CHARS)] = ""
    approach: Annotated[str, _line(_NOTE_CHARS)] = ""
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False)
    lon: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)
    confirm: bool = Field(False, description="You found address and position right.")


class OwnersGiven(Given):
    """Whose it is."""

    seen: list[Name] = Field(max_length=OWNERS_MAX, description="The owners as you read them.")
    owners: list[Name] = Field(max_length=OWNERS_MAX, description="Users with the role owner.")


class OwnBell(BaseModel):
    """A bell as its owner sees it: no names of staff, and nothing that could betray whoever is threatened."""

    bell_id: str
    kind: str
    name: str
    address: str
    floor: str
    enrolled_ms: int
    online: bool
    last_seen_ms: int | None
    battery_mv: int | None
    mains: bool | None
    firmware: str | None
    last_test: PressTest | None
    test_due_ms: int | None = Field(description=DUE)
    troubles: list[str]
    rings_at: list[str] = Field(description="The stations that are told of its alarm, the first first.")
    incidents: list[Case] = Field(description="The newest, at most 20.")


class OwnBells(BaseModel):
    """All that are this person's."""

    items: list[OwnBell]
    now_ms: int
