"""A short run of chaos, and proof that the checker finds what it is there for. `make chaos` runs for longer."""

from pathlib import Path

import pytest

from tests.chaos.points import BUGS
from tests.chaos.processes import Setup
from tests.chaos.run import run


def test_nothing_is_lost_nothing_counts_twice_and_nothing_said_changes(tmp_path: Path) -> None:
    report = run(Setup(seed=11), 12, tmp_path)

    assert report.violations == []
    assert report.acknowledged > 50
    assert report.cited > 5
    assert sum(report.hurt.values()) > 5


def test_an_acknowledgement_before_the_write_is_found(tmp_path: Path) -> None:
    report = run(Setup(seed=5, bug=BUGS[0], patience=6), 6, tmp_path)

    assert [one for one in report.violations if "acknowledged" in one and "not in the log" in one]


def test_a_commit_without_its_guard_is_found(tmp_path: Path) -> None:
    setup = Setup(seed=5, scorers=3, deaths=0, stalls=0.3, at="fold.after", bug=BUGS[1], patience=8)

    report = run(setup, 7, tmp_path)

    assert [one for one in report.violations if "ledger" in one or "folded as" in one]


def test_the_same_stalls_do_no_harm_where_the_guard_is(tmp_path: Path) -> None:
    setup = Setup(seed=5, scorers=3, deaths=0, stalls=0.3, at="fold.after")

    assert run(setup, 8, tmp_path).violations == []


def test_an_unknown_bug_is_not_passed_over() -> None:
    from tests.chaos.points import break_it

    with pytest.raises(ValueError, match="no such"):
        break_it("no such")
