"""What earlier releases wrote opens, and is answered, cited, repeated and restored as it was then."""

import gzip
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.running import Standings, service, standings
from tests.upgrades.record import HERE
from tests.valkeys import Server, valkey

RELEASES = sorted(path.parent for path in HERE.glob("*/recorded.json.gz"))


@dataclass(frozen=True)
class Opened:
    """What a release left, on a server of its own under today's services."""

    release: Path
    server: Server
    archive: Path
    deployment: Standings
    recorded: dict[str, Any]

    def run(self, *arguments: str, url: str = "") -> "subprocess.CompletedProcess[str]":
        """A verb of the command line, which says what it did."""
        environment = {
            **os.environ,
            "STANDINGS_REDIS_URL": url or self.server.url,
            "STANDINGS_ARCHIVE": str(self.archive),
        }
        command = [sys.executable, "-m", "services.cli", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=True
        )

    def differing(self, deployment: Standings, only: str = "") -> list[str]:
        """The addresses with this text in them that are answered otherwise than then."""
        asked = [one for one in self.recorded["answers"] if only in one["address"]]
        assert asked
        return [one["address"] for one in asked if _differs(deployment, one)]


def _differs(deployment: Standings, then: dict[str, Any]) -> bool:
    now = deployment.api.get(then["address"])
    if now.status_code != 200 or now.headers["content-type"] != then["type"]:
        return True
    if "@" in then["address"] or "json" not in then["type"]:
        return bool(now.text != then["body"])  # what is cited is the same to the byte
    return _lasting(now.json()) != _lasting(orjson.loads(then["body"]))


def _lasting(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the time that was now, where none was asked for, and without what tells a history: places in
    a contest's changes were bare versions once."""
    times = {name for name in ("valid_at", "known_at") if answer.get(name, {}).get("asked", "") is None}
    lasting = {name: value for name, value in answer.items() if name not in {*times, "places"}}
    if "changes" in lasting and "next" in lasting:
        lasting["next"] = lasting["next"].partition("-")[0]
    return lasting


@pytest.fixture(scope="module", params=RELEASES, ids=lambda path: path.name)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The tests of one release go from the first to the last, since some of them write."""
    release: Path = request.param
    directory = tmp_path_factory.mktemp(release.name)
    with tarfile.open(release / "data.tar.gz") as tar:
        tar.extractall(directory, filter="data")
    archive = directory / "archive"
    recorded = orjson.loads(gzip.decompress((release / "recorded.json.gz").read_bytes()))
    with valkey(directory / "valkey") as server, standings(server.url, archive=str(archive)) as deployment:
        yield Opened(release, server, archive, deployment, recorded)


def test_every_question_is_answered_as_it_was(opened: Opened) -> None:
    assert opened.differing(opened.deployment) == []


def test_every_command_that_is_repeated_is_answered_as_the_first_time(opened: Opened) -> None:
    for one in opened.recorded["commands"]:
        answer = opened.deployment.ingest.post(one["path"], json=one["body"])
        assert (answer.status_code, answer.json()) == (one["status"], one["answer"]), one["body"]
    for contest, version in opened.recorded["versions"].items():
        assert opened.deployment.ask(f"/v1/contests/{contest}")["version"] == version


def test_webhooks_are_there_as_they_were_registered(opened: Opened) -> None:
    with service("webhooks", opened.server.url, api_url=str(opened.deployment.api.base_url)) as webhooks:
        for then in opened.recorded["webhooks"]:
            now = opened.deployment.api.get(f"{webhooks.url}/v1/webhooks/{then['webhook']}").json()
            assert (now["url"], now["description"]) == (then["url"], then["description"])


def test_a_backup_of_then_is_what_the_server_has(opened: Opened) -> None:
    assert opened.run("verify", str(opened.release / "backup.ndjson.gz")).returncode == 0


def test_a_backup_of_then_restored_is_cited_as_it_was(opened: Opened, tmp_path: Path) -> None:
    with valkey(tmp_path / "empty") as server:
        opened.run("restore", str(opened.release / "backup.ndjson.gz"), url=server.url)
        with standings(server.url) as deployment:
            for contest, version in opened.recorded["versions"].items():
                deployment.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)
            assert opened.differing(deployment, only="@") == []


def test_every_contest_goes_on_and_the_past_stays(opened: Opened) -> None:
    for contest, version in opened.recorded["versions"].items():
        known = {"known_at": "2026-01-01"} if contest == "imported" else {}
        endorser = {"id": "new", "name": "New"}
        path = f"/v1/contests/{contest}/endorsements"
        facts = {"endorser": endorser, "candidate": "ann", "category": "governor", **known}
        told = opened.deployment.told(path, announced_at="2025-12-01", **facts)
        assert told["version"] == version + 1
        opened.deployment.ask(f"/v1/contests/{contest}", min_version=version + 1, wait_ms=10_000)
    assert opened.differing(opened.deployment, only="@") == []


def test_every_contest_is_rebuilt_and_cited_as_it_was(opened: Opened) -> None:
    said = opened.run("rebuild", "--all", "--json").stdout

    assert {one["moments_that_differ"] for one in orjson.loads(said)} == {0}
    for contest, version in opened.recorded["versions"].items():
        opened.deployment.ask(f"/v1/contests/{contest}", min_version=version + 1, wait_ms=10_000)
    assert opened.differing(opened.deployment, only="@") == []
