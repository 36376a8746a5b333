"""Verbs of backups: `standings backup create|verify|restore FILE`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from services.cli.verbs.options import Json

File = Annotated[Path, typer.Argument(help="such as standings-2026-11-23.ndjson.gz")]


class _Backup(TyperGroup):
    """The verbs of `standings backup`; a file alone means `create`, as in earlier releases."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            _superseded("backup FILE", "backup create FILE")
            args = ["create", *args]
        return super().parse_args(ctx, args)


app = typer.Typer()
backup = typer.Typer(
    cls=_Backup,
    no_args_is_help=True,
    help="Write every contest's log to one file, compare such a file with a server, bring it back.",
)
app.add_typer(backup, name="backup")


@backup.command()
def create(file: File, json: Json = False) -> None:
    """Write every contest's log to one compressed file, configured by STANDINGS_… variables."""
    _run("backup", file, json)


@backup.command()
def restore(file: File, json: Json = False) -> None:
    """Bring a backup into an empty server, configured by STANDINGS_… variables; the scorers do the rest."""
    _run("restore", file, json)


@backup.command()
def verify(file: File, json: Json = False) -> None:
    """Compare a backup with a live server, configured by STANDINGS_… variables; exit code 1 if a log differs."""
    _run("verify", file, json)


@app.command("restore", hidden=True)
def old_restore(file: File, json: Json = False) -> None:
    """What `backup restore` was called."""
    _superseded("restore FILE", "backup restore FILE")
    restore(file, json)


@app.command("verify", hidden=True)
def old_verify(file: File, json: Json = False) -> None:
    """What `backup verify` was called."""
    _superseded("verify FILE", "backup verify FILE")
    verify(file, json)


def _superseded(old: str, new: str) -> None:
    from services.cli import output

    output.warn(f"`standings {old}` is now `standings {new}`; the old form goes with the next release")


def _run(verb: str, file: Path, json: bool) -> None:
    from services.backups.app import main
    from services.cli import archives

    with archives.progress(verb) as seen:
        results: list[dict[str, object]] = []
        code = main(verb, file, seen, results.extend)
    archives.show(verb, results, json)
    raise typer.Exit(code)
