"""The services as real processes, for tests that ask them over HTTP."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

import httpx

from tests.servers import eventually

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Service:
    """One service's process and, if it speaks HTTP, its address."""

    name: str
    process: "subprocess.Popen[bytes]"
    url: str = ""
    said: list[str] = field(default_factory=list)

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def service(name: str, redis_url: str, **settings: str) -> Iterator[Service]:
    """One running service, ready; stopped at the end of the block if it still runs. Its port may be a setting."""
    with service_writing(None, name, redis_url, settings) as running:
        yield running


@contextmanager
def service_writing(
    output: IO[bytes] | None, name: str, redis_url: str, settings: Mapping[str, str]
) -> Iterator[Service]:
    """As `service`. What it says goes to `output`, or where the test's own errors go."""
    port = int(settings.get(f"{name}_port", 0)) or free_port()
    environment = {
        **os.environ,
        "STANDINGS_REDIS_URL": redis_url,
        f"STANDINGS_{name.upper()}_PORT": str(port),
        **{f"STANDINGS_{key.upper()}": value for key, value in settings.items()},
    }
    process = subprocess.Popen([sys.executable, "-m", "services.cli", name], env=environment, stderr=output)
    running = Service(name, process, "" if name == "scorer" else f"http://127.0.0.1:{port}")
    try:
        if running.url:
            eventually(lambda: is_ready(running))
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def is_ready(running: Service) -> bool:
    """Whether it says that it can do its work."""
    assert running.process.poll() is None, f"{running.name} ended with {running.process.returncode}"
    try:
        return httpx.get(f"{running.url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


@dataclass(frozen=True)
class Standings:
    """All services over one server, and how to talk to them."""

    redis_url: str
    ingest: httpx.Client
    api: httpx.Client

    def tell(self, path: str, **said: Any) -> httpx.Response:
        """A command with what every command needs."""
        return self.ingest.post(path, json={"recorded_by": "test", "source": {"title": "test"}, **said})

    def told(self, path: str, **said: Any) -> dict[str, Any]:
        """As `tell`, and it was taken."""
        answer = self.tell(path, **said)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The API's good answer."""
        patience = {"wait_ms": 10_000} if "min_version" in parameters else {}
        answer = self.api.get(path, params={**patience, **parameters})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def every(self, path: str, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of this name on all pages of the API's answer."""
        page = self.ask(path, **parameters)
        rows: list[dict[str, Any]] = page[name]
        while page["next"]:
            page = self.ask(path, cursor=page["next"], **parameters)
            rows += page[name]
        return rows

    def scores(self, contest: str, **moment: Any) -> dict[str, Any]:
        """Each candidate's score at a moment."""
        answer = self.ask(f"/v1/contests/{contest}/standings", **moment)
        return {line["candidate"]: line["score"] for line in answer["standings"]}


@contextmanager
def standings(redis_url: str, scorers: int = 1, **settings: str) -> Iterator[Standings]:
    """Ingest, scorers and the API, ready."""
    with (
        ExitStack() as stack,
        service("ingest", redis_url, **settings) as ingest,
        service("api", redis_url, **settings) as api,
        httpx.Client(base_url=ingest.url, timeout=60) as to_ingest,
        httpx.Client(base_url=api.url, timeout=60) as to_api,
    ):
        for _ in range(scorers):
            stack.enter_context(service("scorer", redis_url, **settings))
        yield Standings(redis_url, to_ingest, to_api)
