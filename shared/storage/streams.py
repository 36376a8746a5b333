"""Reading streams, most of whose entries are numbered by version: `<version>-0`."""

from typing import cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.domain.events import Version

Entry = tuple[bytes, dict[bytes, bytes]]


def order_of(entry_id: bytes) -> tuple[int, int]:
    """The two numbers of an entry's id, by which a stream is ordered: a version or milliseconds, and a count."""
    first, _, second = entry_id.partition(b"-")
    return int(first), int(second)


def version_of(entry_id: bytes) -> Version:
    """The version in an entry's id `<version>-0`."""
    return Version(order_of(entry_id)[0])


async def entries_after(redis: Redis, key: str, version: int, count: int | None = None) -> list[Entry]:
    """The entries that follow a version, in order; at most `count`."""
    return cast(list[Entry], await redis.xrange(key, min=f"({version}-0", count=count))


async def last_version(redis: Redis, key: str) -> int:
    """The version of the last entry, 0 in an empty stream."""
    return last_of(await redis.xrevrange(key, count=1))


async def last_id(redis: Redis, key: str) -> str:
    """The id of the last entry of any stream, `0-0` in an empty one."""
    last = cast(list[Entry], await redis.xrevrange(key, count=1))
    return last[0][0].decode() if last else "0-0"


def last_of(last: object) -> Version:
    """The version in the answer to `XREVRANGE key + - COUNT 1`."""
    entries = cast(list[Entry], last)
    return version_of(entries[0][0]) if entries else Version(0)


async def create_group(redis: Redis, key: str, group: str) -> None:
    """Sees to it that the group is there; a new one begins at the stream's beginning, so nothing is passed over."""
    try:
        await redis.xgroup_create(key, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
