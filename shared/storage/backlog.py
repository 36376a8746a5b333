"""Which contests have events that are not folded, and whether a wake is out for them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from typing import Any, NamedTuple, cast

from redis.exceptions import ResponseError

from shared.storage.log import Log, contest_names
from shared.storage.redis_keys import SCORERS, ContestKeys, PartitionKeys
from shared.storage.streams import Entry, order_of

# So many contests are looked at by one command: what the server does for them takes half a millisecond.
SLICE = 100
_WAKES_AT_ONCE = 1000


class Unfolded(NamedTuple):
    """A contest whose log stands at `recorded` and whose ledger at `folded`; -1 for one that cannot be read."""

    contest: str
    recorded: int
    folded: int


class Wakes(NamedTuple):
    """A partition's wakes: the contests that one is out for, and the entries that nobody will ever be given.

    An entry that its group counts as delivered, and that no scorer holds, is one that nobody will get.
    """

    contests: frozenset[str]
    passed_over: tuple[bytes, ...]


class Backlog:
    """What is left to fold in a deployment."""

    def __init__(self, log: Log) -> None:
        self.redis = log.redis
        self.log = log
        self._behind = log.redis.register_script(files("shared.storage").joinpath("behind.lua").read_text())

    async def slices(self, partition: int) -> AsyncIterator[list[str]]:
        """A partition's contests, at most `SLICE` at a time; one may come twice while others come in."""
        key, cursor = PartitionKeys(partition).contests, 0
        while True:
            cursor, names = await cast(Any, self.redis.sscan(key, cursor, count=SLICE))
            for first in range(0, len(names), SLICE):
                yield contest_names(names[first : first + SLICE])
            if not cursor:
                return

    async def unfolded(self, contests: Sequence[str]) -> list[Unfolded]:
        """Those of these contests, of one partition, whose projection does not stand where their log does."""
        if not contests:
            return []
        keys = self._keys(contests)
        generations = await self._generations(keys)
        names = [
            name
            for names_of, generation in zip(keys, generations, strict=True)
            for name in (names_of.log, names_of.ledger(generation))
        ]
        behind = cast(list[list[int]], await self._behind(names, []))
        return [Unfolded(contests[place], recorded, folded) for place, recorded, folded in behind]

    async def generations(self, contests: Sequence[str]) -> list[int]:
        """The generation of each of these contests, of one partition, that answers."""
        return await self._generations(self._keys(contests))

    async def _generations(self, keys: Sequence[ContestKeys]) -> list[int]:
        stored = await self.redis.mget([each.generation for each in keys])
        return [int(each) if each and each.isdigit() else 1 for each in cast(list[bytes | None], stored)]

    def _keys(self, contests: Sequence[str]) -> list[ContestKeys]:
        shared = self.log.keys(contests[0]).partition
        return [shared.contest(contest) for contest in contests]

    async def wakes(self, partition: int) -> Wakes:
        """The wakes that are waiting or with a scorer, read in pieces."""
        wake = PartitionKeys(partition).wake
        delivered = await self._delivered(wake)
        held = await self._held(wake) if delivered is not None else frozenset()
        contests: set[str] = set()
        passed_over: list[bytes] = []
        after = b"-"
        while entries := cast(list[Entry], await self.redis.xrange(wake, after, count=_WAKES_AT_ONCE)):
            for entry_id, fields in entries:
                if delivered is None or order_of(entry_id) > delivered or entry_id in held:
                    contests.add(fields.get(b"contest", b"").decode(errors="replace"))
                else:
                    passed_over.append(entry_id)
            after = b"(" + entries[-1][0]
        return Wakes(frozenset(contests), tuple(passed_over))

    async def _delivered(self, wake: str) -> tuple[int, int] | None:
        """Up to which entry the scorers' group was given wakes; None if there is no such group."""
        try:
            groups = cast(Any, await self.redis.xinfo_groups(wake))
        except ResponseError:
            return None
        delivered = [
            order_of(group["last-delivered-id"]) for group in groups if group["name"] == SCORERS.encode()
        ]
        return delivered[0] if delivered else None

    async def _held(self, wake: str) -> frozenset[bytes]:
        """The entries that were given to a scorer and are not done."""
        held: set[bytes] = set()
        after = "-"
        while True:
            try:
                pending = cast(
                    Any, await self.redis.xpending_range(wake, SCORERS, after, "+", _WAKES_AT_ONCE)
                )
            except ResponseError:  # the group went meanwhile
                return frozenset(held)
            if not pending:
                return frozenset(held)
            held |= {entry["message_id"] for entry in pending}
            after = f"({pending[-1]['message_id'].decode()}"


async def all_unfolded(backlog: Backlog, most: int) -> list[tuple[Unfolded, bool]]:
    """Contests with events to fold and whether a wake is out for them, at most so many."""
    unfolded: list[tuple[Unfolded, bool]] = []
    for partition in range(backlog.log.partitions):
        behind: dict[str, Unfolded] = {}
        async for contests in backlog.slices(partition):
            behind |= {contest.contest: contest for contest in await backlog.unfolded(contests)}
            if len(unfolded) + len(behind) >= most:
                break
            await asyncio.sleep(0)
        woken = (await backlog.wakes(partition)).contests if behind else frozenset()
        unfolded += [(contest, contest.contest in woken) for contest in behind.values()]
        if len(unfolded) >= most:
            break
    return sorted(unfolded[:most])
