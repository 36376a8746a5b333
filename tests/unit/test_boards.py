"""A board's lines: ranks, who withdrew, shares, and the bounds that uncertain dates leave."""

from typing import Any

import pytest

from services.api.engine.boards import Board
from services.api.engine.index import Index, LedgerEntry
from shared.domain.contest import Candidate, Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Endorser, Version
from shared.domain.policies import Policy
from shared.domain.policy_texts import made_up, read_policies
from shared.domain.postings import Posting, stands_for
from shared.domain.times import Instant, end_of, start_of
from shared.storage.codec import encode_state

NAMES = {"ann": "Ann", "bob": "Bob", "cy": "Cy", "dan": "Al Dan"}
CONTEST = Contest(
    "race",
    "Race",
    "UTC",
    "server",
    "2020-01-01",
    {
        one: Candidate(one, name, "P", "2020-01-01", "2020-06-10" if one == "cy" else None)
        for one, name in NAMES.items()
    },
)


def index_of(*endorsements: tuple[str, str, int, str]) -> Index:
    """The index of endorsements: of whom, by which category, of how many members, announced when."""
    index = Index("race", 1)
    index.append(LedgerEntry(Version(1), Instant(1), (), encode_state(CONTEST), None))
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for version, (candidate, category, members, at) in enumerate(endorsements, start=2):
        one = Endorsement(
            f"e{version}",
            Endorser(f"p{version}", "P"),
            candidate,
            category,
            members,
            at,
            None,
            False,
            version,
            version,
        )
        posted: list[tuple[Posting, tuple[int, int]]] = []
        for posting in stands_for(one, "UTC"):
            cell = candidate, category
            count, were = totals.get(cell, (0, 0))
            totals[cell] = count + posting.delta, were + posting.members
            posted.append((posting, totals[cell]))
        index.append(LedgerEntry(Version(version), Instant(version), tuple(posted), None, encode_state(one)))
    return index


def lines(index: Index, policy: Policy, at: str = "2020-12-31", **asked: Any) -> list[dict[str, Any]]:
    valid_at = end_of(at, "UTC")
    board = Board(index.contest(index.version), index, policy, asked.pop("categories", None))
    return board.table(index.at(valid_at, index.version), valid_at, **asked)[1]


HEADCOUNT = made_up("default:1")


def test_equal_scores_share_a_rank_and_the_next_one_is_skipped() -> None:
    index = index_of(
        *[("ann", "mayor", 0, "2020-02-01")] * 2,
        ("bob", "mayor", 0, "2020-02-01"),
        ("dan", "mayor", 0, "2020-02-01"),
    )

    found = lines(index, HEADCOUNT)

    assert [(one["rank"], one["candidate"], one["score"]) for one in found] == [
        (1, "ann", 2),
        (2, "dan", 1),
        (2, "bob", 1),
        (4, "cy", 0),
    ], "those of equal score by name"
    assert lines(index, HEADCOUNT, only=frozenset({"bob"})) == [found[2]]


@pytest.mark.parametrize(
    ("valid_at", "withdrew"),
    [
        (start_of("2020-06-10", "UTC") - 1, None),
        (start_of("2020-06-10", "UTC"), "2020-06-10"),
        (start_of("2020-06-10", "UTC") + 1, "2020-06-10"),
    ],
)
def test_who_withdrew_is_out_from_that_moment_on(valid_at: int, withdrew: str | None) -> None:
    index = index_of(("cy", "mayor", 0, "2020-02-01"))

    _, found = Board(CONTEST, index, HEADCOUNT).table(
        index.at(Instant(valid_at), Version(2)), Instant(valid_at)
    )

    assert {one["candidate"]: one["withdrew_at"] for one in found} == {
        "ann": None,
        "bob": None,
        "cy": withdrew,
        "dan": None,
    }


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ("a:1,b:2", {"ann": 0.333333, "bob": 0.666667}),
        ("a:1,b:1999999", {"ann": 0.000001, "bob": 1.0}),
        ("a:1,b:2000000", {"ann": 0.0, "bob": 1.0}),
        ("a:-1,b:3", {"ann": -0.5, "bob": 1.5}),
        ("a:1,b:-1", {"ann": None, "bob": None}),
        ("a:0,b:0", {"ann": None, "bob": None}),
    ],
)
def test_shares_are_rounded_to_six_places_half_of_one_upwards(
    weights: str, shares: dict[str, float | None]
) -> None:
    index = index_of(("ann", "a", 0, "2020-02-01"), ("bob", "b", 0, "2020-02-01"))

    found = {one["candidate"]: one["share"] for one in lines(index, made_up(weights))}

    assert {one: found[one] for one in shares} == shares


