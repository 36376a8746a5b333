"""A service that cannot keep its promise refuses to start, with 78 and one sentence."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from tests.running import service, standings


def refusal(name: str, url: str, **settings: str) -> str:
    """What a service says that refuses to start."""
    environment = {
        **os.environ,
        "STANDINGS_REDIS_URL": url,
        "STANDINGS_INGEST_PORT": "0",
        "STANDINGS_API_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", name],
        env={**environment, **{f"STANDINGS_{key.upper()}": value for key, value in settings.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def configured(url: str, name: str, value: str) -> Iterator[None]:
    """The server with another setting."""
    with Redis.from_url(url, decode_responses=True) as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


@pytest.mark.parametrize("name", ["ingest", "scorer", "api"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendfsync", "everysec"), ("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")],
)
def test_a_server_that_may_lose_events_is_refused(
    redis_url: str, name: str, setting: str, value: str
) -> None:
    with configured(redis_url, setting, value):
        said = refusal(name, redis_url)

    assert f"{setting} {value}" in said
    assert "STANDINGS_DURABILITY=memory" in said


def test_a_loss_that_is_accepted_is_no_reason_to_refuse(redis_url: str) -> None:
    with (
        configured(redis_url, "appendfsync", "everysec"),
        service("ingest", redis_url, durability="memory") as ingest,
    ):
        assert ingest.process.poll() is None


def test_data_made_with_other_partitions_is_refused(redis_url: str) -> None:
    with service("ingest", redis_url, partitions="4"):
        pass

    assert "STANDINGS_PARTITIONS=4" in refusal("scorer", redis_url)


def test_a_deployment_of_four_partitions_works(redis_url: str) -> None:
    with standings(redis_url, partitions="4") as deployment:
        for number in range(12):
            candidates = [{"candidate": "ann", "name": "Ann"}]
            name = f"race-{number}"
            deployment.told(
                "/v1/contests", contest=name, title="A race", timezone="UTC", candidates=candidates
            )
        for number in range(12):
            assert deployment.scores(f"race-{number}", min_version=2, wait_ms=10_000) == {"ann": 0}
        assert len(deployment.ask("/v1/contests")["contests"]) == 12

    with Redis.from_url(redis_url) as client:
        assert len(client.keys("standings:{p0?}:contests")) > 1


def test_a_setting_that_is_wrong_is_named(redis_url: str) -> None:
    assert "STANDINGS_PARTITIONS='none'" in refusal("api", redis_url, partitions="none")


def test_policies_that_cannot_be_read_are_named(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(
        '[[policy]]\nid = "own"\nversion = 1\ntitle = "Own"\nsource = "us"\nweights = {mayor = "many"}\n'
    )

    assert "policy[0].weights.mayor" in refusal("api", redis_url, policies=str(file))


def test_own_policies_answer_with_exact_decimals(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(
        '[[policy]]\nid = "own"\nversion = 3\ntitle = "Own"\nsource = "us"\nweights = {mayor = 0.1}\n'
    )
    with standings(redis_url, policies=str(file)) as deployment:
        candidates = [{"candidate": "ann", "name": "Ann"}]
        deployment.told("/v1/contests", contest="race", title="A race", timezone="UTC", candidates=candidates)
        for number in range(3):
            endorser = {"id": f"p{number}", "name": "P"}
            facts = {
                "endorser": endorser,
                "candidate": "ann",
                "category": "mayor",
                "announced_at": "2026-01-01",
            }
            version = deployment.told("/v1/contests/race/endorsements", **facts)["version"]

        said = deployment.api.get(
            "/v1/contests/race/standings", params={"policy": "own", "min_version": version, "wait_ms": 10_000}
        )

        assert b'"score":0.3,' in said.content
        assert said.json()["policy"] == {"id": "own", "version": 3, "title": "Own", "source": "us"}


def policy_of(file: Path, version: int, mayor: str) -> str:
    file.write_text(
        f'[[policy]]\nid = "own"\nversion = {version}\ntitle = "Own"\nsource = "us"\nweights = {{ mayor = {mayor} }}\n'
    )
    return str(file)


def test_a_policy_that_changed_under_its_version_is_refused(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "policies.toml"
    for same in ("2", "2.0"):
        with service("api", redis_url, policies=policy_of(file, 1, same)):
            pass

    said = refusal("api", redis_url, policies=policy_of(file, 1, "3"))

    assert said.startswith("own@1: not what it was")
    assert "next version" in said
    with service("api", redis_url, policies=policy_of(file, 2, "3")) as api:
        assert api.process.poll() is None
