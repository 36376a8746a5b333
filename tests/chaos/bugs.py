"""Bugs that are built into the services for a test: the checker must find each of them.

Each takes one step out of the services, or doubles it, as a careless change could. Where a service would mend what
happened by itself after a while (a round finds a wake that was lost), a run is over before that.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import count
from typing import Any

from redis.commands.core import AsyncScript

from services.api.live.contests import Contests
from services.api.live.hub import Change
from services.api.subscriptions.event_stream import EventStream, SentPiece
from services.scorer.folder import Folder
from shared.domain.book import Book, Folded
from shared.domain.events import Recorded
from shared.domain.times import Instant
from shared.projection.projections import Committed, Projections
from shared.storage.log import Appended, ContestMoved, Log, NewEvent
from shared.storage.redis_keys import SCORERS

# Now and then: of so many, one.
_EVERY = 5


def _acknowledged_before_the_write() -> None:
    """An answer says that a command is recorded while it is not yet."""
    append = Log.append
    writing: set[asyncio.Task[Any]] = set()

    async def early(
        log: Log, contest: str, expected: int, events: list[NewEvent], follows: str = ""
    ) -> Appended:
        if await log.version(contest) != expected:
            raise ContestMoved

        async def later() -> None:
            await asyncio.sleep(0.05)
            await append(log, contest, expected, events, follows)

        task = asyncio.create_task(later())
        writing.add(task)
        task.add_done_callback(writing.discard)
        return Appended(expected + len(events), Instant(time.time_ns() // 1000))

    Log.append = early  # type: ignore[method-assign,assignment]


def _committed_without_the_guard() -> None:
    """A scorer that was slower than another one commits what it folded all the same."""
    guard = "if moved() then return {'moved', stands(ledger)} end"
    _alter_script(Projections, "_commit", guard, "began = stands(ledger)")


def _emptied_log_still_served() -> None:
    """The API goes on with what it holds, whatever became of the storage."""

    async def nothing_differs(_: Contests) -> list[str]:
        return []

    Contests._differing = nothing_differs  # type: ignore[method-assign,assignment]


def _wake_lost() -> None:
    """An event is recorded, and no scorer is woken though it is noted that one is awake."""
    wake = "redis.call('XADD', wake, '*', 'contest', contest)"
    _alter_script(Log, "_append", wake, f"if version % {_EVERY} > 0 then {wake} end")


def _total_altered() -> None:
    """A count of the totals is one too high now and then."""
    fold = Book.fold

    def altered(book: Book, recorded: Recorded) -> Folded:
        folded = fold(book, recorded)
        if recorded.version % _EVERY:
            return folded
        totals = {cell: (number + 1, members) for cell, (number, members) in folded.totals.items()}
        return folded._replace(totals=totals)

    Book.fold = altered  # type: ignore[method-assign,assignment]


def _wake_skipped() -> None:
    """A scorer acknowledges a wake now and then and folds nothing."""
    turn, turns = Folder.turn, count(1)

    async def skipping(folder: Folder, contest: str, delivered: str = "") -> Committed:
        if next(turns) % _EVERY:
            return await turn(folder, contest, delivered)
        await _acknowledge(folder, contest, delivered)
        version = await folder.events.version(contest)
        return Committed(version, version)

    Folder.turn = skipping  # type: ignore[method-assign,assignment]


def _change_trimmed() -> None:
    """The changes stream is cut by its length, and not by the age of what is in it."""
    _alter_script(
        Projections,
        "_commit",
        "redis.call('XTRIM', changes, 'MINID', '~', oldest)",
        "redis.call('XTRIM', changes, 'MAXLEN', 10)",
    )


def _acknowledged_before_the_commit() -> None:
    """A scorer acknowledges a wake when it begins; here the first one dies in the middle of a fold."""
    turn, turns = Folder.turn, count(1)

    async def hasty(folder: Folder, contest: str, delivered: str = "") -> Committed:
        await _acknowledge(folder, contest, delivered)
        if os.environ["CHAOS_SEED"].partition("scorer/0")[1] and next(turns) == _EVERY:
            os.kill(os.getpid(), signal.SIGKILL)
        return await turn(folder, contest, delivered)

    Folder.turn = hasty  # type: ignore[method-assign,assignment]


def _stale_index() -> None:
    """The API does not follow the ledger of a contest once it has it in memory."""

    async def not_brought(_: Contests, __: object) -> None:
        pass

    Contests._bring = not_brought  # type: ignore[method-assign,assignment]
    Contests.refresh = not_brought  # type: ignore[method-assign,assignment]


def _delivered_twice() -> None:
    """A subscriber is told a change twice now and then."""
    told, calls = EventStream._told, count(1)

    def twice(stream: EventStream, changes: list[Change]) -> Iterator[SentPiece]:
        return told(stream, changes if next(calls) % _EVERY else [*changes, *changes[-1:]])

    EventStream._told = twice  # type: ignore[method-assign,assignment]


BUGS: dict[str, Callable[[], None]] = {
    "acknowledged before the write": _acknowledged_before_the_write,
    "committed without the guard": _committed_without_the_guard,
    "an emptied log that is still served": _emptied_log_still_served,
    "a wake that is lost": _wake_lost,
    "a total that was altered": _total_altered,
    "a wake that is skipped": _wake_skipped,
    "a change that was trimmed": _change_trimmed,
    "acknowledged before the commit": _acknowledged_before_the_commit,
    "a stale index": _stale_index,
    "a change that is delivered twice": _delivered_twice,
}


async def _acknowledge(folder: Folder, contest: str, delivered: str) -> None:
    wake = folder.events.keys(contest).partition.wake
    await folder.events.redis.xack(wake, SCORERS, delivered)
    await folder.events.redis.xdel(wake, delivered)


def _alter_script(owner: type, name: str, was: str, becomes: str) -> None:
    """Replaces a part of a Lua script that an object registers when it is made."""
    begin = owner.__init__  # type: ignore[misc]

    @wraps(begin)
    def altered(self: Any, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        script: AsyncScript = getattr(self, name)
        assert isinstance(script.script, str)
        assert was in script.script
        setattr(self, name, self.redis.register_script(script.script.replace(was, becomes)))

    owner.__init__ = altered  # type: ignore[misc]
