"""Records what this release writes and answers: `python -m tests.upgrades.record NAME` makes `tests/upgrades/NAME/`.

Run it on a commit before what is written changes; a record that is there stays as it is.
"""

import gzip
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
from redis import Redis

from tests.running import Standings, service, standings
from tests.servers import eventually
from tests.upgrades.race import CONTESTS, commands, questions
from tests.valkeys import valkey

HERE = Path(__file__).parent
# Rather than a snapshot: any Valkey and Redis reads it.
PLAIN = ("--aof-use-rdb-preamble", "no")
WEBHOOKS: tuple[dict[str, Any], ...] = (
    {
        "url": "https://127.0.0.1/a",
        "wanted": {"contests": ["plain"], "policies": ["headcount"], "min_delta": "1.5"},
    },
    {"url": "https://127.0.0.1:22/b", "description": "a port that is for something else"},
    {"url": "https://127.0.0.1/c", "wanted": {"min_delta": "1e-300000000"}},
)


def record(directory: Path) -> None:
    """Runs every command and asks every question, and keeps what lies on disk then."""
    directory.mkdir()
    work = directory / "work"
    archive = work / "archive"
    archive.mkdir(parents=True)
    with valkey(work / "valkey", *PLAIN) as server:
        settings = {"archive": str(archive), "webhooks_development": "true"}
        with standings(server.url, scorers=1, **settings) as deployment:
            told = [_told(deployment, path, body) for path, body in commands()]
            versions = {contest: _version(deployment, contest) for contest in CONTESTS}
            _run(server.url, archive, "archive", "archived")
            _run(server.url, archive, "rebuild", "rebuilt")
        with service("webhooks", server.url, **settings) as webhooks:
            hooks = [httpx.post(f"{webhooks.url}/v1/webhooks", json=one).json() for one in WEBHOOKS]
        with standings(server.url, scorers=1, **settings) as deployment:
            answers = [_asked(deployment, address) for address in _addresses(deployment, versions)]
            _dead_letter(deployment)
        _run(server.url, archive, "backup", str(directory / "backup.ndjson.gz"))
        with server.client as client:
            client.shutdown(nosave=True)
    (work / "valkey" / "said").unlink()
    _forget_the_machine(work / "valkey")
    said = {"versions": versions, "commands": told, "answers": answers, "webhooks": hooks}
    (directory / "recorded.json.gz").write_bytes(gzip.compress(orjson.dumps(said), mtime=0))
    with tarfile.open(directory / "data.tar.gz", "w:gz") as tar:
        for path in sorted(work.iterdir()):
            tar.add(path, path.name, filter=_nobodys)
    shutil.rmtree(work)


def _told(deployment: Standings, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = deployment.ingest.post(path, json=body)
    return {"path": path, "body": body, "status": answer.status_code, "answer": answer.json()}


def _version(deployment: Standings, contest: str) -> int:
    with Redis.from_url(deployment.redis_url) as client:
        version = int(client.xlen(f"standings:{{p00}}:c:{contest}:log"))
    deployment.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)
    return version


def _addresses(deployment: Standings, versions: dict[str, int]) -> Iterator[str]:
    for contest, version in versions.items():
        deployment.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)
        if version > 10:
            yield from questions(contest, version)
        else:
            yield from (f"/v1/contests/{contest}/{rows}" for rows in ("events", "changes?from_version=1"))


def _asked(deployment: Standings, address: str) -> dict[str, Any]:
    answer = deployment.api.get(address)
    assert answer.status_code == 200, (address, answer.text)
    return {"address": address, "type": answer.headers["content-type"], "body": answer.text}


def _dead_letter(deployment: Standings) -> None:
    with Redis.from_url(deployment.redis_url) as client:
        client.xadd("standings:{inbox}:inbox", {"command": '{"command": "announce", "contest": "nowhere"}'})
    eventually(lambda: bool(deployment.ingest.get("/v1/dead-letters").json()["dead_letters"]))


def _run(url: str, archive: Path, *arguments: str) -> None:
    environment = {**os.environ, "STANDINGS_REDIS_URL": url, "STANDINGS_ARCHIVE": str(archive)}
    subprocess.run([sys.executable, "-m", "services.cli", *arguments], env=environment, check=True)


def _forget_the_machine(data: Path) -> None:
    """Scorers name themselves after the machine they run on; the file has the length of each name beside it."""
    name = socket.gethostname().encode()
    for file in (data / "appendonlydir").iterdir():
        file.write_bytes(file.read_bytes().replace(name, b"h" * len(name)))


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    record(HERE / sys.argv[1])
