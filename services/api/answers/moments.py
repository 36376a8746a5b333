"""Which moment a question is about: its valid time, its known time and the version that they come to."""

import re
from collections.abc import Callable
from typing import NamedTuple

from services.api.engine.index import Index
from shared.domain.errors import Invalid, NotFound, UnknownVersion, UnreadableTime
from shared.domain.events import Version
from shared.domain.times import Instant, as_documented, end_of, format_instant, start_of

_AGO = re.compile(r"-([0-9]{1,7})(m|h|d|w)")
_MICROSECONDS = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
# In an address, + means a space: what was meant as an offset arrives so.
_LOST_PLUS = re.compile(r"(T[0-9:.]+) ([0-9]{2}:[0-9]{2})")


class BeforeTheContest(NotFound):
    """At that time there was nothing of this contest yet."""

    code = "before-the-contest"
    title = "Before the contest"

    def __init__(self, field: str, asked: str, first: str) -> None:
        what = "was known" if field == "known_at" else "had happened"
        super().__init__(
            field,
            asked,
            f"nothing of this contest {what} at {asked}",
            f"ask for {first} or later",
            first=first,
        )


class NotKnowableYet(Invalid):
    """A known time in the future: what will be known then, nobody can say."""

    code = "not-knowable-yet"
    title = "Not knowable yet"

    def __init__(self, field: str, asked: str, now: str) -> None:
        super().__init__(field, asked, f"{field}={asked} lies in the future", f"ask for {now} or earlier")


class Time(NamedTuple):
    """A time as it was asked (None: left out) and the instant it means."""

    asked: str | None
    instant: Instant

    def view(self) -> dict[str, str | None]:
        """As answers give it."""
        return {"asked": self.asked, "instant": format_instant(self.instant)}


class Moment(NamedTuple):
    """A moment of a contest: what was true at `valid_at`, as `version` knew it.

    `pinned` tells that neither time moves with the clock, and that both have passed.
    """

    valid_at: Time
    known_at: Time
    version: Version
    pinned: bool

    @property
    def foresees(self) -> bool:
        """Whether it asks about a time later than what was known: an answer as if nothing had changed since."""
        return self.valid_at.instant > self.known_at.instant


def moment(
    index: Index,
    valid_at: str | None,
    known_at: str | None,
    version: Version | None,
    now: Instant,
    prefix: str = "",
) -> Moment:
    """The moment that these parameters mean; what is left out means now. `prefix` begins the fields' names.

    Raises `UnreadableTime`, `UnknownVersion`, `BeforeTheContest`, `NotKnowableYet` and `Invalid`.
    """
    zone = index.contest(index.version).timezone
    known, stands, known_is_pinned = _known(index, known_at, version, now, zone, prefix)
    valid = Time(valid_at, until(valid_at, zone, now, f"{prefix}valid_at"))
    if valid_at is not None and valid.instant < index.earliest_valid_at:
        raise BeforeTheContest(f"{prefix}valid_at", valid_at, format_instant(index.earliest_valid_at))
    pinned = known_is_pinned and not moves(valid_at) and valid.instant < now
    return Moment(valid, known, stands, pinned)


def until(asked: str | None, zone: str, now: Instant, field: str) -> Instant:
    """The instant until which a question looks: a day's end, an instant, `now`, or so long ago (`-30d`).

    Raises `UnreadableTime`.
    """
    return _read(asked, zone, now, field, end_of)


def since(asked: str | None, zone: str, now: Instant, field: str) -> Instant:
    """The instant from which a question looks: a day's start, an instant, `now`, or so long ago.

    Raises `UnreadableTime`.
    """
    return _read(asked, zone, now, field, start_of)


def moves(asked: str | None) -> bool:
    """Whether a time moves with the clock."""
    return asked is None or asked == "now" or asked.startswith("-")


def _known(
    index: Index, known_at: str | None, version: Version | None, now: Instant, zone: str, prefix: str
) -> tuple[Time, Version, bool]:
    if version is not None:
        if known_at is not None:
            name = f"{prefix}version"
            raise Invalid(name, version, "version and known_at both say what was known", "give one of them")
        if not 1 <= version <= index.version:
            raise UnknownVersion(f"{prefix}version", version, index.version)
        return Time(None, index.known_at(version)), version, True
    field = f"{prefix}known_at"
    if known_at is None:
        return Time(None, now), index.version, False
    if since(known_at, zone, now, field) > now:
        raise NotKnowableYet(field, known_at, format_instant(now))
    ends = until(known_at, zone, now, field)
    instant = min(ends, now)  # today means until now
    stands = index.version_at(instant)
    if stands == 0:
        raise BeforeTheContest(field, known_at, format_instant(index.first_known_at))
    return Time(known_at, instant), stands, ends < now and not moves(known_at)


def _read(
    asked: str | None, zone: str, now: Instant, field: str, read: Callable[[str, str, str], Instant]
) -> Instant:
    if asked is None or asked == "now":
        return now
    if asked.startswith("-"):
        ago = _AGO.fullmatch(asked)
        if ago is None:
            raise UnreadableTime(field, asked, "so long ago is written -30d, -12h, -90m or -2w")
        return max(Instant(now - int(ago[1]) * _MICROSECONDS[ago[2]]), start_of("0002-01-01", "UTC"))
    written = _LOST_PLUS.sub(r"\1+\2", asked)
    as_documented(written, field)
    return read(written, zone, field)
