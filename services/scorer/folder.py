"""Folding what a wake points at.

How it works. A wake is only a hint: it may come twice, late or after a crash. The truth is where the projection stands,
so a fold begins there, and its commit does nothing if another scorer was faster (`Stale`); then the fold begins anew.
Events are folded in chunks into a book that holds only what they touch; what a fold misses is loaded (`NotLoaded`). A
chunk is committed while the next one is folded. A turn ends with the log or after `TURN` events: then the wake goes
behind those that wait, so a long log never keeps other contests from their turn. The fold is kept where it ended.
An event that cannot be folded parks its contest: every event before it is committed, and the wake stays.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from services.scorer.publisher import Publisher
from shared.domain.book import Book, Folded, NotLoaded, first_needs
from shared.domain.contest import Contest
from shared.domain.errors import UnreadableEvent
from shared.domain.events import Recorded
from shared.domain.policies import Policy
from shared.domain.times import Clock
from shared.projection.commits import Trail
from shared.projection.parking import Parked
from shared.projection.projections import Commit, Committed, OtherFold, Projections, Stale
from shared.storage.damage import named
from shared.storage.history import Inconsistent
from shared.storage.log import Log
from shared.values.policies import Policies

log = logging.getLogger("standings")

CHUNK = 1000
# After so many events other contests have their turn; it also bounds how large a book grows.
TURN = 20_000
# So large may all folds that are kept be together; see `Fold.size`.
_KEPT = 50_000
# A commit ends with the event that brings it to so many bytes, about: a change may tell of every candidate under every
# policy, an entry of every candidate, and the server does nothing else while it takes them.
MOST_BYTES = 4 << 20
_CANDIDATE_BYTES = 128
# A commit is sent piece by piece as the server takes it: so often the fold lets the next piece go.
_FOLDED_AT_ONCE = 100
_MS_PER_HOUR = 3_600_000


class Unfoldable(Exception):
    """The next event of a contest cannot be read or folded: the contest is parked there."""

    def __init__(self, contest: str, version: int, reason: str) -> None:
        super().__init__(f"contest {contest}, version {version}: {reason}")
        self.contest, self.version, self.reason = contest, version, reason


class _OneOfThem(Exception):
    """One of several events cannot be folded: which, is not known."""


@contextmanager
def told_apart(contest: str) -> Iterator[None]:
    """Turns `Inconsistent` into `Unfoldable`; failures of the server pass."""
    try:
        yield
    except Inconsistent as torn:
        raise Unfoldable(contest, torn.version + 1, torn.found) from None


class Folder:
    """Folds contests. Changes tell scores under the `policies`, and those
    older than `kept_hours` are dropped.

    Where a fold ended it is kept, and the next event of its contest goes on there without reading it all again.
    """

    def __init__(
        self,
        events: Log,
        projections: Projections,
        clock: Clock,
        kept_hours: int,
        policies: Policies,
    ) -> None:
        self.events = events
        self.projections = projections
        self.clock = clock
        self.kept_hours = kept_hours
        self.policies = policies
        self._kept: OrderedDict[str, Fold] = OrderedDict()
        self._kept_size = 0

    async def drain(self, contest: str) -> int:
        """Folds a contest to the end of its log; the version reached. Raises `Unfoldable`, as `turn` does."""
        while (committed := await self.turn(contest)).version < committed.recorded:
            pass
        return committed.version

    async def turn(self, contest: str, delivered: str = "") -> Committed:
        """Folds a contest to the end of its log, or as far as others can be made to wait, and settles the wake: it is
        acknowledged at the end, and else handed on to behind the others.

        Raises `Unfoldable`; every event before is committed, and it is noted that the contest is parked.
        """
        while True:
            kept = self._take(contest)
            try:
                fold = kept or await self._begin(contest)
                committed = await fold.turn(delivered)
            except Unfoldable as stuck:
                if kept:
                    continue  # it may be what is kept that does not fit
                await self.projections.parking.park(
                    Parked(contest, stuck.version, stuck.reason, self.clock())
                )
                raise
            except Stale:
                log.info("contest %s: its projection moved on, going on from where it stands", contest)
                continue
            self._keep(fold)
            if delivered and committed.version < committed.recorded:
                await self.projections.hand_on(contest, delivered)
            return committed

    async def _begin(self, contest: str) -> "Fold":
        with told_apart(contest):
            generation = await self.projections.generation(contest)
        return Fold(self.events, self.projections, contest, generation, self._oldest_change, self.policies)

    def _take(self, contest: str) -> "Fold | None":
        """A kept fold, which is then not there for another turn beside this one."""
        fold = self._kept.pop(contest, None)
        self._kept_size -= fold.size if fold else 0
        return fold

    def _keep(self, fold: "Fold") -> None:
        self._take(fold.contest)
        self._kept[fold.contest] = fold
        self._kept_size += fold.size
        while self._kept_size > _KEPT:
            self._take(next(iter(self._kept)))

    def _oldest_change(self) -> str:
        return f"{self.clock() // 1000 - self.kept_hours * _MS_PER_HOUR}-0"


class Fold:
    """The fold of a contest's log onto one generation of its projection.

    `oldest_change` gives the entry id before which changes are dropped, '' if none are published; `policies` are
    those that changes tell scores under.
    """

    def __init__(
        self,
        events: Log,
        projections: Projections,
        contest: str,
        generation: int,
        oldest_change: Callable[[], str],
        policies: Iterable[Policy] = (),
    ) -> None:
        self.events = events
        self.projections = projections
        self.contest = contest
        self.generation = generation
        self.oldest_change = oldest_change
        self.policies = policies
        # Of several events together it is not known which one breaks the fold: one by one it is.
        self._chunk = CHUNK
        self._progress: _Progress | None = None

    @property
    def size(self) -> int:
        """How much is kept for the next turn, about: the number of endorsements, and one for the rest."""
        return 1 + len(self._progress.book.endorsements) if self._progress else 1

    async def to_the_end(self) -> int:
        """Folds and commits all that the log has; the version reached. Raises as `turn` does."""
        while (committed := await self.turn()).version < committed.recorded:
            pass
        return committed.version

    async def turn(self, delivered: str = "") -> Committed:
        """Folds and commits what the log has, up to about `TURN` events. `delivered` is the wake to acknowledge.

        Raises `Unfoldable` and `Stale`; every event before is committed.
        """
        progress = self._progress if self.size <= TURN else None
        self._progress = None
        with told_apart(self.contest):
            progress = progress or await self._begin()
            try:
                committed = await self._with_one_book(progress, delivered)
            except _OneOfThem:
                self._chunk = 1
                return await self.turn(delivered)
        self._progress = progress
        return committed

    async def _begin(self) -> "_Progress":
        try:
            if self.oldest_change():  # who publishes nothing is a rebuild, which is the way out
                await self.projections.parking.refuse_held(self.contest)
            await self.projections.refuse_other_fold(self.contest, self.generation)
        except OtherFold as other:
            raise Unfoldable(self.contest, other.version + 1, str(other)) from None
        book, chain, history, stock = await self.projections.begin(self.contest, self.generation)
        if history is None:
            history = await self.events.history(self.contest, book.version)
        return _Progress(book, Publisher(self.contest, book, self.policies), Trail(chain, history, stock))

    async def _with_one_book(self, progress: "_Progress", delivered: str) -> Committed:
        """Folds each chunk while the server commits the one before.

        The server does one thing at a time, so what the next chunk needs is read before the commit is sent.
        """
        book = progress.book
        began = book.version
        chunk: Sequence[Recorded] = await self._read(book, began)
        commit = await self._fold(progress, began, chunk, delivered)
        while True:
            try:
                chunk = await self._following(progress, began, chunk)
            except Unfoldable:
                await self.projections.commit(commit)
                raise
            committing = asyncio.create_task(self.projections.commit(commit))
            try:
                if chunk:
                    commit = await self._fold(progress, began, chunk, delivered)
            finally:
                committed = await committing
            if not chunk:
                return committed

    async def _following(
        self, progress: "_Progress", began: int, chunk: Sequence[Recorded]
    ) -> Sequence[Recorded]:
        """What to fold next with this book: what a commit had no room for, or more of the log; none if others wait."""
        if progress.left:
            return progress.left if progress.book.version - began < TURN else ()
        return await self._read(progress.book, began) if self._goes_on(progress.book, began, chunk) else ()

    def _goes_on(self, book: Book, began: int, chunk: Sequence[Recorded]) -> bool:
        """Whether to read on with this book: the log may have more, and others were not kept waiting for long."""
        return len(chunk) == self._chunk and book.version - began < TURN

    async def _read(self, book: Book, began: int) -> list[Recorded]:
        """The next events; what they are about is loaded into the book."""
        try:
            with named(self.contest):
                chunk = await self.events.read_before_unreadable(self.contest, book.version, self._chunk)
        except Inconsistent:
            raise
        except UnreadableEvent as error:
            raise Unfoldable(self.contest, book.version + 1, str(error)) from error
        if chunk and chunk[0].version != book.version + 1:
            raise Unfoldable(self.contest, book.version + 1, _missing(book.version + 1, chunk[0].version))
        # What a replica lacks can still be lost with the primary, and what was shown of it would be taken back.
        await self.events.confirm(self.contest)
        await self._load(book, began, first_needs(recorded.event for recorded in chunk))
        return chunk

    async def _fold(
        self, progress: "_Progress", began: int, chunk: Sequence[Recorded], delivered: str
    ) -> Commit:
        """The commit of these events, which the book has taken, as far as there is room for their changes; what is left
        is noted. Or of those before the first that cannot follow.

        Raises `Unfoldable` if there is none before it.
        """
        book, oldest = progress.book, self.oldest_change()
        folded: list[Folded] = []
        changes: list[bytes] = []
        size = 0
        progress.left = ()
        while len(folded) < len(chunk) and size < MOST_BYTES:
            await asyncio.sleep(0)
            try:
                for recorded in chunk[len(folded) : len(folded) + _FOLDED_AT_ONCE]:
                    folded.append(book.fold(recorded))
                    changes.append(progress.publisher.change(folded[-1]) if oldest else b"")
                    size += len(changes[-1]) + _about(folded[-1])
                    if size >= MOST_BYTES:
                        progress.left = chunk[len(folded) :]
                        break
            except NotLoaded as needs:
                await self._load(book, began, needs)
            except Exception as error:
                if folded and len(changes) == len(folded) and book.version == folded[-1].recorded.version:
                    break  # what comes before it can be committed, and then it comes first
                raise self._broken(chunk[: 1 + len(changes)], error) from error
        try:
            commit = self.projections.commit_of(
                self.contest, self.generation, book, progress.trail, folded, changes, oldest, delivered
            )
        except Exception as error:
            raise self._broken(chunk[: len(folded)], error) from error
        progress.trail = commit.trail
        return commit

    def _broken(self, chunk: Sequence[Recorded], error: Exception) -> Exception:
        """What to raise for an error of these events: `Unfoldable` for one, `_OneOfThem` to fold several one by one."""
        if len(chunk) > 1:
            return _OneOfThem()
        return Unfoldable(self.contest, chunk[0].version, f"it cannot be folded: {error!s:.500}")

    async def _load(self, book: Book, began: int, needs: NotLoaded) -> None:
        """Loads into a book that stands where the ledger does, or ahead of it by what is not committed yet."""
        if book.lacks(needs):
            stands = await self.projections.load(self.contest, self.generation, book, needs)
            if not began <= stands.version <= book.version:
                raise Stale


@dataclass
class _Progress:
    """How far a fold has come: its book, what publishes the next version, the trail so far, and what was read and had
    no room in the last commit.
    """

    book: Book
    publisher: Publisher
    trail: Trail
    left: Sequence[Recorded] = ()


def _about(folded: Folded) -> int:
    """The bytes of what an event made of a contest, about; an endorsement is small."""
    return _CANDIDATE_BYTES * len(folded.subject.candidates) if isinstance(folded.subject, Contest) else 0


def _missing(version: int, following: int) -> str:
    return (
        f"its log has no version {version}, and goes on with version {following}: bring the log, or the record of "
        "where it is archived, back from a replica or a copy of the append-only file, or restore a backup into an "
        "empty server"
    )
