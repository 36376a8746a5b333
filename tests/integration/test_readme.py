"""The README's commands do what it says, and print what it shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import Standings, free_port
from tests.servers import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
STANDINGS = str(Path(sys.executable).with_name("standings"))


def block(language: str, number: int) -> str:
    """One of the README's fenced blocks."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return found[number]


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [STANDINGS, *arguments],
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_first_command_is_the_makefiles_and_runs_the_demo() -> None:
    assert block("sh", 0).strip() == "make demo ARGS=--once"
    made = subprocess.run(
        [str(shutil.which("make")), "--no-print-directory", "-n", "demo", "ARGS=--once"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout.strip().endswith("standings demo --once")


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    api, ingest = free_port(), free_port()

    done = run(
        "demo", "--once", "--data", str(tmp_path), "--api-port", str(api), "--ingest-port", str(ingest)
    )

    assert done.returncode == 0, done.stderr
    said = done.stdout.replace(f":{api}", ":8400")
    assert [line.rstrip() for line in said.splitlines()] == block("text", 0).splitlines()


def test_the_demo_run_again_on_its_data_prints_the_same(tmp_path: Path) -> None:
    ports = ("--api-port", str(free_port()), "--ingest-port", str(free_port()))

    first, again = (run("demo", "--once", "--data", str(tmp_path), *ports) for _ in range(2))

    assert first.returncode == again.returncode == 0, again.stderr
    assert again.stdout == first.stdout


@pytest.mark.shared_data
def test_published_data_is_imported_and_shown_as_the_readme_says(
    shared_data: Path, deployment: Standings
) -> None:

    urls = {
        "STANDINGS_API_URL": str(deployment.api.base_url),
        "STANDINGS_INGEST_URL": str(deployment.ingest.base_url),
    }
    commands = [line.split() for line in block("sh", 3).splitlines() if line.startswith("standings ")]
    assert [command[1] for command in commands] == ["import", "show"]
    files = [str(file) for file in sorted(shared_data.glob("fivethirtyeight-2020_as-of-*.csv"))]

    imported = run(*commands[0][1:-1], *files, **urls)
    again = run(*commands[0][1:-1], *files, **urls)
    shown = run(*commands[1][1:], **urls)

    assert imported.returncode == again.returncode == shown.returncode == 0, imported.stderr + shown.stderr
    assert again.stdout.count("nothing new") == 4
    assert re.search(r"Amy Klobuchar\s+│\s+44", shown.stdout)


@pytest.mark.usefixtures("simulated_race")
def test_changes_are_followed_as_the_readme_does(deployment: Standings) -> None:
    program = block("python", 0).replace("http://127.0.0.1:8400", str(deployment.api.base_url))

    with subprocess.Popen(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        line = following.stdout.readline()
        following.kill()

    assert line.startswith("1 contest.opened ")
