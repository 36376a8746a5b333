"""Folding what a wake points at.

A wake is only a hint: it may come twice, late or after a crash. The truth is where the projection stands, so a fold
begins there, and its commit does nothing if another scorer was faster.
"""

import logging
from collections.abc import Callable, Sequence

from shared.domain.book import Book, Folded, NotLoaded, first_needs
from shared.domain.errors import UnreadableEvent
from shared.domain.events import Recorded
from shared.log import Log
from shared.projections import Projections, Stale

log = logging.getLogger("standings")

CHUNK = 1000
ENDORSEMENTS_KEPT = 200_000
_MS_PER_HOUR = 3_600_000


class Unfoldable(Exception):
    """The next event of a contest cannot be folded. Names the contest and the version."""


class Folder:
    """Folds contests. `clock` gives the present in milliseconds; changes older than `kept_hours` are dropped."""

    def __init__(
        self, events: Log, projections: Projections, clock: Callable[[], int], kept_hours: int
    ) -> None:
        self.events = events
        self.projections = projections
        self.clock = clock
        self.kept_hours = kept_hours

    async def drain(self, contest: str, delivered: str = "") -> int:
        """Folds a contest to the end of its log and acknowledges the wake; the version reached.

        Raises `Unfoldable`; every chunk before the one with that event is committed.
        """
        while True:
            generation = await self.projections.generation(contest)
            try:
                return await self._drain(contest, generation, delivered)
            except Stale:
                log.info("contest %s: another scorer was faster, going on from where it stands", contest)

    async def _drain(self, contest: str, generation: int, delivered: str) -> int:
        book = await self.projections.begin(contest, generation)
        while True:
            chunk = await self.events.read(contest, book.version, CHUNK)
            folded = await fold(self.projections, contest, generation, book, chunk)
            oldest = f"{self.clock() - self.kept_hours * _MS_PER_HOUR}-0"
            committed = await self.projections.commit(contest, generation, book, folded, oldest, delivered)
            if committed.version == committed.recorded:
                return committed.version
            if not chunk:
                raise Stale
            if len(book.endorsements) > ENDORSEMENTS_KEPT:
                book = await self.projections.begin(contest, generation)


async def fold(
    projections: Projections, contest: str, generation: int, book: Book, chunk: Sequence[Recorded]
) -> list[Folded]:
    """Folds events onto a book, loading into it what they need. Raises `Unfoldable` and `Stale`."""
    began = book.version
    await _load(projections, contest, generation, book, began, first_needs(one.event for one in chunk))
    return [await _fold_one(projections, contest, generation, book, began, recorded) for recorded in chunk]


async def _fold_one(
    projections: Projections, contest: str, generation: int, book: Book, began: int, recorded: Recorded
) -> Folded:
    while True:
        try:
            return book.fold(recorded)
        except NotLoaded as needs:
            await _load(projections, contest, generation, book, began, needs)
        except (ValueError, UnreadableEvent) as error:
            raise Unfoldable(f"contest {contest}, version {recorded.version}: {error}") from error


async def _load(
    projections: Projections, contest: str, generation: int, book: Book, began: int, needs: NotLoaded
) -> None:
    if book.lacks(needs) and await projections.load(contest, generation, book, needs) > began:
        raise Stale
