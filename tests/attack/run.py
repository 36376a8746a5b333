"""Runs attacks against a deployment of its own on loopback, and measures what they do to it."""

import asyncio
import itertools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson

from services.local.embedded import embedded_valkey
from tests.attack.cases import MOST_MB, Attack, Case, Held
from tests.attack.wire import Answer, ask, connected
from tests.running import NDJSON, Service, service, service_writing
from tests.servers import PROJECT, eventually

_CANDIDATES, _ANNOUNCED = 200, 400
_AGAIN_WITHIN_SECONDS = 30.0


class Ready(NamedTuple):
    """How long `/readyz` of the attacked service took meanwhile, in milliseconds, and how often it did not answer."""

    median: float
    p99: float
    longest: float
    failed: int


class Outcome(NamedTuple):
    """What came of a case: how often each answer, the bytes of the largest, the megabytes that the service grew by at
    most, and what is wrong, in sentences."""

    name: str
    answers: Counter[str]
    nbytes: int
    seconds: float
    grown_mb: float
    ready: Ready
    wrong: list[str]


class Target:
    """A service under attack, with what watches it."""

    def __init__(self, running: Service, said: Path, watched: Path) -> None:
        self.running = running
        self._said, self._watched = said, watched

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.running.url

    def resident(self, what: str) -> int:
        """Bytes: `VmRSS` is what it has, `VmHWM` the most that it had since `begin_anew`."""
        status = Path(f"/proc/{self.running.process.pid}/status").read_text()
        return int(status.partition(f"{what}:")[2].split()[0]) * 1024

    def begin_anew(self) -> None:
        """From now on the most that it had counts anew."""
        Path(f"/proc/{self.running.process.pid}/clear_refs").write_text("5")

    def tracebacks(self) -> list[str]:
        """Those that it has written."""
        return self._said.read_text(errors="replace").split("Traceback (most recent call last)")[1:]

    def ready(self, since: float) -> Ready:
        """How `/readyz` was answered since then, on the monotonic clock."""
        lines = [line.split() for line in self._watched.read_text().splitlines() if line.count(" ") == 1]
        took = [seconds for asked_at, seconds in lines if float(asked_at) >= since]
        told = sorted(float(seconds) * 1000 for seconds in took if seconds != "failed") or [0.0]
        return Ready(
            told[len(told) // 2], told[len(told) * 99 // 100], told[-1], len(took) - len(told) if took else 0
        )


class Deployment:
    """Every service over a server of their own, with an open contest `race` and a wide one."""

    def __init__(self, targets: dict[str, Target]) -> None:
        self.targets = targets
        self._numbers = itertools.count(1)

    def run(self, case: Case) -> Outcome:
        """Runs one case and measures."""
        name = case.service if isinstance(case, Held) else case.requests[0].service
        target = self.targets[name]
        before, written = target.resident("VmRSS"), len(target.tracebacks())
        target.begin_anew()
        began = time.monotonic()
        answers = asyncio.run(self._hold(case, target) if isinstance(case, Held) else self._ask(case, target))
        seconds = time.monotonic() - began
        grown = (target.resident("VmHWM") - before) / 1e6
        wrong = [] if isinstance(case, Held) else _wrong(case, answers)
        if grown > MOST_MB:
            wrong.append(f"it grew by {grown:.0f} MB")
        wrong += [f"it wrote a traceback: {text[-300:]}" for text in target.tracebacks()[written:][:3]]
        wrong += self._unwell()
        counted = Counter(f"{answer.status} {answer.code}".strip() for answer in answers)
        nbytes = max((answer.nbytes for answer in answers), default=0)
        return Outcome(case.name, counted, nbytes, seconds, grown, target.ready(began), wrong)

    async def _ask(self, case: Attack, target: Target) -> list[Answer]:
        requests = [request for _ in range(case.rounds) for request in case.requests]
        turns = asyncio.Semaphore(case.at_once)

        async def one(number: int) -> Answer:
            async with turns:
                return await ask(target.url, requests[number], next(self._numbers), case.most_bytes)

        every = range(max(len(requests), case.at_once))
        requests *= -(-len(every) // len(requests))
        return await asyncio.gather(*(one(number) for number in every))

    async def _hold(self, case: Held, target: Target) -> list[Answer]:
        """Nothing is read, so there are no answers."""

        async def one() -> None:
            async with connected(target.url) as (_, writer):
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(case.said)
                await asyncio.sleep(case.seconds)

        holding = asyncio.gather(*(one() for _ in range(case.connections)), return_exceptions=True)
        if case.changes:
            await asyncio.to_thread(announce, self.targets["ingest"].url, "race", case.changes)
        await holding
        return []

    def _unwell(self) -> list[str]:
        """Services that ended, or do not answer again in time."""
        wrong = []
        for name, target in self.targets.items():
            if (code := target.running.process.poll()) is not None:
                wrong.append(f"{name} ended with {code}")
                continue
            try:
                httpx.get(f"{target.url}/readyz", timeout=_AGAIN_WITHIN_SECONDS).raise_for_status()
            except httpx.HTTPError as error:
                wrong.append(f"{name} is not ready: {error!r}")
        return wrong


def _wrong(case: Attack, answers: list[Answer]) -> list[str]:
    """Where an answer is not what must come back."""
    wrong = Counter[str]()
    for answer in answers:
        if answer.status not in case.statuses:
            wrong[f"{answer.status} {answer.code} is none of {sorted(case.statuses)}"] += 1
        elif case.code and answer.code != case.code:
            wrong[f"the problem is {answer.code!r}, not {case.code!r}"] += 1
        if answer.nbytes > case.most_bytes:
            wrong[f"an answer has more than {case.most_bytes} bytes"] += 1
    return [f"{count} times: {what}" for what, count in wrong.items()]


@contextmanager
def deployed(directory: Path) -> Iterator[Deployment]:
    """A deployment to attack, whose services may keep little in memory."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(embedded_valkey(directory / "valkey"))
        stack.enter_context(service("scorer", redis_url))
        targets: dict[str, Target] = {}
        for name in ("ingest", "api", "webhooks"):
            said, watched = directory / f"{name}.said", directory / f"{name}.watched"
            output = stack.enter_context(said.open("wb"))
            settings = {"api_memory_mb": "64"} if name == "api" else {}
            if name == "webhooks":
                settings = {"api_url": targets["api"].url}
            running = stack.enter_context(service_writing(output, name, redis_url, settings))
            watched.touch()
            watching = subprocess.Popen(
                [sys.executable, "-m", "tests.attack.watch", running.url, str(watched)], cwd=PROJECT
            )
            stack.callback(_end, watching)
            targets[name] = Target(running, said, watched)
        _fill(targets["ingest"].url, targets["api"].url)
        yield Deployment(targets)


def _end(watching: "subprocess.Popen[bytes]") -> None:
    watching.kill()
    watching.wait()


def _fill(ingest: str, api: str) -> None:
    for contest, candidates in (("race", ["ann", "bob"]), ("wide", [f"c{n}" for n in range(_CANDIDATES)])):
        opening = {
            "contest": contest,
            "title": contest,
            "timezone": "UTC",
            "opened_at": "2012-01-01",
            "recorded_by": "attack",
            "candidates": [
                {"candidate": name, "name": name, "entered_at": "2012-01-01"} for name in candidates
            ],
            **({"clock": "imported", "known_at": "2013-01-01"} if contest == "wide" else {}),
        }
        httpx.post(f"{ingest}/v1/contests", json=opening).raise_for_status()
        version = announce(ingest, contest, _ANNOUNCED, candidates, imported=contest == "wide")
        address = f"{api}/v1/contests/{contest}"
        eventually(lambda: httpx.get(address, params={"min_version": version}).status_code == 200)  # noqa: B023


def announce(
    ingest: str,
    contest: str,
    number: int,
    candidates: Sequence[str] = ("ann", "bob"),
    *,
    imported: bool = False,
) -> int:
    """Records so many announcements in one batch; the version that they led to."""
    lines = [
        orjson.dumps(
            {
                "command": "announce",
                "endorser": {"id": f"e{time.monotonic_ns()}-{n}", "name": f"E {n}"},
                "candidate": candidates[n % len(candidates)],
                "category": "governor",
                "announced_at": f"{2013 + n % 12}-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
                "source": {"title": "t"},
                "recorded_by": "attack",
                **({"known_at": str(date(2013, 1, 1) + timedelta(days=10 * n))} if imported else {}),
            }
        )
        for n in range(number)
    ]
    answer = httpx.post(
        f"{ingest}/v1/contests/{contest}/batch", content=b"\n".join(lines), headers=NDJSON, timeout=120
    )
    version: int = orjson.loads(answer.content.splitlines()[-1])["summary"]["version"]
    return version
