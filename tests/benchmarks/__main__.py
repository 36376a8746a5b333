"""`make bench`: every measurement, in one run on one server, with ratios."""

import argparse
import gc
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from services.local.embedded import embedded_valkey
from tests.benchmarks import crowding, engine, folding, following, reading, reliability, scaling, writing
from tests.benchmarks.load import CONNECTIONS
from tests.running import free_port

PARTS = ("writing", "reading", "engine", "reliability", "scaling", "following", "crowding")
_console = Console(width=110)


def main() -> None:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description="Measure Standings on this machine.")
    arguments.add_argument("--events", type=int, default=50_000)
    arguments.add_argument("--seconds", type=float, default=5.0)
    arguments.add_argument(
        "--only", choices=PARTS, action="append", help="this part; may be given more than once"
    )
    given = arguments.parse_args()
    # As the services themselves do.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    parts: dict[str, Callable[[str], None]] = {
        "writing": lambda url: _writing(url, given.events),
        "reading": lambda url: _reading(url, given.seconds),
        "engine": lambda _: _engine(),
        "reliability": lambda _: _reliability(given.events),
        "scaling": lambda url: _scaling(url, given.events),
        "following": lambda url: _following(url, given.seconds),
        "crowding": lambda url: _crowding(url, given.events, given.seconds),
    }
    with tempfile.TemporaryDirectory() as data, embedded_valkey(Path(data)) as url:
        for part in given.only or PARTS:
            parts[part](url)
    # Else DuckDB complains at the end of what was never freed.
    gc.unfreeze()


def _writing(url: str, events: int) -> None:
    pipeline = [writing.pipeline(url, events)]
    rows = [
        ("append, batches of 1000", writing.append(url, events, 1000)),
        ("append, batches of 100", writing.append(url, events, 100)),
        ("append, one at a time", writing.append(url, max(events // 25, 1), 1)),
        ("ingest over HTTP, NDJSON of 5000 lines", writing.http_batch(url, events, 5000, free_port())),
    ]
    scored, rebuilt = folding.scorer(url, events)
    rows += [("scorer, log to committed ledger", scored), ("rebuild of a projection", rebuilt)]
    # Once more at the end: the machine may have changed its pace.
    pipeline.append(writing.pipeline(url, events))
    raw = sum(pipeline) / 2
    table = _table("Events a second, on disk (appendfsync always)", "what", "a second", "of the pipeline")
    for name, rate in (("raw XADD, redis-py pipeline of 1000", raw), *rows):
        table.add_row(name, f"{rate:,.0f}", f"{rate / raw:.2f}")
    _console.print(table)


def _reading(url: str, seconds: float) -> None:
    table = _table(
        f"Standings over HTTP, {CONNECTIONS} connections, one core, beside a bare ASGI app with the same bytes",
        "endorsements", "standings", "a second", "bare", "ratio", "processor µs", "bare", "ratio",
    )  # fmt: skip
    for size in reading.SIZES:
        for name, api, bare in reading.standings(url, free_port(), seconds, size):
            table.add_row(
                f"{size:,}",
                name,
                f"{api.a_second:,.0f}",
                f"{bare.a_second:,.0f}",
                f"{api.a_second / bare.a_second:.2f}",
                f"{api.processor:.0f}",
                f"{bare.processor:.0f}",
                f"{bare.processor / api.processor:.2f}",
            )
    _console.print(table)


def _engine() -> None:
    table = _table(
        f"A question about any point in time, {engine.CELLS} cells",
        "postings",
        "what",
        "p50 µs",
        "p99 µs",
        "MB",
        "x engine",
    )
    own: dict[int, float] = {}
    best: dict[int, float] = {}
    for size in engine.SIZES:
        figures, appending = engine.compare(size, _console.print)
        own[size] = figures[0].p50
        best[size] = min(one.p50 for one in figures if one.is_other)
        for one in figures:
            megabytes = f"{one.nbytes / 1e6:,.1f}" if one.nbytes else ""
            row = (
                f"{size:,}",
                one.name,
                f"{one.p50:,.1f}",
                f"{one.p99:,.1f}",
                megabytes,
                f"{one.p50 / own[size]:,.1f}",
            )
            table.add_row(*row)
        table.add_section()
    _console.print(table)
    smallest, largest = engine.SIZES[0], engine.SIZES[-1]
    _console.print(
        f"best of the others at {largest:,}: {best[largest] / own[largest]:.0f} times the engine's; "
        f"the engine from {smallest:,} to {largest:,}: {own[largest] / own[smallest]:.1f} times; "
        f"appending at {largest:,}: {appending.each:.1f} µs a posting, longest seal {appending.longest_seal:.0f} ms"
    )


def _reliability(events: int) -> None:
    columns = [f"batches of {size:,}" for size in reliability.BATCHES]
    table = _table("Events a second appended, by durability", "what", *columns)
    for level in reliability.levels(events):
        table.add_row(level.name, *(f"{level.a_second[size]:,.0f}" for size in reliability.BATCHES))
    _console.print(table)


def _scaling(url: str, events: int) -> None:
    contests, each = 2000, 40
    table = _table(
        f"{contests:,} contests of {each} events and one of {events:,}, on one server and two cores",
        "scorers",
        "events a second",
        "ratio",
        "half of the tail after s",
    )
    rates: list[float] = []
    for scorers in (1, 2):
        found = scaling.spread(url, contests, each, events, scorers)
        rates.append(found.a_second)
        row = (
            f"{found.a_second:,.0f}",
            f"{found.a_second / rates[0]:.2f}",
            f"{found.first_tail_seconds:.1f}",
        )
        table.add_row(str(scorers), *row)
    _console.print(table)
    taken_over = [scaling.takeover(url, events) for _ in range(3)]
    _console.print(
        "a scorer dies in the middle of a contest, and another goes on after "
        + ", ".join(f"{seconds:.1f}" for seconds in taken_over)
        + " s"
    )


def _following(url: str, seconds: float) -> None:
    table = _table(
        f"Server-sent events of {following.CONTESTS} contests, from ingest's acknowledgement to the client",
        "what", "subscribers", "changes a second", "deliveries", "missing", "p50 ms", "p99 ms", "longest",
        "processor µs a second each", "KB each",
    )  # fmt: skip
    for one in following.delays(url, 1000, 200, seconds * 4):
        table.add_row(
            one.name,
            f"{one.subscribers:,}",
            f"{one.changes_a_second:,.0f}",
            f"{one.deliveries:,}",
            f"{one.missing:,}",
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            f"{one.longest:.0f}",
            f"{one.processor_a_subscriber:.0f}",
            f"{one.kilobytes_a_subscriber:.0f}",
        )
        used = ", ".join(f"{service} {share:.0%}" for service, share in one.processor.items())
        _console.print(f"{one.name}: of one core, {used}")
    _console.print(table)


def _crowding(url: str, events: int, seconds: float) -> None:
    table = _table(
        f"/readyz beside the largest questions, {crowding.ASKERS} at a time, of {crowding.CANDIDATES} candidates",
        "what", "a second", "MB each", "processor ms", "memory MB", "p50 ms", "p99 ms", "longest",
    )  # fmt: skip
    for one in crowding.crowding(url, free_port(), events, seconds):
        table.add_row(
            one.name,
            f"{one.a_second:,.1f}",
            f"{one.megabytes:,.2f}",
            f"{one.processor_ms:,.0f}",
            f"{one.grown_mb:,.0f}",
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            f"{one.longest:.0f}",
        )
    _console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="left" if name in ("what", "standings") else "right")
    return table


if __name__ == "__main__":
    main()
