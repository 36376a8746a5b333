"""Our own tables of commands: CSV with a documented header, and NDJSON, one command a line."""

import json
from dataclasses import dataclass, field
from io import BytesIO
from math import isfinite
from typing import NamedTuple

import orjson

from services.cli.importers.names import digest
from services.cli.importers.rows import (
    MOST_COLUMNS,
    BadRow,
    CsvRecord,
    named,
    records,
    refuse_too_many,
    wrong_columns,
)

Command = dict[str, object]
Cells = dict[str, str]

# The word for a retraction that never was; an empty cell is one that was left out.
NOT_RETRACTED = "none"

_OF_EVERY = frozenset(
    {
        "command",
        "id",
        "known_at",
        "note",
        "recorded_by",
        "source_url",
        "source_title",
        "source_quote",
        "source_published",
    }
)
_ENDORSER = {
    "endorser": "id",
    "endorser_name": "name",
    "endorser_kind": "kind",
    "position": "position",
    "party": "party",
    "place": "place",
}


@dataclass(frozen=True, slots=True)
class _Form:
    """A command's columns: what each is called in the command, those it needs, and whether it has an endorser."""

    fields: dict[str, str]
    needs: tuple[str, ...] = ()
    endorser: bool = False
    needs_source: bool = True

    @property
    def columns(self) -> frozenset[str]:
        return _OF_EVERY | self.fields.keys() | (_ENDORSER.keys() if self.endorser else set())


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_FORMS = {
    "enter": _Form(
        _same("candidate", "party") | {"candidate_name": "name", "at": "entered_at"},
        ("candidate", "candidate_name"),
        needs_source=False,
    ),
    "withdraw": _Form(_same("candidate") | {"at": "withdrew_at"}, ("candidate",), needs_source=False),
    "announce": _Form(
        _same("endorsement", "candidate", "category", "members")
        | {"at": "announced_at", "ended_at": "retracted_at"},
        ("endorser", "endorser_name", "candidate", "category"),
        endorser=True,
    ),
    "retract": _Form(_same("endorsement") | {"at": "retracted_at"}, ("endorsement",)),
    "correct": _Form(
        _same("endorsement", "candidate", "category", "members")
        | {"at": "announced_at", "ended_at": "retracted_at"},
        ("endorsement",),
        endorser=True,
    ),
    "strike": _Form(_same("endorsement"), ("endorsement", "note")),
    "switch": _Form(
        _same("endorsement", "candidate", "category", "members", "new_endorsement") | {"at": "switched_at"},
        ("endorsement", "candidate"),
        endorser=True,
    ),
}
COLUMNS = _OF_EVERY.union(*(form.columns for form in _FORMS.values()))


class Read(NamedTuple):
    """The commands of a file, what is wrong with other lines, and the line on which each command begins."""

    commands: list[Command]
    bad: list[BadRow]
    lines: list[int]


@dataclass(slots=True)
class _Table:
    """What was read so far, for one contest."""

    contest: str
    recorded_by: str
    commands: list[Command] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, command: Command, line: int) -> None:
        """With what the line left out: who records it, and an id made of the contest and the content."""
        command.setdefault("recorded_by", self.recorded_by)
        command.setdefault("id", f"table:{digest([self.contest, command])}")
        self.commands.append(command)
        self.lines.append(line)

    def read(self) -> Read:
        """All of it."""
        return Read(self.commands, self.bad, self.lines)


def read_csv(text: str, *, contest: str, recorded_by: str) -> Read:
    """The commands of a CSV text. Raises `TooManyBadRows`."""
    rest = records(text)
    header = next(rest, BadRow(1, "", "", "the file is empty"))
    if isinstance(header, BadRow):
        return Read([], [header], [])
    if bad := _wrong_header(header):
        return Read([], bad, [])
    table = _Table(contest, recorded_by)
    for record in rest:
        cells = record if isinstance(record, BadRow) else named(record, header.cells)
        if isinstance(cells, BadRow):
            table.bad.append(cells)
        elif wrong := _wrong_cells(cells, record.line):
            table.bad += wrong
        else:
            table.add(_command(cells), record.line)
        refuse_too_many(table.bad)
    return table.read()


