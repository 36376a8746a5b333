"""`standings …`: every verb; each imports only what it needs.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 a service is not reached, 4 partly done, 78 refuses to start.
"""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from services.console.client import Client

app = typer.Typer(no_args_is_help=True, help="Endorsements, kept for good and counted at any point in time.")

Json = Annotated[bool, typer.Option("--json", help="print JSON, also of what goes wrong")]
Contest = Annotated[str, typer.Argument(help="contest id")]
EndorsementId = Annotated[str, typer.Argument(help="endorsement id")]
Id = Annotated[str | None, typer.Option("--id", help="event id: repeating it is inert")]
By = Annotated[str | None, typer.Option("--recorded-by", help="who records this (default: your login name)")]
Url = Annotated[str, typer.Option("--source-url")]
Title = Annotated[str, typer.Option("--source-title")]
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
ApiPort = Annotated[int, typer.Option("--api-port", help="0: any free port")]
IngestPort = Annotated[int, typer.Option("--ingest-port", help="0: any free port")]


@app.callback()
def addresses(
    context: typer.Context,
    ingest_url: Annotated[str, typer.Option(envvar="STANDINGS_INGEST_URL")] = "http://127.0.0.1:8401",
    api_url: Annotated[str, typer.Option(envvar="STANDINGS_API_URL")] = "http://127.0.0.1:8400",
) -> None:
    context.obj = (ingest_url.rstrip("/"), api_url.rstrip("/"))


@contextmanager
def _client(context: typer.Context, json: bool) -> Iterator["Client"]:
    """Talks to the services; what goes wrong is printed and becomes the exit code."""
    from services.console.client import Client, Failed
    from services.console.output import failure

    try:
        yield Client(*context.obj)
    except Failed as failed:
        failure(failed.problem, json)
        raise typer.Exit(failed.code) from None


def _tell(
    context: typer.Context, json: bool, path: str, by: str | None, url: str, named: str, /, **said: object
) -> None:
    from services.console import output

    source = {"url": url, "title": named} if url or named else None
    with _client(context, json) as client:
        answer = client.tell(path, {"recorded_by": by or getpass.getuser(), "source": source, **said})
        output.as_json(answer) if json else output.taken(answer)


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
def rebuild(contest: Contest) -> None:
    """Rebuild a contest's projection from its log, configured by STANDINGS_… variables."""
    from services.scorer.app import rebuild_main

    raise typer.Exit(rebuild_main(contest))


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
    from services.supervisor.app import run as run_all

    raise typer.Exit(run_all(data, api_port, ingest_port, redis_url, lambda line: print(line, flush=True)))  # noqa: T201


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
    from services.console import demo as demonstration
    from services.console.client import Failed
    from services.console.output import failure

    try:
        raise typer.Exit(demonstration.run(seed, once, data, api_port, ingest_port, verbose))
    except Failed as failed:
        failure(failed.problem, json)
        raise typer.Exit(failed.code) from None


@app.command(name="open")
def open_contest(
    context: typer.Context,
    contest: Contest,
    title: Annotated[str, typer.Option()],
    timezone: Annotated[str, typer.Option(help="IANA name")] = "America/New_York",
    clock: Literal["server", "imported"] = "server",
    candidate: Annotated[list[str] | None, typer.Option(help="id=Name; may be given again")] = None,
    at: At = None,
    known_at: KnownAt = None,
    id_: Id = None,
    by: By = None,
    url: Url = "",
    source_title: Title = "",
    json: Json = False,
) -> None:
    """Open a contest."""
    candidates = [_named(one) for one in candidate or []]
    said: dict[str, Any] = {
        "contest": contest,
        "title": title,
        "timezone": timezone,
        "clock": clock,
        "opened_at": at,
    }
    _tell(
        context,
        json,
        "/v1/contests",
        by,
        url,
        source_title,
        id=id_,
        known_at=known_at,
        candidates=candidates,
        **said,
    )


def _named(text: str) -> dict[str, str]:
    name, equals, title = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not id=Name", param_hint="--candidate")
    return {"candidate": name, "name": title}


