"""Old versions in files: everything is answered as before, and nothing is taken out of Redis before it lies there."""

import gzip
import json
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
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
        first = run(redis_url, "backup", "create", str(tmp_path / "before.gz"), "--json").stdout
        run(redis_url, "archive", "race", archive=archive)
        run(redis_url, "backup", "verify", str(tmp_path / "before.gz"), archive=archive)
        assert (
            run(redis_url, "backup", "create", str(tmp_path / "after.gz"), "--json", archive=archive).stdout
            == first
        )

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
        assert answer.json()["type"] == "/problems/archive-missing"
        (file,) = tmp_path.iterdir()
        assert f"archived in {file.name}: set STANDINGS_ARCHIVE" in answer.json()["detail"]
        assert deployment.api.get("/v1/contests/other-race/standings").status_code == 200
        assert deployment.api.get("/v1/contests").status_code == 200
    assert file.name in run(redis_url, "rebuild", "race", expect=4).stderr


def test_a_file_in_which_an_entry_is_another_is_refused_everywhere(redis_url: str, tmp_path: Path) -> None:
    """Every sum within the file is made to fit, so only the record of its hash tells."""
    archive = tmp_path / "archive"
    with standings(redis_url, scorers=1) as deployment:
        raced(deployment)
    run(redis_url, "backup", "create", str(tmp_path / "before.gz"))
    run(redis_url, "archive", "race", archive=archive)
    run(redis_url, "backup", "verify", str(tmp_path / "before.gz"), archive=archive)
    (file,) = archive.iterdir()
    parts = [orjson.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    parts[4][1]["data"] = parts[4][1]["data"].replace("mayor", "rabbi")
    forge(redis_url, file, parts)

    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        for path in ("events", "standings"):
            answer = deployment.api.get(f"/v1/contests/race/{path}")
            assert answer.status_code == 503
            assert f"cannot be read from {file.name}" in answer.json()["detail"]
        assert deployment.api.get("/v1/contests/other-race/events").status_code == 200
    said = run(redis_url, "backup", "create", str(tmp_path / "after.gz"), archive=archive, expect=78).stderr
    assert file.name in said
    assert sorted(one.name for one in tmp_path.iterdir()) == ["archive", "before.gz"]
    verified = run(
        redis_url, "backup", "verify", str(tmp_path / "before.gz"), "--json", archive=archive, expect=1
    )
    assert {one["contest"]: one["same"] for one in json.loads(verified.stdout)} == {
        "other-race": 23,
        "race": 0,
        "third-race": 23,
    }
    assert file.name in verified.stderr
    assert file.name in run(redis_url, "archive", "race", archive=archive, expect=4).stderr
    assert list(archive.iterdir()) == [file]


def forge(url: str, file: Path, parts: list[Any], first_format: bool = False) -> None:
    """Writes an archive of 23 versions anew: with the record that it has, or as the first format had it."""
    *lines, index = parts
    content, streams = b"", {}
    for stream, some in (("log", lines[:23]), ("ledger", lines[23:])):
        packed = gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in some), mtime=0)
        digest = [] if first_format else [sha256(packed).hexdigest()]
        streams[stream] = [[1, len(content), len(packed), *digest]]
        content += packed
    if first_format:
        index = {"standings_archive": 1, "contest": "race", "version": 23}
        record = [23, 1, "race.23.ndjson.gz", len(content)]
        with Redis.from_url(url) as client:
            client.set("standings:{p00}:c:race:archived", orjson.dumps(record))
        file.unlink()
        file = file.with_name("race.23.ndjson.gz")
    file.write_bytes(content + gzip.compress(orjson.dumps({**index, "streams": streams}), mtime=0))


def test_a_file_of_the_first_format_is_read_and_written_anew_with_hashes(
    redis_url: str, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        raced(deployment)
        before = everything(deployment)
    run(redis_url, "archive", "race", archive=archive)
    (file,) = archive.iterdir()
    content = file.read_bytes()
    parts = [orjson.loads(line) for line in gzip.decompress(content).splitlines()]
    forge(redis_url, file, parts, first_format=True)

    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        assert everything(deployment) == before
    run(redis_url, "archive", "race", archive=archive)

    assert file.read_bytes() == content  # and named after what is in it, as the first time
    (archive / "race.23.ndjson.gz").unlink()
    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        assert everything(deployment) == before


def test_a_file_of_the_first_format_whose_events_are_others_is_not_written_anew(
    redis_url: str, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    with standings(redis_url, scorers=1) as deployment:
        raced(deployment)
    run(redis_url, "archive", "race", archive=archive)
    (file,) = archive.iterdir()
    parts = [orjson.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    parts[4][1], parts[5][1] = parts[5][1], parts[4][1]
    forge(redis_url, file, parts, first_format=True)

    said = run(redis_url, "archive", "race", archive=archive, expect=4).stderr

    assert "version 5 is damaged" in said
    assert [one.name for one in archive.iterdir()] == ["race.23.ndjson.gz"]
    said = run(redis_url, "backup", "create", str(tmp_path / "backup.gz"), archive=archive, expect=78).stderr
    assert "version 5 is damaged" in said


def test_a_record_in_redis_that_leads_elsewhere_is_not_followed(redis_url: str, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with standings(redis_url, scorers=1) as deployment:
        raced(deployment)
    run(redis_url, "archive", "race", archive=archive)
    (file,) = archive.iterdir()
    file.rename(tmp_path / file.name)
    with Redis.from_url(redis_url) as client:
        record = orjson.loads(client.get("standings:{p00}:c:race:archived") or b"")
        record[2] = f"../{file.name}"
        client.set("standings:{p00}:c:race:archived", orjson.dumps(record))

    with standings(redis_url, scorers=1, archive=str(archive)) as deployment:
        answer = deployment.api.get("/v1/contests/race/events")
        assert answer.status_code == 503
        assert "what Redis says of its archived versions" in answer.json()["detail"]
        assert deployment.api.get("/v1/contests/other-race/events").status_code == 200


@pytest.mark.parametrize("verb", [("backup", "create", "b.gz"), ("archive", "race"), ("rebuild", "race")])
def test_a_server_that_is_not_reached_is_a_sentence(tmp_path: Path, verb: tuple[str, ...]) -> None:
    verb_and_file = (*verb[:-1], str(tmp_path / verb[-1]) if verb[0] == "backup" else verb[-1])

    said = run("redis://127.0.0.1:1/0", *verb_and_file, archive=tmp_path, expect=3).stderr

    assert "the Redis server of STANDINGS_REDIS_URL does not answer" in said
    assert list(tmp_path.iterdir()) == []


def test_a_contest_that_has_no_id_is_never_archived(redis_url: str, tmp_path: Path) -> None:
    """As an earlier release's `restore` could bring it."""
    with Redis.from_url(redis_url) as client:
        client.sadd("standings:{p00}:contests", "../pwned")
        for version in (1, 2):
            for stream in ("log", "g1:ledger"):
                client.xadd(f"standings:{{p00}}:c:../pwned:{stream}", {"x": "y"}, id=f"{version}-0")

    assert "no contest's id" in run(redis_url, "archive", "../pwned", archive=tmp_path / "a", expect=4).stderr
    assert "no contest's id" in run(redis_url, "backup", "create", str(tmp_path / "b.gz"), expect=78).stderr
    assert list(tmp_path.iterdir()) == []


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
