"""What the command line prints: tables for people, JSON for programs."""

from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def as_json(value: object) -> None:
    """One JSON document on standard output."""
    out.file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def failure(problem: dict[str, Any], json: bool) -> None:
    """A problem on standard error: what, which field and value, and the way out."""
    if json:
        err.file.write(orjson.dumps(problem).decode() + "\n")
        return
    err.print(f"{problem.get('title', 'Problem')}: {problem.get('detail', '')}", style="red", markup=False)
    if "field" in problem:
        err.print(f"  {problem['field']} = {problem.get('value')!r}", markup=False)
    if "way_out" in problem:
        err.print(f"  {problem['way_out']}", markup=False)
    for refusal in problem.get("refusals", [])[:20]:
        err.print(f"  line {refusal['line']}: {refusal['problem']['detail']}", markup=False)


def moment(answer: dict[str, Any]) -> str:
    """One line that says which moment an answer is about."""
    valid, known = answer["valid_at"], answer["known_at"]
    source = " (as imported from the source)" if answer["clock"] == "imported" else ""
    return (
        f"valid at {valid['asked'] or 'now'}, as known at {known['asked'] or 'now'}{source}, "
        f"version {answer['version']}"
    )


def standings(answer: dict[str, Any], title: str | None = None) -> None:
    """Candidates by score, with what the score is made of."""
    policy = answer["policy"]
    table = Table(
        title=title or answer["title"],
        caption=f"{moment(answer)}, policy {policy['id']} v{policy['version']}",
    )
    table.add_column("Rank", justify="right")
    table.add_column("Candidate")
    table.add_column("Score", justify="right")
    table.add_column("Endorsements")
    for line in answer["standings"]:
        withdrew = f" (withdrew {line['withdrew_at'][:10]})" if line["withdrew_at"] else ""
        table.add_row(str(line["rank"]), line["name"] + withdrew, str(line["score"]), _counts(line["counts"]))
    out.print(table)


def endorsements(answer: dict[str, Any]) -> None:
    """The endorsements in force."""
    table = Table(title=answer["title"], caption=moment(answer))
    for column in ("Endorser", "Category", "Place", "Candidate", "Announced", "Ended", "Endorsement"):
        table.add_column(column)
    for one in answer["endorsements"]:
        endorser = one["endorser"]
        ended = one["retracted_at"] or ""
        table.add_row(
            endorser["name"],
            one["category"],
            endorser["place"],
            one["candidate"],
            one["announced_at"],
            ended,
            one["endorsement"],
        )
    out.print(table)


def events(answer: dict[str, Any]) -> None:
    """The log by version."""
    table = Table(title=f"{answer['contest']}: events, of {answer['version']}")
    table.add_column("Version", justify="right")
    for column in ("Known at", "Type", "About", "Id"):
        table.add_column(column)
    for one in answer["events"]:
        facts = one["event"]
        about = facts.get("endorsement") or facts.get("candidate") or facts.get("contest", "")
        table.add_row(str(one["version"]), one["known_at"][:19] + "Z", one["type"], about, one["id"])
    out.print(table)


def taken(answer: dict[str, Any]) -> None:
    """What became of a command."""
    for event in answer["events"]:
        out.print(f"{event['type']} recorded as version {event['version']} ({event['id']})", markup=False)
    if answer.get("endorsement"):
        out.print(f"endorsement {answer['endorsement']}", markup=False)


def _counts(counts: dict[str, dict[str, int]]) -> str:
    return ", ".join(
        f"{one['count']} {category}" + (f" ({one['members']:,} members)" if one["members"] else "")
        for category, one in counts.items()
    )