@app.command()
def announce(
    context: typer.Context,
    contest: Contest,
    endorser: Annotated[str, typer.Option(help="endorser id")],
    name: Annotated[str, typer.Option(help="the endorser's name")],
    candidate: Annotated[str, typer.Option(help="candidate id")],
    category: Annotated[str, typer.Option(help="such as governor, labor-union")],
    kind: Literal["person", "organization"] = "person",
    position: str = "",
    party: str = "",
    place: str = "",
    at: At = None,
    members: Members = None,
    endorsement: Annotated[str | None, typer.Option(help="its id (default: one is made)")] = None,
    known_at: KnownAt = None,
    id_: Id = None,
    expected: Expected = None,
    note: Note = "",
    by: By = None,
    url: Url = "",
    title: Title = "",
    json: Json = False,
) -> None:
    """An endorsement began."""
    facts = {"id": endorser, "name": name, "kind": kind, "position": position, "party": party, "place": place}
    said = {
        "endorser": facts,
        "candidate": candidate,
        "category": category,
        "members": members,
        "announced_at": at,
    }
    more = {
        "endorsement": endorsement,
        "known_at": known_at,
        "id": id_,
        "expected_version": expected,
        "note": note,
    }
    _tell(context, json, f"/v1/contests/{contest}/endorsements", by, url, title, **said, **more)


@app.command()
def retract(
    context: typer.Context,
    contest: Contest,
    endorsement: EndorsementId,
    at: At = None,
    known_at: KnownAt = None,
    id_: Id = None,
    expected: Expected = None,
    note: Note = "",
    by: By = None,
    url: Url = "",
    title: Title = "",
    json: Json = False,
) -> None:
    """The endorser took it back."""
    path = f"/v1/contests/{contest}/endorsements/{endorsement}/retraction"
    more = {"known_at": known_at, "id": id_, "expected_version": expected, "note": note}
    _tell(context, json, path, by, url, title, retracted_at=at, **more)


@app.command()
def correct(
    context: typer.Context,
    contest: Contest,
    endorsement: EndorsementId,
    candidate: Annotated[str | None, typer.Option()] = None,
    category: Category = None,
    members: Members = None,
    at: Annotated[str | None, typer.Option("--at", help="when it was announced")] = None,
    ended_at: Annotated[
        str | None, typer.Option("--ended-at", help="when it was retracted; none: it was not")
    ] = None,
    known_at: KnownAt = None,
    id_: Id = None,
    expected: Expected = None,
    note: Note = "",
    by: By = None,
    url: Url = "",
    title: Title = "",
    json: Json = False,
) -> None:
    """A fact was recorded wrongly: from now on read it so."""
    path = f"/v1/contests/{contest}/endorsements/{endorsement}/correction"
    said: dict[str, object] = {
        "candidate": candidate,
        "category": category,
        "members": members,
        "announced_at": at,
    }
    said = {field: value for field, value in said.items() if value is not None}
    if ended_at is not None:
        said["retracted_at"] = None if ended_at == "none" else ended_at
    more = {"known_at": known_at, "id": id_, "expected_version": expected, "note": note}
    _tell(context, json, path, by, url, title, **said, **more)


@app.command()
def strike(
    context: typer.Context,
    contest: Contest,
    endorsement: EndorsementId,
    note: Annotated[str, typer.Option(help="why it never was")],
    known_at: KnownAt = None,
    id_: Id = None,
    expected: Expected = None,
    by: By = None,
    url: Url = "",
    title: Title = "",
    json: Json = False,
) -> None:
    """Recorded in error: it never was."""
    path = f"/v1/contests/{contest}/endorsements/{endorsement}/strike"
    more = {"known_at": known_at, "id": id_, "expected_version": expected}
    _tell(context, json, path, by, url, title, note=note, **more)


@app.command()
def switch(
    context: typer.Context,
    contest: Contest,
    endorsement: EndorsementId,
    candidate: Annotated[str, typer.Option(help="the one endorsed from now on")],
    at: At = None,
    known_at: KnownAt = None,
    id_: Id = None,
    expected: Expected = None,
    note: Note = "",
    by: By = None,
    url: Url = "",
    title: Title = "",
    json: Json = False,
) -> None:
    """The endorser goes over to another candidate."""
    path = f"/v1/contests/{contest}/endorsements/{endorsement}/switch"
    more = {"known_at": known_at, "id": id_, "expected_version": expected, "note": note}
    _tell(context, json, path, by, url, title, candidate=candidate, switched_at=at, **more)


