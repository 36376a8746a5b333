"""Two distributions, the client and the services: each holds its packages, whole, and their names are ours alone."""

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# The project of each distribution, and the packages in its wheel.
PROJECTS = {"endorsement-standings": ROOT, "endorsement-standings-client": ROOT / "standings"}
PACKAGES = {"endorsement-standings": ["services", "shared"], "endorsement-standings-client": ["standings"]}
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


def project(name: str) -> dict[str, Any]:
    """What its pyproject.toml declares."""
    declared: dict[str, Any] = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    return declared


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The built wheel of each distribution."""
    built = {}
    for name, directory in PROJECTS.items():
        target = tmp_path_factory.mktemp("wheel")
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(target)],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        [built[name]] = target.glob("*.whl")
    return built


def names(wheel: Path) -> list[str]:
    """Of the files in a wheel."""
    with ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.parametrize("package", ["services", "shared", "standings"])
def test_no_other_distribution_owns_a_package_of_ours(package: str) -> None:
    owners = packages_distributions().get(package, [])

    assert {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} <= set(PROJECTS)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_packages_and_nothing_else(wheels: dict[str, Path], name: str) -> None:
    tops = {file.split("/")[0] for file in names(wheels[name])}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES[name])
    assert len(tops) == len(PACKAGES[name]) + 1


@pytest.mark.parametrize("suffix", [".py", ".lua", ".toml", ".html", ".css", ".js", "py.typed"])
@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_every_file_of_its_packages(wheels: dict[str, Path], name: str, suffix: str) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for top in PACKAGES[name]
        for path in (ROOT / top).rglob(f"*{suffix}")
    }

    assert files - {"standings/pyproject.toml"} <= set(names(wheels[name]))


@pytest.mark.parametrize("script", ["shared/storage/append.lua", "shared/projection/commit.lua"])
def test_the_services_wheel_holds_the_scripts_that_redis_runs(wheels: dict[str, Path], script: str) -> None:
    assert script in names(wheels["endorsement-standings"])


def test_the_services_ask_for_the_client_of_their_own_version() -> None:
    client, services = project("endorsement-standings-client"), project("endorsement-standings")

    assert client["version"] == services["version"]
    assert f"endorsement-standings-client=={client['version']}" in services["dependencies"]


def test_the_client_depends_on_what_it_imports_and_on_nothing_else() -> None:
    imported = set()
    for path in (ROOT / "standings").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).split(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
    declared = {re.split("[>=]", one)[0] for one in project("endorsement-standings-client")["dependencies"]}

    assert imported - sys.stdlib_module_names - {"standings"} == {one.replace("-", "_") for one in declared}


@pytest.fixture(scope="module")
def with_the_client_alone(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the client's wheel, and libraries, but not the project's directory."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    [packages] = environment.glob("lib/python*/site-packages")
    with ZipFile(wheels["endorsement-standings-client"]) as wheel:
        wheel.extractall(packages)  # which is all that installing a pure wheel does
    # A path in a .pth file brings the libraries there, and not what their own .pth files name: our directory.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin" / "python"


def test_the_client_is_imported_where_the_services_are_not(with_the_client_alone: Path) -> None:
    program = """
import importlib.util, standings.client
assert 'site-packages' in standings.client.__file__, standings.client.__file__
print([name for name in ('services', 'shared') if importlib.util.find_spec(name)])
"""
    done = subprocess.run(
        [with_the_client_alone, "-I", "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_who_uses_the_client_sees_its_types(with_the_client_alone: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """from standings.client import Client

with Client("http://127.0.0.1:8400") as client:
    first: str = client.standings("a-contest").standings[0].candidate
    wrong: int = client.standings("a-contest").standings[0].candidate
    client.standings("a-contest", valid=3)
"""
    )
    checking = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(with_the_client_alone)]
    done = subprocess.run(
        [*checking, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [error.split(":")[1] for error in errors] == ["5", "6"], done.stdout
    assert "Incompatible types in assignment" in errors[0]
    assert "valid" in errors[1]
