"""Backups: a log comes back to the byte, a file that is not whole is refused, and nothing is ever half restored."""

import gzip
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from redis import Redis

from tests.integration.test_cli import STANDINGS
from tests.running import Standings, standings
from tests.servers import eventually
from tests.valkeys import valkey

CONTESTS = ("race", "other-race", "third-race")


def archive(verb: str, file: Path, url: str, *, expect: int = 0, **settings: str) -> Any:
    """What a verb prints as JSON, or on standard error when it fails."""
    done = subprocess.run(
        [STANDINGS, "backup", verb, str(file), "--json"],
        env={**os.environ, "STANDINGS_REDIS_URL": url, "NO_COLOR": "1", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if expect in (0, 1) else done.stderr


def raced(deployment: Standings, endorsers: int = 20) -> None:
    """Three contests with endorsements, folded."""
    for contest in CONTESTS:
        candidates = [{"candidate": one, "name": f"{one}é"} for one in ("ann", "bob")]
        deployment.told("/v1/contests", contest=contest, title="A", timezone="UTC", candidates=candidates)
        for n in range(endorsers):
            version = announced(deployment, contest, n)
        deployment.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)


def announced(deployment: Standings, contest: str, n: int) -> int:
    version: int = deployment.told(
        f"/v1/contests/{contest}/endorsements",
        endorser={"id": f"p{n}", "name": f"P{n}"},
        candidate=("ann", "bob")[n % 2],
        category="mayor",
        announced_at=f"2025-03-{n % 28 + 1:02d}",
    )["version"]
    return version


def stored(url: str, contest: str, partition: str = "p00") -> tuple[Any, Any]:
    """A contest's log and event ids."""
    key = f"standings:{{{partition}}}:c:{contest}"
    with Redis.from_url(url) as client:
        return client.xrange(f"{key}:log"), client.hgetall(f"{key}:ids")


def answers(deployment: Standings, contest: str) -> Any:
    """Standings that a backup must bring back as they were."""
    deployment.ask(f"/v1/contests/{contest}", min_version=23, wait_ms=10_000)
    path = f"/v1/contests/{contest}/standings"
    return [deployment.ask(path, version=version, valid_at="2025-03-15") for version in (5, 14, 23)]


class Original(NamedTuple):
    """A server with three contests of 23 versions, its backup, and what was printed and answered then."""

    url: str
    file: Path
    said: Any
    answers: Any


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Original]:
    """Not to be changed: a test that writes restores it elsewhere first."""
    directory = tmp_path_factory.mktemp("original")
    file = directory / "standings.ndjson.gz"
    with valkey(directory / "data") as server:
        with standings(server.url) as deployment:
            raced(deployment)
            before = [answers(deployment, contest) for contest in CONTESTS]
        yield Original(server.url, file, archive("create", file, server.url), before)


@pytest.fixture
def backed_up(original: Original, tmp_path: Path) -> Path:
    """A copy of the backup, for this test."""
    return Path(shutil.copy(original.file, tmp_path))


@pytest.fixture
def restored(backed_up: Path, redis_url: str) -> str:
    """The URL of a server of its own with what the backup has."""
    archive("restore", backed_up, redis_url)
    return redis_url


def test_a_restored_server_has_the_same_logs_and_answers_the_same(
    original: Original, restored: str, tmp_path: Path
) -> None:
    assert [(one["contest"], one["version"]) for one in original.said] == [
        (name, 23) for name in sorted(CONTESTS)
    ]
    for contest in CONTESTS:
        assert stored(restored, contest) == stored(original.url, contest)
    assert archive("create", tmp_path / "again.gz", restored) == original.said

    with standings(restored) as deployment:
        assert [answers(deployment, contest) for contest in CONTESTS] == original.answers
        taken = deployment.tell(
            "/v1/contests", contest="race", title="Another", timezone="UTC", candidates=[]
        )
        assert taken.status_code == 409
        assert announced(deployment, "race", 99) == 24


