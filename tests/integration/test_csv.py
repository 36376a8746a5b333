"""CSV that people open in a spreadsheet runs nothing there, and a program can have it as it was recorded."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_cli import Shell
from tests.running import Standings

FORMULA, NAME = '=HYPERLINK("http://evil.test";"x")', "@ann"


@pytest.fixture(scope="module")
def formulas(deployment: Standings) -> str:
    """The path of a contest in which a party, an endorser's position and a source's title are formulas."""
    candidates = [{"candidate": "ann", "name": NAME, "party": FORMULA}]
    deployment.told("/v1/contests", contest="formulas", title="=1", timezone="UTC", candidates=candidates)
    endorser = {"id": "jane", "name": "Jane", "position": FORMULA}
    said: dict[str, Any] = {
        "endorser": endorser,
        "candidate": "ann",
        "category": "mayor",
        "announced_at": "2026-01-01",
    }
    said["endorsement"] = "jane.ann"
    source = {"title": FORMULA}
    path = "/v1/contests/formulas"
    version = deployment.told(f"{path}/endorsements", source=source, note="-1", **said)["version"]
    deployment.ask(path, min_version=version)
    return path


@pytest.mark.parametrize(
    ("route", "column"),
    [
        ("", "party"),
        ("/candidates", "party"),
        ("/standings", "party"),
        ("/standings/3/fivethirtyeight-2020@1/2026-01-31", "party"),
        ("/standings/3/fivethirtyeight-2020@1/2026-01-31/corrections", "party"),
        ("/endorsements", "endorser.position"),
        ("/endorsements/jane.ann", "event.endorser.position"),
        ("/events", "event.source.title"),
        ("/revisions?valid_at=2026-01-31", "endorsement.endorser.position"),
        ("/diff?from_version=2", "name"),
    ],
)
def test_no_cell_is_a_formula_unless_it_is_asked_for(
    deployment: Standings, formulas: str, route: str, column: str
) -> None:
    def cells(question: str) -> list[str]:
        answer = deployment.api.get(question, headers={"Accept": "text/csv"})
        assert answer.status_code == 200, answer.text
        return [row[column] for row in csv.DictReader(io.StringIO(answer.text, newline="")) if row[column]]

    path = f"{formulas}{route}"
    text = NAME if column == "name" else FORMULA
    assert cells(path)[-1] == f"'{text}"
    assert cells(f"{path}{'&' if '?' in path else '?'}raw=true")[-1] == text


def test_raw_changes_only_csv_and_its_tag(deployment: Standings, formulas: str) -> None:
    path = f"{formulas}/standings?valid_at=2026-01-31&version=3"
    for form in ("json", "ndjson", "csv"):
        plain, raw = (deployment.api.get(f"{path}&format={form}&raw={value}") for value in ("false", "true"))
        same = form != "csv"
        assert (plain.content == raw.content) == same
        assert (plain.headers["etag"] == raw.headers["etag"]) == same


def test_an_export_is_for_a_spreadsheet_unless_it_is_raw(
    deployment: Standings, formulas: str, tmp_path: Path
) -> None:
    shell = Shell(deployment)
    for options, party in (((), f"'{FORMULA}"), (("--raw",), FORMULA)):
        file = tmp_path / "standings.csv"
        shell("export", "formulas", "standings", "--output", str(file), *options)
        rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
        assert [row["party"] for row in rows] == [party]


def test_an_endorsements_history_is_as_of_the_contests_version(deployment: Standings, contest: str) -> None:
    path = f"/v1/contests/{contest}/endorsements"
    said: dict[str, Any] = {"candidate": "ann", "category": "mayor", "announced_at": "2026-01-01"}
    first, last = (
        deployment.told(path, endorser={"id": name, "name": name}, **said) for name in ("jane", "joan")
    )
    about = f"{path}/{first['endorsement']}"

    told = deployment.ask(about, min_version=last["version"])
    answer = deployment.api.get(about, headers={"Accept": "text/csv"})

    assert (told["version"], told["as_of_version"]) == (first["version"], last["version"])
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["version"], row["as_of_version"]) for row in rows] == [
        (str(first["version"]), str(last["version"]))
    ]
