"""Instants, days, months and years.

An *instant* is microseconds since 1970-01-01T00:00Z. A *day* (``2019-04-22``), a *month* (``2019-04``)
or a *year* (``2019``) is one in the contest's time zone: a fact counts from its start, a question about it means its
end. A month or a year dates a fact to some day of it; one that ends in ``~`` (approximate), ``?`` (uncertain) or
``%`` (both) may be off by more. `bounds_of` tells within which instants the fact began.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, NewType
from zoneinfo import ZoneInfo, available_timezones

from shared.domain.errors import UnreadableTime

# Microseconds since 1970, in UTC. A sum or a difference of instants is a plain number again.
Instant = NewType("Instant", int)
# Gives the present.
Clock = Callable[[], Instant]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A day's end is the next day's start, so the last day of the calendar has none.
_FIRST_YEAR, _LAST_YEAR = 2, 9998
_CALENDAR_BEGINS, _CALENDAR_ENDS = date(_FIRST_YEAR, 1, 1), date(_LAST_YEAR + 1, 1, 1)
_DAY = timedelta(days=1)

# Source: Library of Congress, Extended Date/Time Format (EDTF) Specification, level 1, a part of it.
_DATED = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?([~?%])?")
_LONGEST_DATED = len("2019-04-22~")
_SHORTEST_CERTAIN = len("2019-04-22")
_QUALIFIERS = "~?%"
_MARKS = re.compile(r"[~?%/]")
# Source: RFC 3339, 5.6, in capitals and with as many decimals as are kept.
_DOCUMENTED = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
# What was taken beside it, in plain characters: ISO 8601 with any of these between day and time.
_TAKEN_ONCE = re.compile(r"[0-9W-]+[Tt ][0-9:.,]+(?:Z|[+-][0-9:.]+)")
_NEITHER = "neither a day, a month or a year nor an RFC 3339 instant"

# EDTF leaves open how far from what is written a qualified date may lie. Here it is off by a week at most where a
# day is given, and by one month or one year where that is the finest that is given.
_MARGIN_OF_DAY = timedelta(days=7)
_MARGIN_OF_LONGER = 1


class _Dated(NamedTuple):
    """A day, month or year: its first day, how many months it lasts (0 for a day), and whether it is qualified."""

    first: date
    months: int
    qualified: bool

    def ends(self) -> date:
        """The first day after it."""
        return _later(self.first, self.months) if self.months else self.first + _DAY

    def reach(self) -> tuple[date, date]:
        """The first and the last day that may be meant, cut where the calendar ends."""
        if not self.months:
            margin = _MARGIN_OF_DAY * self.qualified
            return max(self.first - margin, _CALENDAR_BEGINS), min(self.first + margin, _CALENDAR_ENDS - _DAY)
        months = self.months * _MARGIN_OF_LONGER * self.qualified
        return _later(self.first, -months), _later(self.first, self.months + months) - _DAY


# Names that lie among the zones and are none: what a machine is set to, and what stands for not set at all.
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})


def is_time_zone(name: str) -> bool:
    """True for a zone's name in the IANA time zone database."""
    return was_time_zone(name) and name not in _NO_ZONES


def was_time_zone(name: str) -> bool:
    """True also for what was taken for a zone's name at some time, so that contests are kept in it."""
    return name in _zones()


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def instant(moment: datetime) -> Instant:
    """The microseconds of a moment that carries its offset."""
    return Instant((moment - _EPOCH) // _MICROSECOND)


def datetime_of(at: int) -> datetime:
    """An instant as Python's own, in UTC."""
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=65_536)
def format_instant(at: int) -> str:
    """RFC 3339 in UTC, always with six decimals: as text, instants sort as in time."""
    return datetime_of(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=65_536)
def start_of(text: str, zone: str, field: str = "valid_at") -> Instant:
    """From when a fact dated `text` counts: the start of its day, month or year in `zone`, or the instant itself.

    A qualifier does not move it. Raises `UnreadableTime`, naming `field`.
    """
    if dated := _dated(text, field):
        return instant(_midnight(dated.first, zone))
    return _instant(text, field)


