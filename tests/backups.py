"""Backup files made by hand: as a release writes them, or as a stranger forges them, every hash right."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

Line = Any
POLICIES = {"headcount@1": "0" * 32}


def fields(version: int, kind: str, **facts: object) -> dict[str, str]:
    """A log entry's fields, of a contest whose clock is the server's."""
    return {
        "id": f"id-{version}",
        "type": f"{kind}.v1",
        "known_at": f"2025-03-01T00:00:00.{version:06d}Z",
        "data": orjson.dumps({"recorded_by": "a test", **facts}).decode(),
    }


def opening(contest: str, **facts: object) -> dict[str, str]:
    """The first entry's fields."""
    said = {"contest": contest, "title": "A race", "timezone": "UTC", "clock": "server"}
    return fields(1, "contest.opened", opened_at="2025-01-01", **{**said, **facts})


def announcement(version: int, **facts: object) -> dict[str, str]:
    """An endorsement's fields."""
    said = {
        "endorsement": f"e{version}",
        "endorser": {"id": f"p{version}", "name": "P", "kind": "person"},
        "candidate": "ann",
        "category": "mayor",
        "members": 0,
        "announced_at": "2025-02-03",
        "source": {"title": "a newspaper"},
    }
    return fields(version, "endorsement.announced", **{**said, **facts})


def log(contest: str, events: int = 5) -> list[Line]:
    """A contest's entries as a backup has them."""
    entered = fields(2, "candidate.entered", candidate="ann", name="Ann", party="", entered_at="2025-01-01")
    first = [opening(contest), entered]
    said = [*first, *(announcement(version) for version in range(3, events + 1))]
    return [[version, one, ""] for version, one in enumerate(said[:events], 1)]


def lines(
    contests: Sequence[tuple[str, Sequence[Line]]],
    policies: Mapping[str, str] = POLICIES,
    header: object = None,
) -> Iterator[bytes]:
    """A backup's lines; what is `bytes` among the entries stays as it is."""
    yield _line(header or {"standings_backup": 1, "made_at": "2025-03-02T00:00:00Z", "partitions": 1})
    manifest = []
    for contest, entries in contests:
        written = [entry if isinstance(entry, bytes) else _line(entry) for entry in entries]
        digest = sha256(b"".join(written)).hexdigest()
        manifest.append({"contest": contest, "version": len(entries), "sha256": digest})
        yield _line({"contest": contest})
        yield from written
        yield _line(manifest[-1])
    yield _line({"manifest": manifest, "policies": policies})


def packed(*contests: tuple[str, Sequence[Line]], **more: Any) -> bytes:
    """A whole file."""
    return gzip.compress(b"".join(lines(contests, **more)), 1)


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
