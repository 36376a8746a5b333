"""Nothing that becomes of a log stops the work: a full disk, no reader, one that stands still, no output at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from services.local.embedded import url_of
from services.local.supervisor import is_ready
from tests.running import free_port
from tests.servers import PROJECT, eventually
from tests.valkeys import Server

CLI = [sys.executable, "-m", "services.cli"]


def full() -> int:
    """Where nothing can be written: as on a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


def unread() -> int:
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def stalled() -> int:
    """A full pipe whose reader stands still, and does so until the test ends."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    STANDING_STILL.append(reading)
    return writing


STANDING_STILL: list[int] = []
OUTPUTS: Mapping[str, Callable[[], int] | None] = {
    "full": full,
    "unread": unread,
    "stalled": stalled,
    "closed": None,
}


@contextmanager
def saying(output: str, arguments: list[str], **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the command line whose both outputs are this one; killed at the end if it still runs."""
    opened = OUTPUTS[output]
    descriptor = None if opened is None else opened()
    closed = ["/bin/sh", "-c", 'exec "$0" "$@" >&- 2>&-'] if descriptor is None else []
    process = subprocess.Popen(
        [*closed, *CLI, *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdout=descriptor,
        stderr=descriptor,
        process_group=0,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            if descriptor is not None:
                os.close(descriptor)
            while STANDING_STILL:
                os.close(STANDING_STILL.pop())


def valkey_of(url: str) -> int:
    """The process id of the Valkey that answers now; 0 if none does."""
    try:
        with Redis.from_url(url) as client:
            found: Any = client.info("server")["process_id"]
            return int(found)
    except RedisError:
        return 0


@pytest.mark.parametrize("output", OUTPUTS)
def test_valkey_is_started_again_whatever_becomes_of_the_output(tmp_path: Path, output: str) -> None:
    api, ingest = free_port(), free_port()
    asked = ["run", "--data", str(tmp_path), "--api-port", str(api), "--ingest-port", str(ingest)]
    url = url_of(tmp_path / "valkey.sock")
    with saying(output, asked) as running:
        eventually(lambda: is_ready(api) and is_ready(ingest), within_seconds=60)
        for _ in range(2):
            before = valkey_of(url)
            os.kill(before, signal.SIGKILL)
            eventually(lambda before=before: valkey_of(url) not in (0, before))  # type: ignore[misc]
        eventually(lambda: is_ready(api) and is_ready(ingest), within_seconds=60)

        assert running.poll() is None
    assert running.returncode == 0


@pytest.mark.parametrize("output", ["full", "stalled"])
@pytest.mark.parametrize("name", ["api", "ingest", "webhooks"])
def test_a_service_goes_on_whatever_becomes_of_its_output(tmp_path: Path, name: str, output: str) -> None:
    port = free_port()
    valkey = Server(free_port(), tmp_path, ())
    valkey.start()
    settings = {"STANDINGS_REDIS_URL": valkey.url, f"STANDINGS_{name.upper()}_PORT": str(port)}
    try:
        with saying(output, [name], STANDINGS_LOG_LEVEL="DEBUG", **settings) as running:
            eventually(lambda: is_ready(port), within_seconds=60)
            valkey.kill()
            eventually(lambda: not is_ready(port))
            for _ in range(2):
                httpx.get(f"http://127.0.0.1:{port}/v1/contests", timeout=60)
            valkey.start()
            eventually(lambda: is_ready(port), within_seconds=60)

            assert running.poll() is None
        assert running.returncode == 0
    finally:
        valkey.kill()


@pytest.mark.parametrize("output", ["full", "closed"])
def test_what_cannot_run_says_so_by_its_exit_code_alone(output: str) -> None:
    for wrong in ({"STANDINGS_PARTITIONS": "0"}, {"STANDINGS_POLICIES": "/no/such/file"}):
        with saying(output, ["api"], **wrong) as running:
            assert running.wait(60) == 78
