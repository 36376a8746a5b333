"""What a fold tells of each version."""

from collections.abc import Iterable

from shared.changes.cloud_event import Effect, cloud_event
from shared.domain.book import Book, Folded
from shared.domain.contest import Contest
from shared.domain.policies import Policy
from shared.domain.scoreboard import Scoreboard


class Publisher:
    """What is published of a contest's versions, one after the other."""

    def __init__(self, contest: str, book: Book, policies: Iterable[Policy]) -> None:
        self._contest = contest
        self._zone = book.contest.timezone if book.contest else ""
        candidates = book.contest.candidates if book.contest else ()
        self._scoreboard = Scoreboard(policies, candidates, book.totals)

    def change(self, folded: Folded) -> bytes:
        """The CloudEvent of the next version."""
        subject = folded.subject
        if isinstance(subject, Contest):
            self._zone = subject.timezone
            self._scoreboard.enter(subject.candidates)
        moves = self._scoreboard.move(folded.postings)
        effect = Effect(folded.recorded, subject, folded.postings, moves)
        return cloud_event(self._contest, self._zone, effect)
