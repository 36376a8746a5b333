"""`standings show|timeline|diff|revisions|export` on the simulated race, against what the API itself answers."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.local import race
from tests.integration.test_cli import Shell
from tests.running import Standings

CONTEST = race.CONTEST
DAY = race.PAST_DAY.isoformat()
BASE = f"/v1/contests/{CONTEST}"


@pytest.fixture
def shell(deployment: Standings, simulated_race: int) -> Shell:
    """A shell at services that hold the simulated race."""
    return Shell(deployment)


def test_standings_are_shown_under_weights_of_ones_own_for_some_candidates(
    deployment: Standings, shell: Shell
) -> None:
    asked = {"weights": "governor:10,mayor:2.5", "candidate": "ada-quillfeather,bram-oakenshaw"}
    expected = deployment.ask(f"{BASE}/standings", valid_at=DAY, **asked)["standings"]

    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    shown = shell("show", CONTEST, "--valid-at", DAY, *options).stdout

    assert [line["name"] for line in expected] == [
        name for name in ("Ada Quillfeather", "Bram Oakenshaw", "Cora Nightingale-Vex") if name in shown
    ]
    assert all(f" {line['score']} " in shown for line in expected)
    assert any(isinstance(line["score"], float) for line in expected), "a weight with places was wanted"


def test_what_was_known_then_and_revised_since_is_said(shell: Shell) -> None:
    assert "revisions" in shell("show", CONTEST, "--valid-at", DAY, "--known-at", DAY).stdout
    assert "revisions" not in shell("show", CONTEST, "--valid-at", DAY).stdout


def test_uncertain_dates_show_the_bounds_of_a_score(deployment: Standings, contest: str) -> None:
    shell = Shell(deployment)
    who = ("--endorser", "jane", "--name", "Jane", "--candidate", "ann", "--category", "governor")
    done = shell.json("announce", contest, *who, "--at", "2025-06", "--source-title", "t")
    deployment.ask(f"/v1/contests/{contest}", min_version=done["version"])

    assert "8 (0 to 8)" in shell("show", contest, "--valid-at", "2025-06-15").stdout


def test_every_endorsement_is_shown_whatever_the_size_of_a_page(deployment: Standings, shell: Shell) -> None:
    expected = deployment.every(f"{BASE}/endorsements", "endorsements", valid_at=DAY)

    answer = shell.json("show", CONTEST, "--endorsements", "--valid-at", DAY)

    assert [one["endorsement"] for one in answer["endorsements"]] == [one["endorsement"] for one in expected]
    assert len(expected) > 100, "more than one page of the default size"
    assert answer["next"] is None


@pytest.mark.parametrize("axis", ["valid", "known", "both"])
def test_a_timeline_is_plotted_and_tabled(deployment: Standings, shell: Shell, axis: str) -> None:
    at = () if axis != "known" else ("--valid-at", DAY)
    asked = {"valid_at": DAY} if axis == "known" else {}
    points = deployment.ask(f"{BASE}/timeline", axis=axis, step="month", **asked)["points"]

    shown = shell("timeline", CONTEST, "--axis", axis, "--step", "month", "--top", "2", *at).stdout

    last = points[-1]
    best = max(last["scores"].values())
    assert f"{best} " in shown
    assert f"│ {last['day']} │" in shown
    assert "aaaa" in shown, "the leader's line"
    assert "6 more candidates" in shown
    assert "\x1b" not in shown, "no colours outside a terminal"


def test_a_difference_names_who_gained_and_by_what(deployment: Standings, shell: Shell) -> None:
    expected = deployment.ask(f"{BASE}/diff", from_valid_at=DAY, from_known_at=DAY, to_valid_at=DAY)
    assert expected["events"]

    moments = ("--from", DAY, "--from-known-at", DAY, "--to", DAY)
    shown = shell("diff", CONTEST, *moments).stdout
    same = shell.json("diff", CONTEST, *moments)

    assert same["changes"] == expected["changes"]
    for event in expected["events"]:
        assert event["endorsement"]["endorser"]["name"] in shown
    assert "There are more events" in shell("diff", CONTEST, *moments, "--limit", "1").stdout


def test_revisions_are_shown_from_the_first_or_since_publication(deployment: Standings, shell: Shell) -> None:
    all_of_them = shell.json("revisions", CONTEST, "--valid-at", DAY)
    later = shell.json("revisions", CONTEST, "--valid-at", DAY, "--since-published")["revisions"]

    published = all_of_them["published_version"]
    assert later == [one for one in all_of_them["revisions"] if one["version"] > published]
    assert 0 < len(later) < len(all_of_them["revisions"])
    shown = shell("revisions", CONTEST, "--valid-at", DAY, "--since-published").stdout
    assert all(str(one["version"]) in shown for one in later)


@pytest.mark.parametrize("what", ["standings", "timeline", "endorsements", "revisions", "revision-risk"])
def test_an_export_is_what_the_api_writes(
    deployment: Standings, shell: Shell, tmp_path: Path, what: str
) -> None:
    pinned = {"valid_at": DAY, "known_at": "2025-09-01"}
    if what == "revisions":
        pinned = {"valid_at": DAY}
    asked: dict[str, Any] = {} if what == "revision-risk" else pinned
    more = {"limit": 1000} if what in ("endorsements", "revisions") else {}
    expected = deployment.api.get(f"{BASE}/{what}", params={**asked, **more, "format": "csv"}).text
    options = [part for name, value in asked.items() for part in (f"--{name.replace('_', '-')}", value)]
    file = tmp_path / f"{what}.csv"

    shell("export", CONTEST, what, *options, "--output", str(file))

    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    wanted = list(csv.DictReader(io.StringIO(expected, newline="")))
    for row in (*rows, *wanted):
        if what == "revisions":
            row.pop("known_at")  # it is now
    assert rows == wanted
    assert rows
    assert [one.name for one in tmp_path.iterdir()] == [file.name], "nothing else is left there"


def test_an_export_takes_every_format_and_goes_to_standard_output(shell: Shell, tmp_path: Path) -> None:
    parquet = tmp_path / "standings.parquet"
    shell("export", CONTEST, "standings", "--valid-at", DAY, "-o", str(parquet))
    as_json = json.loads(shell("export", CONTEST, "standings", "--valid-at", DAY, "--format", "json").stdout)
    lines = shell("export", CONTEST, "standings", "--valid-at", DAY, "--format", "ndjson").stdout.splitlines()

    scores = [(one["candidate"], one["score"]) for one in as_json["standings"]]
    assert [(one["candidate"], one["score"]) for one in map(json.loads, lines)] == scores
    assert duckdb.read_parquet(str(parquet)).project("candidate, score").fetchall() == scores


def test_an_export_that_fails_leaves_the_file_that_was_there(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "kept.csv"
    file.write_text("kept")

    shell("export", "nowhere", "standings", "-o", str(file), expect=1)
    said = shell("export", CONTEST, "standings", "-o", str(tmp_path / "no" / "such.csv"), expect=1).stderr

    assert file.read_text() == "kept"
    assert "--output" in said
    shell("export", CONTEST, "nonsense", expect=2)


def test_an_export_that_cannot_be_put_in_its_place_leaves_nothing(shell: Shell, tmp_path: Path) -> None:
    directory = tmp_path / "out"
    directory.mkdir()

    said = shell("export", CONTEST, "standings", "-o", str(directory), expect=1).stderr

    assert str(directory) in said.replace("\n", "")
    assert list(tmp_path.iterdir()) == [directory]
