"""One running deployment for the tests that only need a contest of their own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from services.local import race
from services.local.embedded import embedded_valkey
from tests.running import NDJSON, Standings, standings

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standings]:
    """Every service, over a server of their own."""
    data: Path = tmp_path_factory.mktemp("deployment")
    with embedded_valkey(data) as url, standings(url) as running:
        yield running


@pytest.fixture(scope="session")
def simulated_race(deployment: Standings) -> int:
    """The demo's race, recorded; its version."""
    opening = {name: value for name, value in race.opening().items() if name not in ("recorded_by", "source")}
    deployment.told("/v1/contests", **opening)
    body = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in race.race(2025))
    answer = deployment.ingest.post(f"/v1/contests/{race.CONTEST}/batch", content=body, headers=NDJSON)
    version = int(orjson.loads(answer.content.splitlines()[-1])["summary"]["version"])
    deployment.ask(f"/v1/contests/{race.CONTEST}", min_version=version, wait_ms=10_000)
    return version


@pytest.fixture
def contest(deployment: Standings) -> str:
    """The id of an open contest with candidates ann and bob."""
    name = f"contest-{next(_numbers)}"
    candidates = [{"candidate": "ann", "name": "Ann"}, {"candidate": "bob", "name": "Bob"}]
    deployment.told(
        "/v1/contests", contest=name, title="A race", timezone="America/New_York", candidates=candidates
    )
    return name
