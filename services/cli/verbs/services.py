"""Verbs that run services on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.verbs.options import ApiPort, IngestPort, Json

app = typer.Typer()


@app.command()
def run(
    data: Annotated[Path, typer.Option(help="where the embedded Valkey keeps its files")] = Path(
        "standings-data"
    ),
    api_port: ApiPort = 8400,
    ingest_port: IngestPort = 8401,
    redis_url: Annotated[
        str | None, typer.Option(envvar="STANDINGS_REDIS_URL", help="use this server instead")
    ] = None,
) -> None:
    """Run everything on this machine until Ctrl-C."""
    from services.local.supervisor import run as run_all
    from shared.runtime.log_lines import STANDARD_OUTPUT, writer

    raise typer.Exit(run_all(data, api_port, ingest_port, redis_url, writer(STANDARD_OUTPUT)))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="stop when everything is shown")] = False,
    seed: int = 2025,
    data: Annotated[Path | None, typer.Option(help="keep the data here (default: nowhere)")] = None,
    api_port: ApiPort = 8400,
    ingest_port: IngestPort = 8401,
    verbose: Annotated[bool, typer.Option("--verbose", help="show what the services say")] = False,
    json: Json = False,
) -> None:
    """Start everything, load a simulated race and show it."""
    from services.cli import demo as demonstration
    from services.cli.client import Failed
    from services.cli.output import failure

    try:
        raise typer.Exit(demonstration.run(seed, once, data, api_port, ingest_port, verbose))
    except Failed as failed:
        failure(failed.problem, json)
        raise typer.Exit(failed.code) from None


@app.command()
def ingest() -> None:
    """Run ingest alone, configured by STANDINGS_… variables."""
    from services.ingest.app import main

    raise typer.Exit(main())


@app.command()
def scorer() -> None:
    """Run one scorer alone, configured by STANDINGS_… variables."""
    from services.scorer.app import main

    raise typer.Exit(main())


@app.command()
def api() -> None:
    """Run the API alone, configured by STANDINGS_… variables."""
    from services.api.app import main

    raise typer.Exit(main())


@app.command()
def webhooks() -> None:
    """Run webhooks alone, configured by STANDINGS_… variables."""
    from services.webhooks.app import main

    raise typer.Exit(main())


@app.command()
def rebuild(
    contest: Annotated[str | None, typer.Argument(help="contest id")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every contest")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="compare, and leave all as it is")] = False,
    json: Json = False,
) -> None:
    """Rebuild a contest's projection from its log, configured by STANDINGS_… variables, and say what differs."""
    from services.cli import output
    from services.scorer.app import rebuild_main

    if (contest is None) != everything:
        raise typer.BadParameter("name a contest, or give --all")
    certificates: list[dict[str, Any]] = []
    code = rebuild_main(contest, dry_run, certificates.append)
    if json:
        output.as_json(certificates)
    for certificate in () if json else certificates:
        output.certificate(certificate, dry_run)
    raise typer.Exit(code)


@app.command()
def archive(contests: Annotated[list[str], typer.Argument(metavar="CONTEST…")], json: Json = False) -> None:
    """Move contests' old versions out of Redis to the directory of STANDINGS_ARCHIVE; they are answered as before."""
    from services.backups.app import archive_main
    from services.cli import archives

    moved: list[dict[str, object]] = []
    with archives.progress("archive") as seen:
        code = archive_main(contests, seen, moved.extend)
    archives.show_moved(moved, json)
    raise typer.Exit(code)
