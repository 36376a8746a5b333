"""FiveThirtyEight's table as caught on four days: what the API says must be what each file said, to the point."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

import orjson
import pytest

from services.cli.importers import fivethirtyeight, snapshots
from services.cli.importers.snapshots import Mode
from tests.running import NDJSON, Standings

pytestmark = pytest.mark.shared_data

FIRST = "2019-03-08"


@pytest.fixture(scope="module")
def files(shared_data: Path) -> list[tuple[str, Path]]:
    """Each snapshot with its day, in order."""
    found = sorted(shared_data.glob("fivethirtyeight-2020_as-of-*.csv"))
    assert len(found) == 4
    return [(file.stem.removeprefix("fivethirtyeight-2020_as-of-"), file) for file in found]


def open_contest(deployment: Standings, contest: str) -> int:
    opened = deployment.told(
        "/v1/contests",
        contest=contest,
        title="Democratic nomination, 2020",
        timezone="America/New_York",
        clock="imported",
        known_at=FIRST,
        opened_at=FIRST,
    )
    return int(opened["version"])


def bring(deployment: Standings, contest: str, day: str, file: Path, mode: Mode, version: int) -> int:
    """Imports one snapshot; the version after it."""
    rows, bad = fivethirtyeight.read(file.read_text(encoding="utf-8"))
    assert bad == []
    path = f"/v1/contests/{contest}/endorsements"
    known = deployment.every(path, "endorsements", state="all", min_version=version)
    entered = deployment.ask(f"/v1/contests/{contest}/candidates")["candidates"]
    commands = snapshots.commands(
        rows,
        known,
        [one["candidate"] for one in entered],
        table=fivethirtyeight.TABLE,
        contest=contest,
        known_at=day,
        mode=mode,
        recorded_by="test",
    )
    if not commands:
        return version
    body = b"\n".join(orjson.dumps(command) for command in commands)
    answer = deployment.ingest.post(
        f"/v1/contests/{contest}/batch", params={"on_refusal": "abort"}, content=body, headers=NDJSON
    )
    assert answer.status_code == 200, answer.text
    return int(orjson.loads(answer.content.splitlines()[-1])["summary"]["version"])


def imported(deployment: Standings, files: list[tuple[str, Path]], contest: str, mode: Mode) -> int:
    version = open_contest(deployment, contest)
    for day, file in files:
        version = bring(deployment, contest, day, file, mode, version)
    return version


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return [row for row in csv.DictReader(text) if row["endorsee"]]


@pytest.fixture(scope="module")
def mirror(deployment: Standings, files: list[tuple[str, Path]]) -> str:
    contest = "published-mirror"
    version = imported(deployment, files, contest, "mirror")
    deployment.ask(f"/v1/contests/{contest}", min_version=version)
    return contest


def test_on_every_day_and_every_snapshot_the_standings_are_what_the_file_sums_to(
    deployment: Standings, files: list[tuple[str, Path]], mirror: str
) -> None:
    dated = {row["date"] for _, file in files for row in rows_of(file)} | {day for day, _ in files}
    days = every_day(min(dated), max(dated))
    assert len(days) > 900
    compared = 0
    for known_at, file in files:
        for day, expected in sums_by_day(rows_of(file), days):
            answer = deployment.ask(
                f"/v1/contests/{mirror}/standings",
                valid_at=day,
                known_at=known_at,
                policy="fivethirtyeight-2020",
            )
            said = {line["name"]: line["score"] for line in answer["standings"] if line["score"] != 0}
            assert said == expected, (day, known_at)
            compared += 1
    assert compared == 4 * len(days)
    before = {"valid_at": (date.fromisoformat(days[0]) - timedelta(days=1)).isoformat()}
    assert "before-the-contest" in deployment.api.get(f"/v1/contests/{mirror}/standings", params=before).text


def every_day(first: str, last: str) -> list[str]:
    """Every day of the calendar from the first to the last."""
    begins, ends = date.fromisoformat(first), date.fromisoformat(last)
    return [(begins + timedelta(days=n)).isoformat() for n in range((ends - begins).days + 1)]


def sums_by_day(rows: list[dict[str, str]], days: list[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """For each day, what the file's own points sum to for each candidate, of rows dated until then."""

    def add(sums: dict[str, int], day: str) -> dict[str, int]:
        new = dict(sums)
        for row in rows:
            if row["date"] == day:
                new[row["endorsee"]] = new.get(row["endorsee"], 0) + int(row["points"])
        return new

    nothing: dict[str, int] = {}
    sums = list(accumulate(days, add, initial=nothing))[1:]
    return zip(days, sums, strict=True)


def test_importing_the_snapshots_again_changes_nothing(
    deployment: Standings, files: list[tuple[str, Path]], mirror: str
) -> None:
    version = int(deployment.ask(f"/v1/contests/{mirror}")["version"])

    after = bring(deployment, mirror, *files[-1], "mirror", version)

    assert after == version
    assert deployment.ask(f"/v1/contests/{mirror}")["version"] == version


def supported(deployment: Standings, contest: str, name: str, valid_at: str) -> list[str]:
    """Whom an endorser supports on a day, as we know now."""
    found = deployment.every(f"/v1/contests/{contest}/endorsements", "endorsements", valid_at=valid_at)
    return [one["candidate"] for one in found if one["endorser"]["name"] == name]


def test_in_history_mode_a_switch_leaves_the_past_as_it_was(
    deployment: Standings, files: list[tuple[str, Path]]
) -> None:
    contest = "published-history"
    version = imported(deployment, files, contest, "history")
    deployment.ask(f"/v1/contests/{contest}", min_version=version)

    def rendell(day: str) -> list[str]:
        return supported(deployment, contest, "Ed Rendell", day)

    def nutter(day: str) -> list[str]:
        return supported(deployment, contest, "Michael A. Nutter", day)

    assert [
        rendell(day) for day in ("2019-03-02", "2019-03-03", "2019-04-21", "2019-04-22", "2020-04-01")
    ] == [
        [],
        ["amy-klobuchar"],
        ["amy-klobuchar"],
        ["joe-biden"],
        ["joe-biden"],
    ]
    assert [
        nutter(day) for day in ("2019-02-18", "2019-02-19", "2019-04-17", "2019-04-18", "2019-12-19")
    ] == [
        [],
        ["michael-bloomberg"],
        ["michael-bloomberg"],
        ["joe-biden"],
        ["joe-biden"],
    ]
    assert nutter("2019-12-20") == ["michael-bloomberg"]
