"""`standings doctor --deep` folds logs anew, and compares all that is kept and answered."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from redis import Redis

from services.cli.client import Failed, ServiceClient
from services.cli.doctor import compare
from tests.integration.test_cli import Shell
from tests.integration.test_cli import opened as opened_by
from tests.integration.test_parked import endorsed, opened
from tests.running import Standings, standings
from tests.servers import eventually

STATE = "standings:{p00}:c:%s:g1:state"


def examined(shell: Shell, redis_url: str, *arguments: str, expect: int = 0) -> Mapping[str, dict[str, Any]]:
    answer = shell("doctor", "--deep", "--json", *arguments, expect=expect, STANDINGS_REDIS_URL=redis_url)
    return {one["check"]: one for one in orjson.loads(answer.stdout)}


def recorded(deployment: Standings, *contests: str) -> None:
    for contest in contests:
        opened(deployment, contest)
        for endorser in ("kim", "lee", "moe"):
            version = endorsed(deployment, contest, endorser).json()["version"]
        deployment.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)


def test_the_doctor_folds_contests_anew_and_says_what_differs(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, standings(redis_url, check_share="0") as deployment:
        recorded(deployment, "damaged", "well")
        shell = Shell(deployment)

        assert all(one["ok"] for one in examined(shell, redis_url, "--all").values())
        assert "compared at 5 moments" in examined(shell, redis_url, "well")["contest well, deep"]["found"]

        client.hset(STATE % "damaged", "totals", "[]")
        found = examined(shell, redis_url, "--all", expect=1)
        assert found["contest well, deep"]["ok"]
        assert not found["contest damaged, deep"]["ok"]
        assert "standings rebuild damaged" in found["contest damaged, deep"]["found"]
        assert "contest damaged, deep" not in examined(shell, redis_url, "well")

        shell("doctor", "well", expect=2)
        shell("doctor", "--deep", "none", expect=78, STANDINGS_REDIS_URL=redis_url)
        shell("rebuild", "damaged", STANDINGS_REDIS_URL=redis_url)
        assert all(one["ok"] for one in examined(shell, redis_url, "--all").values())
        assert sum("deep" in one for one in examined(shell, redis_url, "--sample", "1")) == 1


def test_a_scorer_checks_contests_by_itself_and_says_which_one_is_damaged(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, standings(redis_url, check_share="1") as deployment:
        recorded(deployment, "damaged")
        client.hset(STATE % "damaged", "e:no-such-endorsement", "{}")

        shell = Shell(deployment)
        eventually(lambda: bool(client.hget("standings:{p00}:parked", "damaged")))
        found = {one["check"]: one for one in orjson.loads(shell("doctor", "--json", expect=1).stdout)}
        assert "a check found" in found["contest damaged"]["found"]
        refused = endorsed(deployment, "damaged", "ned")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/damaged")

        shell("rebuild", "damaged", STANDINGS_REDIS_URL=redis_url)
        assert endorsed(deployment, "damaged", "ned").status_code == 201


class Answers(ServiceClient):
    """An API that answers the same to everything, or nothing."""

    scores: ClassVar[dict[str, int]] = {}

    def ask(self, path: str, **parameters: object) -> dict[str, Any]:
        if not self.scores:
            raise Failed({"detail": f"{path} cannot be read"}, 1)
        return {"standings": [{"candidate": one, "score": score} for one, score in self.scores.items()]}


def test_an_answer_that_the_log_does_not_lead_to_is_told() -> None:
    class Wrong(Answers):
        scores: ClassVar[dict[str, int]] = {"ann": 3, "bob": 0}

    def found(client: ServiceClient, **counts: int) -> dict[str, Any]:
        moment = {"version": 7, "valid_at": "2020-01-01T00:00:00.000000Z", "counts": counts}
        return compare(client, {"contest": "a", "version": 9, "findings": [], "moments": [moment]})

    assert found(Wrong("", ""), ann=3)["ok"]
    assert "it answers {'ann': 3, 'bob': 0}" in found(Wrong("", ""), ann=2)["found"]
    assert "cannot be read" in found(Answers("", ""), ann=3)["found"]


def test_a_time_before_the_contest_is_right_if_the_log_counts_nothing_then() -> None:
    class Before(Answers):
        def ask(self, path: str, **parameters: object) -> dict[str, Any]:
            problem = {"type": "/problems/before-the-contest", "detail": f"{path}: nothing had happened"}
            raise Failed(problem, 1)

    def checked(**counts: int) -> dict[str, Any]:
        moment = {"version": 1, "valid_at": "2019-03-01T05:00:00.000000Z", "counts": counts}
        return compare(Before("", ""), {"contest": "a", "version": 2, "findings": [], "moments": [moment]})

    assert checked(ann=0)["ok"]
    assert "nothing had happened" in checked(ann=1)["found"]


def test_a_contest_with_an_announcement_of_before_it_was_opened_is_well(deployment: Standings) -> None:
    shell = Shell(deployment)
    contest = opened_by(shell)
    source = ("--source-title", "t", "--at", "2019-03")
    who = ("--endorser", "jane", "--name", "Jane", "--candidate", "ann", "--category", "governor")
    shell("announce", contest, *who, *source)
    deployment.ask(f"/v1/contests/{contest}", min_version=4, wait_ms=10_000)

    # Which moments are looked at is drawn: the announcement's time is among so many as good as always.
    for _ in range(2):
        checks = examined(shell, deployment.redis_url, contest)
        assert checks[f"contest {contest}, deep"]["ok"]
