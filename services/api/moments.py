"""Which moment a question is about: its valid time, its known time and the version that they come to."""

from typing import NamedTuple

from services.api.timetravel import Index
from shared.domain.errors import Invalid, NotFound, UnknownVersion
from shared.domain.times import end_of, format_instant, start_of


class BeforeTheContest(NotFound):
    """At that known time, nothing was recorded of the contest yet."""

    code = "before-the-contest"
    title = "Before the contest"

    def __init__(self, asked: str, first: str) -> None:
        super().__init__(
            "known_at", asked, f"nothing of this contest was known at {asked}", f"ask for {first} or later"
        )


class NotKnowableYet(Invalid):
    """A known time in the future: what will be known then, nobody can say."""

    code = "not-knowable-yet"
    title = "Not knowable yet"

    def __init__(self, asked: str, now: str) -> None:
        super().__init__(
            "known_at", asked, f"known_at={asked} lies in the future", f"ask for {now} or earlier"
        )


class Time(NamedTuple):
    """A time as it was asked (None: left out) and the instant it means."""

    asked: str | None
    instant: int

    def view(self) -> dict[str, str | None]:
        """As answers give it."""
        return {"asked": self.asked, "instant": format_instant(self.instant)}


class Moment(NamedTuple):
    """A moment of a contest: what was true at `valid_at`, as `version` knew it."""

    valid_at: Time
    known_at: Time
    version: int


def moment(index: Index, valid_at: str | None, known_at: str | None, version: int | None, now: int) -> Moment:
    """The moment that these parameters mean; what is left out means now.

    Raises `UnreadableTime`, `UnknownVersion`, `BeforeTheContest`, `NotKnowableYet` and `Invalid`.
    """
    zone = index.contest(index.version).timezone
    known, stands = _known(index, known_at, version, now, zone)
    valid = Time(valid_at, now if valid_at is None else end_of(valid_at, zone, "valid_at"))
    return Moment(valid, known, stands)


def _known(index: Index, known_at: str | None, version: int | None, now: int, zone: str) -> tuple[Time, int]:
    if version is not None:
        if known_at is not None:
            raise Invalid(
                "version", version, "version and known_at both say what was known", "give one of them"
            )
        if not 1 <= version <= index.version:
            raise UnknownVersion("version", version, index.version)
        return Time(None, index.known_ats[version - 1]), version
    if known_at is None:
        return Time(None, now), index.version
    if start_of(known_at, zone, "known_at") > now:
        raise NotKnowableYet(known_at, format_instant(now))
    instant = min(end_of(known_at, zone, "known_at"), now)  # today means until now
    stands = index.version_at(instant)
    if stands == 0:
        raise BeforeTheContest(known_at, format_instant(index.known_ats[0]))
    return Time(known_at, instant), stands
