"""What the API answers with, as JSON values."""

from decimal import Decimal
from typing import Any

import orjson

from services.api.moments import Moment
from services.api.timetravel import Index
from shared.codec import facts, public_type, type_of
from shared.domain.contest import Candidate, Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Recorded
from shared.domain.policies import Policy
from shared.domain.standings import Placed
from shared.domain.times import format_instant, start_of


def encode(value: object) -> bytes:
    """JSON in which decimals are numbers, written exactly."""
    return orjson.dumps(value, default=_exact)


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(type(value).__name__)


def contest(found: Contest, index: Index) -> dict[str, Any]:
    """A contest with its candidates."""
    return {
        "contest": found.id,
        "title": found.title,
        "timezone": found.timezone,
        "clock": found.clock,
        "opened_at": found.opened_at,
        "version": index.version,
        "generation": index.generation,
        "known_at": format_instant(index.known_ats[-1]),
        "candidates": candidates(found),
    }


def candidates(found: Contest) -> list[dict[str, Any]]:
    """The candidates in the order of their entry."""
    return [candidate(one) for one in found.candidates.values()]


def candidate(one: Candidate) -> dict[str, Any]:
    """One candidate."""
    return {
        "candidate": one.id,
        "name": one.name,
        "party": one.party,
        "entered_at": one.entered_at,
        "withdrew_at": one.withdrew_at,
    }


def policy(one: Policy) -> dict[str, Any]:
    """A policy with its weights."""
    return {
        **policy_named(one),
        "weights": {category: _number(weight) for category, weight in one.weights.items()},
        "default": _number(one.default),
        "member_weights": {category: _number(weight) for category, weight in one.member_weights.items()},
    }


def policy_named(one: Policy) -> dict[str, Any]:
    """Which policy an answer is under."""
    return {"id": one.id, "version": one.version, "title": one.title, "source": one.source}


def _number(weight: Decimal) -> int | Decimal:
    return int(weight) if weight == weight.to_integral_value() else weight


def moment(found: Contest, index: Index, at: Moment) -> dict[str, Any]:
    """What every answer about a moment begins with."""
    return {
        "contest": found.id,
        "title": found.title,
        "clock": found.clock,
        "version": at.version,
        "generation": index.generation,
        "valid_at": at.valid_at.view(),
        "known_at": at.known_at.view(),
    }


def placed(one: Placed, valid_at: int, zone: str) -> dict[str, Any]:
    """One candidate's line in the standings of a valid time; a withdrawal shows once it has happened."""
    withdrew_at = one.candidate.withdrew_at
    if withdrew_at is not None and start_of(withdrew_at, zone, "withdrew_at") > valid_at:
        withdrew_at = None
    counts = {
        category: {"count": count, "members": members} for category, (count, members) in one.counts.items()
    }
    return {
        "rank": one.rank,
        "candidate": one.candidate.id,
        "name": one.candidate.name,
        "party": one.candidate.party,
        "score": one.score,
        "counts": counts,
        "withdrew_at": withdrew_at,
    }


def endorsement(one: Endorsement) -> dict[str, Any]:
    """One endorsement."""
    return {
        "endorsement": one.id,
        "endorser": one.endorser,
        "candidate": one.candidate,
        "category": one.category,
        "members": one.members,
        "announced_at": one.announced_at,
        "retracted_at": one.retracted_at,
        "struck": one.struck,
        "first_version": one.first_version,
        "version": one.version,
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
