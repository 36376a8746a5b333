"""A contest of many candidates, where every event moves the rank of most of them under every policy."""

from typing import Any

import pytest
from redis import Redis

from services.scorer import folder
from shared.projection.projections import Commit, Committed
from tests.bench import Bench, on
from tests.builders import CONTEST, announcement, opening

CANDIDATES, EVENTS = 150, 150
MOST = 1 << 20
CHANGES = "standings:{p00}:changes"


def sizes(url: str) -> list[int]:
    """The bytes of each change."""
    with Redis.from_url(url) as client:
        entries: Any = client.xrange(CHANGES)
        return [len(fields[b"event"]) for _, fields in entries]


def test_a_commit_is_bounded_by_the_bytes_of_its_changes_and_what_had_no_room_follows(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST_BYTES", MOST, raising=False)
    committed: list[tuple[int, int]] = []

    async def work(bench: Bench) -> None:
        commit = bench.projections.commit

        async def noted(one: Commit) -> Committed:
            done = await commit(one)
            committed.append(
                (done.version, sum(map(len, filter(lambda a: isinstance(a, bytes), one.arguments))))
            )
            return done

        monkeypatch.setattr(bench.projections, "commit", noted)
        names = [{"candidate": f"c{n}", "name": f"C {n}"} for n in range(CANDIDATES)]
        await bench.desk.take(opening(candidates=names))
        told = [announcement(f"e{n}", f"p{n}", id=f"id-{n}", candidate=f"c{n}") for n in range(EVENTS)]
        await bench.desk.take_all(CONTEST, told)
        assert await bench.folder.drain(CONTEST) == 1 + CANDIDATES + EVENTS

    on(redis_url, work)

    changes = sizes(redis_url)
    assert len(changes) == 1 + CANDIDATES + EVENTS
    assert sum(changes) > 3 * MOST
    assert max(size for _, size in committed) < MOST + 3 * max(changes)
    assert [version for version, _ in committed] == sorted(version for version, _ in committed)
