"""Days, weeks and months of a time zone, as the instants at which they end. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from shared.domain.times import instant

Step = Literal["day", "week", "month"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ends_of(step: Step, begin: int, end: int, zone: str, most: int) -> list[int]:
    """The last microsecond of every day, week (ending on Sunday) or month from `begin` on; the last one is `end`.

    Of more than `most` there is one more, and then `end`: counting on would only take time.
    """
    place = ZoneInfo(zone)
    day = (_EPOCH + timedelta(microseconds=begin)).astimezone(place).date()
    if step == "week":
        day -= timedelta(days=day.weekday())
    if step == "month":
        day = day.replace(day=1)
    ends: list[int] = []
    while len(ends) <= most:
        day = _next(step, day)
        midnight = datetime(day.year, day.month, day.day, tzinfo=place)
        last = instant(midnight.astimezone(UTC)) - 1
        if last >= end:
            break
        # A zone that moved over the date line has a day that did not exist, and ends with the one before it.
        if not ends or last > ends[-1]:
            ends.append(last)
    return [*ends, end]


def _next(step: Step, day: date) -> date:
    if step == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if step == "week" else 1)
