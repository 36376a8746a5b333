"""An import of a file that cannot be read is a sentence and an exit code, and nothing was sent before it was read."""

from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from typer.testing import CliRunner

from services.cli import imports
from services.cli.client import Failed, ServiceClient
from services.cli.importers import fivethirtyeight, rows
from services.cli.importers.rows import BadRow, TooManyBadRows
from services.cli.importers.table import COLUMNS, read_csv, read_ndjson
from services.cli.imports import Import
from services.cli.main import app

# Nobody listens there: who sends something ends with 3.
NOWHERE = {"STANDINGS_INGEST_URL": "http://127.0.0.1:1", "STANDINGS_API_URL": "http://127.0.0.1:1"}
LINE = b'{"command":"strike","endorsement":"e"}\n'
SAID = {"contest": "race", "recorded_by": "a test"}


def imported(form: str, file: Path, *more: str, expect: int) -> str:
    """What an import says on standard error."""
    result = CliRunner().invoke(
        app, ["import", form, str(file), "--contest", "race", "--recorded-by", "a test", *more], env=NOWHERE
    )
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code == expect, result.output
    return result.output


@pytest.mark.parametrize(
    "line",
    [
        rb'{"command":"strike","note":"\ud800"}',
        rb'{"command":"strike","\udfff":1}',
        b'{"command":"strike","members":' + b"9" * 30 + b"}",
        b'{"command":"strike","members":' + b"9" * 5000 + b"}",
        b'{"command":"strike","members":1e999}',
        b'{"command":"strike","members":NaN}',
        b'{"command":"strike","note":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"command":"strike","note":' + b"[" * 100_000,
        b'{"command":"strike","note":"\xff"}',
        b"7",
    ],
    ids=range(10),
)
def test_a_line_that_cannot_be_sent_is_told(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "commands.ndjson"
    file.write_bytes(LINE + line + b"\n")

    said = imported("ndjson", file, "--create", expect=1)

    assert f"{file}:2: " in said
    assert "nothing was imported" in said
    assert len(said) < 2000
    imported("ndjson", file, "--on-error", "skip", expect=3)  # the other line is sent


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "File not read" in imported("csv", tmp_path, expect=2)
    assert "File not read" in imported("csv", tmp_path / "missing", "--create", expect=2)
    file = tmp_path / "odd\udcff-as-of-2020-01-01.csv"
    file.write_bytes(b"\xff")
    assert "not UTF-8" in imported("csv", file, "--json", expect=1)
    monkeypatch.setattr(imports, "MOST_BYTES", len(LINE))
    file.write_bytes(LINE)
    imported("ndjson", file, expect=3)
    file.write_bytes(LINE + b"\n")
    assert "import it in parts" in imported("ndjson", file, expect=1)


@pytest.mark.parametrize("known_at", [(), ("--known-at", "2020-01-01")])
@pytest.mark.parametrize("create", [(), ("--create",)])
def test_a_snapshot_that_is_not_there_is_told_before_its_name_is_read(
    tmp_path: Path, known_at: tuple[str, ...], create: tuple[str, ...]
) -> None:
    form = "fivethirtyeight-2020"

    said = imported(form, tmp_path / "as-of-*.csv", *known_at, *create, expect=2)
    assert "No such file" in said
    assert "no name fits this pattern" in said

    said = imported(form, tmp_path / "missing.csv", *known_at, *create, expect=2)
    assert "No such file" in said
    assert "pattern" not in said


def test_what_is_said_on_the_command_line_and_cannot_be_sent_is_told() -> None:
    runner = CliRunner()
    for arguments in (["show", "a\nb"], ["strike", "race", "e", "--note", "\udcff", "--source-title", "t"]):
        result = runner.invoke(app, arguments, env=NOWHERE)
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == 2, result.output


@pytest.mark.parametrize("read", [fivethirtyeight.read, lambda text: read_csv(text, **SAID)])
def test_a_header_of_many_columns_is_refused_once(read: Any) -> None:
    known = sorted(COLUMNS | set(fivethirtyeight.COLUMNS))

    for columns in (["at"] * 50_000, [f"c{n}" for n in range(101)]):
        bad = read(",".join(columns) + "\n")[1]
        assert [row.reason for row in bad] == [f"the header has {len(columns)} columns, and 100 is the most"]
    bad = read(",".join((known * 5)[:100]) + "\n")[1]
    assert "the header has this column twice" in {row.reason for row in bad}


def test_a_file_with_too_many_bad_rows_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_BAD", 3)

    for lines in (b"1\n" * 3, b"\n" * 1000 + b"1\n" * 3):
        assert len(read_ndjson(lines, **SAID)[1]) == 3
    with pytest.raises(TooManyBadRows, match=r"more than 3 values .* up to line 4; the first, in line 1"):
        read_ndjson(b"1\n" * 1000, **SAID)
    assert len(read_csv("command\n" + "x\n" * 3, **SAID)[1]) == 3
    with pytest.raises(TooManyBadRows):
        read_csv("command\n" + "x\n" * 4, **SAID)
    with pytest.raises(TooManyBadRows):
        fivethirtyeight.read(",".join(fivethirtyeight.COLUMNS) + "\n" + "x\n" * 4)


def test_many_bad_rows_are_told_as_far_as_anyone_reads(tmp_path: Path) -> None:
    file = tmp_path / "commands.ndjson"
    file.write_bytes(b"1\n" * 10_000)
    said = imported("ndjson", file, expect=1)
    assert "and 9000 more" in said
    file.write_bytes(b"1\n" * 10_001)
    said = imported("ndjson", file, "--on-error", "skip", expect=1)
    assert "more than 10,000 values cannot be read" in said
    assert len(said) < 500


class Told(ServiceClient):
    """A client that keeps what it is told."""

    batches: list[tuple[int, str]]

    def batch(self, contest: str, commands: list[dict[str, Any]], on_refusal: str) -> list[dict[str, Any]]:
        assert contest == "race"
        self.batches.append((len(commands), on_refusal))
        return [{"summary": {"taken": len(commands), "refused": 0, "version": 0}}]


@pytest.mark.parametrize(
    ("lines", "note", "batches"),
    [(10_000, 0, [10_000]), (10_001, 0, [1000] * 10 + [1]), (3, 7 << 20, [1, 1, 1]), (2, 9 << 20, [1, 1])],
)
def test_a_batch_is_no_larger_than_ingest_takes(
    tmp_path: Path, lines: int, note: int, batches: list[int]
) -> None:
    file = tmp_path / "commands.ndjson"
    one = orjson.dumps({"id": "x", "command": "strike", "note": "n" * note}) + b"\n"
    file.write_bytes(one * lines)
    told = Told("", "")
    object.__setattr__(told, "batches", [])

    Import(told, "race", "history", "abort", "a test").run([file], "ndjson", [])

    assert told.batches == [(size, "abort") for size in batches]


def test_a_bad_row_tells_what_it_is_whatever_it_holds() -> None:
    bad = read_csv('command\n"' + "x" * 131_073 + '"\n', **SAID).bad

    assert bad == [BadRow(2, "", "", "this is not CSV: field larger than field limit (131072)")]


class Refusing(ServiceClient):
    """A client whose ingest refuses every command about endorsement `no`, and numbers the lines of each batch."""

    def batch(self, contest: str, commands: list[dict[str, Any]], on_refusal: str) -> list[dict[str, Any]]:
        wrong = [number for number, one in enumerate(commands, 1) if one["endorsement"] == "no"]
        refusals = [{"line": number, "problem": {"detail": f"{contest}: there is none"}} for number in wrong]
        if on_refusal == "abort" and wrong:
            raise Failed({"title": "Batch refused", "detail": "not taken", "refusals": refusals}, 1)
        counts = {"taken": len(commands) - len(wrong), "refused": len(wrong), "version": 0}
        return [*refusals, {"summary": counts}]


# Line 3 is blank, and the note of line 4 goes on in line 5.
SPREAD = 'command,endorsement,note,source_title\nstrike,a,n,t\n\nstrike,b,"n\nn",t\nstrike,no,n,t\n'


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [
        ("csv", SPREAD, 6),
        ("ndjson", '{"command":"strike","endorsement":"a"}\n\n{"command":"strike","endorsement":"no"}\n', 3),
    ],
)
def test_a_refused_command_is_told_with_its_line_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: Literal["csv", "ndjson"], text: str, line: int
) -> None:
    file = tmp_path / "own"
    file.write_text(text)

    (done,) = Import(Refusing("", ""), "race", "history", "skip", "a test").run([file], form, [])
    told = "".join(capsys.readouterr().err.split())

    assert done.refused == 1
    assert f"{file}:{line}:race:thereisnone" in told
    with pytest.raises(Failed) as failed:
        Import(Refusing("", ""), "race", "history", "abort", "a test").run([file], form, [])
    assert [one["line"] for one in failed.value.problem["refusals"]] == [line]
    assert failed.value.problem["detail"] == f"{file}: not taken"


@pytest.mark.parametrize("on_error", ["skip", "abort"])
def test_a_refused_command_of_a_later_batch_is_told_with_its_line_in_the_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    on_error: Literal["abort", "skip"],
) -> None:
    monkeypatch.setattr(imports, "_CHUNK", 2)
    monkeypatch.setattr(imports, "_WHOLE", 2)
    file = tmp_path / "own"
    lines = [f'{{"command":"strike","endorsement":"{name}"}}' for name in ("a", "b", "c", "no")]
    file.write_text("\n".join(lines))
    importing = Import(Refusing("", ""), "race", "history", on_error, "a test")

    if on_error == "skip":
        importing.run([file], "ndjson", [])
        assert f"{file}:4:race:thereisnone" in "".join(capsys.readouterr().err.split())
    else:
        with pytest.raises(Failed) as failed:
            importing.run([file], "ndjson", [])
        assert [one["line"] for one in failed.value.problem["refusals"]] == [4]
