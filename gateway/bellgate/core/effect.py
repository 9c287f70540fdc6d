"""What a decision may ask for. Values only; the pipeline carries them out inside one transaction."""

from collections.abc import Mapping
from dataclasses import field

from bellgate.core.frozen import frozen


@frozen
class Climb:
    """Raise the stage of the incident's signals (never lower it) and tell each bell by a receipt.

    up_to_signal: the newest signal that was meant (its receipt number); None means all of them.
    """

    stage: str
    up_to_signal: int | None = None


@frozen
class Record:
    """Append to the audit chain: who did what. `detail` holds short scalars only."""

    act: str
    by: str
    detail: dict[str, str | int | bool | None] = field(default_factory=dict)


@frozen
class TellSignal:
    """Tell the targets of a new signal (CloudEvents type "ansimbell.signal")."""


@frozen
class TellIncident:
    """Tell the targets that the handling changed (CloudEvents type "ansimbell.incident")."""

    change: str


@frozen
class Escalate:
    """Begin escalation of this incident now, at its present step: somebody is told at once."""


@frozen
class Held:
    """Somebody holds the incident: end the escalation, unless its policy goes on until help is dispatched."""


@frozen
class Notify:
    """One escalation step fell due: tell these targets (names, or ("*",) for every one), again if round > 0."""

    targets: tuple[str, ...]
    step: int
    round: int


@frozen
class SetDue:
    """Set the one due row of this kind for the subject at hand."""

    kind: str
    due_ms: int


@frozen
class ClearDue:
    """Remove the due row of this kind, if any."""

    kind: str


@frozen
class RaiseTrouble:
    """A line in the trouble list: raise it, or count it again; never an alarm.

    said: the values in its text (see `console/locale`), or a reason. ongoing: it only says that it is still so.
    """

    kind: str
    subject: str
    said: str | Mapping[str, str | int] = field(default_factory=dict)
    ongoing: bool = False


@frozen
class ClearTrouble:
    """The trouble of this kind and subject is over, if there is one."""

    kind: str
    subject: str


@frozen
class NoteLoss:
    """Keep what is known of the losses of one start of a bell; see `supervision`."""

    boot: str
    claimed_seq: int
    lost: int


@frozen
class AnswerStages:
    """Send the bell the present stage of each of its events whose incident is open."""


@frozen
class Unattended:
    """This console can't be counted on any more: whoever comes next is told of every case that it alone showed."""


Effect = (
    Climb
    | Record
    | TellSignal
    | TellIncident
    | Escalate
    | Held
    | Notify
    | SetDue
    | ClearDue
    | RaiseTrouble
    | ClearTrouble
    | NoteLoss
    | AnswerStages
    | Unattended
)
