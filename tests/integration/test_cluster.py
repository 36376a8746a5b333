"""A Redis Cluster: every service works across it, while slots move and primaries die."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from redis.cluster import RedisCluster

from shared.storage.redis_keys import keys_of
from tests.chaos.aftermath import Report, Storage, check
from tests.chaos.load import CONTESTS, Load
from tests.clusters import Cluster, cluster
from tests.running import Service, Standings, service, standings
from tests.servers import eventually

PARTITIONS = 6
SETTINGS = {
    "partitions": str(PARTITIONS),
    "durability": "replicated",
    "replica_timeout_ms": "2000",
    "claim_after_ms": "1000",
    "log_level": "WARNING",
}


@pytest.fixture(scope="module")
def shared_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for this module; ask for `nodes` instead."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def nodes(shared_nodes: Cluster) -> Cluster:
    """Three primaries, each with a replica and nothing in it; not to be killed."""
    with shared_nodes.client() as client:
        client.flushall(target_nodes=RedisCluster.PRIMARIES)
    return shared_nodes


@pytest.fixture
def mortal_nodes(tmp_path: Path) -> Iterator[Cluster]:
    """As `nodes`, for this test alone."""
    with cluster(tmp_path) as made:
        yield made


def through(nodes: Cluster, harm: Callable[[], None], seconds: float) -> Report:
    """Runs the chaos suite's load over the cluster while it is harmed, and checks what it left."""

    async def work(deployment: Standings) -> Report:
        load = Load([str(deployment.ingest.base_url)], str(deployment.api.base_url), seed=3)
        report = Report(seed=3)
        await load.open()
        # A scorer that is still starting while a primary dies ends, and nobody here starts it again.
        opened = [f"/v1/contests/{contest}" for contest in CONTESTS]
        await asyncio.to_thread(
            eventually, lambda: all(deployment.api.get(path).status_code == 200 for path in opened)
        )
        answering = asyncio.create_task(load.run(seconds, workers=4, patience=60))
        await asyncio.sleep(seconds / 4)
        await asyncio.to_thread(harm)
        if not await answering:
            report.violations.append("commands stay without an answer")
        with nodes.client() as client:
            await check(Storage(client, PARTITIONS), load, report, 60)
        return report

    with standings(nodes.url, scorers=2, **SETTINGS) as deployment:
        return asyncio.run(work(deployment))


def test_the_contests_of_every_partition_are_recorded_folded_and_answered(nodes: Cluster) -> None:
    with standings(nodes.url, scorers=1, **SETTINGS) as deployment:
        for n in range(3 * PARTITIONS):
            contest = f"race-{n}"
            candidates = [{"candidate": "ann", "name": "Ann"}]
            deployment.told("/v1/contests", contest=contest, title="A", timezone="UTC", candidates=candidates)
            version = deployment.told(
                f"/v1/contests/{contest}/endorsements",
                endorser={"id": "jane", "name": "Jane"},
                candidate="ann",
                category="governor",
                announced_at="2025-03-01",
            )["version"]
            answer = deployment.ask(f"/v1/contests/{contest}/standings", min_version=version, wait_ms=10_000)
            assert answer["standings"][0]["score"] == 8
        assert len(deployment.ask("/v1/contests")["contests"]) == 3 * PARTITIONS

    with nodes.client() as client:
        lying = {
            client.get_node_from_key(keys_of(f"race-{n}", PARTITIONS).log).port for n in range(3 * PARTITIONS)
        }
    assert lying == {server.port for server in nodes.primaries}


def test_commands_come_through_the_inbox_of_a_cluster(nodes: Cluster) -> None:
    with standings(nodes.url, scorers=1, **SETTINGS) as deployment, nodes.client() as client:
        opening = b'{"command":"open","contest":"race","title":"A","timezone":"UTC","candidates":[],"recorded_by":"t"}'
        client.xadd("standings:{inbox}:inbox", {"command": opening})
        client.xadd("standings:{inbox}:inbox", {"command": "not JSON"})

        eventually(lambda: deployment.api.get("/v1/contests/race").status_code == 200)
        eventually(lambda: len(deployment.ingest.get("/v1/dead-letters").json()["dead_letters"]) == 1)


@pytest.mark.parametrize("at_once", [False, True], ids=["key by key", "all at once"])
def test_nothing_is_lost_while_slots_move(nodes: Cluster, at_once: bool) -> None:
    def move() -> None:
        for contest in CONTESTS:
            nodes.move(keys_of(contest, PARTITIONS).log, at_once)

    report = through(nodes, move, seconds=8)

    assert report.violations == []
    assert report.acknowledged > 50


def test_nothing_is_lost_when_a_primary_dies_and_its_replica_takes_over(mortal_nodes: Cluster) -> None:
    nodes = mortal_nodes
    key = keys_of(CONTESTS[0], PARTITIONS).log
    before = nodes.owner(key)
    after = nodes.replicas[nodes.primaries.index(before)]

    def die() -> None:
        before.kill()
        eventually(lambda: nodes.whole() and nodes.owner(key) is after)
        before.start()  # as a replica: without one, nothing is acknowledged

    report = through(nodes, die, seconds=12)

    assert report.violations == []
    assert report.acknowledged > 50
    assert nodes.owner(key) is after


def test_a_cluster_that_is_addressed_as_one_server_is_refused(
    nodes: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(AssertionError, match="ended with 78"),
        service("ingest", nodes.primaries[0].url, **SETTINGS),
    ):
        pass
    assert "this server is part of a Cluster" in capfd.readouterr().err


def test_an_acknowledgement_waits_for_the_replica_of_the_partition(mortal_nodes: Cluster) -> None:
    nodes = mortal_nodes

    def opened(ingest: Service, contest: str) -> httpx.Response:
        body = {"contest": contest, "title": "A", "timezone": "UTC", "candidates": [], "recorded_by": "t"}
        return httpx.post(f"{ingest.url}/v1/contests", json=body, timeout=30)

    # Longer than a connection of the Redis client waits for an answer if nobody tells it to.
    with service("ingest", nodes.url, **{**SETTINGS, "replica_timeout_ms": "5500"}) as ingest:
        here = nodes.owner(keys_of("race-1", PARTITIONS).log)
        elsewhere = next(
            name
            for name in (f"race-{n}" for n in range(2, 50))
            if nodes.owner(keys_of(name, PARTITIONS).log) is not here
        )
        nodes.replicas[nodes.primaries.index(here)].kill()

        refused = opened(ingest, "race-1")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/storage-not-replicated")
        assert opened(ingest, elsewhere).status_code == 201
