"""Batches against a real server: no body makes ingest large, and a batch that ends early is gone on with."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from services.cli.client import Failed, ServiceClient
from tests.running import JSON, Service, service

HEADERS = {"content-type": "application/x-ndjson"}
GROWTH = 50_000_000


def largest(running: Service) -> int:
    """The most bytes of memory that its process has ever had."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.fixture
def ingest(redis_url: str) -> Iterator[Service]:
    """Ingest, with an open contest `race`."""
    with service("ingest", redis_url) as running:
        said = {"contest": "race", "title": "A race", "timezone": "UTC", "recorded_by": "test"}
        assert httpx.post(f"{running.url}/v1/contests", json=said).status_code == 201
        yield running


def line(candidate: str) -> bytes:
    said = {"command": "enter", "id": candidate, "candidate": candidate, "name": "C", "recorded_by": "test"}
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)


def send(running: Service, body: bytes, on_refusal: str = "continue") -> httpx.Response:
    path = f"{running.url}/v1/contests/race/batch?on_refusal={on_refusal}"
    return httpx.post(path, content=body, headers=HEADERS, timeout=60)


def test_a_slip_in_the_name_of_a_batchs_parameter_is_refused_before_a_line_is_taken(ingest: Service) -> None:
    path = f"{ingest.url}/v1/contests/race/batch?on_refusl=abort"

    answer = httpx.post(path, content=line("ann"), headers=HEADERS)

    assert (answer.status_code, answer.json()["field"]) == (422, "on_refusl")
    assert orjson.loads(send(ingest, line("ann")).content.splitlines()[0])["version"] == 2


# Scaled down so that it hurts nobody where the bound is missing: that was 4.4 kB of memory for each of these lines.
@pytest.mark.parametrize("bad", [b"1\n", b"{}\n", b'{"command":"enter"}\n', b"\n", b"[[[[[[[[\n"])
def test_many_short_lines_that_are_refused_cost_little_and_are_answered_shortly(
    ingest: Service, bad: bytes
) -> None:
    before = largest(ingest)

    each = send(ingest, bad * 100_000 + line("ann"))
    whole = send(ingest, bad * 100_000, "abort")

    assert len(each.content) < 1_000_000
    assert len(whole.content) < 1_000_000
    assert largest(ingest) - before < GROWTH


def test_a_large_body_that_cannot_be_read_is_freed_once_it_is_answered(ingest: Service) -> None:
    before = largest(ingest)

    for _ in range(60):
        answer = httpx.post(f"{ingest.url}/v1/contests", content=b" " * 1_000_000, headers=JSON)
        assert answer.status_code == 422

    assert largest(ingest) - before < GROWTH


def test_a_batch_that_ended_early_is_gone_on_with_where_it_says(ingest: Service) -> None:
    lines = [b"1\n"] * 1500 + [line("ann")] + [b"1\n"] * 1000 + [line("bob")]

    first = orjson.loads(send(ingest, b"".join(lines)).content.splitlines()[-1])["summary"]
    rest = lines[first["next_line"] - 1 :]
    second = orjson.loads(send(ingest, b"".join(rest)).content.splitlines()[-1])["summary"]

    assert (first["next_line"], first["taken"]) == (1001, 0)
    assert (second["taken"], second["refused"], "next_line" in second) == (2, 1500, False)


def test_the_command_line_goes_on_with_a_batch_that_ended_early(ingest: Service) -> None:
    good = [orjson.loads(line(name)) for name in ("ann", "bob")]
    bad = {"command": "enter"}

    answers = ServiceClient(ingest.url, "").batch(
        "race", [*[bad] * 1500, good[0], *[bad] * 1000, good[1]], "continue"
    )

    assert [one["line"] for one in answers[:-1]] == list(range(1, 2503))
    assert [one["line"] for one in answers if "version" in one] == [1501, 2502]
    assert answers[-1]["summary"] == {"lines": 2502, "taken": 2, "refused": 2500, "events": 2, "version": 3}


def test_the_command_line_tells_what_is_recorded_where_a_batch_was_broken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = {"lines": 1, "taken": 1, "refused": 0, "events": 1, "version": 2}
    answers = [
        {"line": 1, "version": 2},
        {
            "line": 2,
            "problem": {"title": "Storage unavailable", "status": 503, "detail": "gone", "way_out": "later"},
        },
        {"summary": {**summary, "ended": "failed", "next_line": 2}},
    ]
    monkeypatch.setattr(ServiceClient, "_batch", lambda *_: answers)

    with pytest.raises(Failed) as failed:
        ServiceClient("", "").batch("race", [{}, {}], "continue")

    assert failed.value.problem["detail"] == "after 1 of the commands, which are recorded: gone"
    assert failed.value.problem["way_out"] == "later"


def test_a_line_that_never_ends_costs_little_and_the_next_one_is_taken(ingest: Service) -> None:
    before = largest(ingest)

    answer = send(ingest, b"x" * 20_000_000 + b"\n" + line("ann"))

    refusal, taken, summary = (orjson.loads(one) for one in answer.content.splitlines())
    assert (refusal["line"], refusal["problem"]["field"], taken["line"]) == (1, "line", 2)
    assert summary["summary"]["taken"] == 1
    assert largest(ingest) - before < GROWTH


def test_a_body_too_large_to_be_taken_whole_is_refused_while_it_comes(ingest: Service) -> None:
    before = largest(ingest)

    answer = send(ingest, b"x" * 40_000_000, "abort")

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert largest(ingest) - before < GROWTH


def test_more_lines_than_are_taken_whole_are_refused_while_they_come(ingest: Service) -> None:
    before = largest(ingest)

    answer = send(ingest, b"1\n" * 2_000_000, "abort")

    assert (answer.status_code, answer.json()["field"], answer.json()["value"]) == (422, "lines", 10_001)
    assert largest(ingest) - before < GROWTH
