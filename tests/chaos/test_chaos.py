"""A short run of chaos, and proof that the checker finds what it is there for. `make chaos` runs for longer."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.api.web import examples
from standings.client import Change
from tests.chaos import load
from tests.chaos.bugs import BUGS
from tests.chaos.checker import wrong_notes
from tests.chaos.processes import Setup
from tests.chaos.run import run
from tests.chaos.subscriber import KINDS, Note, Notebook, digest_of, notes
from tests.running import free_port


def change(version: int) -> Change:
    told: Any = examples.CHANGES["changes"][0]
    return Change.model_validate({**told, "data": {**told["data"], "contest": "race", "version": version}})


def test_nothing_is_lost_nothing_counts_twice_and_nothing_said_changes(tmp_path: Path) -> None:
    report = run(Setup(seed=11), 12, tmp_path)

    assert report.violations == []
    assert report.acknowledged > 50
    assert report.cited > 5
    assert sum(report.hurt.values()) > 5
    assert set(report.noted) == set(KINDS)
    assert min(report.noted.values()) > 10


# What each bug needs to do harm, and what the checker says then.
_CALM = Setup(seed=5, calm=True, patience=12)
_STALLING = Setup(seed=5, scorers=3, deaths=0, stalls=0.3, at="fold.after", patience=8)
_FOUND = {
    "acknowledged before the write": (Setup(seed=5, patience=6), 6, "acknowledged as .* not in the log"),
    "committed without the guard": (_STALLING, 7, "ledger|folded as"),
    "an emptied log that is still served": (_CALM, 2, "its log was emptied .* the API answers 200"),
    "a wake that is lost": (_CALM, 2, "not everything was folded|the ledger has"),
    "a total that was altered": (_CALM, 2, "is folded as"),
    "a wake that is skipped": (_CALM, 2, "not everything was folded"),
    "a change that was trimmed": (_CALM, 2, "the changes have version"),
    "acknowledged before the commit": (_CALM, 2, "not everything was folded"),
    "a stale index": (_CALM, 2, "the API answers 503"),
    "a change that is delivered twice": (_CALM, 2, "subscriber plain: .*: has version"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_bug_is_found(bug: str, tmp_path: Path) -> None:
    setup, seconds, complaint = _FOUND[bug]

    report = run(replace(setup, bug=bug), seconds, tmp_path)

    assert [one for one in report.violations if re.search(complaint, one)], report.violations


def test_a_calm_deployment_without_a_bug_has_no_violation(tmp_path: Path) -> None:
    assert run(_CALM, 2, tmp_path).violations == []


def test_the_same_stalls_do_no_harm_where_the_guard_is(tmp_path: Path) -> None:
    assert run(replace(_STALLING, patience=60), 8, tmp_path).violations == []


@pytest.mark.parametrize(
    ("noted", "complaint"),
    [
        ([1, 2, 3], []),
        ([1, 3], ["race: has version 3 at place 2"]),
        ([1, 2], ["race: has 2 entries, of 3 versions"]),
        ([1, 2, 2, 3], ["race: has version 2 at place 3"]),
        ([2, 1, 3], ["race: has version 2 at place 1"]),
    ],
)
def test_a_subscriber_that_missed_a_version_or_saw_one_twice_is_found(
    noted: list[int], complaint: list[str]
) -> None:
    told = {version: change(version) for version in (1, 2, 3)}
    notes = [Note("race", version, digest_of(told[version]), "") for version in noted]

    assert wrong_notes(notes, list(told.values())) == complaint


def test_a_subscriber_that_saw_something_else_is_found() -> None:
    notes = [Note("race", 1, digest_of(change(2)), "")]

    assert wrong_notes(notes, [change(1)]) == ["race: noted otherwise than it was told"]


def test_a_line_that_a_death_cut_off_is_no_note(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    book = Notebook(file)
    book.note(change(1), "1")
    file.write_bytes(file.read_bytes() + b"race 2 00")

    again = Notebook(file)
    again.note(change(2), "2")

    assert [note.version for note in notes(file)] == [1, 2]


def test_a_run_without_an_ingest_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    unused = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(load, "OPENED_WITHIN_SECONDS", 0.2)

    async def open_contests() -> None:
        async with asyncio.timeout(20):
            await load.Load([unused], unused, seed=1).open()

    with pytest.raises(load.NoIngest, match=f"no ingest at {unused} .* opened: none"):
        asyncio.run(open_contests())
