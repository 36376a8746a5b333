"""What the contests in memory hold is counted as each comes, moves on and goes, and not all of it each time."""

import asyncio
from typing import Any

from services.api.live.account import Account
from services.api.live.contests import Contests
from shared.domain.errors import UnreadableEvent

NBYTES = 1000


class Counting:
    """An index that counts how often its size is asked for."""

    asked = 0

    def __init__(self, contest: str) -> None:
        self.contest_id, self.version, self.generation = contest, 1, 1

    @property
    def nbytes(self) -> int:
        Counting.asked += 1
        return NBYTES


class Loading:
    """Ledgers of contests that are all alike."""

    async def load(self, contest: str) -> Any:
        return Counting(contest)


def loaded(number: int, most_bytes: int) -> Contests:
    """So many contests, asked for one after the other."""
    anything: Any = None
    found = Contests(anything, anything, Account(most_bytes), anything)
    ledgers: Any = Loading()
    found.ledgers = ledgers

    async def ask() -> None:
        for contest in range(number):
            await found.at(f"c{contest}", 0, 0)

    Counting.asked = 0
    asyncio.run(ask())
    return found


def test_a_contest_that_is_loaded_does_not_make_the_others_be_counted_again() -> None:
    found = loaded(500, 500 * NBYTES)

    assert found.account.indexes == 500 * NBYTES
    assert Counting.asked == 500


def test_as_many_are_held_as_there_is_room_for_and_the_one_unused_longest_goes() -> None:
    found = loaded(6, 5 * NBYTES)

    assert found.account.indexes == 5 * NBYTES
    assert found.held("c0") is None
    assert found.held("c1") is not None


def test_a_contest_that_cannot_be_read_is_not_counted_any_more() -> None:
    async def unreadable() -> None:
        raise UnreadableEvent("damaged")

    found = loaded(3, 5 * NBYTES)
    asyncio.run(found._or_drop("c1", unreadable()))

    assert found.held("c1") is None
    assert found.account.indexes == 2 * NBYTES
