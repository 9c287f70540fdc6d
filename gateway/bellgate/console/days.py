"""Days as people ask for them, in the time zone of [calendar], as spans of Unix ms."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Query

from bellgate.console.refusal import Refused
from bellgate.duty import Calendar

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)  # what lies outside is a typing mistake

FromDay = Annotated[date | None, Query(alias="from", description="The first day, in the time zone of [calendar].")]
ToDay = Annotated[date | None, Query(alias="to", description="The last day; it counts whole.")]


def span_ms(calendar: Calendar, first: date | None, last: date | None) -> tuple[int | None, int | None]:
    """[from, until) of these days; None where there is no bound. Raises Refused 422."""
    for day in (first, last):
        if day is not None and not FIRST <= day <= LAST:
            raise Refused(422, "invalid", f"{day}: write a day between {FIRST} and {LAST}")
    if first is not None and last is not None and last < first:
        raise Refused(422, "invalid", f"the last day ({last}) is before the first ({first}): exchange them")
    return (
        None if first is None else calendar.at_ms(first, 0),
        None if last is None else calendar.at_ms(last + timedelta(days=1), 0),
    )
