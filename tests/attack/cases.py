"""The attacks, as data: what is sent, what must come back, and how much of it.

None may make a service larger by more than `MOST_MB`, end it, or make it write a traceback. How often and how much is
sent is given for the whole suite; its short form sends a share of it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

MOST_MB = 150
MOST_SECONDS = 60.0
_JSON, _LINES = "application/json", "application/x-ndjson"
_HALF = "\\ud800"


class Request(NamedTuple):
    """One HTTP request. The body is `unit` so many `times`, sent in chunks where it is long."""

    service: str
    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    unit: bytes = b""
    times: int = 1
    is_exact: bool = False

    def scaled(self, share: float) -> "Request":
        """The same with a share of its body, unless it is sent for its size."""
        return self if self.is_exact else self._replace(times=max(int(self.times * share), 1))


class Attack(NamedTuple):
    """Requests, so many `at_once`, all of them `rounds` times. `{n}` in a target is another number each time.

    Each must be answered by one of `statuses`, with a problem of this `code` if it is given, in at most so many bytes.
    """

    name: str
    requests: tuple[Request, ...]
    statuses: frozenset[int]
    code: str = ""
    at_once: int = 1
    rounds: int = 1
    most_bytes: int = 2_000_000


class Held(NamedTuple):
    """So many connections that say these bytes and read nothing for so many seconds, while others must be served.

    With `changes` so many events are recorded meanwhile.
    """

    name: str
    service: str
    said: bytes
    connections: int
    seconds: float
    changes: int = 0


Case = Attack | Held


def _asked(name: str, target: str, *statuses: int, code: str = "", **more: Any) -> Attack:
    headers = more.pop("headers", ())
    method = more.pop("method", "GET")
    service = more.pop("service", "api")
    request = Request(service, target, method, headers)
    return Attack(name, (request,), frozenset(statuses), code, **more)


def _told(
    name: str, target: str, unit: bytes, *statuses: int, times: int = 1, code: str = "", **more: Any
) -> Attack:
    kind = more.pop("kind", _JSON)
    headers = (*more.pop("headers", ()), *((("content-type", kind),) if kind else ()))
    service = more.pop("service", "ingest")
    request = Request(service, target, "POST", headers, unit, times, 413 in statuses)
    return Attack(name, (request,), frozenset(statuses), code, **more)


def _told_each(name: str, bodies: list[bytes], *statuses: int, code: str = "", **more: Any) -> Attack:
    service, target = more.pop("service", "ingest"), more.pop("target", _ANNOUNCE)
    requests = tuple(Request(service, target, "POST", (("content-type", _JSON),), body) for body in bodies)
    return Attack(name, requests, frozenset(statuses), code, **more)


_RACE = "/v1/contests/race"
_ANNOUNCE, _BATCH = f"{_RACE}/endorsements", f"{_RACE}/batch"
_WHOLE = f"{_BATCH}?on_refusal=abort"
_FACTS: dict[str, Any] = {
    "recorded_by": "attack",
    "source": {"title": "t"},
    "endorser": {"id": "jane", "name": "Jane"},
    "candidate": "ann",
    "category": "governor",
    "announced_at": "2025-01-01",
}


def _facts(**said: Any) -> bytes:
    return orjson.dumps({**_FACTS, **said})


def _raw(field: str, written: str) -> bytes:
    """The facts with a value that no JSON library would write."""
    return orjson.dumps({**_FACTS, field: "RAW"}).replace(b'"RAW"', written.encode())


_BATCHES = [
    _told(f"a batch of {what}", _BATCH, unit, 200, times=times, kind=_LINES, most_bytes=4_000_000)
    for what, unit, times in [
        ("short lines", b"1\n", 15_000_000),
        ("empty objects", b"{}\n", 10_000_000),
        ("empty lines", b"\n", 30_000_000),
        ("open brackets", b"[[[[[[[[[[\n", 2_000_000),
        ("commands that lack all", b'{"command":"enter"}\n', 1_000_000),
        ("lines of 64 KB", b"x" * 65_535 + b"\n", 400),
        ("one line without an end", b"x" * 1000, 100_000),
        ("NUL bytes", b"\0" * 1000 + b"\n", 30_000),
    ]
]
_WHOLE_BATCHES = [
    _told("a whole batch of short lines", _WHOLE, b"1\n", 422, times=2_000_000, kind=_LINES),
    _told("a whole batch of empty objects", _WHOLE, b"{}\n", 422, times=2_000_000, kind=_LINES),
    _told(
        "a whole batch of 100 MB", _WHOLE, b"x" * 1000, 413, times=100_000, kind=_LINES, code="body-too-large"
    ),
    _told(
        "sixteen whole batches of 15 MB",
        _WHOLE,
        b"x" * 1000 + b"\n",
        409,
        422,
        503,
        times=15_000,
        kind=_LINES,
        at_once=16,
    ),
]
_BODIES = [
    _told("a command of 100 MB", "/v1/contests", b" " * 1000, 413, times=100_000, code="body-too-large"),
    _told("300 commands of 1 MB", "/v1/contests", b" " * 1000, 422, 503, times=1_000, at_once=300),
    _told("deep arrays", _ANNOUNCE, b"[", 422, times=1_000_000),
    _told("deep objects", _ANNOUNCE, b'{"a":', 422, times=200_000),
    _told("a number of a million digits", _ANNOUNCE, b"9", 422, times=1_000_000),
    _told("a text of a million characters", _ANNOUNCE, _facts(note="x" * 900_000), 422),
    _told("a text of escapes", _ANNOUNCE, _facts(note="\u0001" * 150_000), 422),
    _told_each("many keys", [_facts(**{f"k{n}": 1 for n in range(10_000)})], 422),
    _told(
        "a body said to be packed",
        _ANNOUNCE,
        b"\x1f\x8b" + b"\0" * 100,
        415,
        422,
        headers=(("content-encoding", "gzip"),),
    ),
    _told("no type", _ANNOUNCE, _facts(), 415, kind=""),
    _told("a batch as text", _BATCH, _facts(command="announce"), 415, kind="text/plain"),
]
_VALUES = [
    _told_each(
        "numbers that no field takes",
        [
            _facts(expected_version=2**63 - 1),
            *(_raw("members", text) for text in ("1e30", "-1", "1.5", "NaN", "Infinity", "9" * 5000, "1e-999999999")),
            *(_raw("expected_version", text) for text in ("1" + "0" * 30, "-1", "true")),
            *(_raw("id", text) for text in ("1180591620717411303424", "null1", "[]", "{}")),
        ],
        409, 422,
    ),
    _told_each(
        "texts that no field takes",
        [
            *(_raw(field, f'"{_HALF}"') for field in ("id", "recorded_by", "note", "announced_at", "category")),
            *(_facts(endorser={"id": "j", "name": name}) for name in ("", "\u0000", "a\u202eb", "x" * 5000)),
            *(_facts(endorsement=text) for text in ("../../etc/passwd", "a b", "x" * 500, "\n", "ÄÖ")),
            b'{"\\ud800": 1}', b"\xff\xfe\x00", "\ufeff{}".encode(), b"null", b"[]", b'"text"', b"",
        ],
        422,
    ),
    _told_each(
        "times that are none",
        [
            _facts(announced_at=text)
            for text in (
                "20190422T130500Z", "2019-W01-1", "2019-04-22 13:05:00Z", "2019-13", "2019-02-30", "0000-01-01",
                "10000-01-01", "2019-04-22T13:05:00.1234567890Z", "2019-04-22T13:05:00+01:02:03", "now", "-30d",
                "2019-04-22T24:00:00Z", "2019-04-22T13:05:60Z", "9" * 10_000, "2019-04-22\u0000",
                "\U0001d7da\U0001d7d8\U0001d7d9\U0001d7e1",
            )
        ],
        422,
    ),
]  # fmt: skip
_FOREIGN = [
    _told(
        "a foreign page",
        _BATCH,
        _facts(command="announce"),
        403,
        kind=_LINES,
        headers=(("origin", "https://evil.example"),),
    ),
    _told(
        "a foreign name",
        _BATCH,
        _facts(command="announce"),
        421,
        kind=_LINES,
        headers=(("host", "evil.example"),),
    ),
    _told(
        "a page without an origin",
        _BATCH,
        _facts(command="announce"),
        403,
        kind=_LINES,
        headers=(("origin", "null"),),
    ),
]
_WIDE = "/v1/contests/wide"
_LARGE = f"{_WIDE}/timeline?from=2014-01-01&to=2015-05-01&format=csv"
_QUESTIONS = [
    _asked(
        "a timeline of all candidates over 13 years",
        f"{_WIDE}/timeline?from=2013-01-01&to=2025-12-31&format=csv",
        422,
    ),
    _asked(
        "the largest timeline",
        f"{_WIDE}/timeline?from=2014-01-01&to=2015-05-01&format=csv",
        200,
        at_once=4,
        most_bytes=60_000_000,
    ),
    _asked(
        "the largest revision risk",
        f"{_WIDE}/revision-risk?from=2014-01-01&to=2015-05-01",
        200,
        at_once=4,
        most_bytes=60_000_000,
    ),
    _asked("varied weights", f"{_WIDE}/standings?weights=governor:{{n}}", 200, rounds=3000, at_once=8),
    _asked(
        "varied moments",
        f"{_WIDE}/standings?valid_at=2019-01-01T00:00:00.{{n:06}}Z",
        200,
        rounds=3000,
        at_once=8,
    ),
    _asked("contests that are not there", "/v1/contests/none-{n}/standings", 404, rounds=3000, at_once=8),
    _asked(
        "policies that are not there", f"{_RACE}/standings?policy=none-{{n}}", 404, rounds=1000, at_once=8
    ),
    _asked("one change at a time", "/v1/changes?after=0-0&limit=1&format=json", 200, rounds=200, at_once=8),
    _asked("a cursor of another kind", f"{_RACE}/endorsements?cursor=eyJhIjoxfQ", 422),
    _asked("a place that is none", "/v1/changes?after=x&format=json", 422),
    _asked("a place in the far future", "/v1/changes?after=99999999999999-0&format=json", 410, 422),
    _asked("a page of a billion", f"{_RACE}/events?limit=1000000000", 422),
    _asked("a version beyond all", f"{_RACE}/standings?version=" + "9" * 30, 422),
    _asked("a weight of many digits", f"{_RACE}/standings?weights=governor:1e-300000000", 422),
    _asked("a weight of letters", f"{_RACE}/standings?weights=governor:NaN", 422),
    _asked("ten thousand parameters", f"{_RACE}/standings?" + "&".join(f"p{n}=1" for n in range(5000)), 422),
    _asked("one parameter many times", f"{_RACE}/standings?" + "&".join(["candidate=ann"] * 2000), 200, 422),
    _asked("an address of 60 KB", "/v1/contests/" + "x" * 60_000, 404, 422),
    _asked("an address of 70 KB", "/v1/contests/" + "x" * 70_000, 414),
    _asked("bytes that are no text", "/v1/contests/%ff%fe/standings", 404, 422),
    _asked("a NUL in an address", "/v1/contests/a%00b", 404, 422),
    _asked("a way out of a directory", "/v1/contests/..%2f..%2fetc%2fpasswd", 404, 422),
    _asked("a wait beyond all", f"{_RACE}/standings?min_version=999999&wait_ms=999999999", 422),
    _asked("300 waits", f"{_RACE}/standings?min_version=999999&wait_ms=3000", 503, at_once=300),
]
_HEADERS = [
    _asked(
        "an odd coding", f"{_RACE}/standings", 200, 406, headers=(("accept-encoding", "notgzip;q=x, " * 500),)
    ),
    _asked("an odd form", f"{_RACE}/standings", 200, 406, headers=(("accept", "a/b;q=0.1, " * 1000),)),
    _asked("ten thousand tags", f"{_RACE}/standings", 200, headers=(("if-none-match", '"x", ' * 8000),)),
    _asked("a range", f"{_RACE}/standings", 200, headers=(("range", "bytes=0-1,2-3,4-5"),)),
    _asked(
        "an upgrade",
        f"{_RACE}/standings",
        200,
        headers=(("upgrade", "websocket"), ("connection", "close, upgrade")),
    ),
    _asked("an odd date", f"{_RACE}/standings", 200, 422, headers=(("accept-datetime", "x" * 5000),)),
    _asked(
        "an odd last event",
        f"{_RACE}/changes",
        410,
        422,
        headers=(("last-event-id", "9" * 5000), ("accept", "text/event-stream")),
    ),
    _asked("a method that is none", f"{_RACE}/standings", 405, method="BREW"),
    _asked("a method for all", f"{_RACE}/standings", 405, method="DELETE"),
    _asked("200 headers", f"{_RACE}/standings", 431, headers=tuple((f"x-{n}", "1") for n in range(200))),
    _asked("a header of 300 KB", f"{_RACE}/standings", 431, headers=(("x-long", "x" * 300_000),)),
]
_HOOK = {"url": "https://192.0.2.1/hook"}
_WEBHOOKS = [
    _told_each(
        "addresses that are not public",
        [
            orjson.dumps({"url": url})
            for url in (
                "http://127.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.0.0.1/",
                "https://[3fff::1]/", "https://192.88.99.1/", "https://localhost/", "https://0x7f000001/", "https://2130706433/",
                "https://127.1/", "https://[::ffff:127.0.0.1]/", "https://a:b@example.com/", "https://example.com:22/",
                "https://example.com:6379/", "https://example.com:0/", "https://example.com:99999/", "https://xn--/",
                "https://" + "a" * 70 + ".example/", "ftp://example.com/", "file:///etc/passwd", "", "https://",
                "x" * 3000,
                "https://example.com/#f", "https://example.com\\@127.0.0.1/", "https://example.com/\r\nHost: x",
            )
        ],
        422, service="webhooks", target="/v1/webhooks",
    ),
    _told_each(
        "filters that nothing fits",
        [
            orjson.dumps({**_HOOK, "min_delta": text})
            for text in ("1e-300000000", "NaN", "Infinity", "-1", "9" * 500)
        ]
        + [orjson.dumps({**_HOOK, "contests": ["x" * 40_000]}), orjson.dumps({**_HOOK, "candidates": ["c"] * 10_000})],
        422, service="webhooks", target="/v1/webhooks",
    ),
    _told("a webhook of 10 MB", "/v1/webhooks", b" " * 1000, 413, times=10_000, service="webhooks"),
]  # fmt: skip


def _head(method: str, target: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def _post(*headers: str) -> bytes:
    return _head("POST", "/v1/contests", f"Content-Type: {_JSON}", *headers)


_TWICE = _post("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\nGET"
_STREAM = _head("GET", "/v1/changes?after=0-0", "Accept: text/event-stream")
_HELD: list[Case] = [
    Held("silent connections", "ingest", b"", 1000, 5),
    Held("half a head", "api", b"GET /v1/contests HTTP/1.1\r\nHost: t\r\n", 1000, 5),
    Held("half a body", "ingest", _post("Content-Length: 99") + b"{", 500, 5),
    Held("half a body of 1 MB", "ingest", _post("Content-Length: 1048576") + b" " * 1_000_000, 300, 5),
    Held("answers that nobody reads", "api", _head("GET", "/openapi.json") * 20, 200, 5),
    Held("large answers that nobody reads", "api", _head("GET", _LARGE), 60, 5),
    Held("subscribers that do not read", "api", _STREAM, 300, 8, changes=3000),
    Held("two bodies in one", "ingest", _TWICE, 50, 2),
    Held("no HTTP at all", "webhooks", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 100, 200, 3),
]  # fmt: skip
CASES: list[Case] = [
    *_BATCHES, *_WHOLE_BATCHES, *_BODIES, *_VALUES, *_FOREIGN, *_QUESTIONS, *_HEADERS, *_WEBHOOKS, *_HELD,
]  # fmt: skip


def scaled(case: Case, share: float) -> Case:
    """The same case with a share of what it sends."""
    if isinstance(case, Attack):
        return case._replace(
            requests=tuple(request.scaled(share) for request in case.requests),
            at_once=max(int(case.at_once * share), 1),
            rounds=max(int(case.rounds * share), 1),
        )
    return case._replace(
        connections=max(int(case.connections * share), 1),
        seconds=max(case.seconds * share, 1),
        changes=int(case.changes * share),
    )


def named(words: str) -> Iterator[Case]:
    """The cases whose name has these words."""
    return (case for case in CASES if words in case.name)
