"""The contests that an API process holds in memory, each kept up with its ledger."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from redis.exceptions import RedisError

from services.api.timetravel import Index, LedgerEntry
from shared.codec import version_of
from shared.domain.errors import UnknownContest
from shared.domain.postings import Posting
from shared.domain.times import start_of
from shared.keys import PartitionKeys
from shared.log import Log
from shared.projections import Projections
from shared.streams import Entry, entries_after

log = logging.getLogger("standings")

_CHUNK = 5000
_CONTESTS_KEPT = 1000
_POLL_MS = 1000


class NotThereYet(Exception):
    """The contest did not come to the version that was waited for."""

    def __init__(self, contest: str, wanted: int, version: int, wait_ms: int) -> None:
        super().__init__(contest, wanted, version, wait_ms)
        self.contest, self.wanted, self.version, self.wait_ms = contest, wanted, version, wait_ms


@dataclass
class _Held:
    """A contest in memory. `moved` is told of every step."""

    index: Index
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)


class Contests:
    """Loads contests from their ledgers when first asked for, and follows the changes stream."""

    def __init__(self, events: Log, projections: Projections) -> None:
        self.events = events
        self.projections = projections
        self._held: OrderedDict[str, _Held] = OrderedDict()

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

    async def all(self) -> list[Index]:
        """The index of every contest that is there; one that is just being opened is left out."""
        found: list[Index] = []
        for contest in await self.events.contests():
            with contextlib.suppress(NotThereYet):
                found.append(await self.at(contest, 1, 0))
        return found

    async def follow(self) -> None:
        """Keeps every contest in memory up with its ledger, until cancelled."""
        last = {PartitionKeys(partition).changes: "$" for partition in range(self.events.partitions)}
        while True:
            try:
                answer = await self.events.redis.xread(cast(Any, last), block=_POLL_MS, count=1000)
                await self._follow(cast(list[tuple[bytes, list[Entry]]], answer or []), last)
            except (RedisError, OSError) as error:
                log.warning("cannot follow the changes, trying again: %s", error)
                await asyncio.sleep(_POLL_MS / 1000)
                await asyncio.gather(
                    *(self._refresh(contest) for contest in list(self._held)), return_exceptions=True
                )

    async def _follow(self, answer: list[tuple[bytes, list[Entry]]], last: dict[str, str]) -> None:
        changed: set[str] = set()
        for stream, entries in answer:
            last[stream.decode()] = entries[-1][0].decode()
            changed |= {fields[b"contest"].decode() for _, fields in entries}
        for contest in changed & self._held.keys():
            await self._refresh(contest)
        if not answer:
            # Nothing came for a while: a generation may have taken over, which publishes no changes.
            for contest in list(self._held):
                await self._refresh(contest)

    async def _hold(self, contest: str) -> _Held:
        held = _Held(Index(contest, await self.projections.generation(contest)))
        await self._catch_up(held)
        if held.index.version == 0 and await self.events.version(contest) == 0:
            raise UnknownContest(contest)
        held = self._held.setdefault(contest, held)
        if len(self._held) > _CONTESTS_KEPT:
            self._held.popitem(last=False)
        return held

    async def _wait(self, contest: str, held: _Held, min_version: int, wait_ms: int) -> None:
        await self._refresh(contest)
        try:
            async with asyncio.timeout(wait_ms / 1000), held.moved:
                await held.moved.wait_for(lambda: held.index.version >= min_version)
        except TimeoutError:
            raise NotThereYet(contest, min_version, held.index.version, wait_ms) from None

    async def _refresh(self, contest: str) -> None:
        held = self._held.get(contest)
        if held is None:
            return
        generation = await self.projections.generation(contest)
        if generation != held.index.generation:
            await self._replace(held, generation)
        await self._catch_up(held)

    async def _replace(self, held: _Held, generation: int) -> None:
        """Loads another generation beside the one that answers, and lets it take over when it is as far."""
        fresh = _Held(Index(held.index.contest_id, generation))
        await self._catch_up(fresh)
        if fresh.index.version >= held.index.version:
            held.index = fresh.index

    async def _catch_up(self, held: _Held) -> None:
        async with held.lock:
            index = held.index
            ledger = self.events.keys(index.contest_id).ledger(index.generation)
            before = index.version
            while entries := await entries_after(self.events.redis, ledger, index.version, _CHUNK):
                for entry_id, fields in entries:
                    index.append(ledger_entry(entry_id, fields))
                await asyncio.sleep(0)
        if index.version != before:
            async with held.moved:
                held.moved.notify_all()


def ledger_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> LedgerEntry:
    """A ledger entry as stored."""
    postings = tuple(
        (Posting(valid_at, candidate, category, delta, members), (count, total))
        for valid_at, candidate, category, delta, members, count, total in orjson.loads(fields[b"postings"])
    )
    return LedgerEntry(
        version_of(entry_id),
        start_of(fields[b"known_at"].decode(), "UTC"),
        postings,
        fields.get(b"contest"),
        fields.get(b"endorsement"),
    )
