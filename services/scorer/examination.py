"""Examining a contest: its log is folded from the beginning, and everything that was kept of it is compared."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, TypeVar, cast

import orjson

from services.scorer.findings import (
    HISTORY,
    IDS,
    LEDGER,
    LOG,
    STATE,
    STATES,
    Examined,
    ExaminedMoment,
    Finding,
    a_time_of,
    same,
)
from services.scorer.refold import NoRoom, Refold
from shared.domain.book import Book, NotLoaded
from shared.domain.errors import UnreadableEvent
from shared.domain.events import Version
from shared.projection.commits import Told, entry_of, linked
from shared.projection.projections import Projections, Stale
from shared.projection.state import CONTEST, HEAD
from shared.storage.codec import decode_entry
from shared.storage.damage import Damaged, named
from shared.storage.history import Inconsistent, history_after
from shared.storage.log import Log
from shared.storage.streams import Entry

T = TypeVar("T")

# So much is told of one contest: what comes after it follows from it, as a rule.
MOST_FINDINGS = 20
# So many moments of each contest are counted, to be asked of the API.
MOMENTS = 5
# So many events are read at a time, and so many fields of the state.
_CHUNK, _FIELDS = 200, 500
# So often a contest of which another generation took over meanwhile is examined again.
_TRIES = 3
_BRING_BACK = "bring the log back from a replica, a copy of the append-only file or a backup"


class _Enough(Exception):
    """The examination ends here."""


class Examiner:
    """Examines contests. `random` draws the moments; after each piece of work it waits for `pause`."""

    def __init__(
        self,
        log: Log,
        projections: Projections,
        random: Random,
        pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0),
        chunk: int = _CHUNK,
    ) -> None:
        self.log = log
        self.projections = projections
        self.random = random
        self.pause = pause
        self.chunk = chunk

    async def examine(self, contest: str) -> Examined:
        """What is wrong with a contest. One that goes on meanwhile is followed.

        Raises `OtherFold`, `NoRoom`, and `Stale` if it does not hold still for long enough: it is rebuilt again and
        again, or its log was replaced.
        """
        for _ in range(_TRIES):
            try:
                generation = await self.projections.generation(contest)
            except Damaged as damaged:
                return Examined(contest, 0, Version(0), [Finding(STATE, damaged.found, "")], [])
            with contextlib.closing(Refold()) as refold, contextlib.suppress(Stale):
                examination = _Examination(self, contest, generation, refold)
                await examination.run()
                if await self.projections.generation(contest) == generation:
                    return examination.examined()
        raise Stale


class _Examination:
    """One contest's, of one generation."""

    def __init__(self, by: Examiner, contest: str, generation: int, refold: Refold) -> None:
        self.by = by
        self.contest = contest
        self.generation = generation
        self.refold = refold
        self.findings: list[Finding] = []
        self.moments: list[ExaminedMoment] = []
        # Of the ledger as it is stored; None from where it is not as it should be.
        self.chain: str | None = ""
        self.history = ""
        self.rebuild = f"`standings rebuild {contest}`"
        self.has_ids = True

    def examined(self) -> Examined:
        """What was found so far."""
        version = self.refold.book.version
        return Examined(self.contest, self.generation, version, self.findings, self.moments)

    async def run(self) -> None:
        """Compares everything, or until there are enough findings."""
        try:
            await self._look_at_types()
            await self.by.projections.refuse_other_fold(self.contest, self.generation)
            folded = await self.by.projections.version(self.contest, self.generation)
            await self._draw_moments(folded)
            await self._follow(folded)
            await self._compare_state()
            await self._read_rest()
        except _Enough:
            pass
        except Damaged as error:
            self.findings.append(Finding(STATE, error.found, ""))
        except Inconsistent as error:
            self.findings.append(Finding(HISTORY, error.found, ""))
        except UnreadableEvent as error:
            self.findings.append(Finding(LOG, str(error), _BRING_BACK))

    def _find(self, where: str, what: str, way_out: str) -> None:
        self.findings.append(Finding(where, what, way_out))
        if len(self.findings) == MOST_FINDINGS:
            raise _Enough

    async def _look_at_types(self) -> None:
        """Whether what lies under each key is of the type that it should be; what is not cannot be read."""
        keys = self.by.log.keys(self.contest)
        expected = (
            (keys.log, b"stream", LOG, _BRING_BACK),
            (keys.ids, b"hash", IDS, _BRING_BACK),
            (keys.archived, b"string", LOG, _BRING_BACK),
            (keys.ledger(self.generation), b"stream", LEDGER, self.rebuild),
            (keys.state(self.generation), b"hash", STATE, self.rebuild),
        )
        async with self.by.log.redis.pipeline(transaction=False) as pipe:
            for key, *_ in expected:
                pipe.type(key)
            types = await pipe.execute()
        wrong = [pair for pair, type_ in zip(expected, types, strict=True) if type_ not in (pair[1], b"none")]
        for key, kind, where, way_out in wrong:
            self._find(where, f"under {key} lies something else than a {kind.decode()}", way_out)
        self.has_ids = all(where != IDS for _, _, where, _ in wrong)
        if any(where != IDS for _, _, where, _ in wrong):
            raise _Enough

    async def _draw_moments(self, upto: int) -> None:
        """Moments of random versions, at times of random events."""
        for _ in range(MOMENTS if upto else 0):
            about = await self.by.log.entries(self.contest, self.by.random.randrange(upto), 1)
            with contextlib.suppress(UnreadableEvent):
                for entry in about:
                    self.moments.append(
                        ExaminedMoment(Version(self.by.random.randint(1, upto)), a_time_of(entry))
                    )

    async def _follow(self, upto: int) -> None:
        """Folds the log up to a version, and compares the ledger on the way. Raises `Stale` if it is beyond that."""
        if upto < self.refold.book.version:
            raise Stale
        while (version := self.refold.book.version) < upto:
            count = min(self.by.chunk, upto - version)
            with named(self.contest):
                logged = await self.by.log.entries(self.contest, version, count)
                ledger = await self.by.log.entries(self.contest, version, count, self.generation)
            if not logged:
                self._find(LOG, f"it ends at version {version}, and the ledger at {upto}", _BRING_BACK)
                raise _Enough
            await self._compare_ids(logged)
            stored = dict(ledger)
            for entry in logged:
                self._take(entry, stored.get(entry[0]))
            self.refold.put_away()
            await self.by.pause()

    def _take(self, entry: Entry, stored: Mapping[bytes, bytes] | None) -> None:
        version = self.refold.book.version + 1
        self._number(entry, version)
        try:
            recorded = decode_entry(*entry)
            folded = self.refold.fold(recorded)
            expected = entry_of(folded)
        except NoRoom:
            raise
        except Exception as error:  # whatever the fold does of an event that cannot follow
            self._find(LOG, f"version {version} cannot be folded: {error!s:.300}", _BRING_BACK)
            raise _Enough from error
        self.history = history_after(self.history, recorded.digest)
        if stored is None:
            self.chain = None
            self._find(LEDGER, f"version {version} is not there", self.rebuild)
        else:
            self._compare_entry(version, expected, stored)
        for moment in self.moments:
            moment.post(folded)

    def _number(self, entry: Entry, version: int) -> None:
        if entry[0] != b"%d-0" % version:
            self._find(LOG, f"{entry[0].decode()} is where version {version} should be", _BRING_BACK)
            raise _Enough

    def _compare_entry(self, version: int, expected: Told, stored: Mapping[bytes, bytes]) -> None:
        known_at, postings, name, subject = expected
        kind = b"contest" if name == CONTEST else b"endorsement"
        told = (
            ("known_at", stored.get(b"known_at") == known_at.encode()),
            ("postings", same(stored.get(b"postings"), postings, orjson.loads)),
            (kind.decode(), same(stored.get(kind), subject, STATES[kind])),
            ("history", stored.get(b"history", self.history.encode()) == self.history.encode()),
        )
        wrong = [field_name for field_name, fits in told if not fits]
        if wrong:
            self.chain = None
            self._find(LEDGER, f"version {version}: {', '.join(wrong)} not as folded", self.rebuild)
        if self.chain is not None:
            self.chain = linked(self.chain, (known_at, stored[b"postings"], name, stored[kind]))
            if stored.get(b"chain", self.chain.encode()) != self.chain.encode():
                self._find(LEDGER, f"version {version}: its chain is another", self.rebuild)
                self.chain = None

    async def _compare_ids(self, logged: Sequence[Entry]) -> None:
        """Whether each event's id leads to it."""
        if not self.has_ids:
            return
        ids = [fields.get(b"id", b"") for _, fields in logged]
        keys = self.by.log.keys(self.contest)
        with named(self.contest):
            noted = cast(list[Any], await cast(Any, self.by.log.redis.hmget(keys.ids, ids)))
        for (entry_id, _), id_, value in zip(logged, ids, noted, strict=True):
            version = entry_id.partition(b"-")[0]
            if value is None or value.partition(b" ")[0] != version:
                self._find(
                    IDS,
                    f"the event id {id_!r:.100} is noted with {value!r:.60}, and is of version {version.decode()}",
                    _BRING_BACK,
                )

    async def _compare_state(self) -> None:
        begun = await self.by.projections.begin(self.contest, self.generation)
        await self._follow(begun.book.version)
        book, expected = begun.book, self.refold.book
        fits = (
            ("contest", book.contest == expected.contest),
            ("totals", book.totals == expected.totals),
            ("known_at", book.known_at == expected.known_at),
            ("chain", not begun.chain or self.chain is None or begun.chain == self.chain),
            ("history", begun.history is None or begun.history == self.history),
        )
        for name, is_as_folded in fits:
            if not is_as_folded:
                self._find(STATE, f"{name!r} is not as folded", self.rebuild)
        fields = self.refold.number + len(HEAD) - begun.stock.lacks if book.version else 0
        if begun.stock.fields != fields:
            what = f"it has {begun.stock.fields} fields, and not {fields}"
            self._find(STATE, what, self.rebuild)
        await self._compare_endorsements()
        await self._compare_pairs()

    async def _compare_endorsements(self) -> None:
        ids = self.refold.endorsements_after("", _FIELDS)
        while ids:
            book = await self._loaded(NotLoaded(ids))
            for id_ in ids:
                if book.endorsements[id_] != self.refold.endorsement(id_):
                    self._find(STATE, f"endorsement {id_} is not as folded", self.rebuild)
            await self.by.pause()
            ids = _more(ids, lambda last: self.refold.endorsements_after(last, _FIELDS))

    async def _compare_pairs(self) -> None:
        pairs = self.refold.pairs_after(("", ""), _FIELDS)
        while pairs:
            book = await self._loaded(NotLoaded(pairs=pairs))
            for pair in pairs:
                if book.pairs[pair] != self.refold.pair(pair):
                    self._find(STATE, f"the pair {'/'.join(pair)} is not as folded", self.rebuild)
            await self.by.pause()
            pairs = _more(pairs, lambda last: self.refold.pairs_after(last, _FIELDS))

    async def _loaded(self, needs: NotLoaded) -> Book:
        """A book with these, as of the version up to which the fold is brought."""
        book = Book()
        stands = await self.by.projections.load(self.contest, self.generation, book, needs)
        await self._follow(stands.version)
        return book

    async def _read_rest(self) -> None:
        """Whether what is not folded yet can be read, and is numbered."""
        version = self.refold.book.version
        upto, more = (
            await self.by.log.version(self.contest),
            True,
        )  # what comes meanwhile is for the next check
        while more and version < upto:
            logged = await self.by.log.entries(self.contest, version, self.by.chunk)
            more = len(logged) == self.by.chunk
            for entry in logged:
                version = Version(version + 1)
                self._number(entry, version)
                decode_entry(*entry)
            await self.by.pause()


def _more(some: Sequence[T], following: Callable[[T], Sequence[T]]) -> Sequence[T]:
    """What follows; nothing after a part that was not full, so that a contest that grows has an end."""
    return following(some[-1]) if len(some) == _FIELDS else ()
