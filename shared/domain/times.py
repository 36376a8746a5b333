"""Instants and days.

An *instant* is an ``int``: microseconds since 1970-01-01T00:00Z. A *day* (``2019-04-22``) is a day in the
contest's time zone: a fact counts from its start, a question about it means its end.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from shared.domain.errors import UnreadableTime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A day's end is the next day's start, so the last day of the calendar has none.
_LAST_YEAR = 9998
_DAY_LENGTH = len("2019-04-22")


def is_time_zone(name: str) -> bool:
    """True for a name of the IANA time zone database."""
    return name in available_timezones()


def instant(moment: datetime) -> int:
    """The microseconds of a moment that carries its offset."""
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=65_536)
def format_instant(at: int) -> str:
    """RFC 3339 in UTC, always with six decimals: as text, instants sort as in time."""
    moment = _EPOCH + timedelta(microseconds=at)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=65_536)
def start_of(text: str, zone: str, field: str = "valid_at") -> int:
    """From when a fact dated `text` counts: a day's start in `zone`, or the instant itself.

    Raises `UnreadableTime`, naming `field`.
    """
    if len(text) == _DAY_LENGTH:
        return instant(_midnight(_day(text, field), zone))
    return _instant(text, field)


@lru_cache(maxsize=65_536)
def end_of(text: str, zone: str, field: str = "valid_at") -> int:
    """Until when a question about `text` looks: a day's last microsecond in `zone`, or the instant itself.

    Raises `UnreadableTime`, naming `field`.
    """
    if len(text) == _DAY_LENGTH:
        return instant(_midnight(_day(text, field) + timedelta(days=1), zone)) - 1
    return _instant(text, field)


def day_in(at: int, zone: str) -> str:
    """The day on which an instant falls in `zone`."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).date().isoformat()


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _day(text: str, field: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UnreadableTime(field, text, str(error)) from None
    if text != day.isoformat():
        raise UnreadableTime(field, text, "a day is written YYYY-MM-DD")
    return _within_calendar(day, text, field)


def _instant(text: str, field: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableTime(field, text, "not a calendar time") from None
    if moment.tzinfo is None:
        raise UnreadableTime(field, text, "an instant needs its offset, such as Z or -04:00")
    _within_calendar(moment.date(), text, field)
    return instant(moment)


def _within_calendar(day: date, text: str, field: str) -> date:
    if not 2 <= day.year <= _LAST_YEAR:
        raise UnreadableTime(field, text, f"years 0002 to {_LAST_YEAR} are understood")
    return day
