"""Old versions in files: everything is answered as before, and nothing is taken out of Redis before it lies there."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.integration.test_backup import announced, raced
from tests.integration.test_cli import STANDINGS
from tests.running import Standings, standings

LOG, LEDGER = "standings:{p00}:c:race:log", "standings:{p00}:c:race:g1:ledger"


def run(
    url: str, *arguments: str, archive: Path | None = None, expect: int = 0
) -> "subprocess.CompletedProcess[str]":
    settings = {"STANDINGS_ARCHIVE": str(archive)} if archive else {}
    done = subprocess.run(
        [STANDINGS, *arguments],
        env={**os.environ, "STANDINGS_REDIS_URL": url, "NO_COLOR": "1", "COLUMNS": "200", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def everything(deployment: Standings) -> Any:
    """Answers that need old versions: of the ledger, of the log, and of both."""
    path = "/v1/contests/race"
    deployment.ask(path, min_version=23, wait_ms=10_000)
    return (
        [
            deployment.ask(f"{path}/standings", version=version, valid_at="2025-03-15")
            for version in (5, 14, 23)
        ],
        deployment.every(f"{path}/endorsements", "endorsements", version=20, limit=7),
        deployment.ask(f"{path}/events", limit=100)["events"],
        deployment.ask(f"{path}/timeline", step="day", to="2025-04-01", version=23)["points"],
        deployment.ask(
            f"{path}/diff",
            from_version=5,
            to_version=20,
            from_valid_at="2025-04-01",
            to_valid_at="2025-04-01",
        ),
    )


def test_everything_is_answered_as_before_from_files(redis_url: str, tmp_path: Path) -> None:
    settings = {"archive": str(tmp_path)}
    with standings(redis_url, scorers=1, **settings) as deployment, Redis.from_url(redis_url) as client:
        raced(deployment)
        before = everything(deployment)

        said = json.loads(run(redis_url, "archive", "race", "--json", archive=tmp_path).stdout)

        assert [(one["contest"], one["version"]) for one in said] == [("race", 23)]
        assert client.xlen(LOG) == client.xlen(LEDGER) == 1
        assert everything(deployment) == before  # an API that held the contest
    with standings(redis_url, scorers=1, **settings) as deployment:
        assert everything(deployment) == before  # and one that loads it
        assert announced(deployment, "race", 50) == 24
        repeated = deployment.tell(
            "/v1/contests", contest="race", title="Other", timezone="UTC", candidates=[]
        )
        assert repeated.status_code == 409
        assert deployment.ask("/v1/contests/race", min_version=24, wait_ms=10_000)["version"] == 24


def test_an_archived_contest_is_rebuilt_backed_up_and_archived_again(redis_url: str, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        raced(deployment)
        before = everything(deployment)[0]
        first = run(redis_url, "backup", str(tmp_path / "before.gz"), "--json").stdout
        run(redis_url, "archive", "race", archive=archive)
        run(redis_url, "verify", str(tmp_path / "before.gz"), archive=archive)
        assert run(redis_url, "backup", str(tmp_path / "after.gz"), "--json", archive=archive).stdout == first

        assert "0 of" in run(redis_url, "rebuild", "race", archive=archive).stdout
        announced(deployment, "race", 50)
        deployment.ask("/v1/contests/race", min_version=24, wait_ms=10_000)
        run(redis_url, "archive", "race", archive=archive)

    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        after = everything(deployment)[0]
        assert [one["standings"] for one in after] == [one["standings"] for one in before]
        assert after[0]["generation"] == 2


def test_a_service_that_does_not_see_the_files_says_where_they_should_be(
    redis_url: str, tmp_path: Path
) -> None:
    with standings(redis_url, scorers=1) as deployment:
        raced(deployment)
    run(redis_url, "archive", "race", archive=tmp_path)

    with standings(redis_url, scorers=1) as deployment:
        answer = deployment.api.get("/v1/contests/race/standings")
        assert answer.status_code == 503
        assert "archived in race.23.ndjson.gz: set STANDINGS_ARCHIVE" in answer.json()["detail"]
        assert deployment.api.get("/v1/contests/other-race/standings").status_code == 200
        assert deployment.api.get("/v1/contests").status_code == 200
    assert "race.23.ndjson.gz" in run(redis_url, "rebuild", "race", expect=4).stderr


def test_a_file_that_is_damaged_is_noticed(redis_url: str, tmp_path: Path) -> None:
    with standings(redis_url, scorers=1) as deployment:
        raced(deployment)
    run(redis_url, "archive", "race", archive=tmp_path)
    file = tmp_path / "race.23.ndjson.gz"
    content = bytearray(file.read_bytes())
    content[100] ^= 255
    file.write_bytes(content)

    with standings(redis_url, scorers=1, archive=str(tmp_path)) as deployment:
        answer = deployment.api.get("/v1/contests/race/events")
        assert answer.status_code == 503
        assert "cannot be read from race.23.ndjson.gz" in answer.json()["detail"]


@pytest.mark.parametrize("missing", ["a directory", "a contest", "folding"])
def test_what_cannot_be_archived_stays_as_it_is(redis_url: str, tmp_path: Path, missing: str) -> None:
    with standings(redis_url, scorers=0 if missing == "folding" else 1) as deployment:
        if missing == "folding":
            deployment.told("/v1/contests", contest="race", title="A", timezone="UTC", candidates=[])
            announced_nothing = 2
        else:
            raced(deployment)
            announced_nothing = 23
        name = "no-such" if missing == "a contest" else "race"
        if missing == "a directory":
            assert "set STANDINGS_ARCHIVE" in run(redis_url, "archive", name, expect=78).stderr
        else:
            said = run(redis_url, "archive", name, expect=4, archive=tmp_path).stderr
            assert "stays as it is" in said

    with Redis.from_url(redis_url) as client:
        assert client.xlen(LOG) <= announced_nothing
        assert not client.exists("standings:{p00}:c:race:archived")
    assert not list(tmp_path.iterdir())