def test_restoring_what_is_there_changes_nothing(original: Original, backed_up: Path, restored: str) -> None:
    assert archive("restore", backed_up, restored) == original.said
    with Redis.from_url(restored) as client:
        assert client.xlen("standings:{p00}:wake") == len(CONTESTS)


def test_a_backup_brings_a_deployment_to_another_number_of_partitions(
    backed_up: Path, tmp_path: Path
) -> None:
    with valkey(tmp_path / "other") as server:
        archive("restore", backed_up, server.url, STANDINGS_PARTITIONS="8")
        with standings(server.url, partitions="8") as deployment:
            assert all(len(answers(deployment, contest)) == 3 for contest in CONTESTS)


def test_a_backup_is_consistent_while_events_go_on_coming(restored: str, tmp_path: Path) -> None:
    file = tmp_path / "later.ndjson.gz"
    with standings(restored) as deployment:
        command = [STANDINGS, "backup", "create", str(file), "--json"]
        running = subprocess.Popen(
            command, env={**os.environ, "STANDINGS_REDIS_URL": restored}, stdout=subprocess.PIPE, text=True
        )
        n = 100
        while running.poll() is None:
            announced(deployment, "race", n)
            n += 1
        said = json.loads(running.communicate()[0])

    with valkey(tmp_path / "other") as server:
        archive("restore", file, server.url)
        entries, ids = stored(server.url, "race")
        version = next(one["version"] for one in said if one["contest"] == "race")
        assert len(entries) == version
        assert entries == stored(restored, "race")[0][:version]
        assert sorted(fields[b"id"] for _, fields in entries) == sorted(ids)


def test_verify_tells_the_same_ahead_behind_and_different_apart(
    backed_up: Path, restored: str, tmp_path: Path
) -> None:
    same = archive("verify", backed_up, restored)
    assert [(one["same"], one["stands"]) for one in same] == [(23, 23)] * 3

    with standings(restored) as deployment:
        announced(deployment, "race", 50)
    ahead = archive("verify", backed_up, restored)
    assert {one["contest"]: one["stands"] for one in ahead}["race"] == 24

    with Redis.from_url(restored) as client:
        entries, _ = stored(restored, "other-race")
        client.delete("standings:{p00}:c:other-race:log")
        for entry_id, fields in entries:
            changed: Any = {**fields, b"known_at": b"2020-01-01T00:00:00Z"} if entry_id == b"9-0" else fields
            client.xadd("standings:{p00}:c:other-race:log", changed, id=entry_id)
    differs = archive("verify", backed_up, restored, expect=1)
    assert {one["contest"]: one["same"] for one in differs}["other-race"] == 8

    with valkey(tmp_path / "other") as server:
        behind = archive("verify", backed_up, server.url, expect=1)
        assert [(one["same"], one["stands"]) for one in behind] == [(0, 0)] * 3


def test_a_server_with_something_else_is_left_as_it_is(backed_up: Path, restored: str) -> None:
    with standings(restored) as deployment:
        announced(deployment, "race", 50)
    before = stored(restored, "race")

    said = archive("restore", backed_up, restored, expect=78)

    assert "contest race stands at version 24 on this server and at 23 in the backup" in said
    assert stored(restored, "race") == before


def test_a_contest_that_the_backup_has_not_is_in_the_way(backed_up: Path, tmp_path: Path) -> None:
    with valkey(tmp_path / "other") as server, standings(server.url) as deployment:
        deployment.told("/v1/contests", contest="mine", title="Mine", timezone="UTC", candidates=[])

        said = archive("restore", backed_up, server.url, expect=78)

        assert "contests that the backup has not (mine)" in said
        assert stored(server.url, "race") == ([], {})


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused_and_restores_nothing(
    backed_up: Path, tmp_path: Path, kept: float
) -> None:
    whole = backed_up.read_bytes()
    backed_up.write_bytes(whole[: int(kept * len(whole))])

    with valkey(tmp_path / "other") as server:
        said = archive("restore", backed_up, server.url, expect=78)

        assert str(backed_up) in said
        with Redis.from_url(server.url) as client:
            assert not client.keys("standings:{p00}:*")


