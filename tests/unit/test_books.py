"""What ingest keeps in mind of contests is bounded, of all of them together too, and what is in use stays."""

import asyncio

import pytest

from services.ingest import books
from services.ingest.books import Books
from shared.domain.book import Book


def hold(kept: Books, contest: str, endorsements: int) -> None:
    """A use of the contest, behind which its book holds so many endorsements."""
    one = kept.of(contest)
    one.book = Book(endorsements={f"e{number}": None for number in range(endorsements)})
    kept.count(contest, one)


def holds(kept: Books, contest: str) -> bool:
    """Whether its book is there still; this counts as a use."""
    return kept.of(contest).book is not None


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MOST_IN_ALL", 10)
    monkeypatch.setattr(books, "MOST_CONTESTS", 4)


def test_as_many_as_may_be_are_kept_and_with_one_more_what_was_unused_longest_goes() -> None:
    kept = Books()
    hold(kept, "a", 5)
    hold(kept, "b", 5)
    assert (kept.endorsements, len(kept)) == (10, 2)

    hold(kept, "a", 6)

    assert kept.endorsements == 6
    assert holds(kept, "a")
    assert not holds(kept, "b")


def test_so_many_go_as_have_to() -> None:
    kept = Books()
    for contest, endorsements in (("a", 3), ("b", 3), ("c", 3), ("d", 7)):
        hold(kept, contest, endorsements)

    assert kept.endorsements == 10
    assert [contest for contest in ("c", "d") if holds(kept, contest)] == ["c", "d"]


def test_contests_are_bounded_by_number_too() -> None:
    kept = Books()
    for number in range(20):
        hold(kept, f"c{number}", 1)

    assert (len(kept), kept.endorsements) == (4, 4)


def test_what_is_in_use_stays_and_the_next_goes_instead() -> None:
    async def use() -> None:
        kept = Books()
        hold(kept, "a", 4)
        hold(kept, "b", 4)
        async with kept.of("a").lock:
            hold(kept, "b", 4)
            hold(kept, "c", 4)
            assert kept.endorsements == 8
            assert holds(kept, "a")
            assert not holds(kept, "b")

    asyncio.run(use())


def test_what_a_book_no_longer_holds_is_not_counted() -> None:
    kept = Books()
    hold(kept, "a", 9)
    one = kept.of("a")
    one.book = None
    kept.count("a", one)
    assert kept.endorsements == 0


def test_what_was_dropped_while_somebody_waited_for_it_is_not_counted_again() -> None:
    kept = Books()
    waiting = kept.of("a")
    hold(kept, "b", 10)
    hold(kept, "c", 10)
    waiting.book = Book(endorsements={"e": None})

    kept.count("a", waiting)

    assert kept.endorsements == 10


def test_one_alone_stays_however_much_it_holds() -> None:
    kept = Books()
    hold(kept, "a", 50)
    assert holds(kept, "a")
