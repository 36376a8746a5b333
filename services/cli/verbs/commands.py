"""Verbs that record: one command each, or files full of them."""

import getpass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from services.cli.importers.registry import Format
from services.cli.verbs.options import (
    At,
    By,
    Category,
    Contest,
    EndorsementId,
    Expected,
    Id,
    Json,
    KnownAt,
    Members,
    Note,
    Title,
    TitleIfAny,
    Url,
    UrlIfAny,
    reaching,
    tell,
    tell_sourced,
)

app = typer.Typer()


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
    url: UrlIfAny = "",
    source_title: TitleIfAny = "",
    json: Json = False,
) -> None:
    """Open a contest."""
    candidates = [_named(text) for text in candidate or []]
    said: dict[str, Any] = {
        "contest": contest,
        "title": title,
        "timezone": timezone,
        "clock": clock,
        "opened_at": at,
    }
    tell(
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
    tell_sourced(context, json, f"/v1/contests/{contest}/endorsements", by, url, title, **said, **more)


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
    tell_sourced(context, json, path, by, url, title, retracted_at=at, **more)


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
    tell_sourced(context, json, path, by, url, title, **said, **more)


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
    tell_sourced(context, json, path, by, url, title, note=note, **more)


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
    tell_sourced(context, json, path, by, url, title, candidate=candidate, switched_at=at, **more)


@app.command(name="import")
def import_files(
    context: typer.Context,
    form: Annotated[Format, typer.Argument(metavar="FORMAT")],
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
    from services.cli import output
    from services.cli.imports import Import, created

    recorded_by = by or getpass.getuser()
    days = known_at or []
    with reaching(context, json) as client:

        def ready() -> None:
            if create:
                created(client, contest, title or contest, timezone, recorded_by, files, days, form)

        importing = Import(client, contest, mode, on_error, recorded_by, ready)
        done = importing.run(files, form, days)
    if json:
        output.as_json([result.__dict__ for result in done])
    for result in () if json else done:
        what = ", ".join(f"{count} {kind}" for kind, count in result.commands.items()) or "nothing new"
        output.say(
            f"{result.file}: {what}; {result.taken} taken, {result.refused} refused, {result.skipped} skipped"
        )
    raise typer.Exit(4 if any(result.refused or result.skipped for result in done) else 0)


@app.command()
def dead_letters(
    context: typer.Context,
    resend: Annotated[str | None, typer.Option(help="send this letter to the inbox again")] = None,
    drop: Annotated[str | None, typer.Option(help="drop this letter")] = None,
    json: Json = False,
) -> None:
    """List what the inbox could not take, send one again, or drop it."""
    from services.cli import output

    with reaching(context, json) as client:
        if resend:
            client.change("POST", f"/v1/dead-letters/{resend}/redelivery")
        if drop:
            client.change("DELETE", f"/v1/dead-letters/{drop}")
        answer = client.ingest("/v1/dead-letters")
    if json:
        output.as_json(answer)
    else:
        output.dead_letters(answer)
