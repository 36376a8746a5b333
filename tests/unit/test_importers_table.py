"""Our own tables become the commands that they spell."""

import json

import pytest

from services.cli.importers.rows import BadRow
from services.cli.importers.table import COLUMNS, Command, read_csv, read_ndjson
from services.ingest.decision.commands import COMMAND, Announce
from tests.servers import PROJECT

HEADER = (
    "command,id,known_at,endorsement,endorser,endorser_name,endorser_kind,position,party,place,candidate,"
    "candidate_name,category,members,at,ended_at,new_endorsement,source_url,source_title,source_quote,"
    "source_published,note,recorded_by"
)
ANNOUNCE = {
    "command": "announce",
    "endorser": "nea",
    "endorser_name": "National Education Association",
    "candidate": "joe-biden",
    "category": "labor-union",
    "source_title": "a press release",
}
OF_AN_ENDORSEMENT = {"endorsement": "e1", "source_title": "a note"}


def table(**cells: str) -> str:
    """One row under the whole header."""
    columns = HEADER.split(",")
    assert cells.keys() <= set(columns)
    return f"{HEADER}\n" + ",".join(cells.get(name, "") for name in columns) + "\n"


def from_csv(text: str) -> tuple[list[Command], list[BadRow]]:
    return read_csv(text, contest="us", recorded_by="a test")[:2]


def from_ndjson(data: bytes) -> tuple[list[Command], list[BadRow]]:
    return read_ndjson(data, contest="us", recorded_by="a test")[:2]


def only(**cells: str) -> Command:
    (command,), bad = from_csv(table(**cells))
    assert bad == []
    return {name: value for name, value in command.items() if name not in {"id", "recorded_by"}}


def wrong(**cells: str) -> list[tuple[str, str]]:
    commands, bad = from_csv(table(**cells))
    assert commands == []
    assert {row.line for row in bad} == {2}
    return [(row.column, row.reason) for row in bad]


def test_a_row_with_every_cell_of_an_announcement() -> None:
    more = {
        "known_at": "2020-03-15",
        "endorsement": "nea-biden",
        "endorser_kind": "organization",
        "position": "union",
        "party": "D",
        "place": "US",
        "members": "3000000",
        "at": "2020-03-14",
        "ended_at": "2020-03-20",
        "source_url": "https://example.org",
        "source_quote": "we recommend",
        "source_published": "2020-03-14",
        "note": "by ballot",
    }

    assert only(**ANNOUNCE, **more) == {
        "command": "announce",
        "known_at": "2020-03-15",
        "note": "by ballot",
        "endorsement": "nea-biden",
        "candidate": "joe-biden",
        "category": "labor-union",
        "members": 3000000,
        "announced_at": "2020-03-14",
        "retracted_at": "2020-03-20",
        "endorser": {
            "id": "nea",
            "name": "National Education Association",
            "kind": "organization",
            "position": "union",
            "party": "D",
            "place": "US",
        },
        "source": {
            "url": "https://example.org",
            "title": "a press release",
            "quote": "we recommend",
            "published": "2020-03-14",
        },
    }


@pytest.mark.parametrize(
    ("cells", "own"),
    [
        (
            {"command": "enter", "candidate": "b", "candidate_name": "B", "party": "D", "at": "2019-01-01"},
            {"candidate": "b", "name": "B", "party": "D", "entered_at": "2019-01-01"},
        ),
        (
            {"command": "withdraw", "candidate": "b", "at": "2019-01-01"},
            {"candidate": "b", "withdrew_at": "2019-01-01"},
        ),
        (
            {"command": "retract", **OF_AN_ENDORSEMENT, "at": "2019-01-01"},
            {"endorsement": "e1", "retracted_at": "2019-01-01"},
        ),
        (
            {"command": "correct", **OF_AN_ENDORSEMENT, "at": "2019-01-01", "ended_at": "none"},
            {"endorsement": "e1", "announced_at": "2019-01-01", "retracted_at": None},
        ),
        (
            {"command": "strike", **OF_AN_ENDORSEMENT, "note": "a namesake"},
            {"endorsement": "e1", "note": "a namesake"},
        ),
        (
            {
                "command": "switch",
                **OF_AN_ENDORSEMENT,
                "candidate": "b",
                "at": "2019-01-01",
                "new_endorsement": "e2",
            },
            {"endorsement": "e1", "candidate": "b", "switched_at": "2019-01-01", "new_endorsement": "e2"},
        ),
    ],
)
def test_at_is_each_commands_own_time(cells: dict[str, str], own: dict[str, object]) -> None:
    command = only(**cells)
    command.pop("source", None)

    assert command == {"command": cells["command"], **own}


