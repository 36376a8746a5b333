"""The processes of a deployment under chaos: each is started again when it is gone, at the address that it had."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from services.local.embedded import command, locked, socket_for, url_of
from tests.chaos.subscriber import KINDS
from tests.running import free_port


@dataclass
class Victim:
    """One process that may be killed or paused at any time."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    said: IO[bytes]
    keep_open: tuple[int, ...] = ()
    starts: int = 0
    paused: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts it, for the first time or again. Each start has a fate of its own."""
        self.starts += 1
        seed = f"{self.environment.get('CHAOS_SEED', '')}/{self.starts}"
        self.process = subprocess.Popen(
            self.arguments,
            env={**os.environ, **self.environment, "CHAOS_SEED": seed},
            stdout=self.said,
            stderr=self.said,
            pass_fds=self.keep_open,
            start_new_session=True,
        )
        self.paused = False

    def signal(self, number: int) -> None:
        """Signals it if it runs."""
        if self.runs and self.process is not None:
            self.process.send_signal(number)
            self.paused = number == signal.SIGSTOP

    def end(self) -> None:
        """Ends it for good."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


@dataclass(frozen=True)
class Setup:
    """How large the deployment is, and how dangerous its services' points are (`at`: these only, with commas between).

    `patience` is within how many seconds of the end everything must be answered and folded. A `calm`
    deployment is hurt by nobody, and what dies by itself stays dead.
    """

    seed: int
    ingests: int = 2
    scorers: int = 2
    deaths: float = 0.002
    stalls: float = 0.002
    at: str = ""
    bug: str = ""
    patience: float = 60.0
    calm: bool = False


@dataclass(frozen=True)
class Deployment:
    """All victims, and where they are."""

    victims: list[Victim]
    redis_url: str
    ingests: list[str]
    api: str
    directory: Path
    said: IO[bytes]

    def named(self, kind: str) -> list[Victim]:
        """The victims of one kind: valkey, ingest, scorer, api, subscriber."""
        return [one for one in self.victims if one.name.startswith(kind)]

    def subscribe(self) -> dict[str, Path]:
        """Starts a subscriber of each kind, and says where each writes its notes."""
        files = {kind: self.directory / f"{kind}.notes" for kind in KINDS}
        for kind, file in files.items():
            told = [kind, self.api, self.redis_url, str(file)]
            arguments = [sys.executable, "-m", "tests.chaos.subscriber", *told]
            self.victims.append(Victim(f"subscriber-{kind}", arguments, {}, self.said))
        self.revive()
        return files

    def revive(self) -> list[str]:
        """Starts whatever is gone; their names."""
        gone = [one for one in self.victims if not one.runs]
        for one in gone:
            one.start()
        return [one.name for one in gone]


@contextmanager
def deployed(setup: Setup, directory: Path) -> Iterator[Deployment]:
    """A deployment; everything of it is ended with the block."""
    with ExitStack() as stack:
        data = directory / "valkey"
        lock, socket = stack.enter_context(locked(data)), stack.enter_context(socket_for(data))
        said = stack.enter_context((directory / "said").open("wb"))
        url = url_of(socket)
        valkey = Victim("valkey", list(command(data, socket, lock).arguments), {}, said, (lock,))
        victims = [valkey]
        stack.callback(_end, victims)
        ports = {"ingest": [free_port() for _ in range(setup.ingests)], "api": [free_port()]}
        for kind, count in (("ingest", setup.ingests), ("scorer", setup.scorers), ("api", 1)):
            victims += [_service(setup, kind, n, url, ports.get(kind, []), said) for n in range(count)]
        ingests = [_url(port) for port in ports["ingest"]]
        deployment = Deployment(victims, url, ingests, _url(ports["api"][0]), directory, said)
        deployment.revive()
        yield deployment


def _service(setup: Setup, kind: str, number: int, url: str, ports: list[int], said: IO[bytes]) -> Victim:
    environment = {
        "STANDINGS_REDIS_URL": url,
        "STANDINGS_CLAIM_AFTER_MS": "400",
        "STANDINGS_LOG_LEVEL": "WARNING",
        "CHAOS_SEED": f"{setup.seed}/{kind}/{number}",
        "CHAOS_DEATHS": str(setup.deaths),
        "CHAOS_STALLS": str(setup.stalls),
        "CHAOS_AT": setup.at,
        "CHAOS_BUG": setup.bug,
    }
    if ports:
        environment[f"STANDINGS_{kind.upper()}_PORT"] = str(ports[number])
    return Victim(f"{kind}-{number}", [sys.executable, "-m", "tests.chaos.points", kind], environment, said)


def _end(victims: list[Victim]) -> None:
    for victim in victims:
        victim.end()


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
