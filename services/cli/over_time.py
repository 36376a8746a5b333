"""What the command line prints of questions about change: timelines, differences, revisions."""

from typing import Any

from rich.table import Table
from rich.text import Text

from services.cli.output import out, say

_PLOT_HEIGHT = 20
_WIDEST_PLOT = 120
_MARKERS = "abcdefghijklmnopqrstuvwxyz"


def timeline(answer: dict[str, Any], names: dict[str, str], top: int) -> None:
    """A plot and a table of the candidates who end highest."""
    points = answer["points"]
    if not points:
        say("Nothing happened in that time.")
        return
    last = points[-1]["scores"]
    shown = sorted(last, key=last.__getitem__, reverse=True)[: min(top, len(_MARKERS))]
    policy = answer["policy"]
    # Rich measures what it prints, so the colours of the plot are turned into its own.
    out.print(Text.from_ansi(_plot(points, shown, names)), soft_wrap=True)
    table = Table(
        title=answer["title"],
        caption=f"{_seen(answer)}, version {answer['version']}, policy {policy['id']} v{policy['version']}",
    )
    table.add_column("At", no_wrap=True)
    for candidate in shown:
        table.add_column(names[candidate], justify="right")
    for point in points:
        table.add_row(_when(point), *(str(point["scores"][candidate]) for candidate in shown))
    out.print(table)
    if len(last) > len(shown):
        say(f"{len(last) - len(shown)} more candidates: see them with --top {len(last)}, or --candidate.")


def _seen(answer: dict[str, Any]) -> str:
    """Along which axis a timeline runs, and where it stands on the other."""
    valid_at, known_at = (answer[name]["asked"] or "now" for name in ("valid_at", "known_at"))
    return {
        "valid": f"when it happened, as known at {known_at}",
        "known": f"when it was known, of {valid_at}",
        "both": "each day as it was known on that day",
    }[answer["axis"]]


def _plot(points: list[dict[str, Any]], shown: list[str], names: dict[str, str]) -> str:
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.plot_size(min(out.width, _WIDEST_PLOT), _PLOT_HEIGHT)
    figure.theme("simple" if out.is_terminal and not out.no_color else "colorless")
    positions = list(range(len(points)))
    for number, candidate in enumerate(shown):
        scores = [float(point["scores"][candidate]) for point in points]
        line = figure.signal(positions, scores, marker=_MARKERS[number])
        line.lines()
        line.label(names[candidate])
        figure.draw(line)
    last = len(points) - 1
    ticks = sorted({0, last // 3, 2 * last // 3, last})
    figure.ruler("x").ticks(ticks, [_when(points[n]) for n in ticks])
    return str(figure.build().string(colorless=not out.is_terminal or bool(out.no_color)))


def _when(point: dict[str, Any]) -> str:
    return str(point.get("day") or point["at"][:16] + "Z")


def diff(answer: dict[str, Any]) -> None:
    """Who gained and who lost, and by which events."""
    policy = answer["policy"]
    table = Table(title=answer["title"], caption=f"policy {policy['id']} v{policy['version']}")
    table.add_column("Candidate")
    for column in ("From", "To", "Change", "Rank"):
        table.add_column(column, justify="right")
    for line in answer["changes"]:
        ranks = f"{line['from_rank']} → {line['to_rank']}"
        table.add_row(
            line["name"],
            str(line["from_score"]),
            str(line["to_score"]),
            _signed(line["change"]),
            ranks if line["from_rank"] != line["to_rank"] else str(line["to_rank"]),
        )
    out.print(table)
    say(f"from {_side(answer['from'])}")
    say(f"to   {_side(answer['to'])}")
    if answer["events"]:
        out.print(_events("Events that count at one of the moments only", answer["events"]))
    if answer["more_events"]:
        say("There are more events: --limit, at most 1000, shows them.")


def revisions(answer: dict[str, Any]) -> None:
    """What was learned about a day, in the order in which it was learned."""
    if not answer["revisions"]:
        say("Nothing that changes this moment was learned.")
        return
    policy = answer["policy"]
    table = _events(f"{answer['title']}: {answer['valid_at']['asked']}", answer["revisions"])
    table.caption = f"policy {policy['id']} v{policy['version']}"
    published = answer["published_version"]
    table.caption += f"; at that time the contest stood at version {published}" if published else ""
    out.print(table)


def _events(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title)
    table.add_column("Version", justify="right")
    table.add_column("Known at", no_wrap=True)
    table.add_column("Event", no_wrap=True)
    for column in ("Endorser", "Effect"):
        table.add_column(column, overflow="fold")
    for row in rows:
        effect = ", ".join(f"{name} {_signed(by)}" for name, by in row["effect"].items())
        known_at = row["known_at"][:16] + "Z"
        happened = row["type"].removeprefix("endorsement.")
        table.add_row(str(row["version"]), known_at, happened, row["endorsement"]["endorser"]["name"], effect)
    return table


def _signed(change: Any) -> str:
    return f"+{change}" if change > 0 else str(change)


def _side(side: dict[str, Any]) -> str:
    valid, known = side["valid_at"], side["known_at"]
    return f"{valid['asked'] or 'now'}, as known at {known['asked'] or known['instant']} (version {side['version']})"
