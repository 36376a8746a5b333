"""The spread of values: what half of them, nine in ten and all of them do not exceed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.answers.views import risk_summary


@pytest.mark.parametrize(
    ("values", "median", "p90", "most"),
    [
        ([0] * 9 + [10], 0, 0, 10),
        ([0] * 8 + [5, 10], 0, 5, 10),
        ([0, 10], 0, 10, 10),
        ([0, 5, 10], 5, 10, 10),
        ([7], 7, 7, 7),
        ([], None, None, None),
    ],
)
def test_a_share_of_the_values_is_no_greater(
    values: list[int], median: int | None, p90: int | None, most: int | None
) -> None:
    spread = {"median": median, "p90": p90, "most": most}

    summary = risk_summary(list(values), [float(value) for value in values])

    assert summary["furthest_move"] == spread
    assert summary["settled_after_days"] == spread


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300))
def test_it_is_the_least_value_of_which_that_holds(values: list[int]) -> None:
    spread = risk_summary(sorted(values), [])["furthest_move"]

    for name, percent in (("median", 50), ("p90", 90), ("most", 100)):
        within = [
            value for value in values if sum(100 for each in values if each <= value) >= percent * len(values)
        ]
        assert spread[name] == min(within)