@pytest.mark.parametrize(
    ("was", "becomes", "complaint"),
    [
        (b"2025-03-05", b"2025-03-06", "race is not what its hash says"),
        (b'"standings_backup":1', b'"standings_backup":9', "not a backup that this release reads"),
        (b"[7,{", b"[8,{", "version 8 follows 6"),
        (b"[7,{", b"[7,]{", "cannot be read"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    original: Original, backed_up: Path, was: bytes, becomes: bytes, complaint: str
) -> None:
    lines = gzip.decompress(backed_up.read_bytes())
    assert was in lines
    backed_up.write_bytes(gzip.compress(lines.replace(was, becomes)))

    assert complaint in archive("verify", backed_up, original.url, expect=78)


def test_what_is_no_backup_is_refused(redis_url: str, tmp_path: Path) -> None:
    no_backup = tmp_path / "notes.txt"
    no_backup.write_text("hello")

    assert "notes.txt" in archive("restore", no_backup, redis_url, expect=78)
    assert "missing.gz" in archive("restore", tmp_path / "missing.gz", redis_url, expect=78)
    assert "no-such-directory" in archive(
        "create", tmp_path / "no-such-directory" / "b.gz", redis_url, expect=78
    )


def test_a_damaged_log_makes_no_backup(backed_up: Path, restored: str) -> None:
    before = backed_up.read_bytes()
    with Redis.from_url(restored) as client:
        client.xdel("standings:{p00}:c:race:log", "7-0")

    assert "contest race: version 7 is not there" in archive("create", backed_up, restored, expect=78)
    assert backed_up.read_bytes() == before
    assert list(backed_up.parent.iterdir()) == [backed_up]


def test_an_interrupted_restore_shows_no_contest_in_part_and_the_next_one_finishes(
    backed_up: Path, tmp_path: Path
) -> None:
    with valkey(tmp_path / "other") as server:
        for writes in range(1, 12):
            with Redis.from_url(server.url) as client:
                _killed_after(writes, backed_up, server.url, client)
                for contest in CONTESTS:
                    entries, ids = stored(server.url, contest)
                    assert (len(entries), len(ids)) in ((0, 0), (23, 23))
        archive("restore", backed_up, server.url)
        assert all(len(stored(server.url, contest)[0]) == 23 for contest in CONTESTS)
        with Redis.from_url(server.url) as client:
            assert not client.keys("*restored*")


def _killed_after(writes: int, file: Path, url: str, client: "Redis") -> None:
    """Starts a restore, and kills it when the server has seen so many changes of its."""
    start = int(client.info("persistence")["rdb_changes_since_last_save"])
    running = subprocess.Popen(
        [STANDINGS, "backup", "restore", str(file)],
        env={**os.environ, "STANDINGS_REDIS_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def far_enough() -> bool:
        changes = int(client.info("persistence")["rdb_changes_since_last_save"])
        return changes - start >= writes or running.poll() is not None

    eventually(far_enough)
    running.send_signal(signal.SIGKILL)
    running.wait(10)


@pytest.mark.parametrize("old", [("backup", "b.gz"), ("verify", "b.gz"), ("restore", "b.gz")])
def test_the_old_forms_work_and_name_the_new_ones(tmp_path: Path, old: tuple[str, str]) -> None:
    done = subprocess.run(
        [STANDINGS, old[0], str(tmp_path / old[1])],
        env={**os.environ, "STANDINGS_REDIS_URL": "redis://127.0.0.1:1/0", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 3  # it went as far as the server, which is not there
    assert f"standings backup {'create' if old[0] == 'backup' else old[0]} FILE" in done.stderr
