"""Series hold no more than their answer, however many categories and postings lie behind it, and let others go on."""

import tracemalloc

import numpy as np
import pytest

from services.api.engine import series
from services.api.engine.boards import Board
from services.api.engine.index import Index, LedgerEntry
from services.api.engine.series import MOST_POINTS, MOST_SCORES, Look
from shared.domain.contest import Candidate, Contest
from shared.domain.events import Version
from shared.domain.policy_texts import made_up
from shared.domain.postings import Posting
from shared.domain.times import Instant
from shared.storage.codec import encode_state
from shared.values.policies import Policies

HEADCOUNT = Policies().find("headcount")

_DAY = 86_400_000_000
_CANDIDATES = 500
_CATEGORIES = 4
_MB = 1 << 20


@pytest.fixture(scope="module")
def index() -> Index:
    """A contest of 500 candidates, each endorsed once in four categories, a day apart."""
    candidates = {f"c{n}": Candidate(f"c{n}", f"C {n}", "", "1970-01-01") for n in range(_CANDIDATES)}
    contest = Contest("wide", "Wide", "UTC", "server", "1970-01-01", candidates)
    made = Index("wide", 1)
    made.append(LedgerEntry(Version(1), Instant(_DAY), (), encode_state(contest), None))
    for n in range(_CANDIDATES * _CATEGORIES):
        cell = f"c{n % _CANDIDATES}", f"k{n // _CANDIDATES}"
        posting = Posting((Instant(Instant(n + 1) * _DAY)), *cell, 1, 10**10)
        made.append(
            LedgerEntry(
                Version(n + 2), (Instant(Instant(n + 2) * _DAY)), ((posting, (1, 10**10)),), None, None
            )
        )
    return made


@pytest.mark.parametrize("weights", ["default:1", "k0:1000000000000,k1/member:0.000000001,k2:-1"])
def test_the_largest_series_takes_memory_for_its_scores_and_not_for_every_category(
    index: Index, weights: str
) -> None:
    board = Board(index.contest(index.version), index, made_up(weights))
    instants = np.arange(1, MOST_POINTS + 1) * _DAY
    shown = np.arange(MOST_SCORES // MOST_POINTS)
    tracemalloc.start()
    found = series.series(index.seen(), board, Look("valid", index.version, Instant(0)), instants, shown)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found.units.shape == (MOST_POINTS, len(shown))
    assert found.units[-1, 0] == board.scores(index.at(Instant(MOST_POINTS * _DAY), index.version))[0]
    assert peak < 30 * _MB


def test_the_instants_of_change_take_memory_for_the_postings_and_not_for_every_candidate(
    index: Index,
) -> None:
    board = Board(index.contest(index.version), index, HEADCOUNT)
    tracemalloc.start()
    found = series.changing(
        index.seen(), board, Look("valid", index.version, Instant(0)), np.arange(1, MOST_POINTS + 1) * _DAY
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found.tolist() == [n * _DAY for n in range(1, _CANDIDATES * _CATEGORIES + 1)]
    assert peak < 10 * _MB
