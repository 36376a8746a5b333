"""Pages of other origins may ask the API: whatever it answers, and however it refuses."""

import pytest

from tests.running import Standings

PAGE = {"Origin": "https://page.example"}
ABOUT = "/v1/contests/{contest}"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{ABOUT}/standings", 200),
        (f"{ABOUT}/standings?valid_at=x", 422),
        (f"{ABOUT}/timemap", 200),
        (f"{ABOUT}/changes?format=json&after=0", 200),
        ("/v1/changes?format=json", 200),
        ("/v1/contests/nobodys", 404),
        ("/problems/invalid", 200),
    ],
)
def test_a_page_of_any_origin_reads_answers_and_refusals(
    deployment: Standings, contest: str, path: str, status: int
) -> None:
    deployment.ask(ABOUT.format(contest=contest), min_version=1, wait_ms=10_000)
    answer = deployment.api.get(path.format(contest=contest), headers=PAGE)

    assert (answer.status_code, answer.headers.get_list("access-control-allow-origin")) == (status, ["*"])


def test_a_page_of_any_origin_follows_changes(deployment: Standings, contest: str) -> None:
    asked = {**PAGE, "Accept": "text/event-stream"}
    with deployment.api.stream("GET", f"/v1/contests/{contest}/changes", headers=asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["access-control-allow-origin"] == "*"


def test_a_browser_that_asks_first_is_told_what_a_page_may_send(deployment: Standings, contest: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "if-none-match"}
    answer = deployment.api.options(f"/v1/contests/{contest}/standings", headers=PAGE | asked)

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    assert {"If-None-Match", "Accept-Datetime", "Last-Event-ID"} <= {
        *answer.headers["access-control-allow-headers"].split(", ")
    }
