"""Verbs that ask: standings at any moment, what changed, and what made it change."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from services.api.answers.formats import Format
from services.cli.verbs.options import (
    Candidates,
    Categories,
    Contest,
    Json,
    KnownThen,
    Policy,
    Since,
    Until,
    ValidAt,
    Version,
    Weights,
    reaching,
)

Axis = Annotated[
    Literal["valid", "known", "both"],
    typer.Option(help="when it happened; when it was known; or each day as it was known on that day"),
]
Step = Annotated[Literal["change", "day", "week", "month"], typer.Option()]

app = typer.Typer()


@app.command()
def show(
    context: typer.Context,
    contest: Contest,
    policy: Policy = None,
    weights: Weights = None,
    candidate: Candidates = None,
    category: Categories = None,
    valid_at: ValidAt = None,
    known_at: KnownThen = None,
    version: Version = None,
    endorsements: Annotated[
        bool, typer.Option("--endorsements", help="those behind the standings instead, all of them")
    ] = False,
    json: Json = False,
) -> None:
    """Show the standings, now or at any point in time."""
    from services.cli import output

    path = f"/v1/contests/{contest}/{'endorsements' if endorsements else 'standings'}"
    asked: dict[str, object] = {"valid_at": valid_at, "known_at": known_at, "version": version}
    asked |= {"candidate": candidate, "category": category}
    with reaching(context, json) as client:
        if endorsements:
            answer = client.whole(path, "endorsements", asked)
        else:
            answer = client.ask(path, policy=policy, weights=weights, **asked)
        if json:
            output.as_json(answer)
        else:
            output.endorsements(answer) if endorsements else output.standings(answer)


@app.command()
def timeline(
    context: typer.Context,
    contest: Contest,
    axis: Axis = "valid",
    step: Step = "week",
    since: Since = None,
    until: Until = None,
    policy: Policy = None,
    weights: Weights = None,
    candidate: Candidates = None,
    category: Categories = None,
    valid_at: ValidAt = None,
    known_at: KnownThen = None,
    version: Version = None,
    top: Annotated[int, typer.Option(help="show so many candidates, those who end highest", min=1)] = 6,
    json: Json = False,
) -> None:
    """Show the scores over time, as a plot and a table."""
    from services.cli import output, over_time

    asked = _counted(policy, weights, candidate, category)
    asked |= {"axis": axis, "step": step, "from": since, "to": until}
    asked |= {"valid_at": valid_at, "known_at": known_at, "version": version}
    with reaching(context, json) as client:
        answer = client.ask(f"/v1/contests/{contest}/timeline", **asked)
        if json:
            output.as_json(answer)
        else:
            candidates = client.ask(f"/v1/contests/{contest}/candidates")["candidates"]
            names = {each["candidate"]: each["name"] for each in candidates}
            over_time.timeline(answer, names, top)


@app.command()
def diff(
    context: typer.Context,
    contest: Contest,
    since: Annotated[str | None, typer.Option("--from", help="valid time before (default: now)")] = None,
    until: Annotated[str | None, typer.Option("--to", help="valid time after (default: now)")] = None,
    from_known_at: Annotated[str | None, typer.Option(help="as it was known then")] = None,
    to_known_at: Annotated[str | None, typer.Option(help="as it was known then")] = None,
    from_version: Annotated[int | None, typer.Option(help="as this version knew it")] = None,
    to_version: Annotated[int | None, typer.Option(help="as this version knew it")] = None,
    policy: Policy = None,
    weights: Weights = None,
    candidate: Candidates = None,
    category: Categories = None,
    limit: Annotated[int, typer.Option(help="name so many events", min=0, max=1000)] = 20,
    json: Json = False,
) -> None:
    """Show who gained and who lost between two moments, and which events did it."""
    from services.cli import output, over_time

    asked = _counted(policy, weights, candidate, category)
    asked |= {"from_valid_at": since, "from_known_at": from_known_at, "from_version": from_version}
    asked |= {"to_valid_at": until, "to_known_at": to_known_at, "to_version": to_version}
    with reaching(context, json) as client:
        answer = client.ask(f"/v1/contests/{contest}/diff", limit=limit, **asked)
        output.as_json(answer) if json else over_time.diff(answer)


@app.command()
def revisions(
    context: typer.Context,
    contest: Contest,
    valid_at: Annotated[str, typer.Option(help="the day, or the instant")],
    published: Annotated[
        bool, typer.Option("--since-published", help="only what was learned after that day")
    ] = False,
    policy: Policy = None,
    weights: Weights = None,
    candidate: Candidates = None,
    category: Categories = None,
    json: Json = False,
) -> None:
    """Show how the picture of one day changed as more was learned, event by event."""
    from services.cli import output, over_time

    path = f"/v1/contests/{contest}/revisions"
    asked = {"valid_at": valid_at, **_counted(policy, weights, candidate, category)}
    with reaching(context, json) as client:
        after = client.ask(path, limit=1, **asked)["published_version"] if published else None
        answer = client.whole(path, "revisions", {**asked, "after": after})
        output.as_json(answer) if json else over_time.revisions(answer)


@app.command()
def export(
    context: typer.Context,
    contest: Contest,
    what: Annotated[
        Literal["standings", "timeline", "endorsements", "revisions", "revision-risk"],
        typer.Argument(metavar="WHAT", help="standings, timeline, endorsements, revisions or revision-risk"),
    ],
    file: Annotated[Path | None, typer.Option("--output", "-o", help="(default: standard output)")] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="(default: as the file's name ends, else csv)"),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="CSV for a program: text as it is, without ' before formulas"),
    ] = False,
    axis: Annotated[Literal["valid", "known", "both"] | None, typer.Option(help="of a timeline")] = None,
    step: Annotated[
        Literal["change", "day", "week", "month"] | None, typer.Option(help="of a timeline")
    ] = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[
        Literal["active", "all"] | None, typer.Option(help="of endorsements: all includes ended ones")
    ] = None,
    policy: Policy = None,
    weights: Weights = None,
    candidate: Candidates = None,
    category: Categories = None,
    valid_at: ValidAt = None,
    known_at: KnownThen = None,
    version: Version = None,
    json: Annotated[bool, typer.Option("--json", help="say what goes wrong as JSON")] = False,
) -> None:
    """Write an answer, with every page of it, to a file."""
    from services.cli import exports

    asked = _counted(policy, weights, candidate, category)
    asked |= {"axis": axis, "step": step, "from": since, "to": until, "state": state}
    asked |= {"valid_at": valid_at, "known_at": known_at, "version": version}
    with reaching(context, json) as client:
        exports.export(client, contest, what, file, form, asked, raw)


@app.command()
def log(
    context: typer.Context, contest: Contest, after: int = 0, limit: int = 100, json: Json = False
) -> None:
    """Show a contest's events by version."""
    from services.cli import output

    with reaching(context, json) as client:
        answer = client.ask(f"/v1/contests/{contest}/events", after=after, limit=limit)
        output.as_json(answer) if json else output.events(answer)


