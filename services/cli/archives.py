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
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task(verb, total=None)

        def seen(contest: str, events: int) -> None:
            bar.update(task, advance=events, description=f"{verb} {contest}")

        yield seen


def show(verb: str, found: list[dict[str, Any]], json: bool) -> None:
    """What came of each contest."""
    if json:
        output.as_json(found)
    elif found:
        table = Table(title=verb)
        table.add_column("Contest")
        table.add_column("Version", justify="right")
        table.add_column("SHA-256" if verb != "verify" else "On the server", overflow="fold")
        for one in found:
            table.add_row(one["contest"], str(one["version"]), one.get("sha256") or _compared(one))
        output.out.print(table)


def show_moved(moved: list[dict[str, Any]], json: bool) -> None:
    """Where each contest's old versions are now."""
    if json:
        output.as_json(moved)
    for one in () if json else moved:
        output.out.print(f"{one['contest']}: versions up to {one['version']} are in {one['file']}")


def _compared(one: dict[str, Any]) -> str:
    if one["same"] < one["version"]:
        if one["stands"] == one["same"]:
            return f"behind: stands at version {one['stands']}"
        return f"DIFFERS from version {one['same'] + 1} on"
    ahead = one["stands"] - one["version"]
    return "the same" + (f", and {ahead} events more" if ahead else "")
