"""What must hold before a command's events are recorded. Each returns if it does, and raises `Refused`. Pure."""

from typing import Final

from shared.domain import errors
from shared.domain.book import Book
from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Announced
from shared.domain.times import end_of, start_of

# Ten times what `open` takes. Contests that have more were recorded before this bound, and go on.
MOST_CANDIDATES: Final = 5000


def standing(endorsement: str, book: Book, contest: str) -> Endorsement:
    """The endorsement, which is known and not struck."""
    state = book.find(endorsement)
    if state is None:
        raise errors.UnknownEndorsement(endorsement, contest)
    if state.struck:
        raise errors.AlreadyStruck(endorsement)
    return state


def active(endorsement: str, book: Book, contest: str) -> Endorsement:
    """The endorsement, which stands and is not retracted."""
    state = standing(endorsement, book, contest)
    if state.retracted_at is not None:
        raise errors.AlreadyRetracted(endorsement, state.retracted_at)
    return state


def has_candidate(contest: Contest, candidate: str) -> None:
    """The candidate is the contest's."""
    if candidate not in contest.candidates:
        raise errors.UnknownCandidate(candidate, contest.id, list(contest.candidates))


def may_enter(contest: Contest, candidate: str) -> None:
    """The candidate is not the contest's yet, and there is room for one more."""
    if candidate in contest.candidates:
        raise errors.CandidateAlreadyEntered(candidate, contest.id)
    if len(contest.candidates) >= MOST_CANDIDATES:
        raise errors.TooManyCandidates(candidate, contest.id, len(contest.candidates), MOST_CANDIDATES)


def in_order(field: str, ends: str, begins: str, zone: str) -> None:
    """Returns if an end does not lie before its beginning. Raises `EndsBeforeItBegins`."""
    if start_of(ends, zone, field) < start_of(begins, zone, "announced_at"):
        raise errors.EndsBeforeItBegins(field, ends, begins)


def may_begin(announced: Announced, ends: str | None, book: Book, contest: Contest) -> None:
    """Returns if an endorsement may be announced: its candidate is known, its id is free, and none overlaps it."""
    has_candidate(contest, announced.candidate)
    if book.find(announced.endorsement) is not None:
        raise errors.EndorsementIdTaken(announced.endorsement)
    begun = Endorsement(
        announced.endorsement,
        announced.endorser,
        announced.candidate,
        announced.category,
        announced.members,
        announced.announced_at,
        ends,
        False,
        book.version,
        book.version,
    )
    no_overlap(begun, book, contest.timezone)


def no_overlap(endorsement: Endorsement, book: Book, zone: str) -> None:
    """An endorser endorses a candidate at most once at a time. One that begins where another ends is no overlap."""
    for other in book.of_pair(endorsement.endorser.id, endorsement.candidate):
        if other.id != endorsement.id and _overlap(endorsement, other, zone):
            raise errors.AlreadyEndorsed(
                endorsement.endorser.id,
                endorsement.candidate,
                other.id,
                other.announced_at,
                other.retracted_at,
            )


def _overlap(endorsement: Endorsement, other: Endorsement, zone: str) -> bool:
    return _begins(endorsement, zone) < _ends(other, zone) and _begins(other, zone) < _ends(endorsement, zone)


def _begins(endorsement: Endorsement, zone: str) -> int:
    return start_of(endorsement.announced_at, zone, "announced_at")


def _ends(endorsement: Endorsement, zone: str) -> int:
    if endorsement.retracted_at is None:
        return end_of("9998-12-31", "UTC") + 1
    return start_of(endorsement.retracted_at, zone, "retracted_at")
