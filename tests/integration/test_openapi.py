"""The running API against its own OpenAPI document, and against whatever can be put into a parameter."""

from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from services.local import race
from tests.integration.test_over_time import BASE, DAY
from tests.running import Standings

ROUTES = (
    "",
    "/candidates",
    "/standings",
    "/timeline",
    "/diff",
    "/revisions",
    "/revision-risk",
    "/endorsements",
    "/events",
    "/timemap",
)
PARAMETERS = (
    "valid_at", "known_at", "version", "policy", "weights", "candidate", "category", "format", "axis", "step",
    "from", "to", "from_valid_at", "from_known_at", "from_version", "to_valid_at", "to_known_at", "to_version",
    "limit", "after", "cursor", "endorser", "state", "min_version",
)  # fmt: skip
NASTY = (
    "", " ", "0", "-1", "1e400", "NaN", "9999999999999999999999999999", "-999999999999999d", "-9999999w",
    "0000-00-00", "9999-12-31", "9998-12-31", "0001-01-01", "0002-01-01", "2025-02-29", "2024-02-29",
    "2025-07-29T24:00:00Z", "2025-07-29T12:00:00+99:99", "2025-W01-1", "20250729", "2025-07-29~", "\N{NULL}",
    "\N{RIGHT-TO-LEFT OVERRIDE}2025", "\N{ARABIC-INDIC DIGIT TWO}025-01-01", "'; --", "../..",
    "governor:1,governor:2", "a:1e-9", "a:0.0000000001", ":", ", ", "a:99999999999999999999999999999999999999999",
    "default:-1", "now", "-1d", "known", "change", "all",
)  # fmt: skip
# Long enough for a slow machine, short enough to tell an answer from one that never comes.
HANGS_AFTER_SECONDS = 10


def test_every_route_answers_as_its_description_says(deployment: Standings, simulated_race: int) -> None:
    document = schemathesis.openapi.from_url(f"{deployment.api.base_url}/openapi.json")
    document.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    operations: list[Any] = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 15

    for operation in operations:
        _conforms(operation)


def _conforms(operation: Any) -> None:
    @seed(1)
    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        # A made-up contest is only ever refused: ask about one that is there.
        if "contest" in case.path_parameters and case.path_parameters["contest"] != "0":
            case.path_parameters["contest"] = race.CONTEST
        # A version that never comes is answered with 503 after a while, which is no error of the server's.
        if str(case.query.get("min_version", "")).isdecimal():
            del case.query["min_version"]
        # And a change that never comes is waited for as long as is asked, as a stream is for an hour.
        if case.path.endswith("/changes"):
            case.query["wait_ms"] = 0
            case.query["format"] = "json"
        # What is well formed may still mean nothing: 30 February, a cursor of another question, two policies.
        case.call_and_validate(timeout=HANGS_AFTER_SECONDS, excluded_checks=[positive_data_acceptance])

    check()


texts = st.sampled_from(NASTY) | st.text(max_size=60) | st.integers().map(str)
questions = st.lists(st.tuples(st.sampled_from(PARAMETERS), texts), max_size=4)


@given(st.sampled_from(ROUTES), questions, st.booleans())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_or_refused_as_a_problem(
    deployment: Standings, simulated_race: int, route: str, question: list[tuple[str, str]], thin: bool
) -> None:
    if route == "/revisions":
        question = [("valid_at", DAY), *question]
    try:
        asked = httpx.QueryParams(tuple(question))
        str(asked).encode()
    except UnicodeEncodeError:  # a lone surrogate is no text, and cannot be sent as such
        return
    headers = {} if thin else {"Accept-Datetime": question[0][1][:50].encode().hex() if question else ""}

    answer = deployment.api.get(BASE + route, params=asked, headers=headers, timeout=HANGS_AFTER_SECONDS)

    if answer.status_code != 200:
        assert 400 <= answer.status_code < 500 or answer.json()["type"] == "/problems/not-there-yet", (
            answer.text
        )
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"title", "detail", "field", "way_out"} <= answer.json().keys(), answer.text


def test_bytes_that_are_no_text_are_refused(deployment: Standings, simulated_race: int) -> None:
    for query in ("valid_at=%ff%fe", "valid_at=%ed%a0%80", "valid_at=%00", "candidate=%c3%28", "%ff=1"):
        answer = deployment.api.get(f"{BASE}/standings?{query}")

        assert 400 <= answer.status_code < 500, (query, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
