"""How long the API's `/readyz` takes while the largest question of each kind is asked again and again."""

import asyncio
import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import uvloop

from services.api.engine.series import MOST_POINTS, MOST_SCORES
from services.scorer.folder import Folder
from shared.domain.events import Announced, CandidateEntered, ContestOpened, Endorser, Event, Source
from shared.domain.policies import Policy
from shared.domain.times import Instant, start_of
from shared.projection.projections import Projections
from shared.runtime.present import now
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log, NewEvent
from shared.values.policies import Policies
from tests.benchmarks.reading import processor_seconds
from tests.benchmarks.writing import service

FIVETHIRTYEIGHT_2020 = Policies().find("fivethirtyeight-2020")

CANDIDATES, WORDY = 500, 1000
ASKERS = 4
_FIRST, _YEARS = date(2013, 1, 1), 13
_API_CORE, _OWN_CORE = 0, 1


class Crowd(NamedTuple):
    """What a kind of question does to others: answers a second, their megabytes and the processor's time for each, the
    API's peak of memory beyond what it had, and how long `/readyz` took, in milliseconds."""

    name: str
    a_second: float
    megabytes: float
    processor_ms: float
    grown_mb: float
    p50: float
    p99: float
    longest: float


class _Silent(Policies):
    """No policies at all: a scorer that folds under them tells no scores, which would take it minutes here."""

    def __iter__(self) -> Iterator[Policy]:
        return iter(())


def crowding(url: str, port: int, events: int, seconds: float) -> Iterator[Crowd]:
    """Each kind in turn, asked by four at a time, each of whom asks again as soon as the answer is there."""
    asyncio.run(_fill(url, events))
    with service("api", url, port) as api:
        os.sched_setaffinity(api.pid, {_API_CORE})
        for contest in ("wide", "wordy"):
            httpx.get(f"{api.address}/v1/contests/{contest}?wait_ms=10000&min_version=1", timeout=120)
        for name, path in {"nothing": "", **_questions(events)}.items():
            yield _measured(name, path, port, api.pid, seconds)


