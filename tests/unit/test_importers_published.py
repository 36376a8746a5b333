"""Whatever the snapshots say, the ledger then says it: on the published tables and on random ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.importers.fivethirtyeight import known_at_of, read
from services.cli.importers.snapshot_rows import SnapshotRow
from services.cli.importers.snapshots import Mode
from tests.unit.test_importers_model import Ledger
from tests.unit.test_importers_snapshots import MODES, RENDELL, run, told

# Source: shared/data/README.md, rows with an endorsement.
PUBLISHED = {"2019-03-08": 73, "2019-04-27": 104, "2020-01-31": 246, "2020-04-01": 328}


def published(directory: Path) -> list[tuple[str, list[SnapshotRow]]]:
    """Each snapshot's day and rows; none of its lines is bad."""
    snapshots = []
    for path in sorted(directory.glob("fivethirtyeight-2020_as-of-*.csv")):
        rows, bad = read(path.read_text(encoding="utf-8"))
        assert bad == []
        snapshots.append((known_at_of(path.name) or "", rows))
    return snapshots


def recorded(directory: Path, mode: Mode) -> tuple[Ledger, list[str]]:
    ledger, commands = Ledger(), []
    for known_at, rows in published(directory):
        commands += told(run(ledger, rows, known_at, mode))
    return ledger, commands


@pytest.mark.shared_data
def test_every_endorsement_of_the_published_tables_is_read(shared_data: Path) -> None:
    assert {known_at: len(rows) for known_at, rows in published(shared_data)} == PUBLISHED


@pytest.mark.shared_data
@MODES
def test_after_every_published_snapshot_the_ledger_reads_as_it_does(shared_data: Path, mode: Mode) -> None:
    ledger, commands = recorded(shared_data, mode)

    assert len(ledger.active()) == PUBLISHED["2020-04-01"]
    assert len(ledger.endorser_ids()) == len({entry.endorser["name"] for entry in ledger.entries.values()})
    counts = {command: commands.count(command) for command in sorted(set(commands))}
    assert counts == (
        {"announce": 330, "correct": 40, "enter": 18, "strike": 2}
        if mode == "mirror"
        else {"announce": 330, "correct": 1, "enter": 18, "retract": 2, "switch": 39}
    )


@pytest.mark.shared_data
def test_history_keeps_what_the_published_table_forgot(shared_data: Path) -> None:
    ledger, _ = recorded(shared_data, "history")

    assert ledger.story("Ed Rendell") == [
        ("amy-klobuchar", "2019-03-03", "2019-04-22"),
        ("joe-biden", "2019-04-22", None),
    ]
    assert ledger.story("Michael A. Nutter") == [
        ("michael-bloomberg", "2019-02-19", "2019-04-18"),
        ("joe-biden", "2019-04-18", "2019-12-20"),
        ("michael-bloomberg", "2019-12-20", None),
    ]
    assert ledger.story("Katie Hill") == [("kamala-harris", "2019-01-29", "2020-01-31")]


def days(known_at: int) -> st.SearchStrategy[str]:
    return st.integers(1, known_at).map(lambda day: f"2019-01-{day:02}")


def rows_known_at(day: int) -> st.SearchStrategy[list[SnapshotRow]]:
    """Few names, roles and candidates, so that they meet; dated up to the day."""
    row = st.builds(
        SnapshotRow,
        endorser=st.sampled_from(["Ana Núñez", "Ana Nunez", "Bo Li", "李"]),
        position=st.sampled_from(["mayor", "senator"]),
        place=st.sampled_from(["Lima, OH", "Lima, NY", "OH", "NY", "OH-AL", "NY-AL"]),
        party=st.sampled_from(["", "D"]),
        endorsee=st.sampled_from(["Joe Biden", "Beto O'Rourke", "Cory Booker"]),
        source=st.sampled_from(["", "https://example.org/"]),
        category=st.sampled_from(["mayor", "senator"]),
        date=days(day),
        line=st.just(RENDELL.line),
    )
    return st.lists(row, max_size=5, unique_by=lambda row: (row.role, row.candidate))


histories = st.integers(1, 6).flatmap(
    lambda length: st.tuples(*(rows_known_at(3 * number) for number in range(1, length + 1)))
)


@MODES
@given(snapshots=histories)
def test_after_any_snapshots_the_ledger_reads_as_the_last_one(
    mode: Mode, snapshots: tuple[list[SnapshotRow], ...]
) -> None:
    ledger = Ledger()
    for number, rows in enumerate(snapshots, start=1):
        run(ledger, rows, f"2019-01-{3 * number:02}", mode)


@given(snapshots=histories, modes=st.lists(st.sampled_from(["mirror", "history"]), min_size=6, max_size=6))
def test_the_modes_may_take_turns(snapshots: tuple[list[SnapshotRow], ...], modes: list[Mode]) -> None:
    ledger = Ledger()
    for number, (rows, mode) in enumerate(zip(snapshots, modes, strict=False), start=1):
        run(ledger, rows, f"2019-01-{3 * number:02}", mode)
