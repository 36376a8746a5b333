"""What the documentation names is there: tests that hold a promise, files, and settings."""

import ast
import re
from pathlib import Path

import pytest

from shared.runtime.settings import Settings
from tests.servers import PROJECT

DOCUMENTS = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), *(PROJECT / "deploy").glob("*.md")]
# Settings of the command line and of deploy/compose.yaml, not of the services.
OTHERS = {"STANDINGS_INGEST_URL", "STANDINGS_API_URL", "STANDINGS_IMAGE", "STANDINGS_SCORERS"}


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_test_that_is_named_exists(document: Path) -> None:
    for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", document.read_text(encoding="utf-8")):
        assert (PROJECT / file).is_file(), file
        assert not test or test in functions(PROJECT / file), f"{file} has no {test}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_file_that_is_linked_exists(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        assert (document.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_setting_that_is_named_exists(document: Path) -> None:
    known = {f"STANDINGS_{name.upper()}" for name in Settings.model_fields} | OTHERS
    named = set(re.findall(r"STANDINGS_[A-Z_]*[A-Z]", document.read_text(encoding="utf-8")))

    assert named <= known


def headings(document: Path) -> set[str]:
    found = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_heading_that_is_linked_exists(document: Path) -> None:
    for file, heading in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text(encoding="utf-8")):
        assert heading in headings(document.parent / file if file else document), f"{file}#{heading}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_module_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`([\w/]+\.(?:py|lua))`", document.read_text(encoding="utf-8"))
    tops = [PROJECT / top for top in ("services", "shared", "standings", "tests", "examples")]

    for name in named if document.name != "CHANGELOG.md" else ():
        assert (PROJECT / name).is_file() or any(path for top in tops for path in top.rglob(name)), name
