"""Talking to ingest and the API from the command line."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from shared.values.text import sentence
from standings.client.exact import integer, number

REFUSED, WRONG_USAGE, UNREACHABLE, PARTLY = 1, 2, 3, 4
_TIMEOUT_SECONDS = 120
_MOST_A_PAGE = 1000


class Failed(Exception):
    """The verb cannot go on. `problem` is printed, `code` is the exit code."""

    def __init__(self, problem: dict[str, Any], code: int) -> None:
        super().__init__(problem.get("detail", ""))
        self.problem = problem
        self.code = code


@dataclass(frozen=True)
class ServiceClient:
    """Where the services are."""

    ingest_url: str
    api_url: str

    def ask(self, path: str, **parameters: object) -> dict[str, Any]:
        """The API's answer. Raises `Failed`."""
        given = {name: str(value) for name, value in parameters.items() if value is not None}
        return _json(_call("GET", self.api_url + path, params=given))

    def whole(
        self,
        path: str,
        rows: str,
        asked: Mapping[str, object],
        seen: Callable[[int], None] = lambda _: None,
    ) -> dict[str, Any]:
        """An answer with the rows of all its pages, which are of one moment. Raises `Failed`.

        `rows` is the name they have; `seen` is told how many there are so far.
        """
        answer = page = self.ask(path, limit=_MOST_A_PAGE, **asked)
        seen(len(answer[rows]))
        while following := _following(page):
            page = self.ask(path, limit=_MOST_A_PAGE, **{**asked, **following})
            answer[rows] += page[rows]
            seen(len(answer[rows]))
        return answer | {name: None for name in _NEXT if name in answer}

    def ingest(self, path: str) -> dict[str, Any]:
        """Ingest's answer to a question. Raises `Failed`."""
        return _json(_call("GET", self.ingest_url + path))

    def tell(self, path: str, said: Mapping[str, object]) -> dict[str, Any]:
        """Ingest's answer to a command; what is None is left out. Raises `Failed`."""
        body = {name: value for name, value in said.items() if value is not None}
        return _json(_call("POST", self.ingest_url + path, content=_written(body), headers=_JSON))

    def change(self, method: str, path: str) -> dict[str, Any]:
        """Ingest's answer to a request without a body. Raises `Failed`."""
        return _json(_call(method, self.ingest_url + path))

    def batch(self, contest: str, commands: list[dict[str, Any]], on_refusal: str) -> list[dict[str, Any]]:
        """The answer to each command, and the summary at the end. Raises `Failed`.

        Where ingest ends the batch after many refusals, it is gone on with behind them.
        """
        answers: list[dict[str, Any]] = []
        sums: Counter[str] = Counter()
        version = begin = 0
        while True:
            *results, last = self._batch(contest, commands[begin:], on_refusal)
            answers += [{**result, "line": result["line"] + begin} for result in results]
            summary = last["summary"]
            sums.update({name: summary[name] for name in ("lines", "taken", "refused", "events")})
            version = max(version, summary["version"])
            if "next_line" not in summary:
                return [*answers, {"summary": {**sums, "version": version}}]
            if summary["ended"] == "failed":
                raise _broken_off(answers[-1]["problem"], sums["taken"])
            begin += summary["next_line"] - 1

    def _batch(self, contest: str, commands: list[dict[str, Any]], on_refusal: str) -> list[dict[str, Any]]:
        body = b"".join(_written(command) + b"\n" for command in commands)
        answer = _call(
            "POST",
            f"{self.ingest_url}/v1/contests/{contest}/batch",
            params={"on_refusal": on_refusal},
            content=body,
            headers={"content-type": "application/x-ndjson"},
        )
        return [orjson.loads(line) for line in answer.content.splitlines()]


def _broken_off(problem: dict[str, Any], taken: int) -> Failed:
    """That a batch was not taken to its end, and what of it is recorded."""
    detail = f"after {taken} of the commands, which are recorded: {problem['detail']}"
    return Failed({**problem, "detail": detail}, REFUSED)


def _following(page: dict[str, Any]) -> dict[str, object]:
    """The parameter that asks for the page after this one; none after the last."""
    return {parameter: page[name] for name, parameter in _NEXT.items() if page.get(name) is not None}


_NEXT = {"next": "cursor", "next_after": "after"}
_JSON = {"content-type": "application/json"}


def _json(answer: httpx.Response) -> dict[str, Any]:
    # Scores may have decimal places, or be beyond 64 bits, and stay exact.
    try:
        body = json.loads(answer.content, parse_float=number, parse_int=integer) if answer.content else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _failed("Not understood", f"{answer.url} answers what Standings does not", UNREACHABLE)
    return body


def _written(said: object) -> bytes:
    try:
        return orjson.dumps(said)
    except TypeError as error:  # half of a character, an integer beyond 64 bits
        raise _failed("Not sent", f"what was said cannot be written as JSON: {error}", WRONG_USAGE) from None


def _failed(title: str, detail: str, code: int) -> Failed:
    return Failed({"title": title, "detail": sentence(detail)}, code)


def _call(method: str, url: str, **more: Any) -> httpx.Response:
    with _reaching(url):
        answer = httpx.request(method, url, timeout=_TIMEOUT_SECONDS, **more)
    if answer.is_success:
        return answer
    try:
        problem = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": answer.reason_phrase, "status": answer.status_code, "detail": f"{method} {url}"}
    raise Failed(problem, REFUSED)


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise _failed("Not asked", f"{url} is no address: {error}", WRONG_USAGE) from None
    except httpx.HTTPError as error:
        base = httpx.URL(url).copy_with(path="/", query=None)
        problem = {
            "title": "Service not reached",
            "detail": f"{base} does not answer: {error}",
            "way_out": "start it with `standings run`, or name another with --ingest-url and --api-url",
        }
        raise Failed(problem, UNREACHABLE) from None
