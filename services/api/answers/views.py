"""What the API answers with, as JSON values."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from services.api.answers.moments import Moment
from services.api.engine.index import Index
from services.api.live.catalog import ListedContest
from shared.domain.contest import Candidate, Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Recorded
from shared.domain.policies import Policy
from shared.domain.times import Instant, day_in, format_instant
from shared.storage.codec import facts, public_type, type_of

_MICROSECONDS_PER_DAY = 86_400_000_000


def contest(listed: ListedContest) -> dict[str, Any]:
    """A contest with its candidates, and why it does not go on, if it does not."""
    shown, parked = listed.contest, listed.parked
    return {
        "contest": shown.id,
        "title": shown.title,
        "timezone": shown.timezone,
        "clock": shown.clock,
        "opened_at": shown.opened_at,
        "version": listed.version,
        "generation": listed.generation,
        "history": listed.history,
        "known_at": format_instant(listed.known_at),
        "parked": None
        if parked is None
        else {"version": parked.version, "reason": parked.reason, "since": format_instant(parked.since)},
        "candidates": candidates(shown),
    }


def candidates(of: Contest) -> list[dict[str, Any]]:
    """The candidates in the order of their entry."""
    return [candidate(each) for each in of.candidates.values()]


def candidate(given: Candidate) -> dict[str, Any]:
    """One candidate."""
    return {
        "candidate": given.id,
        "name": given.name,
        "party": given.party,
        "entered_at": given.entered_at,
        "withdrew_at": given.withdrew_at,
    }


def policy(given: Policy) -> dict[str, Any]:
    """A policy with its weights."""
    return {
        **policy_named(given),
        "weights": {category: _number(weight) for category, weight in given.weights.items()},
        "default": _number(given.default),
        "member_weights": {category: _number(weight) for category, weight in given.member_weights.items()},
        "available": dict(given.available),
    }


def policy_named(given: Policy) -> dict[str, Any]:
    """Which policy an answer is under."""
    return {"id": given.id, "version": given.version, "title": given.title, "source": given.source}


def _number(weight: Decimal) -> int | Decimal:
    return int(weight) if weight == weight.to_integral_value() else weight


def moment(of: Contest, index: Index, at: Moment) -> dict[str, Any]:
    """What every answer about a moment says of its contest."""
    return {
        "contest": of.id,
        "title": of.title,
        "clock": of.clock,
        "version": at.version,
        "generation": index.generation,
    }


def times(at: Moment) -> dict[str, dict[str, str | None]]:
    """A moment's times, as asked and as instants."""
    return {"valid_at": at.valid_at.view(), "known_at": at.known_at.view()}


def when(at: Moment) -> dict[str, Any]:
    """One of the moments that are compared."""
    return {"version": at.version, **times(at)}


def point(at: int, zone: str, step: str) -> dict[str, Any]:
    """When a point of a timeline is: the instant and, where it ends one, the day."""
    if step == "change":
        return {"at": format_instant(at)}
    return {"at": format_instant(at), "day": day_in(at, zone)}


def risk(
    points: Callable[[int], int | Decimal],
    day: int,
    zone: str,
    settled_at: Instant | None,
    told: Iterable[tuple[str, int, int]],
) -> dict[str, Any]:
    """What was published of one day, what is known of it now, and when that was settled.

    `told` has each candidate with the units that were published and those known now.
    """
    moved = {
        candidate: {"published": points(was), "now": points(becomes), "moved": points(becomes - was)}
        for candidate, was, becomes in told
        if was != becomes
    }
    return {
        "day": day_in(day, zone),
        "settled_at": None if settled_at is None else format_instant(settled_at),
        "settled_after_days": days_between(day, settled_at),
        "moved": moved,
    }


def days_between(day: int, settled_at: Instant | None) -> float | None:
    """How long it took to settle, in days; None where nothing was learned later."""
    return None if settled_at is None else round((settled_at - day) / _MICROSECONDS_PER_DAY, 2)


def risk_summary(furthest: list[int | Decimal], settled_after: Iterable[float | None]) -> dict[str, Any]:
    """How often and how far figures moved, and how long they took to settle. `furthest` rises."""
    settled = sorted(days for days in settled_after if days is not None)
    return {
        "days": len(furthest),
        "days_moved": sum(1 for distance in furthest if distance),
        "furthest_move": _spread(furthest),
        "settled_after_days": _spread(settled),
    }


def _spread(ordered: list[Any]) -> dict[str, Any]:
    """The values that half of the ordered ones, nine in ten and all do not exceed."""
    return {"median": _at(ordered, 50), "p90": _at(ordered, 90), "most": _at(ordered, 100)}


def _at(ordered: list[Any], percent: int) -> Any:
    """The least of the ordered values that so many per cent of them do not exceed."""
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


def endorsement(state: Endorsement) -> dict[str, Any]:
    """One endorsement."""
    return {
        "endorsement": state.id,
        "endorser": state.endorser,
        "candidate": state.candidate,
        "category": state.category,
        "members": state.members,
        "announced_at": state.announced_at,
        "retracted_at": state.retracted_at,
        "struck": state.struck,
        "first_version": state.first_version,
        "version": state.version,
    }


def event(recorded: Recorded) -> dict[str, Any]:
    """One event of the log."""
    return {
        "version": recorded.version,
        "id": recorded.id,
        "type": public_type(type_of(recorded.event)),
        "known_at": format_instant(recorded.known_at),
        "event": facts(recorded.event),
    }
