"""The desk: takes commands for a contest, decides them against what is recorded, and appends what follows.

How it works. Commands for one contest are decided one call after the other, under its lock. The book, which says what
the contest is after its last event, is kept between calls. It may lag behind the log, because another ingest may
append as well: `append.lua` refuses what was decided against another end of the log (`ContestMoved`), and then the
book is made anew from the projection and from the events behind it, and the command is decided again. What a decision
needs of the state and does not find in the book (`NotLoaded`) is loaded, and the decision begins again: deciding is
pure, so that costs time and nothing else. Event ids are looked up first, so a repeated command is answered as the
first time.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

from services.ingest.books import MOST_OF_ONE, Books, KeptBook
from services.ingest.decision.commands import Command
from services.ingest.decision.submission import (
    Outcome,
    Sheet,
    Taken,
    as_before,
    decided,
    now_known,
    recalled,
    sheet_of,
    stamped,
    surely_needs,
)
from shared.domain.book import Book, NotLoaded, first_needs
from shared.domain.errors import Refused, UnknownContest, UnreadableEvent
from shared.domain.events import Recorded
from shared.domain.times import Clock
from shared.http.unavailable import FallenBehind
from shared.projection.projections import Projections
from shared.storage.codec import decode_entry
from shared.storage.damage import Damaged
from shared.storage.history import digest_of
from shared.storage.log import ContestMoved, Log, NewEvent
from shared.storage.streams import version_of

_LOOKS, _LOOK_EVERY_SECONDS = 50, 0.1


class BatchRefused(Exception):
    """A batch that must be taken whole was not: `refusals` are (position, refusal)."""

    def __init__(self, refusals: list[tuple[int, Refused]]) -> None:
        super().__init__("batch refused")
        self.refusals = refusals


class Desk:
    """Takes commands. `new_id` gives an event id that nobody had before.

    A contest with more than `most_unfolded` events that no scorer has folded takes nothing more.
    """

    def __init__(
        self,
        log: Log,
        projections: Projections,
        clock: Clock,
        new_id: Callable[[], str],
        most_unfolded: int,
    ) -> None:
        self.log = log
        self.projections = projections
        self.clock = clock
        self.new_id = new_id
        self.most_unfolded = most_unfolded
        self.books = Books()

    async def take(self, command: Command) -> Taken:
        """Takes one command. Raises `Refused`."""
        outcome = (await self.take_all(command.contest, [command]))[0]
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def take_all(self, contest: str, commands: Sequence[Command], whole: bool = False) -> list[Outcome]:
        """Takes commands for one contest in order, appended together; an outcome for each.

        Those that are refused leave the others be; with `whole` any refusal raises `BatchRefused`, and nothing is
        appended. Waits for scorers that are far behind; raises `FallenBehind` if they stay so.
        """
        sheets = [sheet_of(command, self.new_id) for command in commands]
        kept = self.books.of(contest)
        await self._scorers_to_come_near(contest, kept)
        async with kept.lock:
            try:
                outcomes = await self._until_taken(contest, kept, sheets, whole)
            finally:
                self.books.count(contest, kept)
        return await self._recalled(contest, outcomes)

    async def refuse_unknown(self, contest: str) -> None:
        """Raises `UnknownContest` unless the contest was opened."""
        if not await self.log.version(contest):
            raise UnknownContest(contest)

    async def _recalled(self, contest: str, outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes, those of repeated commands with what only the log remembers: they read as the first time."""
        versions = {
            outcome.version for outcome in outcomes if isinstance(outcome, Taken) and outcome.repeated
        }
        entries = await self.log.picked(contest, sorted(versions)) if versions else {}
        return [
            recalled(outcome, decode_entry(*entries[outcome.version]))
            if isinstance(outcome, Taken) and outcome.repeated
            else outcome
            for outcome in outcomes
        ]

    async def _until_taken(
        self, contest: str, kept: KeptBook, sheets: Sequence[Sheet], whole: bool
    ) -> list[Outcome]:
        while True:
            try:
                return await self._attempt(contest, kept, sheets, whole)
            except ContestMoved:
                kept.book = None
            except BaseException:
                kept.book = None
                raise

    async def _scorers_to_come_near(self, contest: str, kept: KeptBook) -> None:
        """Waits until scorers are near the log's end. Raises `FallenBehind` if they do not come near.

        A book reads all that is not folded, so that must not grow without a bound.
        """
        for _ in range(_LOOKS):
            stands = kept.book.version if kept.book else await self.log.version(contest)
            if stands - kept.folded <= self.most_unfolded:
                return
            kept.folded = await self.projections.version(contest, await self.projections.generation(contest))
            if stands - kept.folded <= self.most_unfolded:
                return
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        raise FallenBehind(contest, stands, kept.folded)

    async def _attempt(
        self, contest: str, kept: KeptBook, sheets: Sequence[Sheet], whole: bool
    ) -> list[Outcome]:
        if kept.book is None or len(kept.book.endorsements) > MOST_OF_ONE:
            kept.book = await self._read(contest, kept)
        book = kept.book
        began = book.version
        known = await self._known_ids(contest, sheets)
        needs = surely_needs(sheets)
        if book.lacks(needs):
            await self._load(contest, kept, began, needs)
        outcomes, events = await self._decide(contest, kept, sheets, known)
        refusals = [(i, outcome) for i, outcome in enumerate(outcomes) if isinstance(outcome, Refused)]
        if refusals or not events:
            await self._load(
                contest, kept, began, NotLoaded()
            )  # what was decided holds only at the log's end
        if whole and refusals:
            raise BatchRefused(refusals)
        if not events:
            if len(refusals) < len(outcomes):
                await self.log.confirm(contest)  # taken before, perhaps by one who could not say so
            return outcomes
        appended = await self.log.append(contest, began, events, kept.last)
        kept.last = appended.digest
        book.known_at = max(book.known_at, appended.known_at)
        return [stamped(outcome, appended.known_at) for outcome in outcomes]

    async def _read(self, contest: str, kept: KeptBook) -> Book:
        """The book at the log's end: the projection, and what came after it."""
        while True:
            await self.projections.parking.refuse_held(contest)
            kept.generation = await self.projections.generation(contest)
            book = (await self.projections.begin(contest, kept.generation)).book
            began = book.version
            tail = await self._tail(contest, kept, began)
            needs = first_needs(recorded.event for recorded in tail)
            if await self._fill(contest, kept, book, began, needs) and await self._catch_up(
                contest, kept, book, began, tail
            ):
                return book

    async def _tail(self, contest: str, kept: KeptBook, began: int) -> list[Recorded]:
        """What the log has behind the projection. It is noted which entry it ends with."""
        # With the one that was folded last.
        entries = await self.log.entries(contest, max(began - 1, 0))
        kept.last = digest_of(entries[-1][1]) if entries else ""
        return [decode_entry(*entry) for entry in entries if version_of(entry[0]) > began]

    async def _catch_up(
        self, contest: str, kept: KeptBook, book: Book, began: int, tail: Sequence[Recorded]
    ) -> bool:
        for recorded in tail:
            while True:
                try:
                    book.take(recorded)
                    break
                except NotLoaded as needs:
                    if not await self._fill(contest, kept, book, began, needs):
                        return False
                except (ValueError, Refused) as error:
                    raise UnreadableEvent(
                        f"contest {contest}, version {recorded.version}: {error}"
                    ) from error
        return True

    async def _fill(self, contest: str, kept: KeptBook, book: Book, began: int, needs: NotLoaded) -> bool:
        """Loads into a book that is being read; False if the projection moved on meanwhile."""
        return (await self.projections.load(contest, kept.generation, book, needs)).version == began

    async def _load(self, contest: str, kept: KeptBook, began: int, needs: NotLoaded) -> None:
        """Loads into a book that stands at the log's end. Raises `ContestMoved` if it no longer does.

        What the book lacks was not touched since the projection stood at or before the book, so it still reads so.
        """
        if kept.book is None:
            raise ContestMoved
        stands = await self.projections.load(contest, kept.generation, kept.book, needs)
        if stands.recorded != began or stands.version > began or stands.generation != kept.generation:
            raise ContestMoved
        if kept.last != stands.last:
            raise ContestMoved  # another log, which stands there too

    async def _known_ids(self, contest: str, sheets: Sequence[Sheet]) -> dict[str, tuple[int, str]]:
        """The version and digest of every event of these commands that is in the log."""
        asked = [id_ for sheet in sheets if sheet.digest for id_ in sheet.event_ids]
        if not asked:
            return {}
        digests = cast(list[Any], await self.log.redis.hmget(self.log.keys(contest).ids, asked))
        noted = {
            id_: _noted(contest, id_, value)
            for id_, value in zip(asked, digests, strict=True)
            if value is not None
        }
        return await self._leading(contest, noted) if noted else {}

    async def _leading(self, contest: str, noted: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
        """Those that lead to their event: the log may have lost what its ids still tell of."""
        leading = await self.log.leading(contest, {id_: version for id_, (version, _) in noted.items()})
        return {id_: noted[id_] for id_ in noted if id_ in leading}

    async def _decide(
        self, contest: str, kept: KeptBook, sheets: Sequence[Sheet], known: dict[str, tuple[int, str]]
    ) -> tuple[list[Outcome], list[NewEvent]]:
        book = cast(Book, kept.book)
        began, now = book.version, self.clock()
        outcomes: list[Outcome] = []
        appended: list[NewEvent] = []
        for sheet in sheets:
            if any(id_ in known for id_ in sheet.event_ids):
                outcomes.append(as_before(sheet, known))
                continue
            while True:
                try:
                    outcomes.append(decided(sheet, book, now, appended))
                    known.update(now_known(sheet, outcomes[-1]))
                    break
                except NotLoaded as needs:
                    await self._load(contest, kept, began, needs)
                except Refused as refusal:
                    outcomes.append(refusal)
                    break
        return outcomes, appended


def _noted(contest: str, id_: str, stored: bytes) -> tuple[int, str]:
    """The version and digest that an event's id was noted with. Raises `Damaged`."""
    try:
        version, _, digest = stored.decode().partition(" ")
        return int(version), digest
    except ValueError:
        raise Damaged(
            contest,
            0,
            f"the event id {id_!r} is noted with {stored!r:.100}",
            "bring the log and its ids back from a replica or a backup",
        ) from None
