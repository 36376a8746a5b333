"""What is answered while the Redis server cannot keep a promise: 503, why, and nothing acknowledged."""

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.running import Service, service
from tests.servers import eventually
from tests.valkeys import replica_of, valkey

OPENING = {
    "id": "opening",
    "contest": "race",
    "title": "A race",
    "timezone": "UTC",
    "candidates": [{"candidate": "ann", "name": "Ann"}],
    "recorded_by": "test",
}
LOG = "standings:{p00}:c:race:log"


def opened(ingest: Service, **more: Any) -> httpx.Response:
    return httpx.post(f"{ingest.url}/v1/contests", json={**OPENING, **more}, timeout=60)


def refused(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    problem = answer.json()
    assert problem["type"] == f"/problems/{code}"
    assert "nothing is acknowledged" in problem["detail"]


def test_a_server_out_of_memory_takes_nothing_until_it_has_some(redis_url: str) -> None:
    with service("ingest", redis_url) as ingest, Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1mb")
        try:
            refused(opened(ingest), "storage-full")
            assert not client.exists(LOG)
        finally:
            client.config_set("maxmemory", "0")

        assert opened(ingest).json()["version"] == 2
        explained = httpx.get(f"{ingest.url}/problems/storage-full").json()
        assert explained["title"] == "Storage full"


def test_a_disk_that_is_full_ends_the_server_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    small = "trap '' XFSZ; ulimit -S -f 100"  # blocks of 512 bytes; a full disk fails in the same way

    with valkey(tmp_path, limits=small) as server, service("ingest", server.url) as ingest:
        acknowledged = []
        for n in range(200):
            answer = opened(ingest, id=f"o{n}", contest=f"race-{n}", title="A race " + 40 * "x")
            if answer.status_code != 201:
                break
            acknowledged.append(f"race-{n}")
        assert 0 < len(acknowledged) < 200
        assert answer.status_code == 503
        assert answer.json()["type"] in ("/problems/storage-unavailable", "/problems/storage-full")
        server.kill()
        server.start()

        with server.client as client:
            for contest in acknowledged:
                assert client.xlen(f"standings:{{p00}}:c:{contest}:log") == 2
        eventually(lambda: opened(ingest, id="later", contest="later").status_code == 201)


def test_a_replica_takes_nothing(tmp_path: Path) -> None:
    with (
        valkey(tmp_path / "primary") as primary,
        valkey(tmp_path / "other") as other,
        service("ingest", other.url) as ingest,
    ):
        with other.client as client:
            client.replicaof("127.0.0.1", primary.port)
            refused(opened(ingest), "storage-read-only")
            client.replicaof("NO", "ONE")

        assert opened(ingest).status_code == 201


def test_a_server_that_loads_its_file_says_so(tmp_path: Path) -> None:
    with valkey(tmp_path) as server, service("ingest", server.url) as ingest:
        for n in range(60):
            assert opened(ingest, id=f"o{n}", contest=f"race-{n}").status_code == 201
        with server.client as client:
            client.bgrewriteaof()
            eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        server.kill()
        # Slow enough to be seen while it loads.
        server.start("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")

        refused(opened(ingest, id="again", contest="another"), "storage-loading")
        eventually(lambda: opened(ingest, id="again", contest="another").status_code == 201)


def test_what_is_acknowledged_as_replicated_is_on_the_replica(tmp_path: Path) -> None:
    replicated = {"durability": "replicated", "replicas": "1", "replica_timeout_ms": "300"}
    with (
        valkey(tmp_path / "primary") as primary,
        replica_of(primary, tmp_path / "replica") as replica,
        service("ingest", primary.url, **replicated) as ingest,
    ):
        assert opened(ingest).status_code == 201
        with replica.client as client:
            assert client.xlen(LOG) == 2

        assert replica.process is not None
        replica.process.send_signal(signal.SIGSTOP)
        try:
            refused(opened(ingest, id="second", contest="second"), "storage-not-replicated")
            # It is on the primary by now: the same again must not be acknowledged sooner.
            refused(opened(ingest, id="second", contest="second"), "storage-not-replicated")
        finally:
            replica.process.send_signal(signal.SIGCONT)

        eventually(lambda: opened(ingest, id="second", contest="second").status_code == 201)
        with replica.client as client:
            assert client.xlen("standings:{p00}:c:second:log") == 2


@pytest.mark.parametrize("name", ["ingest"])
def test_too_few_replicas_are_refused_at_the_start(redis_url: str, name: str) -> None:
    from tests.integration.test_start import refusal

    said = refusal(name, redis_url, durability="replicated", replicas="2")

    assert "0 replicas" in said
    assert "STANDINGS_REPLICAS" in said
