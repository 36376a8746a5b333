"""What is installed and what is built holds our packages, whole, and their names are ours alone."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTION = "endorsement-standings"
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the built wheel's files."""
    directory = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(directory)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    [path] = directory.glob("*.whl")
    with ZipFile(path) as archive:
        return archive.namelist()


@pytest.mark.parametrize("package", ["services", "shared", "standings"])
def test_no_other_distribution_owns_a_package_of_ours(package: str) -> None:
    owners = packages_distributions().get(package, [])

    assert {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} <= {DISTRIBUTION}


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"services", "shared", "standings"}
    assert len(tops) == 4


@pytest.mark.parametrize("suffix", [".py", ".lua", ".toml", ".html", ".css", ".js"])
def test_the_wheel_holds_every_file_of_our_packages(wheel: list[str], suffix: str) -> None:
    files = [path for top in ("services", "shared", "standings") for path in (ROOT / top).rglob(f"*{suffix}")]

    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(wheel)


@pytest.mark.parametrize("script", ["shared/storage/append.lua", "shared/projection/commit.lua"])
def test_the_wheel_holds_the_scripts_that_redis_runs(wheel: list[str], script: str) -> None:
    assert script in wheel
