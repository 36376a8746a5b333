"""What the command line prints of backups and archives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli import output


@contextmanager
def progress(verb: str) -> Iterator[Callable[[str, int], None]]:
    """Shows on standard error, while the block runs, which contest it is at and how many events went by."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.completed:,.0f} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task(verb, total=None)

        def seen(contest: str, events: int) -> None:
            bar.update(task, advance=events, description=f"{verb} {contest}")

        yield seen


def show(verb: str, results: list[dict[str, Any]], json: bool) -> None:
    """What came of each contest."""
    if json:
        output.as_json(results)
    elif results:
        table = Table(title=verb)
        table.add_column("Contest")
        table.add_column("Version", justify="right")
        table.add_column("SHA-256" if verb != "verify" else "On the server", overflow="fold")
        for result in results:
            table.add_row(
                result["contest"], str(result["version"]), result.get("sha256") or _compared(result)
            )
        output.out.print(table)


def show_moved(moved: list[dict[str, Any]], json: bool) -> None:
    """Where each contest's old versions are now."""
    if json:
        output.as_json(moved)
    for each in () if json else moved:
        output.out.print(f"{each['contest']}: versions up to {each['version']} are in {each['file']}")


def _compared(result: dict[str, Any]) -> str:
    if result["same"] < result["version"]:
        if result["stands"] == result["same"]:
            return f"behind: stands at version {result['stands']}"
        return f"DIFFERS from version {result['same'] + 1} on"
    ahead = result["stands"] - result["version"]
    return "the same" + (f", and {ahead} events more" if ahead else "")
