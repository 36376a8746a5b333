"""Which endorsements a contest has at a moment, by a table of states that can be read at a glance."""

import pytest

from services.api.engine.states import NEVER, Filter, State, States, digest, versions
from shared.domain.events import Version
from shared.domain.times import Instant

GOVERNOR, MAYOR = 0, 1


def state(version: int, first: int, cell: int, begins: int, ends: int, who: str) -> State:
    return State(Version(version), Version(first), cell, begins, ends, digest(f"e{first}"), digest(who))


# ann endorses at 10; bob at 20 until 40; ann's is corrected to a mayor's from 15 on; carl's is struck; bob comes again.
STATES = (
    state(1, 1, GOVERNOR, 10, NEVER, "ann"),
    state(2, 2, GOVERNOR, 20, 40, "bob"),
    state(3, 3, MAYOR, 30, NEVER, "carl"),
    state(4, 1, MAYOR, 15, NEVER, "ann"),
    state(5, 3, MAYOR, NEVER, NEVER, "carl"),
    state(6, 6, MAYOR, 50, NEVER, "bob"),
)
EVERY = Filter(in_force=False)


@pytest.fixture
def states() -> States:
    filled = States()
    for each in STATES:
        filled.append(each)
    return filled


def chosen(
    states: States, version: int, at: int, wanted: Filter = EVERY, after: int = 0, limit: int = 10
) -> list[tuple[int, int]]:
    return versions(states.table(), Version(version), Instant(at), wanted, after, limit)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (0, []),
        (1, [(1, 1)]),
        (3, [(1, 1), (2, 2), (3, 3)]),
        (4, [(1, 4), (2, 2), (3, 3)]),
        (5, [(1, 4), (2, 2)]),
        (6, [(1, 4), (2, 2), (6, 6)]),
    ],
)
def test_each_endorsement_has_the_state_that_its_last_event_gave_it_and_none_once_it_is_struck(
    states: States, version: int, expected: list[tuple[int, int]]
) -> None:
    assert chosen(states, version, 0) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (14, []),
        (15, [(1, 4)]),
        (19, [(1, 4)]),
        (20, [(1, 4), (2, 2)]),
        (39, [(1, 4), (2, 2)]),
        (40, [(1, 4)]),
        (50, [(1, 4), (6, 6)]),
    ],
)
def test_one_is_in_force_from_its_beginning_until_just_before_its_end(
    states: States, at: int, expected: list[tuple[int, int]]
) -> None:
    assert chosen(states, 6, at, Filter()) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(frozenset({GOVERNOR}), in_force=False), [(2, 2)]),
        (Filter(frozenset({MAYOR}), in_force=False), [(1, 4), (6, 6)]),
        (Filter(frozenset({GOVERNOR, MAYOR}), in_force=False), [(1, 4), (2, 2), (6, 6)]),
        (Filter(frozenset(), in_force=False), []),
        (Filter(endorser="bob", in_force=False), [(2, 2), (6, 6)]),
        (Filter(endorser="zoe", in_force=False), []),
        (Filter(frozenset({MAYOR}), "bob", in_force=False), [(6, 6)]),
        (Filter(frozenset({MAYOR}), "ann"), [(1, 4)]),
        (Filter(frozenset({MAYOR}), "bob"), []),
    ],
)
def test_a_filter_leaves_those_of_its_cells_and_of_its_endorser_that_are_in_force(
    states: States, wanted: Filter, expected: list[tuple[int, int]]
) -> None:
    assert chosen(states, 6, 25, wanted) == expected


@pytest.mark.parametrize(
    ("after", "limit", "expected"),
    [(0, 2, [(1, 4), (2, 2)]), (1, 2, [(2, 2), (6, 6)]), (2, 2, [(6, 6)]), (0, 1, [(1, 4)]), (6, 2, [])],
)
def test_a_page_begins_behind_a_version_and_has_so_many_by_when_they_were_announced(
    states: States, after: int, limit: int, expected: list[tuple[int, int]]
) -> None:
    assert chosen(states, 6, 0, EVERY, after, limit) == expected


@pytest.mark.parametrize(
    ("endorsement", "version", "expected"),
    [
        ("e1", 6, [1, 4]),
        ("e1", 4, [1, 4]),
        ("e1", 3, [1]),
        ("e3", 6, [3, 5]),
        ("e2", 6, [2]),
        ("e2", 1, []),
        ("none", 6, []),
    ],
)
def test_an_endorsements_history_is_every_version_about_it(
    states: States, endorsement: str, version: int, expected: list[int]
) -> None:
    assert states.history(endorsement, Version(version)) == expected


def test_a_digest_tells_texts_apart_and_fits_a_signed_column() -> None:
    digests = {digest(f"endorser-{n}") for n in range(1000)}

    assert len(digests) == 1000
    assert 2**60 < max(digests) < 2**63
    assert digest("ann") == 0x469D6FB55F91F9D2