def read_ndjson(data: bytes, *, contest: str, recorded_by: str) -> Read:
    """The commands of NDJSON; their own fields are for ingest to check. Raises `TooManyBadRows`."""
    table = _Table(contest, recorded_by)
    for number, line in enumerate(BytesIO(data.removeprefix(b"\xef\xbb\xbf")), start=1):
        if not line.strip():
            continue
        command = _parsed(line.removesuffix(b"\n").rstrip(b"\r"), number)
        if isinstance(command, BadRow):
            table.bad.append(command)
            refuse_too_many(table.bad)
        else:
            table.add(command, number)
    return table.read()


def _wrong_header(header: CsvRecord) -> list[BadRow]:
    twice = wrong_columns(header)
    if len(header.cells) > MOST_COLUMNS:
        return twice
    bad = [
        BadRow(header.line, name, name, f"there is no such column; there are {', '.join(sorted(COLUMNS))}")
        for name in header.cells
        if name not in COLUMNS
    ]
    bad += twice
    if "command" not in header.cells:
        bad.append(BadRow(header.line, "command", "", "the header lacks this column"))
    return bad


def _wrong_cells(cells: Cells, line: int) -> list[BadRow]:
    command = cells["command"]
    form = _FORMS.get(command)
    if form is None:
        return [BadRow(line, "command", command, f"the commands of a table are {', '.join(_FORMS)}")]
    given = {name for name, cell in cells.items() if cell}
    wrong = [
        (name, f"{command} has no such column: leave it empty")
        for name in cells
        if name in given - form.columns
    ]
    wrong += [(name, f"{command} needs this column") for name in _needed(form, given) if name not in given]
    if command == "correct" and given <= _OF_EVERY | {"endorsement"}:
        wrong.append(("", "a correction needs at least one fact to correct"))
    if "members" in given & form.columns and not _is_whole(cells["members"]):
        wrong.append(("members", "members are counted in whole numbers, from 0"))
    return [BadRow(line, name, cells.get(name, ""), reason) for name, reason in wrong]


def _needed(form: _Form, given: set[str]) -> list[str]:
    needed = list(form.needs)
    # An endorser is replaced as a whole: what the row left out would be lost unnoticed without its name.
    if form.endorser and given & _ENDORSER.keys():
        needed += [name for name in ("endorser", "endorser_name") if name not in needed]
    if form.needs_source and "source_title" not in given:
        needed.append("source_url")
    return needed


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("9007199254740991")


def _command(cells: Cells) -> Command:
    form = _FORMS[cells["command"]]
    given = {name: cell for name, cell in cells.items() if cell}
    command: Command = {
        name: given[name] for name in ("command", "id", "known_at", "note", "recorded_by") if name in given
    }
    command |= {called: _value(name, given[name]) for name, called in form.fields.items() if name in given}
    if form.endorser and (endorser := _renamed(given, _ENDORSER)):
        command["endorser"] = endorser
    if source := _renamed(given, {f"source_{name}": name for name in ("url", "title", "quote", "published")}):
        command["source"] = source
    return command


def _renamed(given: Cells, names: dict[str, str]) -> Cells:
    return {called: given[name] for name, called in names.items() if name in given}


def _value(column: str, cell: str) -> object:
    if column == "members":
        return int(cell)
    return None if column == "ended_at" and cell == NOT_RETRACTED else cell


def _parsed(line: bytes, number: int) -> Command | BadRow:
    try:
        text = line.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        orjson.dumps(value)  # as it will be sent
    except UnicodeDecodeError as error:
        return BadRow(number, str(error.start + 1), line.decode("utf-8", "replace"), "this is not UTF-8")
    except json.JSONDecodeError as error:
        return BadRow(number, str(error.colno), text, f"this is not JSON: {error.msg}")
    except (ValueError, RecursionError, TypeError) as error:
        return BadRow(number, "1", text, f"this is not JSON that can be taken: {error}")
    if not isinstance(value, dict):
        return BadRow(number, "1", text, "a line is one JSON object")
    if not isinstance(value.get("command"), str):
        return BadRow(number, "1", text, 'a line names its command: {"command": "announce", …}')
    return value


def _finite(text: str) -> float:
    if isfinite(number := float(text)):
        return number
    raise ValueError(f"{text[:40]} is too large")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")
