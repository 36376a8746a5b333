"""One endorsement, as its events so far make it read."""

from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from shared.domain.events import (
    Announced,
    Corrected,
    EndorsementEvent,
    Endorser,
    Retracted,
    Struck,
    Unchanged,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endorsement:
    """The state after the event of `version`; `first_version` announced it."""

    id: str
    endorser: Endorser
    candidate: str
    category: str
    members: int
    announced_at: str
    retracted_at: str | None
    struck: bool
    first_version: int
    version: int


def evolve(before: Endorsement | None, event: EndorsementEvent, version: int) -> Endorsement:
    """The endorsement after one more event. Raises `ValueError` on an event that cannot follow."""
    match event:
        case Announced():
            if before is not None:
                raise ValueError(
                    f"version {version} announces endorsement {event.endorsement!r} a second time"
                )
            return _announced(event, version)
        case Retracted():
            return replace(
                _existing(before, event, version), retracted_at=event.retracted_at, version=version
            )
        case Corrected():
            return corrected(_existing(before, event, version), event, version)
        case Struck():
            return replace(_existing(before, event, version), struck=True, version=version)
        case _:
            assert_never(event)


def corrected(before: Endorsement, event: Corrected, version: int) -> Endorsement:
    """The endorsement with what the correction says put in place."""
    return replace(
        before,
        endorser=_either(event.endorser, before.endorser),
        candidate=_either(event.candidate, before.candidate),
        category=_either(event.category, before.category),
        members=_either(event.members, before.members),
        announced_at=_either(event.announced_at, before.announced_at),
        retracted_at=_either(event.retracted_at, before.retracted_at),
        version=version,
    )


def _either(new: T | Unchanged, old: T) -> T:
    return old if isinstance(new, Unchanged) else new


def _announced(event: Announced, version: int) -> Endorsement:
    return Endorsement(
        event.endorsement,
        event.endorser,
        event.candidate,
        event.category,
        event.members,
        event.announced_at,
        None,
        False,
        version,
        version,
    )


def _existing(before: Endorsement | None, event: EndorsementEvent, version: int) -> Endorsement:
    if before is None:
        raise ValueError(
            f"version {version} is about endorsement {event.endorsement!r}, which nothing announced"
        )
    return before