def _questions(events: int) -> dict[str, str]:
    few = ",".join(f"candidate-{n}" for n in range(MOST_SCORES // MOST_POINTS))
    days = MOST_SCORES // CANDIDATES
    wide = f"from=2014-01-01&to={date(2014, 1, 1) + timedelta(days=days - 1)}"
    timeline, wordy = "/v1/contests/wide/timeline", "/v1/contests/wordy"
    cited = f"/v1/contests/wide/standings/{events // 2}/{FIVETHIRTYEIGHT_2020.id}@1/2020-01-01"
    return {
        **{f"timeline, {form}": f"{timeline}?{wide}&format={form}" for form in ("json", "csv", "ndjson", "parquet")},
        "timeline, csv, gzip": f"{timeline}?{wide}&format=csv gzip",
        "timeline of 20, each day as known then": f"{timeline}?axis=both&to=2025-12-31&candidate={few}&format=csv",
        "timeline of 20, every change": f"{timeline}?step=change&to=2025-12-31&candidate={few}&format=csv",
        "timeline, weights of 22 digits": f"{timeline}?{wide}&weights=governor:1000000000000,default:0.000000001",
        "revision risk, csv": f"/v1/contests/wide/revision-risk?{wide}&format=csv",
        "standings, some moment": f"/v1/contests/wide/standings?valid_at=2019-01-01&version={events // 3}",
        "standings, csv": f"/v1/contests/wide/standings?valid_at=2019-01-01&version={events // 3}&format=csv",
        "cited standings": cited,
        "corrections of cited standings": f"{cited}/corrections",
        "difference": f"/v1/contests/wide/diff?from_version={events // 2}&limit=1000",
        "endorsements": "/v1/contests/wide/endorsements?limit=1000",
        "changes": "/v1/contests/wide/changes?from_version=600&limit=1000&format=json",
        "time map": "/v1/contests/wide/timemap",
        "long events": f"{wordy}/events?limit=1000",
        "long events, gzip": f"{wordy}/events?limit=1000 gzip",
        "long revisions": f"{wordy}/revisions?valid_at=2026-01-01&limit=1000",
        "long endorsements": f"{wordy}/endorsements?limit=1000&state=all",
    }  # fmt: skip


def _measured(name: str, path: str, port: int, pid: int, seconds: float) -> Crowd:
    """One kind; without a path, nothing is asked beside `/readyz`."""
    before, used = _resident(pid, "VmRSS"), processor_seconds(pid)
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asking = pool.apply_async(_ask, (port, path, seconds)) if path else None
        taken = uvloop.run(_ready(port, seconds))
        answers, size = asking.get(120) if asking else (0, 0)
    taken.sort()
    return Crowd(
        name,
        answers / (seconds + 1),
        size / max(answers, 1) / 1e6,
        (processor_seconds(pid) - used) / max(answers, 1) * 1e3,
        (_resident(pid, "VmHWM") - before) / 1e6,
        *(taken[min(int(len(taken) * share), len(taken) - 1)] for share in (0.5, 0.99, 1)),
    )


def _ask(port: int, path: str, seconds: float) -> tuple[int, int]:
    """Asks for so long, and until the last answer is there; how many answers came, and their bytes."""
    os.sched_setaffinity(0, {_OWN_CORE})
    return uvloop.run(_asking(port, path, seconds))


async def _asking(port: int, path: str, seconds: float) -> tuple[int, int]:
    answers = size = 0
    until = time.perf_counter() + seconds + 1
    path, _, coding = path.partition(" ")

    async def ask() -> None:
        nonlocal answers, size
        while time.perf_counter() < until:
            found = await _whole(port, path, f"Accept-Encoding: {coding}\r\n" if coding else "")
            answers, size = answers + 1, size + found

    await asyncio.gather(*(ask() for _ in range(ASKERS)))
    return answers, size


async def _whole(port: int, path: str, header: str) -> int:
    """Bytes of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}Connection: close\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((head + await reader.read(1000)).decode())
    size = 0
    while found := await reader.read(1 << 20):
        size += len(found)
    writer.close()
    return size


async def _ready(port: int, seconds: float) -> list[float]:
    """How long `/readyz` took each time, in milliseconds, asked every 10 ms over one connection."""
    await asyncio.sleep(1)  # until the askers have begun
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken: list[float] = []
    until = time.perf_counter() + seconds
    for _ in itertools.takewhile(lambda _: time.perf_counter() < until, itertools.count()):
        began = time.perf_counter()
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        taken.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0.01)
    writer.close()
    return taken


def _resident(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) << 10


async def _fill(url: str, events: int) -> None:
    """A contest of 500 candidates over thirteen years, and one of a thousand events that are as long as they may be."""
    client = connect(Settings(redis_url=url))
    await client.flushall()
    log = Log(client, 1)
    folder = Folder(log, Projections(client, log), now, 1, _Silent())
    for contest, told in (("wide", _wide(events)), ("wordy", _wordy())):
        version = 0
        known = itertools.count(
            start_of("2013-01-01", "UTC"), _YEARS * 365 * 86_400_000_000 // (events + 1000)
        )
        numbered = (NewEvent(f"{contest}-{n}", one, "", Instant(next(known))) for n, one in enumerate(told))
        while some := list(itertools.islice(numbered, 200)):
            version = (await log.append(contest, version, some)).version
        await folder.drain(contest)
    await client.aclose()


def _opening(contest: str, candidates: int) -> Iterator[Event]:
    yield ContestOpened(
        contest=contest,
        title=contest,
        timezone="America/New_York",
        clock="imported",
        opened_at=str(_FIRST),
        recorded_by="bench",
    )
    for n in range(candidates):
        name = f"candidate-{n}"
        yield CandidateEntered(
            candidate=name, name=name, party="D", entered_at=str(_FIRST), recorded_by="bench"
        )


def _wide(events: int) -> Iterator[Event]:
    yield from _opening("wide", CANDIDATES)
    categories = list(FIVETHIRTYEIGHT_2020.weights)
    for n in range(events):
        yield Announced(
            endorsement=f"e{n}",
            endorser=Endorser(f"e{n}", f"Endorser {n}", party="D", place="PA"),
            candidate=f"candidate-{n * 7 % CANDIDATES}",
            category=categories[n // CANDIDATES % len(categories)],
            members=0,
            announced_at=str(_FIRST + timedelta(days=n * 37 % (_YEARS * 365))),
            recorded_by="bench",
            source=Source(url=f"https://news.example/article-{n}"),
        )


def _wordy() -> Iterator[Event]:
    yield from _opening("wordy", 2)
    long = "\N{SNOWMAN}" * 2000
    for n in range(WORDY):
        yield Announced(
            endorsement=f"e{n}",
            endorser=Endorser(f"e{n}", f"Endorser {n}", position=long, party=long, place=long),
            candidate=f"candidate-{n % 2}",
            category="mayor",
            members=0,
            announced_at="2014-01-01",
            recorded_by="bench",
            source=Source(url=long, title=long, quote=long, published=long),
            note=long,
        )