def test_a_share_of_what_is_available_is_of_all_endorsers_of_the_categories_that_are_asked_about() -> None:
    text = (
        "[[policy]]\nid = 'own'\nversion = 1\ntitle = 't'\nsource = 's'\n"
        "weights = {a = 10, b = 1}\navailable = {a = 2, b = 30}"
    )
    (policy,) = read_policies(text)
    index = index_of(("ann", "a", 0, "2020-02-01"), ("ann", "b", 0, "2020-02-01"))

    assert lines(index, policy)[0]["share_of_available"] == 0.22
    assert lines(index, policy, categories=frozenset({"a"}))[0]["share_of_available"] == 0.5
    assert lines(index, policy, categories=frozenset({"a"}))[0]["counts"] == {"a": {"count": 1, "members": 0}}
    assert Board(CONTEST, index, policy).available == 50
    assert Board(CONTEST, index, HEADCOUNT).available is None
    assert lines(index, HEADCOUNT)[0]["share_of_available"] is None


@pytest.mark.parametrize(
    ("at", "counts", "low", "high"),
    [("2019-12-31", 0, 0, 0), ("2020-03-10", 1, 0, 1), ("2020-03-31", 1, 1, 1)],
    ids=["before", "within the month", "at its end"],
)
@pytest.mark.parametrize("weight", [3, -3])
def test_what_an_uncertain_date_leaves_open_lies_between_low_and_high_also_where_it_counts_against(
    at: str, counts: int, low: int, high: int, weight: int
) -> None:
    index = index_of(("ann", "union", 7, "2020-03"), ("bob", "union", 7, "2020-03-05"))
    found = {
        one["candidate"]: one
        for one in lines(index, made_up(f"union:{weight},union/member:{2 * weight}"), at)
    }

    each = weight * (1 + 2 * 7)
    assert found["ann"]["score"] == counts * each
    assert (found["ann"]["low"], found["ann"]["high"]) == tuple(sorted((low * each, high * each)))
    assert found["bob"]["low"] == found["bob"]["score"] == found["bob"]["high"]


def test_what_may_have_begun_before_it_counts_adds_to_high() -> None:
    index = index_of(("ann", "union", 0, "2020-03-10~"))
    for at, low, score, high in [
        ("2020-03-02", 0, 0, 0),
        ("2020-03-03", 0, 0, 1),
        ("2020-03-10", 0, 1, 1),
        ("2020-03-16", 0, 1, 1),
        ("2020-03-17", 1, 1, 1),
    ]:
        (line,) = lines(index, HEADCOUNT, at, only=frozenset({"ann"}))
        assert (at, line["low"], line["score"], line["high"]) == (at, low, score, high)


def test_points_are_told_by_category_and_together() -> None:
    index = index_of(("ann", "union", 7, "2020-02-01"), ("bob", "mayor", 0, "2020-02-01"))
    board = Board(CONTEST, index, made_up("mayor:0.5,union/member:0.25"))
    counted = index.at(end_of("2020-12-31", "UTC"), Version(3))

    total, found = board.table(counted, end_of("2020-12-31", "UTC"))

    assert str(total) == "2.25"
    assert [(str(one["score"]), one["counts"]) for one in found[:2]] == [
        ("1.75", {"union": {"count": 1, "members": 7}}),
        ("0.50", {"mayor": {"count": 1, "members": 0}}),
    ]
    assert (found[0]["name"], found[0]["party"]) == ("Ann", "P")
    assert board.scores(counted) == [175, 50, 0, 0]
    assert board.scores(index.at(Instant(0), Version(3))) == [0, 0, 0, 0]
    assert board.scores(index.at(end_of("2020-12-31", "UTC"), Version(2))) == [175, 0, 0, 0]
