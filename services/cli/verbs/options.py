"""What verbs have in common: their options, how they reach the services, and how they give a command."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.cli.client import ServiceClient

Json = Annotated[bool, typer.Option("--json", help="print JSON, also of what goes wrong")]
Contest = Annotated[str, typer.Argument(help="contest id")]
EndorsementId = Annotated[str, typer.Argument(help="endorsement id")]
Id = Annotated[str | None, typer.Option("--id", help="event id: repeating it is inert")]
By = Annotated[str | None, typer.Option("--recorded-by", help="who records this (default: your login name)")]
Url = Annotated[str, typer.Option("--source-url", help="where it was read; this or --source-title is needed")]
Title = Annotated[
    str, typer.Option("--source-title", help="what it was read in; this or --source-url is needed")
]
UrlIfAny = Annotated[str, typer.Option("--source-url", help="where it was read")]
TitleIfAny = Annotated[str, typer.Option("--source-title", help="what it was read in")]
Note = Annotated[str, typer.Option("--note")]
Expected = Annotated[
    int | None, typer.Option("--expected-version", help="refuse unless the contest stands there")
]
KnownAt = Annotated[str | None, typer.Option("--known-at", help="only for contests whose clock is imported")]
At = Annotated[
    str | None,
    typer.Option("--at", help="a day, month or year, 2015-12~ if uncertain, or an instant (default: now)"),
]
Category = Annotated[str | None, typer.Option("--category")]
Members = Annotated[int | None, typer.Option("--members")]
Policy = Annotated[str | None, typer.Option("--policy", help="such as fivethirtyeight-2020, headcount")]
Weights = Annotated[
    str | None, typer.Option("--weights", help="weights of your own: governor:10,senator:5,default:1")
]
Candidates = Annotated[str | None, typer.Option("--candidate", help="only these: ids with commas between")]
Categories = Annotated[str | None, typer.Option("--category", help="count only these: with commas between")]
ValidAt = Annotated[
    str | None, typer.Option("--valid-at", help="when it was so: a day, month, year, instant, now or -30d")
]
KnownThen = Annotated[str | None, typer.Option("--known-at", help="as it was known then")]
Version = Annotated[int | None, typer.Option("--version", help="as it was known at this version")]
Since = Annotated[str | None, typer.Option("--from", help="the first day")]
Until = Annotated[str | None, typer.Option("--to", help="the last day")]
ApiPort = Annotated[int, typer.Option("--api-port", help="0: any free port")]
IngestPort = Annotated[int, typer.Option("--ingest-port", help="0: any free port")]


@contextmanager
def reaching(context: typer.Context, json: bool) -> Iterator["ServiceClient"]:
    """Talks to the services; what goes wrong is printed and becomes the exit code."""
    from services.cli.client import Failed, ServiceClient
    from services.cli.output import failure

    try:
        yield ServiceClient(*context.obj)
    except Failed as failed:
        failure(failed.problem, json)
        raise typer.Exit(failed.code) from None


def tell_sourced(
    context: typer.Context, json: bool, path: str, by: str | None, url: str, named: str, /, **said: object
) -> None:
    """As `tell`, of an endorsement, which has to have a source."""
    from services.cli.client import WRONG_USAGE
    from services.cli.output import failure

    if not (url or named):
        failure(_NO_SOURCE, json)
        raise typer.Exit(WRONG_USAGE)
    tell(context, json, path, by, url, named, **said)


_NO_SOURCE = {
    "title": "Wrong usage",
    "detail": "nothing says where this was read",
    "way_out": "give --source-title, --source-url or both",
}


def tell(
    context: typer.Context, json: bool, path: str, by: str | None, url: str, named: str, /, **said: object
) -> None:
    """Gives a command to ingest and prints what became of it."""
    from services.cli import output

    source = {"url": url, "title": named} if url or named else None
    with reaching(context, json) as client:
        answer = client.tell(path, {"recorded_by": by or getpass.getuser(), "source": source, **said})
        output.as_json(answer) if json else output.taken(answer)
