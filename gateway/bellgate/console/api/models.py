"""The shapes of the API's requests and answers. Times are Unix ms on the gateway's clock."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Room for what a person types during a call; a report belongs elsewhere.
NOTE_MAX_CHARS = 2_000
INT_MAX = 2**63 - 1

Disposition = Literal["genuine", "accidental", "prank", "device_fault", "test", "duplicate", "nobody_found"]
What = Literal["duress", "holdup", "panic", "medical", "intrusion", "checkin_missed", "tamper", "test"]
Handling = Literal["received", "presented", "acknowledged", "dispatched", "en_route", "on_scene", "cleared", "closed"]
Language = Literal["ko", "en"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NOTE_MAX_CHARS)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Secret = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ._-]{1,64}$")]


class Given(BaseModel):
    """A request; a key that we do not know is an error and not ignored."""

    model_config = ConfigDict(extra="forbid")


class Versioned(Given):
    """A command: the version of the incident that the person saw, and a remark if there is one."""

    version: int = Field(ge=0, le=INT_MAX, description="The incident's version that the decision was made on.")
    text: Text | None = Field(None, description="A remark for the record.")


class Close(Versioned):
    """Closing says what it was."""

    disposition: Disposition


class Handoff(Versioned):
    """Offer (`to`), accept (`accept`) or decline (`decline`), one of the three."""

    to: Name | None = Field(None, description="The operator to whom the holder offers the incident.")
    accept: bool = Field(False, description="Take what was offered to you.")
    decline: bool = Field(False, description="Refuse what was offered to you, or take your own offer back.")


class Merge(Versioned):
    """Two incidents are one emergency: this one ends as a duplicate, and its signals go on in the other."""

    into: int = Field(ge=1, le=INT_MAX, description="The incident that goes on.")


class Note(Given):
    """A remark; changes nothing else."""

    version: int = Field(ge=0, le=INT_MAX)
    text: Text


class PresentedOn(Given):
    """A console says: rendered, visible, and the sound is running."""

    console: Label = Field(description="Which console, for the record.")
    up_to_signal: int = Field(ge=1, le=INT_MAX, description="`last_signal` of the incident as it was rendered.")
    desk: Secret | None = Field(None, description="The watch; a browser must name it, and it must be attended.")
    sounding: Literal[True] = Field(description="A console whose sound does not run has not presented anything.")


class WhichWatch(Given):
    """One watch."""

    desk: Secret = Field(description="As `begin` answered.")


class BeginWatch(Given):
    """A person sits down at a page."""

    console: Label = Field(description="Which page, for the record; the same after a reload.")


class Proof(WhichWatch):
    """What the page proves."""

    heartbeat_ms: int = Field(ge=0, le=INT_MAX, description="`now_ms` of the newest event that the stream brought.")
    audio_ms: int = Field(ge=0, le=INT_MAX, description="Where the page's audio clock stands; it must move.")
    visible: bool
    signed_ago_ms: int = Field(ge=0, le=INT_MAX, description="How long ago the person touched a key or the pointer.")


class HeardSound(WhichWatch):
    """The start-of-shift check: the page sounded, and the person says whether it was heard."""

    heard: bool
    proof: Proof


class Watch(BaseModel):
    """condition: begun, attended, deaf, absent, silent or ended. why: stale, mute or hidden, if it does not count."""

    desk: str | None
    operator: str
    console: str
    condition: str
    why: str
    begun_ms: int
    heard_ms: int | None
    signed_ms: int
    proof_every_ms: int | None = None
    sign_within_ms: int | None = None


class Watches(BaseModel):
    """The newest first."""

    items: list[Watch]


class Occurred(BaseModel):
    """When it happened. err_ms null: it may have been any time before at_ms. source: bell, age or received."""

    at_ms: int
    err_ms: int | None
    source: str


class Escalation(BaseModel):
    """Which step comes next, and when; next_ms null: none, somebody holds it."""

    policy: str = Field(description='Its name in gateway.toml, or "default".')
    step: int = Field(description="From 0.")
    round: int
    next_ms: int | None


class Incident(BaseModel):
    """A case. `version` rises with every signal and every command."""

    model_config = ConfigDict(extra="allow")

    id: int
    bell_id: str
    site: str
    kind: str = Field(description='"store-bell", "home-set", "pendant" …')
    name: str
    address: str
    lat: float | None
    lon: float | None
    what: str
    test: bool
    priority: int
    silent: bool
    duress: bool
    handling: str
    stage: str
    version: int
    signal_count: int
    last_signal: int = Field(description="Receipt number of the newest signal.")
    cancel_asked: bool
    restored: bool
    tampered: bool = Field(description="The bell was attacked during the alarm.")
    opened_ms: int
    last_signal_ms: int
    owner: str | None
    offered_to: str | None
    lease_until_ms: int | None
    disposition: str | None
    closed_ms: int | None
    merged_into: int | None = Field(description="The incident that holds its signals now.")
    late: bool
    clock_unsure: bool
    occurred: Occurred
    escalation: Escalation


class IncidentItem(Incident):
    """One of a list."""

    signals: int = Field(description="How many signals, the same as signal_count.")


class SignalOf(BaseModel):
    """One press."""

    model_config = ConfigDict(extra="allow")

    number: int = Field(description="Receipt number: the order.")
    bell_id: str = Field(description="An incident of a home may have signals of several bells.")
    boot: str
    seq: int
    what: str
    state: str
    received_ms: int
    occurred: Occurred
    stage: str
    arrivals: int = Field(description="How often it came: resends and second paths are not new signals.")


class Delivery(BaseModel):
    """One message to one target."""

    model_config = ConfigDict(extra="allow")

    id: str
    target: str
    type: str
    state: str
    attempts: int


class Line(BaseModel):
    """Who did what."""

    at_ms: int
    by: str
    act: str
    detail: dict[str, Any]


class IncidentDetail(Incident):
    """An incident with everything that is known of it."""

    signals: list[SignalOf]
    deliveries: list[Delivery]
    timeline: list[Line]


class Incidents(BaseModel):
    """Newest first."""

    items: list[IncidentItem]


class Found(Incidents):
    """What a search found."""

    next: int | None = Field(description="Ask again with it as `before`; null: there are no more.")


class Colleague(BaseModel):
    """Somebody who may take an incident over. on_watch: at a console that is attended; signed_in: has a session."""

    name: str
    role: str
    on_watch: bool
    signed_in: bool


class Colleagues(BaseModel):
    """Those on watch first."""

    items: list[Colleague]


class PlanStep(BaseModel):
    """One step of an escalation. attended: somebody is reached under these names now; else it is skipped.

    screens_only: nobody but consoles, so the step counts as attended only while one of them is watched.
    """

    after_ms: int
    when: str = Field(description="The handling that it waits for: unseen, unacknowledged or undispatched.")
    names: list[str] = Field(description='As gateway.toml has them: targets, people, stations, or "*" for everyone.')
    attended: bool
    screens_only: bool


class Plan(BaseModel):
    """Who is told when; the last step repeats."""

    repeat_ms: int
    steps: list[PlanStep]


class Plans(BaseModel):
    """By the policies' names. watched: is a console attended that shows something of what you see?"""

    watched: bool
    plans: dict[str, Plan]


class ClockAnswer(BaseModel):
    """The gateway's clock, and how far it can be trusted."""

    now_ms: int
    synchronised: bool | None = Field(description="Does it follow a time source? null: cannot be asked here.")
    source: str | None = Field(description='The program that keeps it, such as "chrony"; null: none is seen.')
    err_ms: int | None = Field(description="At most so far from the true time, as the kernel reckons; null: unknown.")
    step_ms: int = Field(description="By how much it was set a moment ago, until what waits has been moved; else 0.")


class Me(BaseModel):
    """Who asks."""

    name: str
    role: str
    rights: list[str]


class Error(BaseModel):
    """What went wrong, and what to do."""

    code: str
    message: str
    incident: dict[str, Any] | None = Field(None, description="With a 409: the incident as it is now.")


class ErrorAnswer(BaseModel):
    """Every error."""

    error: Error
