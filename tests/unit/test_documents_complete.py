"""The documentation names all that there is: settings, problems, routes and verbs."""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from fastapi import FastAPI

import services
from services.api.app import FormatNotInstalled
from services.cli.main import app as verbs_of_the_command_line
from shared.domain.errors import Conflict, Refused
from shared.domain.policy_texts import read_policies
from shared.http.problems import status_of
from shared.http.refusals import Busy
from shared.http.unavailable import meanings
from shared.runtime.settings import Settings
from tests.servers import PROJECT
from tests.unit.test_parameters import SERVICES

DOCUMENTS = "".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "docs").glob("*.md")))
CLI = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
SETTINGS = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
PROBLEMS = (PROJECT / "docs" / "problems.md").read_text(encoding="utf-8")
# What others are kinds of, and what is answered with another status than its kind.
KINDS, BY_ITSELF = {"refused", "conflict", "busy"}, {FormatNotInstalled.code: 501}


def rows(document: str) -> Iterator[tuple[str, str]]:
    """The first two cells of each row of its tables."""
    for line in document.splitlines():
        if line.startswith("| "):
            first, second, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            yield first, second


def documented_settings() -> dict[str, str]:
    return {
        name.strip("`").removeprefix("STANDINGS_").lower(): default.strip("`")
        for name, default in rows(SETTINGS)
        if name.startswith("`STANDINGS_")
    }


def default_of(name: str) -> str:
    default = Settings.model_fields[name].default
    if isinstance(default, tuple):
        return "[" + ",".join(f"{one:g}" for one in default) + "]" if default else ""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


def test_every_setting_is_documented_with_its_default() -> None:
    assert documented_settings() == {name: default_of(name) for name in Settings.model_fields}


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_documented(service: str) -> None:
    app: Any = SERVICES[service](Settings()).app
    while not isinstance(app, FastAPI):
        app = app.app
    paths = [
        path.replace("{policy}/", "{policy}@{n}/")
        for path in app.openapi()["paths"]
        if path.startswith("/v1")
    ]

    assert paths
    # A table may say once what all of its paths begin with.
    told = {path: path in DOCUMENTS or path.removeprefix("/v1/webhooks") in DOCUMENTS for path in paths}
    assert [path for path, documented in told.items() if not documented] == []


def test_every_verb_is_documented() -> None:
    verbs = typer.main.get_command(verbs_of_the_command_line).commands.items()  # type: ignore[attr-defined]

    assert len(verbs) > 20
    assert [name for name, verb in verbs if not verb.hidden and f"`{name}" not in CLI] == []


def subclasses(kind: type[Refused]) -> Iterator[type[Refused]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from subclasses(narrower)


def problems() -> dict[str, int]:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        importlib.import_module(module.name)
    ours = [kind for kind in subclasses(Refused) if not kind.__module__.startswith("tests")]
    found = {kind.code: status_of(kind.__new__(kind)) for kind in ours if kind.code not in KINDS}
    return found | dict.fromkeys(meanings(), 503) | BY_ITSELF


def test_every_problem_is_documented_with_its_status() -> None:
    told = {
        code: int(status)
        for status, codes in rows(PROBLEMS)
        if status.isdigit()
        for code in re.findall(r"`([a-z-]+)`", codes)
    }

    assert told == problems()


@pytest.mark.parametrize("kind", [Conflict, Busy])
def test_a_kind_that_is_not_documented_is_never_raised_itself(kind: type[Refused]) -> None:
    for file in [*(PROJECT / "services").rglob("*.py"), *(PROJECT / "shared").rglob("*.py")]:
        assert not re.search(rf"raise (errors\.)?{kind.__name__}\(", file.read_text(encoding="utf-8")), file


def test_the_policies_of_the_documentation_can_be_used() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", SETTINGS, re.DOTALL)

    [policy] = read_policies(example)

    assert policy.id == "big-states"
    assert set(tomllib.loads(example)["policy"][0]) == {
        *("id", "version", "title", "source", "default", "weights", "member_weights", "available")
    }


def test_each_decision_has_a_number_of_its_own_and_stands_in_the_contents() -> None:
    decisions = (PROJECT / "DECISIONS.md").read_text(encoding="utf-8")
    contents, *topics = decisions.split("\n## ")
    numbers = [re.findall(r"^### D(\d+)\. ", topic, re.MULTILINE) for topic in topics]
    listed = [
        re.findall(r"D(\d+)", line) for line in contents.replace("\n  ", " ").splitlines() if line[:1] == "*"
    ]
    flat = sorted(int(number) for topic in numbers for number in topic)

    assert numbers == listed
    assert flat == list(range(1, len(flat) + 1))
    assert len(re.findall(r"^\*\d{4}-\d\d-\d\d\.\* ", decisions, re.MULTILINE)) == len(flat)
