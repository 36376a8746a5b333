"""What the command line prints: tables for people, JSON for programs."""

import sys
from contextlib import suppress
from typing import IO, Any, TextIO, cast

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.storage.codec import exact
from shared.values.text import plain


class _StandardError:
    """Standard error as it is at the time. What cannot be written to it is lost, and what went on goes on: a progress
    bar and a warning are said on the side, and the exit code tells how it ended."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        with suppress(OSError):
            if (stream := self._stream()) is not None:
                stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            if (stream := self._stream()) is not None:
                stream.flush()

    def isatty(self) -> bool:
        stream = self._stream()
        return stream is not None and stream.isatty()

    def _stream(self) -> TextIO | None:
        # While rich shows progress on a terminal it stands in for the stream, and would be asked for ever.
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr)


# What is printed is data, so `[sic]` and `:cat:` stay as they are: no text is read as markup or as an emoji's name.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(file=cast(IO[str], _StandardError()), highlight=False, markup=False, emoji=False)


def say(line: str, style: str | None = None) -> None:
    """One line on standard output, as it is: never wrapped, so that programs can read it."""
    out.print(line, style=style, soft_wrap=True)


def warn(line: str, style: str | None = None) -> None:
    """One line on standard error, as it is."""
    err.print(line, style=style, soft_wrap=True)


def as_json(value: object) -> None:
    """One JSON document on standard output."""
    out.file.write(orjson.dumps(value, default=exact, option=orjson.OPT_INDENT_2).decode() + "\n")


def failure(problem: dict[str, Any], json: bool) -> None:
    """A problem on standard error: what, which field and value, and the way out."""
    if json:
        err.file.write(orjson.dumps(plain(problem)).decode() + "\n")
        return
    warn(f"{problem.get('title', 'Problem')}: {problem.get('detail', '')}", style="red")
    if "field" in problem:
        warn(f"  {problem['field']} = {problem.get('value')!r}")
    if "way_out" in problem:
        warn(f"  {problem['way_out']}")
    for refusal in problem.get("refusals", [])[:20]:
        warn(f"  line {refusal['line']}: {refusal['problem']['detail']}")


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
        table.add_row(str(line["rank"]), _name(line), _score(line), _counts(line["counts"]))
    out.print(table)
    if answer["revised"]:
        say("Later versions have changed this moment since: `revisions` tells how.")
    if answer["foresees"]:
        say("That lies after what was known: as if nothing had changed in between.")


def side_by_side(title: str, answers: list[tuple[str, dict[str, Any]]]) -> None:
    """The scores of several moments beside each other; a score that later knowledge changed stands out."""
    policy = answers[0][1]["policy"]
    table = Table(title=title, caption=f"policy {policy['id']} v{policy['version']}")
    table.add_column("Candidate")
    for name, _ in answers:
        table.add_column(name, justify="right")
    scores = [{line["candidate"]: line for line in answer["standings"]} for _, answer in answers]
    for line in answers[0][1]["standings"]:
        *cells, before, last = (str(moment[line["candidate"]]["score"]) for moment in scores)
        table.add_row(_name(line), *cells, before, last if last == before else Text(f"{last} *", "bold"))
    out.print(table)
    say("* not what we know now: learned, corrected or struck later")


def _score(line: dict[str, Any]) -> str:
    """The score, with the bounds that uncertain dates leave."""
    between = "" if line["low"] == line["high"] else f" ({line['low']} to {line['high']})"
    return f"{line['score']}{between}"


def _name(line: dict[str, Any]) -> str:
    return str(line["name"]) + (f" (withdrew {_day(line['withdrew_at'])})" if line["withdrew_at"] else "")


def _day(time: str) -> str:
    """The day of an instant; a date as it is written, with its mark of doubt."""
    return time.partition("T")[0]


def endorsements(answer: dict[str, Any]) -> None:
    """The endorsements in force."""
    table = Table(title=answer["title"], caption=moment(answer))
    for column in ("Endorser", "Category", "Candidate", "From", "Until", "Endorsement"):
        table.add_column(column, overflow="fold")
    for endorsement in answer["endorsements"]:
        endorser = endorsement["endorser"]
        table.add_row(
            endorser["name"],
            endorsement["category"],
            endorsement["candidate"],
            _day(endorsement["announced_at"]),
            _day(endorsement["retracted_at"] or ""),
            endorsement["endorsement"],
        )
    out.print(table)


def events(answer: dict[str, Any]) -> None:
    """The log by version."""
    table = Table(title=f"{answer['contest']}: events, of {answer['version']}")
    table.add_column("Version", justify="right")
    for column in ("Known at", "Type", "About"):
        table.add_column(column, overflow="fold")
    for event in answer["events"]:
        facts = event["event"]
        about = facts.get("endorsement") or facts.get("candidate") or facts.get("contest", "")
        table.add_row(str(event["version"]), event["known_at"][:16] + "Z", event["type"], about)
    out.print(table)


def certificate(answer: dict[str, Any], dry_run: bool) -> None:
    """How a rebuilt generation compares with the one before."""
    what = "would take over" if dry_run else "answers from now on"
    say(
        f"{answer['contest']}: generation {answer['to_generation']} {what}; {answer['moments_that_differ']} of "
        f"{answer['moments']} moments up to version {answer['up_to_version']} differ from generation "
        f"{answer['from_generation']}"
    )
    for difference in answer["differences"]:
        before, after = difference["before"], difference["after"]
        moment = f"{difference['valid_at']}, version {difference['version']}"
        where = f"{moment}: {difference['candidate']}, {difference['category']}"
        say(f"  {where}: {before['count']} ({before['members']}) -> {after['count']} ({after['members']})")


def dead_letters(answer: dict[str, Any]) -> None:
    """What the inbox could not take, and why."""
    for letter in answer["dead_letters"]:
        say(f"{letter['letter']}  {letter['reason']['detail']}\n    {letter['message']}")
    if not answer["dead_letters"]:
        say("There are no dead letters.")


def taken(answer: dict[str, Any]) -> None:
    """What became of a command."""
    for event in answer["events"]:
        say(f"{event['type']} recorded as version {event['version']} ({event['id']})")
    if answer.get("endorsement"):
        say(f"endorsement {answer['endorsement']}")


def _counts(counts: dict[str, dict[str, int]]) -> str:
    return ", ".join(
        f"{numbers['count']} {category}"
        + (f" ({numbers['members']:,} members)" if numbers["members"] else "")
        for category, numbers in counts.items()
    )
