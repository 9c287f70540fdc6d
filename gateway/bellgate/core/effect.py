"""What a decision may ask for. Values only; the pipeline carries them out inside one transaction."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Climb:
    """Raise the stage of the incident's signals (never lower it) and tell each bell by a receipt.

    up_to_signal: the newest signal that was meant (its receipt number); None means all of them.
    """

    stage: str
    up_to_signal: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Append to the audit chain: who did what. `detail` holds short scalars only."""

    act: str
    by: str
    detail: dict[str, str | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TellSignal:
    """Tell the targets of a new signal (CloudEvents type "ansimbell.signal")."""


@dataclass(frozen=True, slots=True)
class TellIncident:
    """Tell the targets that the handling changed (CloudEvents type "ansimbell.incident")."""

    change: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """Begin escalation of this incident now, at its present step."""


@dataclass(frozen=True, slots=True)
class Notify:
    """One escalation step fell due: tell these targets (names, or ("*",) for every one), again if round > 0."""

    targets: tuple[str, ...]
    step: int
    round: int


@dataclass(frozen=True, slots=True)
class SetDue:
    """Set the one due row of this kind for the subject at hand."""

    kind: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class ClearDue:
    """Remove the due row of this kind, if any."""

    kind: str


@dataclass(frozen=True, slots=True)
class RaiseTrouble:
    """Open (or count again) a line in the trouble list; never an alarm."""

    kind: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class ClearTrouble:
    """Close the open trouble of this kind and subject, if any."""

    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class AnswerStages:
    """Send the bell the present stage of each of its events whose incident is open."""


Effect = (
    Climb
    | Record
    | TellSignal
    | TellIncident
    | Escalate
    | Notify
    | SetDue
    | ClearDue
    | RaiseTrouble
    | ClearTrouble
    | AnswerStages
)
