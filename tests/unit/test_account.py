"""One account of the bytes that the API holds: sizes are honest, and what can be made again gives way first."""

import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from services.api.engine.boards import Board
from services.api.engine.index import Index, LedgerEntry
from services.api.live.account import Account
from shared.domain.contest import Candidate, Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Endorser, Version
from shared.domain.policy_texts import made_up
from shared.domain.postings import Posting
from shared.domain.times import Instant
from shared.runtime.kept import Kept
from shared.storage.codec import decode_contest, encode_state

NOW = 1_700_000_000_000_000


class Counted:
    nbytes = 0


@contextmanager
def allocated() -> Iterator[Counted]:
    """The bytes that were allocated within the block and are still held."""
    found = Counted()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield found
    found.nbytes = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()


def contest(number: int) -> bytes:
    """As stored, with so many candidates."""
    names = [f"candidate-{n}-of-a-race" for n in range(number)]
    candidates = {name: Candidate(name, name.title(), "a party", "2020-01-01") for name in names}
    return encode_state(Contest("a-race", "A race", "UTC", "server", "2020-01-01", candidates))


def candidates_one_by_one(index: Index) -> None:
    for version in range(1, 201):
        index.append(LedgerEntry(Version(version), Instant(NOW), (), contest(version), None))


def endorsements(index: Index, number: int, announced_at: str, categories: int) -> None:
    index.append(LedgerEntry(Version(1), Instant(NOW), (), contest(5), None))
    totals: dict[tuple[str, str], int] = {}
    for version in range(2, number + 2):
        cell = f"candidate-{version % 5}-of-a-race", f"category-{version % categories}"
        totals[cell] = totals.get(cell, 0) + 1
        state = Endorsement(
            f"e{version}", Endorser(f"p{version}", "P"), *cell, 0, announced_at, None, False, version, version
        )
        posting = Posting(Instant(NOW - version), *cell, 1, 0)
        index.append(
            LedgerEntry(
                Version(version),
                Instant(NOW + version),
                ((posting, (totals[cell], 0)),),
                None,
                encode_state(state),
            )
        )


SHAPES: dict[str, Callable[[Index], None]] = {
    "one version": lambda index: index.append(LedgerEntry(Version(1), Instant(NOW), (), contest(2), None)),
    "candidates one by one": candidates_one_by_one,
    "certain": lambda index: endorsements(index, 5000, "2020-06-01", 3),
    "uncertain": lambda index: endorsements(index, 5000, "2020-06", 3),
    "cells": lambda index: endorsements(index, 5000, "2020-06-01", 5000),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_index_knows_how_much_it_holds(shape: str) -> None:
    SHAPES[shape](Index("a-race", 1))  # what is made once for all is made
    with allocated() as found:
        index = Index("a-race", 1)
        SHAPES[shape](index)
        if index.due:
            index.settle()
            index.seal()
    assert 0.8 < index.nbytes / found.nbytes < 2


@pytest.mark.parametrize("weights", ["governor:10", ",".join(f"c{n}:{n}.5" for n in range(180))])
@pytest.mark.parametrize("categories", [1, 400])
def test_a_board_knows_how_much_it_holds(weights: str, categories: int) -> None:
    index = Index("a-race", 1)
    endorsements(index, 1000, "2020-06-01", categories)
    with allocated() as found:
        boards = [
            Board(decode_contest(contest(20)), index, made_up(f"{weights},default:{n}")) for n in range(20)
        ]
        for one in boards:
            one.policy.worth("governor")

    assert 0.8 < sum(one.nbytes for one in boards) / found.nbytes < 2


def shelves(account: Account, *shares: float) -> list[Kept[int, str]]:
    return [account.kept(share) for share in shares]


def test_what_was_unused_longest_gives_way() -> None:
    (shelf,) = shelves(Account(10_000), 0.5)
    for key in range(5):
        shelf.put(key, "x", 1000)
    assert shelf.get(0) is None
    assert shelf.get(1) == "x"
    shelf.put(5, "x", 1000)
    assert [key for key in range(6) if shelf.get(key)] == [1, 3, 4, 5]


def test_a_value_that_is_put_again_counts_once_and_one_beyond_the_share_is_not_kept() -> None:
    (shelf,) = shelves(Account(10_000), 0.5)
    for _ in range(9):
        shelf.put(1, "x", 1000)
    assert (len(shelf), shelf.nbytes) == (1, 1250)
    shelf.put(2, "x", 4751)
    assert (len(shelf), shelf.nbytes) == (1, 1250)
    shelf.put(2, "x", 4750)
    assert (len(shelf), shelf.nbytes) == (1, 5000)


def test_what_can_be_made_again_gives_way_to_indexes_in_the_order_of_the_account() -> None:
    account = Account(10_000)
    first, second = shelves(account, 0.25, 0.25)
    for shelf in (first, second):
        for key in range(4):
            shelf.put(key, "x", 250)
    assert account.nbytes == 4000
    account.indexes = 7000
    account.make_room()
    assert (len(first), len(second)) == (2, 4)
    account.indexes = 9000
    account.make_room()
    assert (len(first), len(second)) == (0, 2)
    account.indexes = 20_000
    account.make_room()
    assert account.nbytes == 20_000
    second.put(1, "x", 1)
    assert second.get(1) is None


def test_what_is_larger_than_all_may_be_is_not_kept_and_pushes_nothing_out() -> None:
    kept: Kept[int, str] = Kept(10_000)
    for key in (1, 2):
        kept.put(key, "small", 1000)

    kept.put(3, "large", 9751)
    assert [kept.get(key) for key in (1, 2, 3)] == ["small", "small", None]

    kept.put(2, "large", 9751)
    assert [kept.get(key) for key in (1, 2)] == ["small", None], "what it was before is not it any more"
    assert (len(kept), kept.nbytes) == (1, 1250)

    kept.put(4, "all", 9750)
    assert (len(kept), kept.nbytes, kept.get(4)) == (1, 10_000, "all")


def test_many_threads_keep_and_find_and_the_count_is_right() -> None:
    kept: Kept[int, int] = Kept(10_000)

    def work(seed: int) -> None:
        for step in range(3000):
            key = (step * seed) % 17
            assert kept.get(key) in (None, key)
            kept.put(key, key, 1000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, (3, 5, 7, 11)))

    assert (len(kept), kept.nbytes) == (8, 8 * 1250)
