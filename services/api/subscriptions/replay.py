"""Changes made again from log and ledger, however long ago.

Scores are told under today's policies. So the bytes are those that were published as long as the deployment's policies
are the same; where those changed, every change is told under the new ones, and they follow from each other.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from services.api.engine.index import Index
from services.api.live.contests import Contests
from services.api.live.hub import Change
from services.api.live.ledgers import ledger_entry
from shared.changes.cloud_event import Effect, cloud_event
from shared.domain.book import Cell, Totals
from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Version
from shared.domain.policies import Policy
from shared.domain.scoreboard import Scoreboard
from shared.storage.codec import decode_contest, decode_endorsement, decode_entry
from shared.storage.streams import Entry

_SIDE_BY_SIDE = 16


class Past:
    """Makes changes again. Scores are told under the `policies`, as the scorers do."""

    def __init__(self, contests: Contests, policies: Sequence[Policy]) -> None:
        self._contests = contests
        self._policies = policies
        # What is read from the log to make a few changes may be much.
        self._turn = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._making = asyncio.Lock()

    async def changes(self, index: Index, first: int, count: int) -> list[Change]:
        """The changes of versions from `first` on, at most `count` and up to where the index stands."""
        async with self._turn:
            return await self._changes(index, first, count)

    async def _changes(self, index: Index, first: int, count: int) -> list[Change]:
        versions = range(first, min(first + count, index.version + 1))
        if not versions:
            return []
        contest = index.contest_id
        events = await self._contests.ledgers.logged(index, versions)
        ledger = await self._contests.folded(index, versions)
        before = index.contest(Version(first - 1)) if first > 1 else None
        totals = _totals(index, Version(first - 1))
        histories = [index.history_at(Version(version)) for version in range(first - 1, versions.stop)]
        # One at a time in a thread: of hundreds of candidates who stand level, a change takes a tenth of a second.
        async with self._making:
            return await asyncio.to_thread(
                _made, self._policies, contest, before, totals, events, ledger, histories
            )


def _made(
    policies: Sequence[Policy],
    contest: str,
    before: Contest | None,
    totals: dict[Cell, Totals],
    events: Sequence[Entry],
    ledger: Sequence[Entry],
    histories: Sequence[str],
) -> list[Change]:
    """The changes of these entries of log and ledger, which follow where the contest and its totals stood before.

    `histories` are those before each of them, and after the last one.
    """
    scoreboard = Scoreboard(policies, before.candidates if before else (), totals)
    zone = before.timezone if before else ""
    made: list[Change] = []
    for event, entry, (follows, history) in zip(events, ledger, pairwise(histories), strict=True):
        folded = ledger_entry(*entry)
        subject = _subject(folded.contest, folded.endorsement)
        if isinstance(subject, Contest):
            zone = subject.timezone
            scoreboard.enter(subject.candidates)
        postings = tuple(posting for posting, _ in folded.postings)
        effect = Effect(decode_entry(*event), subject, postings, scoreboard.move(postings))
        told = cloud_event(contest, zone, effect)
        made.append(Change(contest, folded.version, told, history=history, follows=follows))
    return made


def _totals(index: Index, version: Version) -> dict[Cell, Totals]:
    """Everything that was known at a version, whatever its valid time."""
    if not version:
        return {}
    sums: list[int] = index.sums.all_time(version).tolist()
    return {
        cell: (sums[2 * number], sums[2 * number + 1])
        for number, cell in enumerate(index.cells.names)
        if 2 * number + 1 < len(sums)
    }


def _subject(contest: bytes | None, endorsement: bytes | None) -> Contest | Endorsement:
    return decode_contest(contest) if contest is not None else decode_endorsement(endorsement or b"")
