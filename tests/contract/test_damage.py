"""Damage to a projection is noticed before anything is folded or decided from it, and named with the way out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from redis.exceptions import ResponseError

from services.scorer.folder import Unfoldable
from services.scorer.rebuild import Rebuild
from shared.domain.errors import UnreadableEvent
from shared.http.unavailable import problem_of_failure
from tests.bench import Bench, on
from tests.builders import CONTEST, NOW, announcement, command, opening

STATE = f"standings:{{p00}}:c:{CONTEST}:g1:state"
LEDGER = f"standings:{{p00}}:c:{CONTEST}:g1:ledger"
LOG = f"standings:{{p00}}:c:{CONTEST}:log"
Damage = Callable[[Any], Awaitable[Any]]


async def another_total(redis: Any) -> None:
    totals = orjson.loads(await redis.hget(STATE, "totals"))
    totals[0][2] += 1
    await redis.hset(STATE, "totals", orjson.dumps(totals))


async def another_contest(redis: Any) -> None:
    stored = await redis.hget(STATE, "contest")
    await redis.hset(STATE, "contest", stored.replace(b"New_York", b"Chicago"))


async def fields_swapped(redis: Any) -> None:
    first, second = await redis.hmget(STATE, "e:e1", "e:e2")
    await redis.hset(STATE, mapping={"e:e1": second, "e:e2": first})


async def pairs_swapped(redis: Any) -> None:
    first, second = await redis.hmget(STATE, "p:p1/ann", "p:p2/ann")
    await redis.hset(STATE, mapping={"p:p1/ann": second, "p:p2/ann": first})


async def written_by_hand(redis: Any) -> None:
    stored = orjson.loads(await redis.hget(STATE, "e:e1"))
    stored.pop("digest", None)
    await redis.hset(STATE, "e:e1", orjson.dumps({**stored, "category": "senator"}))


def changed(field: str, value: Any) -> Damage:
    return lambda redis: redis.hset(STATE, field, value)


def gone(field: str) -> Damage:
    return lambda redis: redis.hdel(STATE, field)


async def wrong_state(redis: Any) -> None:
    await redis.unlink(STATE)
    await redis.set(STATE, "not a hash")


async def wrong_ledger(redis: Any) -> None:
    await redis.unlink(LEDGER)
    await redis.sadd(LEDGER, "not a stream")


def bounded(work: Callable[[Bench], Awaitable[None]]) -> Callable[[Bench], Awaitable[None]]:
    """The work, in 30 seconds at most: what goes round in circles fails."""

    async def within(bench: Bench) -> None:
        async with asyncio.timeout(30):
            await work(bench)

    return within


DAMAGES: dict[str, Damage] = {
    "totals": another_total,
    "totals not JSON": changed("totals", b"\xff\xfe"),
    "contest": another_contest,
    "contest not JSON": changed("contest", b"{"),
    "known_at": changed("known_at", "1"),
    "known_at absurd": changed("known_at", "9" * 5000),
    "chain": changed("chain", "0" * 32),
    "history": changed("history", "nothing of the kind"),
    "seal": changed("seal", "7 0 12 0123456789abcdef0123456789abcdef"),
    "seal no text": changed("seal", b"\xff"),
    "endorsements swapped": fields_swapped,
    "pairs swapped": pairs_swapped,
    "endorsement": written_by_hand,
    "endorsement no text": changed("e:e1", b"\xff"),
    "pair": changed("p:p1/ann", "e2"),
    "a field more": changed("e:none", "{}"),
    **{f"no {field}": gone(field) for field in ("totals", "contest", "known_at", "chain", "history", "seal")},
    "no endorsement": gone("e:e1"),
    "no pair": gone("p:p1/ann"),
    "no state": lambda redis: redis.unlink(STATE),
    "no ledger": lambda redis: redis.unlink(LEDGER),
    "state of a wrong type": wrong_state,
    "ledger of a wrong type": wrong_ledger,
}


async def folded(bench: Bench) -> None:
    await bench.desk.take(opening())
    await bench.endorsements(1, 3)
    await bench.folder.drain(CONTEST)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_scorer_that_starts_parks_a_damaged_contest_and_goes_on_after_a_rebuild(
    redis_url: str, name: str
) -> None:
    @bounded
    async def work(bench: Bench) -> None:
        await folded(bench)
        await bench.desk.take(announcement("e4", "p1", announced_at="2020-02-01", retracted_at="2020-03-01"))
        await bench.desk.take(command("retract", endorsement="e1", retracted_at="2020-06-02"))
        await bench.desk.take(command("retract", endorsement="e2", retracted_at="2020-06-02"))
        await DAMAGES[name](bench.log.redis)
        scorer = Bench(bench.log).folder

        with pytest.raises(Unfoldable, match=f"standings rebuild {CONTEST}"):
            await scorer.drain(CONTEST)
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert f"standings rebuild {CONTEST}" in parked.reason

        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        assert await bench.projections.parking.of(CONTEST) is None
        taken = await bench.new_desk().take(announcement("e9", "p9", id="last"))
        assert await scorer.drain(CONTEST) == taken.version
        assert await bench.projections.version(CONTEST, 2) == taken.version

    on(redis_url, work)


@pytest.mark.parametrize("name", DAMAGES)
def test_ingest_decides_nothing_from_a_damaged_projection(redis_url: str, name: str) -> None:
    @bounded
    async def work(bench: Bench) -> None:
        await folded(bench)
        await DAMAGES[name](bench.log.redis)
        desk = bench.new_desk()

        with pytest.raises((UnreadableEvent, ResponseError)) as failed:  # noqa: PT012 - one of the two needs what is damaged
            await desk.take(announcement("e9", "p1", announced_at="2020-02-01", retracted_at="2020-03-01"))
            await desk.take(command("retract", endorsement="e1", retracted_at="2020-06-02"))
        members, headers = problem_of_failure(failed.value)
        assert members["type"] == "/problems/damaged"
        assert members["status"] == 503
        assert CONTEST in members["detail"]
        assert headers["Retry-After"]

    on(redis_url, work)


def test_an_older_value_of_the_totals_is_noticed(redis_url: str) -> None:
    @bounded
    async def work(bench: Bench) -> None:
        await folded(bench)
        redis: Any = bench.log.redis
        older = await redis.hgetall(STATE)
        await bench.desk.take(command("retract", endorsement="e1", retracted_at="2020-06-02"))
        await bench.folder.drain(CONTEST)
        await bench.desk.take(command("retract", endorsement="e2", retracted_at="2020-06-02"))
        newer = await redis.hgetall(STATE)
        for fields in ([b"totals"], [b"chain"], [b"totals", b"chain", b"known_at", b"history", b"seal"]):
            await redis.hset(STATE, mapping={**newer, **{field: older[field] for field in fields}})
            with pytest.raises(Unfoldable):
                await Bench(bench.log).folder.drain(CONTEST)
        await redis.hset(STATE, mapping=newer)
        assert await Bench(bench.log).folder.drain(CONTEST) == 9

    on(redis_url, work)


def test_a_state_without_digests_is_read_as_before_and_has_them_from_then_on(redis_url: str) -> None:
    @bounded
    async def work(bench: Bench) -> None:
        await folded(bench)
        redis: Any = bench.log.redis
        await as_an_earlier_release_wrote(redis)
        await bench.new_desk().take(command("retract", endorsement="e1", retracted_at="2020-06-02"))
        assert await Bench(bench.log).folder.drain(CONTEST) == 8
        await bench.new_desk().take(command("retract", endorsement="e2", retracted_at="2020-06-02"))
        assert await Bench(bench.log).folder.drain(CONTEST) == 9
        assert b'"digest"' in await redis.hget(STATE, "e:e1")
        assert b'"digest"' not in await redis.hget(STATE, "e:e3")

        await another_total(redis)
        with pytest.raises(UnreadableEvent, match=r"not what was written"):
            await bench.new_desk().take(command("retract", endorsement="e3", retracted_at="2020-06-02"))

    on(redis_url, work)


async def as_an_earlier_release_wrote(redis: Any) -> None:
    """Takes out of ledger and state what that release did not write."""
    entries = await redis.xrange(LEDGER)
    await redis.unlink(LEDGER)
    for entry_id, fields in entries:
        plain = {name: value for name, value in fields.items() if name not in (b"chain", b"history")}
        await redis.xadd(LEDGER, plain, id=entry_id)
    await redis.hdel(STATE, "seal", "history")
    for field, value in (await redis.hgetall(STATE)).items():
        if field.startswith(b"e:"):
            stored = orjson.loads(value)
            stored.pop("digest")
            await redis.hset(STATE, field, orjson.dumps(stored))
        if field.startswith(b"p:"):
            await redis.hset(STATE, field, b" ".join(value.split()[1:]))


@pytest.mark.parametrize(
    "fields",
    [
        {"data": b"\xff\xfe"},
        {"data": b'{"announced_at":"no day at all"}'},
        {"known_at": b"\xff"},
        {"id": b"\xff"},
        {"type": b"\xff"},
        {"members": 2**63 - 1},
    ],
)
def test_an_event_that_breaks_the_fold_parks_its_contest_and_what_came_before_is_folded(
    redis_url: str, fields: dict[str, Any]
) -> None:
    """In the middle of many: only that one is left, and what follows it."""

    @bounded
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 40)
        redis: Any = bench.log.redis
        entries: Any = await redis.xrange(LOG)
        await redis.unlink(LOG)
        for entry_id, one in entries:
            broken = altered(one, fields) if entry_id in (b"20-0", b"21-0", b"22-0") else {}
            await redis.xadd(LOG, {**one, **broken}, id=entry_id)
        for _ in range(2):
            with pytest.raises(Unfoldable):
                await bench.folder.drain(CONTEST)
        last = 21 if "members" in fields else 19
        assert await bench.projections.version(CONTEST, 1) == last
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert parked.version == last + 1

    on(redis_url, work)


def altered(fields: dict[bytes, bytes], by: dict[str, Any]) -> dict[bytes, bytes]:
    said = orjson.loads(fields[b"data"])
    if "members" in by:
        return {b"data": orjson.dumps({**said, "members": by["members"]})}
    if by.get("data", b"").startswith(b"{"):
        return {b"data": orjson.dumps({**said, **orjson.loads(by["data"])})}
    return {name.encode(): value for name, value in by.items()}
