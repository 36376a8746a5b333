"""A generation takes over in one step, and only where it has all that answered before."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, cast

import pytest
from redis import Redis, ResponseError

from services.scorer.rebuild import KEPT_SECONDS, BeingRebuilt, Rebuild
from shared.storage.redis_keys import keys_of
from tests.bench import Bench, on, raw
from tests.builders import CONTEST, NOW, announcement, opening

KEYS = keys_of(CONTEST, 1)
SHARED = KEYS.partition
LEASE = "mine"
AT = "2026-01-01T00:00:00.000000Z"


def taken_over(url: str, answering: int = 1, lease: str = LEASE) -> int:
    """What the script answers where generation 2 is to take over."""
    names = [KEYS.generation, KEYS.ledger(1), KEYS.state(1), KEYS.ledger(2), KEYS.certificates]
    names += [KEYS.building, SHARED.parked, KEYS.log, SHARED.awake, SHARED.wake]
    with Redis.from_url(url) as client:
        script = client.register_script(files("services.scorer").joinpath("take_over.lua").read_text())
        return cast(int, script(names, [answering, 2, "{}", CONTEST, KEPT_SECONDS, AT, lease]))


def stands_at(url: str, log: int, old: int, new: int) -> None:
    """Log and ledgers end at these versions, and the contest is parked while another generation is built."""
    with Redis.from_url(url) as client:
        for key, version in ((KEYS.log, log), (KEYS.ledger(1), old), (KEYS.ledger(2), new)):
            if version:
                client.xadd(key, {"a": "b"}, id=f"{version}-0")
        for generation in (1, 2):
            client.hset(KEYS.state(generation), "a", "b")
        client.hset(SHARED.parked, CONTEST, "{}")
        client.set(KEYS.building, LEASE)


@pytest.mark.parametrize(
    ("log", "old", "new", "takes_over"),
    [
        (7, 7, 7, True),
        (7, 7, 6, False),
        (7, 6, 6, True),
        (5, 7, 5, True),
        (5, 7, 4, False),
        (7, 0, 0, True),
        (1, 1, 0, False),
    ],
)
def test_a_generation_takes_over_at_the_logs_end_or_no_earlier_than_the_one_before(
    any_redis_url: str, log: int, old: int, new: int, takes_over: bool
) -> None:
    stands_at(any_redis_url, log, old, new)

    assert taken_over(any_redis_url) == takes_over

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        assert client.get(KEYS.generation) == ("2" if takes_over else None)
        assert client.exists(KEYS.building, SHARED.parked) == (0 if takes_over else 2)
        assert client.exists(KEYS.certificates) == takes_over
        assert client.hgetall(SHARED.awake) == ({CONTEST: AT} if takes_over else {})
        for key in (KEYS.ledger(1), KEYS.state(1)):
            assert client.ttl(key) in ([KEPT_SECONDS, KEPT_SECONDS - 1, -2] if takes_over else [-1, -2])
        assert {client.ttl(key) for key in (KEYS.ledger(2), KEYS.state(2), KEYS.log)} <= {-1, -2}
    wakes = [fields for _, fields in raw(any_redis_url, SHARED.wake)]
    assert wakes == ([{"contest": CONTEST}] if takes_over else [])


def test_a_contest_that_a_wake_is_out_for_is_not_woken_again(any_redis_url: str) -> None:
    stands_at(any_redis_url, 7, 7, 7)
    with Redis.from_url(any_redis_url) as client:
        client.hset(SHARED.awake, CONTEST, "before")

    assert taken_over(any_redis_url) == 1
    assert raw(any_redis_url, SHARED.wake) == []


def test_where_another_generation_took_over_meanwhile_nothing_is_done(any_redis_url: str) -> None:
    stands_at(any_redis_url, 7, 7, 7)
    with Redis.from_url(any_redis_url) as client:
        client.set(KEYS.generation, 3)

    with pytest.raises(ResponseError, match="another generation took over: rebuild again"):
        taken_over(any_redis_url)

    with Redis.from_url(any_redis_url) as client:
        assert client.get(KEYS.generation) == b"3"
        assert client.exists(KEYS.building, SHARED.parked) == 2


def test_what_lost_its_lease_does_not_take_over(any_redis_url: str) -> None:
    stands_at(any_redis_url, 7, 7, 7)

    assert taken_over(any_redis_url, lease="another's") == -1

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        assert (client.get(KEYS.generation), client.get(KEYS.building)) == (None, LEASE)
        assert client.exists(KEYS.certificates) == 0


@pytest.mark.parametrize(
    ("lease", "generation", "left"),
    [
        (LEASE, None, 0),
        (LEASE, "1", 0),
        (LEASE, "2", 2),
        ("another's", None, 3),
        (None, None, 2),
    ],
)
def test_what_was_built_is_removed_by_whoever_has_the_lease_unless_it_answers(
    any_redis_url: str, lease: str | None, generation: str | None, left: int
) -> None:
    built = KEYS.ledger(2), KEYS.state(2)
    stands_at(any_redis_url, 7, 7, 7)
    with Redis.from_url(any_redis_url) as client:
        for key, value in ((KEYS.building, lease), (KEYS.generation, generation)):
            client.delete(key) if value is None else client.set(key, value)
        script = client.register_script(files("services.scorer").joinpath("give_up.lua").read_text())

        script([KEYS.building, KEYS.generation, *built], [LEASE, 2])

        assert client.exists(KEYS.building, *built) == left
        assert client.exists(KEYS.ledger(1), KEYS.state(1)) == 2


def test_a_rebuild_that_stood_still_leaves_the_one_that_went_on_alone(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.folder.drain(CONTEST)
        rebuild = Rebuild(bench.log, bench.projections, NOW)

        async with rebuild._building(CONTEST):
            await bench.log.redis.set(KEYS.building, "another's")

        assert await bench.log.redis.get(KEYS.building) == b"another's"
        assert await bench.projections.version(CONTEST, 2) == 4
        await bench.log.redis.unlink(KEYS.building)
        async with rebuild._building(CONTEST) as (building, _):
            assert await bench.log.redis.get(KEYS.building) == building.lease.encode()
        assert not await bench.log.redis.exists(KEYS.building, KEYS.ledger(2), KEYS.state(2))

    on(any_redis_url, work)


async def rebuild_in_which(
    happens: Callable[[], Awaitable[object]], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> Rebuild:
    """A rebuild of an open contest in which something happens once the next generation is built."""
    await bench.desk.take(opening())
    await bench.folder.drain(CONTEST)
    rebuild = Rebuild(bench.log, bench.projections, NOW)
    compared = rebuild._compared

    async def meanwhile(*asked: Any) -> Any:
        await happens()
        return await compared(*asked)

    monkeypatch.setattr(rebuild, "_compared", meanwhile)
    return rebuild


def test_a_rebuild_that_stood_still_says_that_another_went_on(
    any_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(bench: Bench) -> None:
        async def lose_the_lease() -> None:
            await bench.log.redis.set(KEYS.building, "another's")

        rebuild = await rebuild_in_which(lose_the_lease, bench, monkeypatch)
        with pytest.raises(BeingRebuilt, match="stood still"):
            await rebuild.take_over(CONTEST)

    on(any_redis_url, work)


def test_what_happens_while_a_generation_is_built_is_folded_into_it(
    any_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(bench: Bench) -> None:
        async def announce() -> None:
            await bench.desk.take(announcement(id="id-1"))
            await bench.folder.drain(CONTEST)

        rebuild = await rebuild_in_which(announce, bench, monkeypatch)
        await rebuild.take_over(CONTEST)
        assert await bench.projections.version(CONTEST, 2) == 5

    on(any_redis_url, work)
