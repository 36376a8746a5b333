"""The examples do what they say, each as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import httpx
import pytest
from redis import Redis

from services.local import race
from tests.integration.test_changes import CHANGES, announced, followed
from tests.integration.test_reset import lose_tail
from tests.integration.test_webhooks import register, webhooks
from tests.receivers import receiver
from tests.running import Standings, free_port
from tests.servers import PROJECT, eventually

__all__ = ["webhooks"]
EXAMPLES = PROJECT / "examples"


@contextmanager
def running(example: str, *arguments: str, **environment: str) -> Iterator["Queue[str]"]:
    """The lines that a running example prints."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / example), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    stdout = process.stdout

    def read() -> None:
        for line in stdout:
            lines.put(line.rstrip("\n"))

    reading = Thread(target=read)
    reading.start()
    try:
        yield lines
    finally:
        process.terminate()
        process.wait(20)
        reading.join()
        stdout.close()


def test_every_example_is_tested_and_listed() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}

    assert names == {"local_copy.py", "sse_consumer.py", "faststream_consumer.py", "slack_receiver.py"}
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"({name})" in listed for name in names)


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_without_arguments_says_how_it_is_run(example: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / example], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert f"python examples/{example} " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_local_copy(deployment: Standings, simulated_race: int, tmp_path: Path) -> None:
    file = tmp_path / "copy.json"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, EXAMPLES / "local_copy.py", followed(deployment), race.CONTEST, file],
            capture_output=True,
            text=True,
            check=True,
        )
        first, *lines = done.stdout.splitlines()
        assert first == f"{race.CONTEST} at version {simulated_race}, as the API says at each of them"
        scores = deployment.scores(race.CONTEST)
        assert {line.split()[1]: float(line.split()[0]) for line in lines} == scores


def test_server_sent_events(deployment: Standings, contest: str) -> None:
    announced(deployment, contest, 1)
    with running("sse_consumer.py", followed(deployment), contest, "2") as lines:
        assert lines.get(timeout=20) == "3 candidate.entered: -"
        assert lines.get(timeout=20) == "4 endorsement.announced: ann, bob"
        announced(deployment, contest, 2)
        assert lines.get(timeout=20).startswith("5 ")


def test_a_faststream_app(deployment: Standings, contest: str) -> None:
    announced(deployment, contest, 1)
    with running("faststream_consumer.py", deployment.redis_url, followed(deployment)) as lines:

        def last() -> str:
            found = ""
            while True:
                try:
                    line = lines.get_nowait()
                except Empty:
                    return found
                found = line if line.startswith(contest) else found

        eventually(lambda: last() == f"{contest} 4: ann leads with 1", within_seconds=40)
        announced(deployment, contest, 2, candidate="bob")
        version = announced(deployment, contest, 3, candidate="bob")
        eventually(lambda: last() == f"{contest} {version}: bob leads with 2")
        lose_tail(deployment, version - 2, contest)
        for number in (4, 5):
            version = announced(deployment, contest, number)
        eventually(lambda: last() == f"{contest} {version}: ann leads with 3")
    with Redis.from_url(deployment.redis_url) as redis:
        redis.xgroup_destroy(CHANGES, "examples")


def test_a_slack_channel(deployment: Standings, contest: str, webhooks: httpx.Client) -> None:
    port = free_port()
    hook = register(webhooks, f"http://127.0.0.1:{port}/", contests=[contest])
    with (
        receiver() as slack,
        running("slack_receiver.py", str(port), WEBHOOK_SECRET=hook["secret"], SLACK_URL=slack.url),
    ):
        eventually(lambda: _answers(port))
        path = f"/v1/webhooks/{hook['webhook']}"
        assert webhooks.post(f"{path}/verification").json()["state"] == "active"
        slack.behave = lambda got: (500 if len(slack.got) == 1 else 200, {}, b"ok")
        announced(deployment, contest, 1, category="governor")
        eventually(lambda: len(slack.got) == 2)

        text = json.loads(slack.got[1].body)["text"]
        assert text.startswith(
            "P1, endorsement.announced: ann 0 → 8 (now no. 1), also on past days since 2025-03-01"
        )
        assert httpx.post(f"http://127.0.0.1:{port}/", content=b"{}").status_code == 401


def _answers(port: int) -> bool:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/", content=b"{}").status_code == 401
    except httpx.HTTPError:
        return False


@pytest.fixture(autouse=True, scope="module")
def _no_leftovers(deployment: Standings) -> Iterator[None]:
    """Nothing of the examples stays in the deployment that other tests use."""
    yield
    with Redis.from_url(deployment.redis_url) as redis:
        assert redis.xinfo_groups(CHANGES) == []
