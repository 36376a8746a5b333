"""The command line against running services: what it prints, and the exit codes that scripts rely on."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import Standings, free_port

STANDINGS = str(Path(sys.executable).with_name("standings"))
_numbers = itertools.count(1)


class Shell:
    """Runs `standings …` with the services' addresses."""

    def __init__(self, deployment: Standings) -> None:
        self.urls = {
            "STANDINGS_API_URL": str(deployment.api.base_url),
            "STANDINGS_INGEST_URL": str(deployment.ingest.base_url),
        }

    def __call__(
        self, *arguments: str, expect: int = 0, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """One command that ends with this code."""
        done = subprocess.run(
            [STANDINGS, *arguments],
            env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **self.urls, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, expect: int = 0) -> Any:
        """The JSON that one command prints."""
        done = self(*arguments, "--json", expect=expect)
        return json.loads(done.stdout if expect == 0 else done.stderr)


def opened(shell: Shell) -> str:
    contest = f"cli-{next(_numbers)}"
    shell("open", contest, "--title", "A race", "--candidate", "ann=Ann", "--candidate", "bob=Bob")
    return contest


def announce(shell: Shell, contest: str, *more: str, expect: int = 0) -> Any:
    who = ("--endorser", "jane", "--name", "Jane", "--candidate", "ann", "--category", "governor")
    return shell.json(
        "announce", contest, *who, "--at", "2026-01-10", "--source-title", "t", *more, expect=expect
    )


def test_every_command_is_recorded_and_shown(deployment: Standings) -> None:
    shell = Shell(deployment)
    contest = opened(shell)
    endorsement = announce(shell, contest)["endorsement"]
    source = ("--source-title", "t")
    switched = shell.json("switch", contest, endorsement, "--candidate", "bob", "--at", "2026-02-01", *source)
    shell("correct", contest, endorsement, "--category", "senator", *source)
    shell("retract", contest, switched["endorsement"], "--at", "2026-03-01", *source)
    struck = shell.json("strike", contest, endorsement, "--note", "never was", *source)
    deployment.ask(f"/v1/contests/{contest}", min_version=struck["version"])

    def scores(valid_at: str) -> dict[str, int]:
        lines = shell.json("show", contest, "--valid-at", valid_at)["standings"]
        return {line["candidate"]: line["score"] for line in lines}

    assert scores("2026-01-15") == {"ann": 0, "bob": 0}
    assert scores("2026-02-15") == {"ann": 0, "bob": 8}
    assert scores("2026-03-15") == {"ann": 0, "bob": 0}
    assert "endorsement.struck" in shell("log", contest).stdout
    assert "Jane" in shell("show", contest, "--endorsements", "--valid-at", "2026-02-15").stdout
    assert shell("doctor").stdout.count("BAD") == 0


def test_a_refusal_is_told_with_field_value_and_way_out_and_ends_with_1(deployment: Standings) -> None:
    shell = Shell(deployment)
    contest = opened(shell)
    announce(shell, contest)

    assert announce(shell, contest, expect=1)["type"] == "/problems/already-endorsed"
    said = shell("show", "nowhere", expect=1).stderr
    assert "contest = 'nowhere'" in said
    assert "open it first" in said


def test_wrong_usage_ends_with_2_and_a_service_that_is_not_there_with_3(deployment: Standings) -> None:
    shell = Shell(deployment)
    nowhere = f"http://127.0.0.1:{free_port()}"

    shell("show", expect=2)
    shell("open", "x", "--title", "X", "--candidate", "noname", expect=2)
    said = shell("show", "any", expect=3, STANDINGS_API_URL=nowhere).stderr
    assert nowhere in said.replace("\n", "")
    assert "standings run" in said


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("announce", ("--endorser", "j", "--name", "J", "--candidate", "ann", "--category", "mayor")),
        ("retract", ("j.ann",)),
        ("correct", ("j.ann", "--category", "mayor")),
        ("strike", ("j.ann", "--note", "never was")),
        ("switch", ("j.ann", "--candidate", "bob")),
    ],
)
def test_what_has_no_source_is_told_the_options_that_name_one(
    deployment: Standings, verb: str, more: tuple[str, ...]
) -> None:
    shell = Shell(deployment)

    said = shell(verb, "race", *more, expect=2).stderr
    assert all(option in said for option in ("--source-title", "--source-url"))
    assert "'race'" not in said
    assert shell.json(verb, "race", *more, expect=2)["title"] == "Wrong usage"
    assert "is needed" in shell(verb, "--help").stdout


HEADER = "command,endorser,endorser_name,candidate,category,at,source_title"


def test_a_table_of_our_own_is_imported_whole_or_without_its_bad_rows_and_again_without_effect(
    deployment: Standings, tmp_path: Path
) -> None:
    shell = Shell(deployment)
    contest = opened(shell)
    file = tmp_path / "own.csv"
    good = "announce,kim,Kim,ann,mayor,2026-01-01,t\nannounce,lee,Lee,bob,senator,2026-01-02,t\n"
    file.write_text(f"{HEADER}\n{good}announce,moe,Moe,bob,senator,,t,extra\n")

    whole = shell("import", "csv", str(file), "--contest", contest, expect=1)
    assert f"{file}:4:" in whole.stderr
    assert deployment.ask(f"/v1/contests/{contest}")["version"] == 3

    shell("import", "csv", str(file), "--contest", contest, "--on-error", "skip", expect=4)
    assert deployment.scores(contest, min_version=5) == {"ann": 3, "bob": 6}

    file.write_text(f"{HEADER}\n{good}")
    shell("import", "csv", str(file), "--contest", contest)
    assert deployment.ask(f"/v1/contests/{contest}")["version"] == 5


def test_commands_as_ndjson_are_imported(deployment: Standings, tmp_path: Path) -> None:
    shell = Shell(deployment)
    contest = opened(shell)
    file = tmp_path / "own.ndjson"
    command = {"command": "enter", "candidate": "cy", "name": "Cy"}
    file.write_text(json.dumps(command) + "\n")

    done = shell.json("import", "ndjson", str(file), "--contest", contest)

    assert [(one["taken"], one["refused"], one["version"]) for one in done] == [(1, 0, 4)]


def test_completion_is_offered() -> None:
    done = subprocess.run([STANDINGS, "--help"], capture_output=True, text=True, timeout=60, check=True)

    assert "--install-completion" in done.stdout


def test_a_service_that_waits_for_redis_ends_at_once_when_asked() -> None:
    environment = {**os.environ, "STANDINGS_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    for name in ("ingest", "scorer", "api"):
        process = subprocess.Popen(
            [STANDINGS, name],
            env={
                **environment,
                "STANDINGS_INGEST_PORT": str(free_port()),
                "STANDINGS_API_PORT": str(free_port()),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "waiting for the Redis server" in process.stderr.readline()
        process.terminate()
        assert process.wait(10) == 0
        process.stderr.close()