@lru_cache(maxsize=65_536)
def bounds_of(text: str, zone: str, field: str = "valid_at") -> tuple[Instant, Instant]:
    """The earliest and the latest instant at which a fact dated `text` may have begun.

    Both are `start_of` where the text is certain, which otherwise lies between them. A month or year reaches from the
    start of its first day to the start of its last; a qualifier widens by a week, a month or a year on either side.
    Raises `UnreadableTime`, naming `field`.
    """
    if dated := _dated(text, field):
        earliest, latest = dated.reach()
        return instant(_midnight(earliest, zone)), instant(_midnight(latest, zone))
    at = _instant(text, field)
    return at, at


@lru_cache(maxsize=65_536)
def as_documented(text: str, field: str) -> None:
    """Raises `UnreadableTime`, naming `field`, unless `text` is written in a documented form.

    What reads stored times (`start_of`, `end_of`, `bounds_of`) also takes other forms, which were recorded once:
    `20190422T130500Z`, a week date, a space for the T, more than six decimals, an offset with seconds.
    """
    if _dated(text, field) is not None:
        return
    _instant(text, field)
    if not _DOCUMENTED.fullmatch(text):
        raise UnreadableTime(field, text, "not written as an RFC 3339 instant with at most six decimals")


def as_cited(text: str, field: str) -> None:
    """Raises `UnreadableTime`, naming `field`, unless `text` is a time that an address may cite.

    It may also be in a form that was documented once. Nothing else may stand between day and time: each such address
    would be answered, and kept, for itself.
    """
    if _dated(text, field) is None and not _TAKEN_ONCE.fullmatch(text):
        raise UnreadableTime(field, text, _NEITHER)


def is_certain(text: str) -> bool:
    """True for a day without a qualifier and for an instant: the bounds of the fact are one point.

    Looks at length and end only, for every event passes here: of what cannot be read it says nothing.
    """
    return len(text) >= _SHORTEST_CERTAIN and text[-1] not in _QUALIFIERS


@lru_cache(maxsize=65_536)
def end_of(text: str, zone: str, field: str = "valid_at") -> Instant:
    """Until when a question about `text` looks: the last microsecond of its day, month or year in `zone`, or the
    instant itself.

    Raises `UnreadableTime`, naming `field`, also where `text` has a qualifier: a question is not uncertain.
    """
    dated = _dated(text, field)
    if dated is None:
        return _instant(text, field)
    if dated.qualified:
        raise UnreadableTime(
            field,
            text,
            f"only a fact's date is uncertain or approximate, and a question's ends without {text[-1]}",
            f"ask about {text[:-1]}, which means its end",
        )
    return Instant(instant(_midnight(dated.ends(), zone)) - 1)


def day_in(at: int, zone: str) -> str:
    """The day on which an instant falls in `zone`."""
    return datetime_of(at).astimezone(ZoneInfo(zone)).date().isoformat()


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _later(first: date, months: int) -> date:
    """The first of the month so many months later, or where the calendar begins or ends."""
    count = first.year * 12 + first.month - 1 + months
    year, month = divmod(min(max(count, _FIRST_YEAR * 12), (_LAST_YEAR + 1) * 12), 12)
    return date(year, month + 1, 1)


def _dated(text: str, field: str) -> _Dated | None:
    """The day, month or year that is written, or None where it can only be an instant."""
    if len(text) > _LONGEST_DATED or not (match := _DATED.fullmatch(text)):
        return None
    year, month, day, qualifier = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise UnreadableTime(field, text, str(error)) from None
    months = 0 if day else 1 if month else 12
    return _Dated(_within_calendar(first, text, field), months, qualifier is not None)


def _instant(text: str, field: str) -> Instant:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableTime(field, text, _NEITHER) from None
    # Python takes any sign between day and time; one of these makes it an interval or an uncertain day.
    if text[10:11] != "T" and _MARKS.search(text):
        raise UnreadableTime(field, text, _NEITHER)
    if moment.tzinfo is None:
        raise UnreadableTime(field, text, "an instant needs its offset, such as Z or -04:00")
    _within_calendar(moment.date(), text, field)
    return instant(moment)


def _within_calendar(day: date, text: str, field: str) -> date:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise UnreadableTime(field, text, f"years {_FIRST_YEAR:04} to {_LAST_YEAR} are understood")
    return day