@pytest.mark.parametrize("time", ["2020-03", "2020", "2020-03-14~", "2020-03?", "2020%"])
def test_an_uncertain_date_is_handed_on_as_it_is_written(time: str) -> None:
    row = only(**ANNOUNCE, at=time, ended_at=time)
    (line,), bad = from_ndjson(json.dumps({"command": "withdraw", "withdrew_at": time}).encode())

    assert (row["announced_at"], row["retracted_at"], line["withdrew_at"]) == (time, time, time)
    assert bad == []
    assert isinstance(COMMAND.validate_python({**row, "contest": "us", "recorded_by": "a test"}), Announce)


def test_the_documented_header_has_every_column() -> None:
    assert set(HEADER.split(",")) == COLUMNS


def test_the_documented_example_is_read() -> None:
    document = (PROJECT / "docs" / "importing.md").read_text(encoding="utf-8")
    example = document.partition("```csv\n")[2].partition("```")[0]

    commands, bad = from_csv(example)

    assert bad == []
    assert [command["command"] for command in commands] == ["enter", "announce"]


def test_only_the_columns_that_a_command_needs_must_be_there() -> None:
    (command,), bad = from_csv("command,candidate\nwithdraw,joe-biden\n")

    assert bad == []
    assert command["candidate"] == "joe-biden"


def test_an_id_and_who_records_are_added_where_missing() -> None:
    (given,), _ = from_csv(table(**ANNOUNCE, id="mine", recorded_by="somebody"))
    (made,), _ = from_csv(table(**ANNOUNCE))
    (other,) = read_csv(table(**ANNOUNCE), contest="uk", recorded_by="a test").commands

    assert (given["id"], given["recorded_by"]) == ("mine", "somebody")
    assert made["recorded_by"] == "a test"
    assert from_csv(table(**ANNOUNCE))[0] == [made]
    assert other["id"] != made["id"]


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({"command": "open"}, ["command"]),
        ({**ANNOUNCE, "new_endorsement": "e2", "candidate_name": "B"}, ["candidate_name", "new_endorsement"]),
        ({"command": "announce"}, ["endorser", "endorser_name", "candidate", "category", "source_url"]),
        ({**ANNOUNCE, "members": "many"}, ["members"]),
        ({"command": "correct", **OF_AN_ENDORSEMENT, "place": "US"}, ["endorser", "endorser_name"]),
        ({"command": "correct", **OF_AN_ENDORSEMENT, "note": "?"}, [""]),
        ({"command": "strike", **OF_AN_ENDORSEMENT}, ["note"]),
        ({"command": "retract", "endorsement": "e1"}, ["source_url"]),
    ],
)
def test_what_is_wrong_with_a_row_is_named_by_column(cells: dict[str, str], columns: list[str]) -> None:
    assert [column for column, _ in wrong(**cells)] == columns


def test_an_unknown_column_is_refused() -> None:
    commands, (bad,) = from_csv("command,points\nwithdraw,3\n")

    assert commands == []
    assert (bad.line, bad.column) == (1, "points")


def test_a_bad_row_does_not_keep_the_others_from_being_read() -> None:
    commands, bad = from_csv("command,candidate\nwithdraw,a\nwithdraw\nwithdraw,b\n")

    assert [command["candidate"] for command in commands] == ["a", "b"]
    assert [row.line for row in bad] == [3]


def test_a_command_in_json_is_taken_as_it_is() -> None:
    command = {"command": "strike", "endorsement": "e1", "note": "a namesake", "source": {"title": "t"}}
    text = json.dumps(command)

    commands, bad = from_ndjson(f"\n{text}\r\n{json.dumps({**command, 'id': 'mine'})}".encode())

    assert bad == []
    assert [made.pop("recorded_by") for made in commands] == ["a test", "a test"]
    first, second = (made.pop("id") for made in commands)
    assert second == "mine"
    assert str(first).startswith("table:")
    assert commands == [command, command]


def test_the_id_of_a_json_command_does_not_depend_on_the_order_of_its_keys() -> None:
    commands, _ = from_ndjson(b'{"command": "x", "note": "y"}\n{"note": "y", "command": "x"}')

    assert commands[0]["id"] == commands[1]["id"]


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b'{"command": }', "13", "not JSON"),
        (b'{"command": "x", "members": NaN}', "1", "NaN"),
        (b'{"command": "\xff"}', "14", "not UTF-8"),
        (b"[1]", "1", "one JSON object"),
        (b"{}", "1", "names its command"),
        (b"[" * 100_000, "1", "not JSON"),
    ],
)
def test_what_is_no_command_is_named_by_line_and_column(line: bytes, column: str, reason: str) -> None:
    commands, (bad,) = from_ndjson(b'{"command": "x"}\n' + line)

    assert len(commands) == 1
    assert (bad.line, bad.column) == (2, column)
    assert reason in bad.reason