@app.command()
def doctor(
    context: typer.Context,
    contests: Annotated[list[str] | None, typer.Argument(metavar="CONTEST…", help="with --deep")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="fold logs anew and compare: configured by STANDINGS_… variables")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="with --deep: every contest")] = False,
    sample: Annotated[int, typer.Option(min=1, help="with --deep: so many contests, at random")] = 20,
    json: Json = False,
) -> None:
    """Say whether everything works; exit code 1 if something does not."""
    from services.cli import output
    from services.cli.doctor import compare, examine

    if ((contests or everything) and not deep) or (contests and everything):
        raise typer.BadParameter("contests and --all belong to --deep, one or the other")
    with reaching(context, json) as client:
        checks = examine(client)
        code = (
            _examined(
                contests or [],
                None if everything else sample,
                lambda contest: checks.append(compare(client, contest)),
            )
            if deep
            else 0
        )
    if json:
        output.as_json(checks)
    for check in () if json else checks:
        output.say(f"{'ok  ' if check['ok'] else 'BAD '} {check['check']}: {check['found']}")
    raise typer.Exit(code or (0 if all(check["ok"] for check in checks) else 1))


def _examined(contests: list[str], sample: int | None, report: Callable[[dict[str, Any]], None]) -> int:
    from services.scorer.app import examine_main

    return examine_main(contests, sample, report)


def _counted(
    policy: str | None, weights: str | None, candidate: str | None, category: str | None
) -> dict[str, object]:
    """What every question about scores may say of what counts."""
    return {"policy": policy, "weights": weights, "candidate": candidate, "category": category}
