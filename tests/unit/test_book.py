"""What the fold refuses to follow, and what it asks to be loaded."""

from dataclasses import replace

import pytest

from shared.domain.book import Book, NotLoaded, first_needs
from shared.domain.events import Endorser, Recorded, Version
from shared.domain.times import Instant
from tests.builders import (
    NOW,
    Everything,
    announced,
    correction,
    endorsement,
    entered,
    numbered,
    opened,
    retracted,
)


def test_known_time_may_stand_still_and_never_goes_back() -> None:
    book = Everything()
    book.take(Recorded(Version(1), "a", Instant(NOW), opened()))
    book.take(Recorded(Version(2), "b", Instant(NOW), entered()))

    with pytest.raises(ValueError, match="version 3 became known before the one it follows"):
        book.take(Recorded(Version(3), "c", Instant(NOW - 1), entered("bob")))

    assert (book.version, book.known_at) == (2, NOW)
    book.take(Recorded(Version(3), "c", Instant(NOW + 1), entered("bob")))
    assert book.known_at == NOW + 1


@pytest.mark.parametrize("version", [0, 1, 3])
def test_versions_follow_each_other_without_a_gap(version: int) -> None:
    book = Everything()
    book.take(Recorded(Version(1), "a", Instant(NOW), opened()))

    with pytest.raises(ValueError, match=f"version {version} follows version 1"):
        book.take(Recorded(Version(version), "b", Instant(NOW), entered()))


def test_a_contest_is_there_once_it_was_opened() -> None:
    with pytest.raises(ValueError, match="does not open it"):
        Book().opened()


def test_a_pair_has_the_endorsements_of_this_endorser_for_this_candidate_that_were_not_struck() -> None:
    stands, other = endorsement(), endorsement(id="o", endorser=Endorser("joe", "Joe"))
    elsewhere = endorsement(id="b", candidate="bob")
    was_struck = endorsement(id="s", struck=True)
    listed = (stands, other, elsewhere, was_struck)
    book = Book(
        endorsements={one.id: one for one in listed} | {"n": None},
        pairs={("jane", "ann"): (*(one.id for one in listed), "n")},
    )

    assert book.of_pair("jane", "ann") == [stands]


def test_what_is_not_loaded_is_named_and_nothing_is_changed() -> None:
    book = Everything()
    for one in numbered(opened(), entered(), announced()):
        book.take(one)
    empty = replace(Book(), version=Version(3), known_at=book.known_at, contest=book.contest)

    for event, endorsements, pairs in (
        (retracted(), ("e",), ()),
        (announced("n"), ("n",), ()),
    ):
        with pytest.raises(NotLoaded) as needs:
            empty.fold(Recorded(Version(4), "x", Instant(NOW + 4), event))
        assert (needs.value.endorsements, needs.value.pairs) == (endorsements, pairs)
    empty.endorsements["n"] = None
    with pytest.raises(NotLoaded) as needs:
        empty.fold(Recorded(Version(4), "x", Instant(NOW + 4), announced("n")))
    assert (needs.value.endorsements, needs.value.pairs) == ((), (("jane", "ann"),))
    assert (empty.version, empty.totals, empty.pairs) == (3, {}, {})


@pytest.mark.parametrize(
    ("endorsements", "pairs", "lacks"),
    [
        ([], [], False),
        (["e"], [("jane", "ann")], False),
        (["e", "none"], [], False),
        (["e", "n"], [("jane", "ann")], True),
        (["e"], [("jane", "ann"), ("jane", "bob")], True),
    ],
)
def test_a_book_lacks_what_was_not_loaded(
    endorsements: list[str], pairs: list[tuple[str, str]], lacks: bool
) -> None:
    book = Book(endorsements={"e": endorsement(), "none": None}, pairs={("jane", "ann"): ("e",)})

    assert book.lacks(NotLoaded(endorsements, pairs)) == lacks


def test_what_events_need_at_least_is_named_once_and_in_their_order() -> None:
    needs = first_needs(
        [
            opened(),
            entered(),
            announced("b"),
            announced("a", candidate="bob"),
            retracted("b"),
            correction("c"),
        ]
    )

    assert str(needs) == "not loaded"
    assert needs.endorsements == ("b", "a", "c")
    assert needs.pairs == (("jane", "ann"), ("jane", "bob"))
