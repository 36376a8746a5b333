"""`make bench`: every measurement, in one run on one server, with ratios."""

import argparse
import gc
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from services.supervisor.embedded import embedded_valkey
from tests.benchmarks import folding, reading, writing
from tests.running import free_port


def main() -> None:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description="Measure Standings on this machine.")
    arguments.add_argument("--events", type=int, default=50_000)
    arguments.add_argument("--seconds", type=float, default=5.0)
    given = arguments.parse_args()
    # As the services themselves do.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    with tempfile.TemporaryDirectory() as data, embedded_valkey(Path(data)) as url:
        _print(_write(url, given.events), "Events a second, on disk (appendfsync always)", "of the pipeline")
        _print(
            _read(url, given.seconds),
            f"Requests a second, {reading.CONNECTIONS} connections",
            "of the bare app",
        )


def _write(url: str, events: int) -> list[tuple[str, float, float]]:
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
    return [
        ("raw XADD, redis-py pipeline of 1000", raw, 1.0),
        *((name, rate, rate / raw) for name, rate in rows),
    ]


def _read(url: str, seconds: float) -> list[tuple[str, float, float]]:
    answered, bare = reading.current_standings(url, free_port(), seconds)
    return [("bare ASGI app, same bytes", bare, 1.0), ("API, current standings", answered, answered / bare)]


def _print(rows: list[tuple[str, float, float]], title: str, ratio: str) -> None:
    table = Table(title=title)
    table.add_column("what")
    table.add_column("a second", justify="right")
    table.add_column(ratio, justify="right")
    for name, rate, share in rows:
        table.add_row(name, f"{rate:,.0f}", f"{share:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
