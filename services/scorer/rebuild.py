"""Rebuilding a projection from the log: a new generation beside the old one, compared with it before it takes over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final, NamedTuple, cast
from uuid import uuid4

import orjson

from services.scorer.comparison import Comparison, Posted, compare
from services.scorer.folder import Fold
from shared.domain.book import FOLD
from shared.domain.errors import UnreadableEvent
from shared.domain.events import Version
from shared.domain.postings import Posting
from shared.domain.times import format_instant
from shared.projection.projections import Projections
from shared.runtime.tasks import end
from shared.storage.damage import named
from shared.storage.log import Log
from shared.storage.redis_keys import ContestKeys
from shared.storage.streams import version_of

_CHUNK = 5000
# For so long the generation before stays: an API reads from it until it has loaded the new one.
KEPT_SECONDS: Final = 300
# For so long a rebuild that shows no sign of life counts as one that goes on.
_ALIVE_SECONDS = 30


class BeingRebuilt(Exception):
    """Another process is rebuilding this contest."""


class _Building(NamedTuple):
    """A rebuild under way. Whoever has the `lease` under the key `building` builds the generation `after`."""

    contest: str
    before: int
    after: int
    keys: ContestKeys
    lease: str


class Rebuilt(NamedTuple):
    """A new generation, and how it compares with the one before up to a version; why no further, if it cannot."""

    contest: str
    before: int
    after: int
    version: int
    comparison: Comparison
    unreadable: str = ""

    def certificate(self, made_at: int) -> dict[str, Any]:
        """What is kept of it."""
        comparison = self.comparison
        return {
            "contest": self.contest,
            "made_at": format_instant(made_at),
            "from_generation": self.before,
            "to_generation": self.after,
            "fold": FOLD,
            "up_to_version": self.version,
            "unreadable": self.unreadable or None,
            "valid_ats": [format_instant(each) for each in comparison.valid_ats],
            "versions": comparison.versions,
            "moments": comparison.moments,
            "moments_that_differ": comparison.differing,
            "differences": [
                {
                    "valid_at": format_instant(each.valid_at),
                    "version": each.version,
                    "candidate": each.cell[0],
                    "category": each.cell[1],
                    "before": {"count": each.before[0], "members": each.before[1]},
                    "after": {"count": each.after[0], "members": each.after[1]},
                }
                for each in comparison.differences
            ],
        }


class Rebuild:
    """Rebuilds contests. `now` is the present instant, for the certificate."""

    def __init__(self, log: Log, projections: Projections, now: int) -> None:
        self.log = log
        self.projections = projections
        self.now = now
        self._take_over, self._give_up = (
            log.redis.register_script(files("services.scorer").joinpath(f"{name}.lua").read_text())
            for name in ("take_over", "give_up")
        )

    async def take_over(self, contest: str) -> Rebuilt:
        """Builds the next generation and lets it take over. The old one answers until then, and stays for five minutes.

        Raises `BeingRebuilt`, and `Unfoldable`: then everything stays as it was.
        """
        async with self._building(contest) as (building, built):
            keys = building.keys
            shared = keys.partition
            names = [keys.generation, keys.ledger(built.before), keys.state(built.before)]
            names += [keys.ledger(built.after), keys.certificates, keys.building]
            names += [shared.parked, keys.log, shared.awake, shared.wake]
            certificate = orjson.dumps(built.certificate(self.now))
            arguments: list[Any] = [built.before, built.after, certificate, contest, KEPT_SECONDS]
            arguments += [format_instant(self.now), building.lease]
            while not (taken_over := await cast(Any, self._take_over(names, arguments))):
                await self._fold(contest, built.after)
            if taken_over < 0:
                raise BeingRebuilt(
                    f"the rebuild of contest {contest!r} stood still, and another may have gone on: rebuild again"
                )
            return built

    async def dry_run(self, contest: str) -> Rebuilt:
        """Builds the next generation, compares, and removes it. Raises as `take_over` does."""
        async with self._building(contest) as (_, built):
            return built

    @asynccontextmanager
    async def _building(self, contest: str) -> AsyncIterator[tuple[_Building, Rebuilt]]:
        """The next generation, folded to the log's end and compared; removed at the end unless it took over."""
        building = await self._begun(contest)
        living = asyncio.create_task(self._stay_alive(building))
        try:
            await remove(self.log, contest, building.after)
            await self._fold(contest, building.after)
            yield building, await self._compared(contest, building.before, building.after)
        finally:
            await end(living)
            await self._end(building)

    async def _begun(self, contest: str) -> _Building:
        """A rebuild with its lease. Raises `BeingRebuilt`."""
        keys, lease = self.log.keys(contest), uuid4().hex
        if not await self.log.redis.set(keys.building, lease, nx=True, ex=_ALIVE_SECONDS):
            raise BeingRebuilt(
                f"contest {contest!r} is being rebuilt by another process, or was until just now"
            )
        # Behind the lease: from now on no other rebuild takes over.
        before = await self.projections.generation(contest)
        return _Building(contest, before, before + 1, keys, lease)

    async def _stay_alive(self, building: _Building) -> None:
        redis, key = self.log.redis, building.keys.building
        while True:
            await asyncio.sleep(_ALIVE_SECONDS / 3)
            if await redis.get(key) == building.lease.encode():
                await redis.expire(key, _ALIVE_SECONDS)

    async def _end(self, building: _Building) -> None:
        keys, after = building.keys, building.after
        names = [keys.building, keys.generation, keys.ledger(after), keys.state(after)]
        await cast(Any, self._give_up(names, [building.lease, after]))

    async def _fold(self, contest: str, generation: int) -> None:
        await Fold(self.log, self.projections, contest, generation, oldest_change=lambda: "").to_the_end()

    async def _compared(self, contest: str, before: int, after: int) -> Rebuilt:
        """Up to the version that both have."""
        upto = await self.projections.version(contest, after)
        old = await self._posted(contest, before, upto)
        new = await self._posted(contest, after, old.version)
        comparison = await asyncio.to_thread(compare, old.postings, new.postings, new.version)
        return Rebuilt(contest, before, after, new.version, comparison, old.unreadable)

    async def _posted(self, contest: str, generation: int, upto: int) -> "_Posted":
        """What a ledger posted up to a version, or to where it can be read: the one that is replaced may be damaged."""
        posted: list[Posted] = []
        version = 0
        try:
            while version < upto:
                with named(contest):
                    entries = await self.log.entries(contest, version, _CHUNK, generation)
                if not entries:
                    break
                for entry_id, fields in entries[: upto - version]:
                    postings = [Posting(*row[:5]) for row in _posted_by(entry_id, fields, version + 1)]
                    version += 1
                    posted += [(version, posting) for posting in postings]
        except (ValueError, KeyError, TypeError, UnreadableEvent) as error:
            return _Posted(posted, Version(version), f"after version {version}: {error!s:.200}")
        return _Posted(posted, Version(version), "")


