"""CONTRIBUTING's recipes name the files that are to be touched, and no other source knows what they add."""

import re
from pathlib import Path

import pytest

from shared.domain.policies import Policy
from shared.values.policies import Policies
from tests.servers import PROJECT

CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MOST = {
    "An event type": 8,
    "A policy": 1,
    "A format of answers": 1,
    "An importer": 2,
    "A filter on changes": 2,
}
PACKAGES = ("services", "shared", "standings")


def recipe(name: str) -> list[str]:
    """The paths that begin the steps of a recipe."""
    text = CONTRIBUTING.partition(f"### {name}\n")[2].partition("\n### ")[0]
    return re.findall(r"^\d\. `([^`]+)`", text, re.MULTILINE)


def naming(pattern: str) -> set[str]:
    """The modules in whose source something stands."""
    found = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    return {
        path.relative_to(PROJECT).as_posix()
        for path in found
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("name", MOST)
def test_a_recipe_is_short_and_every_file_of_it_is_there(name: str) -> None:
    files = recipe(name)

    assert 1 <= len(files) <= MOST[name]
    assert all((PROJECT / file).exists() for file in files), files


def test_what_an_event_type_adds_is_known_to_the_files_of_its_recipe_alone() -> None:
    # `Struck`: its class, its command (`Strike`), the command's name, and the verb.
    files = set(recipe("An event type"))

    assert naming(r"\bStruck\b|\bStrike\b|\bdef strike\b|\"strike\": _Form") - EXPLAINED <= files
    for file in files - {"services/cli/verbs/commands.py", "services/cli/importers/table.py"}:
        assert naming(r"\bStruck\b|\bStrike\b") >= {file}


# An importer's commands are of kinds that are there already.
EXPLAINED = {"services/cli/importers/writing.py"}


def test_what_a_format_adds_is_known_to_the_file_of_its_recipe_alone() -> None:
    assert naming(r"application/vnd\.apache\.parquet|pyarrow\.parquet") == set(recipe("A format of answers"))


def test_what_an_importer_adds_is_known_to_its_module_and_the_registry() -> None:
    [folder, registry] = recipe("An importer")
    named = naming(r"importers import .*fivethirtyeight|importers\.fivethirtyeight|\bfivethirtyeight\.\w")

    assert named == {registry}
    assert (PROJECT / folder / "fivethirtyeight.py").exists()


def test_what_a_filter_adds_is_known_to_the_files_of_its_recipe_alone() -> None:
    assert naming(r"\bmin_delta\b") == set(recipe("A filter on changes"))


def test_a_policy_needs_its_table_alone() -> None:
    [file] = recipe("A policy")
    text = (PROJECT / file).read_text(encoding="utf-8")

    assert [policy.id for policy in Policies()] == re.findall(r'^id = "(.+)"$', text, re.MULTILINE)
    assert all(isinstance(policy, Policy) for policy in Policies())
    assert Path(file).suffix == ".toml"
