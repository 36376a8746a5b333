"""How long a question about any point in time takes the engine, PostgreSQL, DuckDB and a replay of one log."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, NamedTuple

import duckdb
import numpy as np

from services.api.engine.sums import SumRow, Sums
from shared.domain.events import Version
from shared.domain.postings import Posting
from shared.domain.times import Instant
from tests.benchmarks.postgres import postgres
from tests.oracle import as_of

CELLS = 200
SIZES = (1_000, 100_000, 1_000_000)
_DAY = 86_400_000_000
_YEAR = 365 * _DAY

Question = tuple[Instant, Version]
Totals = dict[int, tuple[int, int]]


class Log(NamedTuple):
    """A random contest as columns, in version order: version, valid time, cell, delta, members."""

    versions: Any
    valid_ats: Any
    cells: Any
    deltas: Any
    members: Any

    def rows(self) -> list[tuple[int, int, int, int, int]]:
        """The postings one by one."""
        return list(zip(*(column.tolist() for column in self), strict=True))


class Figures(NamedTuple):
    """How one of them fared: microseconds a question at the median and the 99th percentile, and bytes."""

    name: str
    p50: float
    p99: float
    nbytes: int
    is_other: bool


class Appending(NamedTuple):
    """What growing cost the engine: microseconds a posting on average, and the longest seal in milliseconds."""

    each: float
    longest_seal: float


def random_log(postings: int) -> Log:
    """A contest of a year: most postings become known within days, some after weeks, one in six is a reversal."""
    draw = np.random.default_rng(postings)
    known_ats = np.sort(draw.integers(0, _YEAR, postings))
    late = np.where(
        draw.random(postings) < 0.1,
        draw.integers(0, 60 * _DAY, postings),
        draw.integers(0, 3 * _DAY, postings),
    )
    cells = draw.integers(0, CELLS, postings)
    deltas = np.where(draw.random(postings) < 1 / 6, -1, 1)
    # One category in ten is of organisations that have members.
    members = np.where(cells % 10 == 0, deltas * draw.integers(1_000, 1_000_000, postings), 0)
    return Log(np.arange(1, postings + 1), known_ats - late, cells, deltas, members)


def questions(log: Log, number: int) -> list[Question]:
    """Random moments: (valid time, version)."""
    draw = np.random.default_rng(1)
    return list(
        zip(
            draw.integers(0, _YEAR, number).tolist(),
            draw.integers(1, len(log.versions) + 1, number).tolist(),
            strict=True,
        )
    )


def compare(postings: int, report: Callable[[str], None]) -> tuple[list[Figures], Appending]:
    """Every one of them on one log; their answers are the same, or this raises."""
    log = random_log(postings)
    many = questions(log, 2000)
    sums, appending = _grown(log)
    figures = [
        _measured("engine: any moment", sums.at, many, sums.nbytes),
        _measured("engine: latest version, any valid time", lambda at, _: sums.latest(Instant(at)), many),
        _measured("a vectorised scan", sums.scanned, many[:300]),
    ]
    with ExitStack() as stack:
        for name, answer, nbytes, number in _others(log, stack, report):
            for question in many[:5]:
                if answer(*question) != _totals(sums.at(*question)):
                    raise RuntimeError(f"{name} answers {question} otherwise")
            figures.append(_measured(name, answer, many[:number], nbytes, is_other=True))
    return figures, appending


def _grown(log: Log) -> tuple[Sums, Appending]:
    """The engine after taking the log in, one version at a time."""
    sums, longest = Sums(), 0.0
    rows = log.rows()
    began = time.perf_counter()
    for version, valid_at, cell, delta, members in rows:
        posted = [SumRow(Instant(valid_at), 2 * cell, delta)]
        if members:
            posted.append(SumRow(Instant(valid_at), 2 * cell + 1, members))
        sums.append(Version(version), Instant(version), posted)
        if sums.due:
            _ = sums.rows
            sealing = time.perf_counter()
            sums.seal()
            longest = max(longest, time.perf_counter() - sealing)
    took = time.perf_counter() - began
    return sums, Appending(took / len(rows) * 1e6, longest * 1e3)


def _totals(sums: Any) -> Totals:
    pairs = sums.reshape(-1, 2).tolist()
    return {cell: (count, members) for cell, (count, members) in enumerate(pairs) if count or members}


def _others(
    log: Log, stack: ExitStack, report: Callable[[str], None]
) -> Iterable[tuple[str, Callable[[int, int], Totals], int, int]]:
    """Name, answer, bytes held and how many questions it can be asked in reasonable time."""
    few = max(5, min(300, 30_000_000 // len(log.versions)))
    server = stack.enter_context(postgres())
    if server is None:
        report("PostgreSQL is not measured: it is not installed here (Debian: apt install postgresql-15)")
    else:
        server.load(log.rows())
        yield f"PostgreSQL {server.version}", server.answer, server.nbytes(), few
    duck = _duck(log)
    yield "DuckDB", duck[0], duck[1], few
    pairs = [(v, Posting(Instant(t), str(cell), "", d, m)) for v, t, cell, d, m in log.rows()]

    def replay(valid_at: int, version: int) -> Totals:
        return {int(cell[0]): totals for cell, totals in as_of(pairs, valid_at, version).items()}

    yield "a plain replay in Python", replay, 0, max(3, few // 10)


def _duck(log: Log) -> tuple[Callable[[int, int], Totals], int]:
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    names = dict(zip(("version", "valid_at", "cell", "delta", "members"), log, strict=True))
    connection.register("log", names)
    connection.execute("CREATE TABLE postings AS SELECT * FROM log")
    connection.execute(
        "PREPARE totals AS SELECT cell, sum(delta), sum(members) FROM postings"
        " WHERE version <= $2 AND valid_at <= $1 GROUP BY cell"
    )

    def answer(valid_at: int, version: int) -> Totals:
        # The values are whole numbers of our own making, and EXECUTE takes no others.
        found = connection.execute(f"EXECUTE totals({valid_at}, {version})").fetchall()
        return {cell: (int(count), int(members)) for cell, count, members in found if count or members}

    size = connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchone()
    return answer, int(size[0]) if size else 0


def _measured(
    name: str,
    answer: Callable[[Instant, Version], object],
    asked: list[Question],
    nbytes: int = 0,
    is_other: bool = False,
) -> Figures:
    for question in asked[:20]:
        answer(*question)
    took = []
    for question in asked:
        began = time.perf_counter()
        answer(*question)
        took.append((time.perf_counter() - began) * 1e6)
    return Figures(name, float(np.percentile(took, 50)), float(np.percentile(took, 99)), nbytes, is_other)