@app.command()
def show(
    context: typer.Context,
    contest: Contest,
    policy: Annotated[str | None, typer.Option(help="such as fivethirtyeight-2020, headcount")] = None,
    valid_at: Annotated[
        str | None, typer.Option(help="when it was so: a day, month, year or instant")
    ] = None,
    known_at: Annotated[str | None, typer.Option(help="as it was known then")] = None,
    version: Annotated[int | None, typer.Option(help="as it was known at this version")] = None,
    endorsements: Annotated[
        bool, typer.Option("--endorsements", help="those behind the standings instead")
    ] = False,
    json: Json = False,
) -> None:
    """Show the standings, now or at any point in time."""
    from services.console import output

    path = f"/v1/contests/{contest}/{'endorsements' if endorsements else 'standings'}"
    with _client(context, json) as client:
        weighting = None if endorsements else policy
        answer = client.ask(path, policy=weighting, valid_at=valid_at, known_at=known_at, version=version)
        if json:
            output.as_json(answer)
        else:
            output.endorsements(answer) if endorsements else output.standings(answer)


@app.command()
def log(
    context: typer.Context, contest: Contest, after: int = 0, limit: int = 100, json: Json = False
) -> None:
    """Show a contest's events by version."""
    from services.console import output

    with _client(context, json) as client:
        answer = client.ask(f"/v1/contests/{contest}/events", after=after, limit=limit)
        output.as_json(answer) if json else output.events(answer)


@app.command()
def doctor(context: typer.Context, json: Json = False) -> None:
    """Say whether everything works; exit code 1 if something does not."""
    from services.console import output
    from services.console.doctor import examine

    with _client(context, json) as client:
        checks = examine(client)
    if json:
        output.as_json(checks)
    for check in () if json else checks:
        output.say(f"{'ok  ' if check['ok'] else 'BAD '} {check['check']}: {check['found']}")
    raise typer.Exit(0 if all(check["ok"] for check in checks) else 1)


@app.command()
def dead_letters(
    context: typer.Context,
    resend: Annotated[str | None, typer.Option(help="send this letter to the inbox again")] = None,
    drop: Annotated[str | None, typer.Option(help="drop this letter")] = None,
    json: Json = False,
) -> None:
    """List what the inbox could not take, send one again, or drop it."""
    from services.console import output

    with _client(context, json) as client:
        if resend:
            client.change("POST", f"/v1/dead-letters/{resend}/redelivery")
        if drop:
            client.change("DELETE", f"/v1/dead-letters/{drop}")
        answer = client.ingest("/v1/dead-letters")
    if json:
        output.as_json(answer)
    for letter in () if json else answer["dead_letters"]:
        output.say(f"{letter['letter']}  {letter['reason']['detail']}\n    {letter['message']}")


@app.command(name="import")
def import_files(
    context: typer.Context,
    form: Annotated[Literal["fivethirtyeight-2020", "csv", "ndjson"], typer.Argument(metavar="FORMAT")],
    files: list[Path],
    contest: Annotated[str, typer.Option(help="contest id")],
    mode: Literal["mirror", "history"] = "history",
    known_at: Annotated[
        list[str] | None, typer.Option(help="one for each file (default: from its name)")
    ] = None,
    on_error: Annotated[
        Literal["abort", "skip"], typer.Option(help="bad rows: nothing, or all others")
    ] = "abort",
    create: Annotated[bool, typer.Option("--create", help="open the contest if it is not")] = False,
    title: Annotated[str | None, typer.Option(help="its title")] = None,
    timezone: str = "America/New_York",
    by: By = None,
    json: Json = False,
) -> None:
    """Import published snapshots or tables of our own; again changes nothing."""
    from services.console import output
    from services.console.importing import Import, created

    recorded_by = by or getpass.getuser()
    days = known_at or []
    with _client(context, json) as client:
        if create:
            created(client, contest, title or contest, timezone, recorded_by, files, days, form)
        importing = Import(client, contest, mode, on_error, recorded_by)
        done = (
            importing.snapshots_of(files, days)
            if form == "fivethirtyeight-2020"
            else importing.tables(files, form)
        )
    if json:
        output.as_json([one.__dict__ for one in done])
    for one in () if json else done:
        what = ", ".join(f"{count} {kind}" for kind, count in one.commands.items()) or "nothing new"
        output.say(f"{one.file}: {what}; {one.taken} taken, {one.refused} refused, {one.skipped} skipped")
    raise typer.Exit(4 if any(one.refused or one.skipped for one in done) else 0)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
