"""The shapes of requests and answers about press tests. Times are Unix ms on the gateway's clock."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from bellgate.console.api.models import INT_MAX, Given, Label
from bellgate.core.press_test import MINUTES

# Nobody presses more within a quarter of an hour, and each of them takes a short press for a test meanwhile.
BELLS_MAX = 50
LEAST_MIN, MOST_MIN, USUAL_MIN = MINUTES

AskedBell = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
Verdict = Literal["passed", "offline", "busy", "refused", "unanswered", "unpressed", "alarm", "ended", "stopped"]


class PressTestsGiven(Given):
    """Which bells, and for how long a press counts as a test there."""

    bells: list[AskedBell] = Field(min_length=1, max_length=BELLS_MAX)
    minutes: int = Field(USUAL_MIN, ge=LEAST_MIN, le=MOST_MIN)


class PressShown(Given):
    """A console has shown the press."""

    console: Label = Field(description="Which console, for the record.")


class PressTestItem(BaseModel):
    """One test of one bell, from the command to the verdict; null: has not happened."""

    id: int
    bell_id: str
    name: str
    site: str
    by: str = Field(description="Who began it.")
    minutes: int
    state: str = Field(description="sent, confirmed, pressed or shown while it runs; then the verdict.")
    verdict: Verdict | None = Field(
        description="`stopped`: it ended otherwise, and the role may not read incidents, which would say how."
    )
    version: int
    tries: int = Field(description="How often the command was sent; 0: not at all.")
    online: bool = Field(description="The bell is heard now.")
    begun_ms: int = Field(description="The command was stored, and given to the broker at once.")
    confirmed_ms: int | None = Field(description="The bell's answer to it was received.")
    until_ms: int | None = Field(description="When the bell ends its test mode by itself.")
    reason: str | None = Field(description="Of `refused`: what the bell says.")
    age_ms: int | None = Field(description="From the press to its sending, by the bell.")
    pressed_ms: int | None = Field(description="The press was received.")
    stored_ms: int | None = Field(description="Its commit was over; null too if another gateway took it.")
    shown_ms: int | None = Field(description="A console has shown it.")
    shown_by: str | None
    ended_ms: int | None


class PressTests(BaseModel):
    """The newest of each bell first. `seen`: name it to wait for what is new."""

    items: list[PressTestItem]
    seen: int = Field(ge=0, le=INT_MAX)
    now_ms: int
