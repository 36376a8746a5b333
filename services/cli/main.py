"""`standings …`: every verb.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 a service is not reached, 4 partly done, 78 refuses to start.
"""

import sys
from typing import Annotated

import typer

from services.cli.verbs import backups, commands, queries, services
from shared.runtime.log_lines import open_standard_files

app = typer.Typer(no_args_is_help=True, help="Endorsements, kept for good and counted at any point in time.")
for verbs in (services, backups, queries, commands):
    app.add_typer(verbs.app)


@app.callback()
def addresses(
    context: typer.Context,
    ingest_url: Annotated[str, typer.Option(envvar="STANDINGS_INGEST_URL")] = "http://127.0.0.1:8401",
    api_url: Annotated[str, typer.Option(envvar="STANDINGS_API_URL")] = "http://127.0.0.1:8400",
) -> None:
    context.obj = (ingest_url.rstrip("/"), api_url.rstrip("/"))


def main() -> None:
    """The console script."""
    open_standard_files()
    app()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
