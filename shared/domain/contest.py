"""One contest and its candidates, as its events so far make them read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from shared.domain.events import CandidateEntered, CandidateWithdrew, Clock, ContestEvent, ContestOpened


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody one can endorse. A withdrawal does not take back what was endorsed: it is shown beside the score."""

    id: str
    name: str
    party: str
    entered_at: str
    withdrew_at: str | None = None


@dataclass(frozen=True, slots=True)
class Contest:
    """One race. `clock` tells whose time `known_at` is: the server's, or the imported source's."""

    id: str
    title: str
    timezone: str
    clock: Clock
    opened_at: str
    candidates: Mapping[str, Candidate] = field(default_factory=dict)


def evolve(before: Contest | None, event: ContestEvent) -> Contest:
    """The contest after one more event. Raises `ValueError` on an event that cannot follow."""
    match event:
        case ContestOpened():
            if before is not None:
                raise ValueError(f"contest {event.contest!r} is opened a second time")
            return Contest(event.contest, event.title, event.timezone, event.clock, event.opened_at)
        case CandidateEntered():
            entered = Candidate(event.candidate, event.name, event.party, event.entered_at)
            return _with(before, entered)
        case CandidateWithdrew():
            candidate = _opened(before).candidates.get(event.candidate)
            if candidate is None:
                raise ValueError(f"candidate {event.candidate!r} withdraws without having entered")
            return _with(before, replace(candidate, withdrew_at=event.withdrew_at))
        case _:
            assert_never(event)


def _with(before: Contest | None, candidate: Candidate) -> Contest:
    contest = _opened(before)
    return replace(contest, candidates={**contest.candidates, candidate.id: candidate})


def _opened(before: Contest | None) -> Contest:
    if before is None:
        raise ValueError("the contest's first event does not open it")
    return before
