"""Numbers beyond 64 bits, asked of running services: every digit of them comes out, in every format."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from services.api.answers.formats import Format
from services.cli.client import ServiceClient
from services.cli.exports import export
from standings.client import Client, LocalCopy
from tests.running import Standings, standings

MEMBERS = 9_999_999_999
WEIGHTS = "union/member:1000000000000"
SCORE = 2 * MEMBERS * 10**12
ONE_UNION = MEMBERS * 10**12
# 10^10 + 1 members under a weight of 21 digits.
FINE = Decimal("1234567890244691356902.123456789")


@pytest.fixture(scope="module")
def unions(deployment: Standings) -> str:
    """A contest in which two unions of nearly 10^10 members each endorse ann, which was learned later."""
    candidates = [{"candidate": "ann", "name": "Ann"}, {"candidate": "bob", "name": "Bob"}]
    deployment.told(
        "/v1/contests",
        contest="unions",
        title="Unions",
        timezone="UTC",
        clock="imported",
        opened_at="2020-01-01",
        known_at="2020-01-01T00:00:00Z",
        candidates=candidates,
    )
    for number in (1, 2):
        announce(deployment, "unions", f"union-{number}", MEMBERS, known_at=f"2020-02-0{number}T00:00:00Z")
    deployment.ask("/v1/contests/unions", min_version=5, wait_ms=10_000)
    return "unions"


def announce(deployment: Standings, contest: str, endorser: str, members: int, **said: Any) -> None:
    deployment.told(
        f"/v1/contests/{contest}/endorsements",
        endorser={"id": endorser, "name": endorser, "kind": "organization"},
        candidate="ann",
        category="union",
        members=members,
        announced_at="2020-01-01",
        **said,
    )


def asked(deployment: Standings, contest: str, path: str, **parameters: Any) -> httpx.Response:
    answer = deployment.api.get(
        f"/v1/contests/{contest}/{path}", params={"weights": WEIGHTS, "candidate": "ann", **parameters}
    )
    assert answer.status_code == 200, answer.text
    return answer


def numbers_in(value: Any) -> set[int]:
    """Every whole number in a JSON value."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return set().union(*map(numbers_in, inner))
    return {value} if isinstance(value, int) and not isinstance(value, bool) else set()


@pytest.mark.parametrize(
    ("path", "parameters", "expected"),
    [
        ("standings", {}, {SCORE}),
        ("standings", {"valid_at": "2020-01-02"}, {SCORE}),
        ("standings", {"version": 4}, {ONE_UNION}),
        ("timeline", {"step": "change"}, {SCORE}),
        ("timeline", {"step": "change", "axis": "known"}, {SCORE, ONE_UNION}),
        ("diff", {"from_version": 3}, {0, SCORE, ONE_UNION}),
        ("revisions", {"valid_at": "2020-01-02"}, {SCORE, ONE_UNION}),
        ("revision-risk", {"from": "2020-01-02", "to": "2020-01-04"}, {SCORE}),
    ],
)
def test_whole_scores_beyond_64_bits_are_answered_with_every_digit(
    deployment: Standings, unions: str, path: str, parameters: dict[str, Any], expected: set[int]
) -> None:
    for _ in range(2):  # afresh, and as it was kept
        answer = json.loads(asked(deployment, unions, path, **parameters).content)

        assert expected <= numbers_in(answer)


def test_whole_scores_beyond_64_bits_are_exact_in_every_format(deployment: Standings, unions: str) -> None:
    parquet = asked(deployment, unions, "standings", format="parquet").content
    in_csv = asked(deployment, unions, "standings", format="csv").text
    in_ndjson = asked(deployment, unions, "standings", format="ndjson").content

    assert pq.read_table(io.BytesIO(parquet)).to_pylist()[0]["score"] == SCORE
    assert next(csv.DictReader(io.StringIO(in_csv)))["score"] == str(SCORE)
    assert json.loads(in_ndjson)["score"] == SCORE


def test_the_client_reads_whole_scores_beyond_64_bits_exactly(deployment: Standings, unions: str) -> None:
    with Client(str(deployment.api.base_url)) as client:
        weights = {"union/member": 10**12}
        shown = client.standings(unions, weights=weights)
        line = client.timeline(unions, weights=weights, step="change")

    assert shown.scores["ann"] == shown.points == SCORE
    assert line.points[-1].scores["ann"] == SCORE


@pytest.mark.parametrize("form", ["json", "csv", "ndjson", "parquet"])
def test_an_export_has_whole_scores_beyond_64_bits_exactly(
    deployment: Standings, unions: str, form: Format, tmp_path: Path
) -> None:
    client = ServiceClient(str(deployment.ingest.base_url), str(deployment.api.base_url))
    file = tmp_path / "standings"

    export(client, unions, "standings", file, form, {"weights": WEIGHTS}, raw=False)

    if form == "parquet":
        assert pq.read_table(file).to_pylist()[0]["score"] == SCORE
    else:
        assert str(SCORE) in file.read_text()


def test_a_policy_under_which_scores_are_beyond_64_bits_parks_no_contest(
    redis_url: str, tmp_path: Path
) -> None:
    policies = tmp_path / "policies.toml"
    policies.write_text(
        '[[policy]]\nid = "heavy"\nversion = 1\ntitle = "H"\nsource = "me"\n'
        "member_weights = { union = 1_000_000_000_000 }\n"
        '[[policy]]\nid = "fine"\nversion = 1\ntitle = "F"\nsource = "me"\n'
        "member_weights = { union = 123456789012.123456789 }\n"
    )
    with standings(redis_url, policies=str(policies)) as deployment:
        candidates = [{"candidate": "ann", "name": "Ann"}]
        deployment.told("/v1/contests", contest="c", title="C", timezone="UTC", candidates=candidates)
        announce(deployment, "c", "first", 10**10)
        announce(deployment, "c", "second", 1)
        deployment.ask("/v1/contests/c", min_version=4, wait_ms=10_000)
        with Client(str(deployment.api.base_url)) as client:
            copy = LocalCopy(contest="c")
            for change in client.changes("c", since=0):
                copy.take(change)
                if copy.version == 4:
                    break
            shown = client.standings("c", policy="fine")

    assert copy.scores("heavy") == {"ann": 10**22 + 10**12}
    assert copy.scores("fine") == shown.scores == {"ann": FINE}


def test_a_difference_has_every_digit_of_its_scores(deployment: Standings, unions: str) -> None:
    answer = deployment.api.get(
        f"/v1/contests/{unions}/diff",
        params={"from_version": 3, "to_version": 4, "weights": "union/member:123456789012.123456789"},
    )
    changes = json.loads(answer.content, parse_float=Decimal)["changes"]

    assert [(line["candidate"], line["change"]) for line in changes] == [
        ("ann", Decimal("1234567889997777778877.876543211")),
        ("bob", 0),
    ]