class _Posted(NamedTuple):
    """What a ledger posted up to a version, and why it cannot be read further, if it cannot."""

    postings: list[Posted]
    version: Version
    unreadable: str


def _posted_by(entry_id: bytes, fields: dict[bytes, bytes], expected: int) -> list[Any]:
    """The postings of a ledger's entry. Raises `ValueError` and `KeyError`."""
    if version_of(entry_id) != expected:
        raise ValueError(f"version {version_of(entry_id)} is where version {expected} should be")
    postings: list[Any] = orjson.loads(fields[b"postings"])
    if not all(
        isinstance(posting, list) and list(map(type, posting[:5])) == _POSTING for posting in postings
    ):
        raise ValueError("its postings are not of their form")
    return postings


_POSTING = [int, str, str, int, int]


async def remove(log: Log, contest: str, generation: int) -> None:
    """Removes a generation that does not answer."""
    keys = log.keys(contest)
    await log.redis.unlink(keys.ledger(generation), keys.state(generation))


async def remove_abandoned(log: Log, projections: Projections, contest: str) -> bool:
    """Removes what a rebuild left behind that was killed; whether there was anything."""
    keys = log.keys(contest)
    after = await projections.generation(contest) + 1
    if await log.redis.exists(keys.building) or not await log.redis.exists(keys.ledger(after)):
        return False
    await remove(log, contest, after)
    return True
