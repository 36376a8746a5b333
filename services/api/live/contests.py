"""The contests that an API process holds in memory, each kept up with its ledger.

How it works. A contest is read from its ledger when it is first asked for, and held until the account of bytes lets it
go. Three kinds of tasks run beside the questions. Followers read the changes streams, hand what is published to the
hub, and note which contests changed. One task brings those contests up: it reads the ledger entries behind the index.
One looks around every second for what a lost change did not tell: it compares every index with the end of its ledger.

An index is one history in one generation. Where the ledger does not continue the index (a rebuild took over, or the log
was replaced) the index is dropped and read anew; a question that was under way is asked again of the new one.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from services.api.engine.index import Index
from services.api.live.account import Account
from services.api.live.hub import Hub
from services.api.live.ledgers import CHUNK, Ledgers, Overtaken, ends_as, read
from services.api.live.positions import is_replaced
from shared.domain.endorsement import Endorsement
from shared.domain.errors import Refused, UnknownContest, UnreadableEvent
from shared.domain.events import Recorded
from shared.http.refusals import Busy
from shared.projection.parking import Parked
from shared.projection.projections import Projections
from shared.runtime.tasks import side_by_side
from shared.storage.codec import decode_endorsement, decode_entry
from shared.storage.connections import FAILURES, cluster_of
from shared.storage.damage import Damaged, named, of_wrong_type
from shared.storage.log import Log
from shared.storage.redis_keys import PartitionKeys
from shared.storage.streams import Entry, last_id

log = logging.getLogger("standings")

T = TypeVar("T")

_POLL_MS = 1000
_LOOK_AROUND_SECONDS = 1.0
# Changes of one stream; one may have 100 KB and more, where a contest has hundreds of candidates.
_READ_AT_ONCE = 100
# Each asks by a connection of its own, of which others need some too.
_STREAMS_AT_ONCE = 32
# So often what was overtaken while it was read is read again.
_TRIES = 3


class NotThereYet(Busy):
    """The contest did not come to the version that was waited for."""

    code = "not-there-yet"
    title = "Not there yet"
    retry_after_seconds = 1

    def __init__(self, contest: str, wanted: int, version: int, wait_ms: int) -> None:
        super().__init__(
            "min_version",
            wanted,
            f"contest {contest!r} stands at version {version} after {wait_ms} ms",
            "ask again shortly, or wait longer with wait_ms",
            version=version,
        )


@dataclass
class _Held:
    """A contest in memory, of which so many bytes are `counted`. `moved` is told of every step."""

    index: Index
    counted: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)


class Contests:
    """Loads contests from their ledgers when first asked for, and follows the changes stream.

    Those unused longest are dropped while all together hold more than the account allows, and come back when asked for.
    """

    def __init__(self, events: Log, projections: Projections, account: Account, hub: Hub) -> None:
        self.events = events
        self.hub = hub
        self.projections = projections
        self.account = account
        self.ledgers = Ledgers(events, projections)
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._changed: set[str] = set()
        self._some_changed = asyncio.Event()

    def ready(self, contest: str) -> Index | None:
        """A contest's index if it is in memory."""
        held = self._held.get(contest)
        if held is None or held.index.version == 0:
            return None
        self._held.move_to_end(contest)
        return held.index

    def held(self, contest: str) -> Index | None:
        """As `ready`, and it does not count as asking for it."""
        held = self._held.get(contest)
        return held.index if held is not None and held.index.version else None

    async def stands(self, contest: str) -> int:
        """A contest's version, without bringing it into memory."""
        index = self.ready(contest)
        if index is not None:
            return index.version
        return await self.projections.version(contest, await self.projections.generation(contest))

    async def at(self, contest: str, min_version: int, wait_ms: int) -> Index:
        """A contest's index, at `min_version` or later, and at least at 1: one just opened is waited for.

        Raises `UnknownContest` and `NotThereYet`.
        """
        min_version = max(min_version, 1)
        held = self._held.get(contest)
        if held is None:
            held = await self._hold(contest)
        self._held.move_to_end(contest)
        if held.index.version < min_version:
            await self._wait(contest, held, min_version, wait_ms)
        return held.index

    async def answer(
        self, contest: str, min_version: int, wait_ms: int, ask: Callable[[Index], Awaitable[T]]
    ) -> T:
        """What `ask` answers from the contest's index, asked again of the one that took over meanwhile.

        Raises as `at` does, and `Overtaken` where the log is not of the ledger's history.
        """
        for _ in range(_TRIES - 1):
            index = await self.at(contest, min_version, wait_ms)
            try:
                return await ask(index)
            except Overtaken:
                await self.refresh(contest)
        return await ask(await self.at(contest, min_version, wait_ms))

    async def endorsements(self, index: Index, versions: Sequence[int]) -> list[Endorsement]:
        """The states that these versions gave their endorsements, in their order. Raises `Overtaken`."""
        entries = await self.folded(index, versions)
        with read(index):
            return [decode_endorsement(fields[b"endorsement"]) for _, fields in entries]

    async def parked(self, contest: str) -> Parked | None:
        """Why a contest does not go on, if it does not."""
        return await self.projections.parking.of(contest)

    async def recorded(self, index: Index, versions: Sequence[int]) -> list[Recorded]:
        """The events of these versions, in their order. Raises `Overtaken`."""
        return [decode_entry(*entry) for entry in await self.ledgers.logged(index, versions)]

    async def folded(self, index: Index, versions: Sequence[int]) -> list[Entry]:
        """The ledger's entries, where need be of the generation that took over from the index's. Raises `Overtaken`."""
        try:
            return await self.ledgers.entries(index, versions)
        except Overtaken:
            await self.refresh(index.contest_id)
            now = await self.at(index.contest_id, index.version, 0)
            if now.history_at(index.version) != index.history:
                raise
            return await self.ledgers.entries(now, versions)

    async def follow(self) -> None:
        """Keeps every contest in memory up with its ledger, until cancelled."""
        streams = [PartitionKeys(partition).changes for partition in range(self.events.partitions)]
        last = {stream: await last_id(self.events.redis, stream) for stream in streams}
        self.hub.stand(last)
        # One command reads all streams of one server; on a cluster each partition may lie elsewhere.
        together = [[stream] for stream in streams] if cluster_of(self.events.redis) else [streams]
        followers = [self._follow_streams({stream: last[stream] for stream in some}) for some in together]
        await side_by_side(*followers, self._keep_up(), self._look_around())

    async def _follow_streams(self, last: dict[str, str]) -> None:
        while True:
            try:
                answer = await self.events.redis.xread(cast(Any, last), block=_POLL_MS, count=_READ_AT_ONCE)
                came = cast(list[tuple[bytes, list[Entry]]], answer or [])
                await self._notice_replaced([stream.decode() for stream, _ in came] or list(last), last)
                self._follow(came, last)
            except FAILURES as error:
                log.warning("cannot follow the changes, trying again: %s", error)
                await asyncio.sleep(_POLL_MS / 1000)

    async def _notice_replaced(self, streams: Sequence[str], last: dict[str, str]) -> None:
        """Finds streams that no longer have what was read last: a server was emptied, or lost its latest changes."""
        redis = self.events.redis
        replaced: list[str] = []
        for first in range(0, len(streams), _STREAMS_AT_ONCE):
            some = streams[first : first + _STREAMS_AT_ONCE]
            are_replaced = await asyncio.gather(
                *(is_replaced(redis, stream, last[stream]) for stream in some)
            )
            replaced += [stream for stream, is_so in zip(some, are_replaced, strict=True) if is_so]
        if replaced:
            log.warning("changes streams were lost or replaced, and are read anew: %s", ", ".join(replaced))
            last |= {stream: await last_id(redis, stream) for stream in replaced}
            self.hub.begin_anew({stream: last[stream] for stream in replaced})
            await self._refresh_differing()

    def _follow(self, answer: list[tuple[bytes, list[Entry]]], last: dict[str, str]) -> None:
        for stream, entries in answer:
            last[stream.decode()] = entries[-1][0].decode()
            self.hub.publish(stream.decode(), entries)
            self._changed |= {fields.get(b"contest", b"").decode(errors="replace") for _, fields in entries}
        self._some_changed.set()

    async def _keep_up(self) -> None:
        """Takes in what changes told of, beside the reading of more changes."""
        while True:
            await self._some_changed.wait()
            self._some_changed.clear()
            changed, self._changed = self._changed & self._held.keys(), set()
            with contextlib.suppress(*FAILURES):  # the followers say so, and who looks around finds it
                await self._bring(changed)

    async def _bring(self, contests: Collection[str]) -> None:
        """Brings contests up to their ledgers, usually with one question to the server for all of them."""
        held = {contest: self._held[contest] for contest in contests}
        asked = {contest: each.index for contest, each in held.items()}
        async with self.events.redis.pipeline(transaction=False) as pipe:
            for contest, index in asked.items():
                ledger = self.events.keys(contest).ledger(index.generation)
                pipe.xrange(ledger, min=f"{index.version}-0", count=CHUNK + 1)
            answers = await pipe.execute(raise_on_error=False) if asked else []
        for contest, entries in zip(asked, answers, strict=True):
            await self._or_drop(contest, self._continue(held[contest], asked[contest], entries))

    async def _continue(self, held: _Held, asked: Index, entries: list[Entry] | Exception) -> None:
        """Takes in what was read of this index, if it follows where the index is by now."""
        follows = False
        if isinstance(entries, Exception):
            with named(asked.contest_id):
                raise entries
        async with held.lock:
            if held.index is asked:
                before = asked.version
                with contextlib.suppress(Overtaken):
                    await self.ledgers.take_in(asked, entries)
                    follows = True
        if follows and asked.version != before:
            await self._tell(held)
        if not follows or len(entries) > CHUNK:
            await self.refresh(asked.contest_id)

    async def _look_around(self) -> None:
        """Finds what no change told of: another generation or history, or changes that a fallen server lost."""
        while True:
            await asyncio.sleep(_LOOK_AROUND_SECONDS)
            with contextlib.suppress(*FAILURES):  # the followers say so
                await self._refresh_differing()
            for contest, held in self._held.items():
                self.hub.look(contest, held.index.version)
                self._count(held)  # questions lay more of an index out
            self._drop_unused()

    async def _refresh_differing(self) -> None:
        for contest in await self._differing():
            await self._or_drop(contest, self.refresh(contest))

    async def _differing(self) -> list[str]:
        """The contests in memory that do not end as their ledger does."""
        held = {contest: each.index for contest, each in self._held.items()}
        async with self.events.redis.pipeline(transaction=False) as pipe:
            for contest, index in held.items():
                keys = self.events.keys(contest)
                pipe.get(keys.generation)
                pipe.xrevrange(keys.ledger(index.generation), count=1)
            answers = iter(await pipe.execute(raise_on_error=False) if held else [])
        return [
            contest
            for (contest, index), generation, last in zip(held.items(), answers, answers, strict=False)
            if not _ends_as(index, generation, last)
        ]

    async def _or_drop(self, contest: str, step: Awaitable[None]) -> None:
        """Takes the step. A contest whose ledger cannot be read is dropped, and the others go on."""
        try:
            await step
        except UnknownContest:
            pass  # and it was dropped
        except UnreadableEvent as error:
            self._let_go(contest)
            log.error("the ledger of contest %s cannot be read: %r", contest, error)

    async def _hold(self, contest: str) -> _Held:
        index = await self.ledgers.load(contest)
        if index.version == 0 and await self.events.version(contest) == 0:
            raise UnknownContest(contest)
        held = self._held.setdefault(contest, _Held(index))
        self._count(held)
        self._drop_unused()
        return held

    def _count(self, held: _Held) -> None:
        """Counts the bytes of one contest in memory anew, without looking at the others."""
        nbytes = held.index.nbytes
        self.account.indexes += nbytes - held.counted
        held.counted = nbytes

    def _let_go(self, contest: str) -> None:
        if held := self._held.pop(contest, None):
            self.account.indexes -= held.counted

    def _drop_unused(self) -> None:
        account = self.account
        account.make_room()
        while account.indexes > account.most_bytes and len(self._held) > 1:
            name = next(iter(self._held))
            self._let_go(name)
            log.info("contest %s is dropped from memory: the others take %d MB", name, account.indexes >> 20)

    async def _wait(self, contest: str, held: _Held, min_version: int, wait_ms: int) -> None:
        await self.refresh(contest)
        try:
            async with asyncio.timeout(wait_ms / 1000), held.moved:
                await held.moved.wait_for(lambda: held.index.version >= min_version)
        except TimeoutError:
            raise NotThereYet(contest, min_version, held.index.version, wait_ms) from None

    async def refresh(self, contest: str) -> None:
        """Brings a contest to where its ledger is. Raises `UnknownContest` if it is there no more."""
        held = self._held.get(contest)
        if held is None:
            return
        before, version = held.index, held.index.version
        async with held.lock:
            try:
                if await self.projections.generation(contest) != held.index.generation:
                    raise Overtaken(held.index, held.index.version)
                await self.ledgers.catch_up(held.index)
            except Overtaken:
                await self._replace(contest, held)
            except Damaged:
                self._let_go(contest)
                raise
        if held.index is not before or held.index.version != version:
            await self._tell(held)
        if self._held.get(contest) is held:  # and was not dropped meanwhile
            self._count(held)
        self._drop_unused()

    async def _replace(self, contest: str, held: _Held) -> None:
        """Another generation, or another history: loads it beside the one that answers, and lets it take over.

        What the log still has goes on being answered, also where the projection lost it and is made again.
        """
        fresh, was = await self.ledgers.load(contest), held.index
        if fresh.version >= was.version and fresh.history_at(was.version) == was.history:
            held.index = fresh
        elif not await self.ledgers.has_logged(was):
            await self._reset(contest, held, fresh)

    async def _reset(self, contest: str, held: _Held, fresh: Index) -> None:
        """The log has another history than what was answered: from now on only that."""
        log.warning(
            "contest %s: its log has no longer what was answered up to version %d; it is read anew, up to version %d",
            contest,
            held.index.version,
            fresh.version,
        )
        held.index = fresh
        self.hub.reset(contest)
        if fresh.version == 0 and await self.events.version(contest) == 0:
            self._let_go(contest)
            raise UnknownContest(contest)

    async def _tell(self, held: _Held) -> None:
        self.hub.wake(held.index.contest_id)
        async with held.moved:
            held.moved.notify_all()


def _ends_as(index: Index, generation: Any, last: Any) -> bool:
    """Whether the index ends as its ledger does, by what the server says; what it failed by is raised.

    An answer that cannot be read counts as different: reading the contest again says why.
    """
    for answer in (generation, last):
        if isinstance(answer, Exception) and not of_wrong_type(answer):
            raise answer
    try:
        return int(generation or 1) == index.generation and ends_as(index, last)
    except (ValueError, TypeError, LookupError, Refused):
        return False
