"""A subscriber that may die at any time, and what it noted.

`python -m tests.chaos.subscriber KIND API REDIS_URL FILE` with a kind of `KINDS`. What it does with a change is to
write one line to its file: the effect and the position in one step, as a consumer does that commits both together. It
goes on behind the last whole line.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
from httpx_sse import SSEError, connect_sse
from redis import Redis

from shared.storage.connections import FAILURES
from shared.storage.redis_keys import PartitionKeys
from standings.client import AsyncClient, Change, Client

CHANGES = PartitionKeys(0).changes
_GROUP = "chaos"
_BLOCK_MS = 1000


class Note(NamedTuple):
    """A change that was seen, and where to go on after it."""

    contest: str
    version: int
    digest: str
    cursor: str


def digest_of(change: Change) -> str:
    """Of all that a change says."""
    return blake2b(change.model_dump_json().encode(), digest_size=8).hexdigest()


def notes(file: Path) -> list[Note]:
    """Every whole line."""
    whole = file.read_bytes().rpartition(b"\n")[0].decode().splitlines() if file.exists() else []
    parts = (line.split(" ") for line in whole)
    return [Note(contest, int(version), digest, cursor) for contest, version, digest, cursor in parts]


class Notebook:
    """What this subscriber noted, in this life and those before."""

    def __init__(self, file: Path) -> None:
        self.notes = notes(file)
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT)
        written = sum(len(_line(note)) for note in self.notes)
        os.ftruncate(self._file, written)
        os.lseek(self._file, written, os.SEEK_SET)

    def note(self, change: Change, cursor: str) -> None:
        """Notes a change."""
        note = Note(change.contest, change.version, digest_of(change), cursor)
        os.write(self._file, _line(note))
        self.notes.append(note)

    @property
    def cursor(self) -> str:
        """Behind the last change that was noted, '' before the first."""
        return self.notes[-1].cursor if self.notes else ""


def _line(note: Note) -> bytes:
    return (" ".join(map(str, note)) + "\n").encode()


def _contest(api: str, _: str, book: Notebook) -> None:
    """One contest, by the client of ordinary code."""
    with Client(api) as client:
        for change in client.changes("north", since=int(book.cursor or 0)):
            book.note(change, str(change.version))


def _all(api: str, _: str, book: Notebook) -> None:
    """All contests, by the client for asyncio."""

    async def follow() -> None:
        async with AsyncClient(api) as client:
            async for change, cursor in client.all_changes(after=book.cursor or "0-0"):
                book.note(change, cursor)

    asyncio.run(follow())


def _plain(api: str, _: str, book: Notebook) -> None:
    """All contests, by a plain reader of server-sent events, which notes whatever it is told."""
    while True:
        headers = {"Last-Event-ID": book.cursor or "0-0"}
        try:
            with (
                httpx.Client(timeout=httpx.Timeout(5, read=30)) as client,
                connect_sse(client, "GET", f"{api}/v1/changes", headers=headers) as source,
            ):
                for told in source.iter_sse():
                    if told.event == "change":
                        book.note(Change.model_validate_json(told.data), told.id)
        except (httpx.HTTPError, SSEError):
            time.sleep(0.1)  # the API was killed too


def _group(_: str, redis_url: str, book: Notebook) -> None:
    """All contests, in a consumer group: what is delivered again after a death is known by its version."""
    seen = {(note.contest, note.version) for note in book.notes}
    while True:
        try:
            with Redis.from_url(redis_url) as redis:
                if _GROUP not in [group["name"].decode() for group in cast(Any, redis.xinfo_groups(CHANGES))]:
                    redis.xgroup_create(CHANGES, _GROUP, id="0")
                _consume(redis, book, seen)
        except FAILURES:
            pass  # Valkey was killed too


def _consume(redis: "Redis", book: Notebook, seen: set[tuple[str, int]]) -> None:
    place = "0"  # what this consumer was given before it died, then what is new
    while True:
        read: Any = redis.xreadgroup(_GROUP, "one", {CHANGES: place}, count=100, block=_BLOCK_MS)
        entries = read[0][1] if read else []
        for entry_id, fields in entries:
            if b"version" not in fields:
                continue  # a reset, which is a violation here
            change = Change.model_validate_json(fields[b"event"])
            if (change.contest, change.version) not in seen:
                book.note(change, entry_id.decode())
                seen.add((change.contest, change.version))
            redis.xack(CHANGES, _GROUP, entry_id)
        if not entries:
            place = ">"


KINDS: dict[str, Callable[[str, str, Notebook], None]] = {
    "contest": _contest,
    "all": _all,
    "plain": _plain,
    "group": _group,
}


if __name__ == "__main__":
    _, kind, api, redis_url, file = sys.argv
    KINDS[kind](api, redis_url, Notebook(Path(file)))
