"""Subscribers that do not read cost little, and take nothing from those who do."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from services.api.live.positions import is_there
from services.api.web.routes.changes import MOST_BYTES
from shared.storage.redis_keys import PartitionKeys
from tests.running import Service, service
from tests.servers import eventually, missing

CHANGES = PartitionKeys(0).changes
MB = 1 << 20
EVENT_BYTES = 1500
ASKED = b"GET /v1/changes HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"


def published(client: Redis, first: int, last: int, nbytes: int = EVENT_BYTES) -> None:
    """Changes as a scorer publishes them, of a contest that nobody asks about."""
    with client.pipeline(transaction=False) as pipe:
        for version in range(first, last):
            said = {"id": f"race/{version}", "data": {"version": version, "scores": [], "text": "x" * nbytes}}
            pipe.xadd(CHANGES, {"contest": "race", "version": version, "event": orjson.dumps(said)})
        pipe.execute()


def memory(api: Service) -> int:
    """Bytes that a service has in memory."""
    if not Path("/proc/self/statm").exists():
        missing("/proc", expected=False)
    return int(Path(f"/proc/{api.process.pid}/statm").read_text().split()[1]) * 4096


def connected(api: Service) -> socket.socket:
    """A subscriber's connection, on which the first words have come."""
    address = urlsplit(api.url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    connection.settimeout(20)
    connection.connect((address.hostname, address.port))
    connection.sendall(ASKED)
    read = b""
    while b"changes follow" not in read:
        read += connection.recv(4096)
    return connection


@contextmanager
def reading(api: Service, last: int, found: list[list[int]]) -> Iterator[None]:
    """A subscriber that reads up to a version, and what it was told."""
    told: list[int] = []
    found.append(told)

    def read() -> None:
        with httpx.stream("GET", f"{api.url}/v1/changes?format=sse", timeout=30) as answer:
            ready.set()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    told.append(orjson.loads(line[6:])["data"]["version"])
                    if told[-1] == last:
                        return

    ready = threading.Event()
    thread = threading.Thread(target=read)
    thread.start()
    assert ready.wait(20)
    yield
    thread.join(60)


def test_subscribers_that_do_not_read_cost_little_and_readers_beside_them_miss_nothing(
    redis_url: str,
) -> None:
    last = 6000
    found: list[list[int]] = []
    with Redis.from_url(redis_url) as client, service("api", redis_url) as api, ExitStack() as stack:
        slow = [stack.enter_context(connected(api)) for _ in range(60)]
        before = memory(api)
        with reading(api, last, found), reading(api, last, found):
            for first in range(1, last, 3000):
                published(client, first, first + 3000)
        published(client, last + 1, last + 2)
        place = client.xrevrange(CHANGES, count=1)[0][0].decode()
        eventually(lambda: httpx.get(f"{api.url}/v1/changes").json()["next"] == place)

        held = memory(api) - before

        assert found == [list(range(1, last + 1))] * 2
        assert held < 50 * MB, f"{held / MB:.0f} MB"
        for one in slow:
            one.close()
        eventually(lambda: memory(api) - before < 40 * MB)


def test_the_system_holds_little_of_what_a_subscriber_has_not_read(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, service("api", redis_url) as api, connected(api) as slow:
        published(client, 1, 4001, nbytes=3000)
        place = client.xrevrange(CHANGES, count=1)[0][0].decode()
        eventually(lambda: httpx.get(f"{api.url}/v1/changes").json()["next"] == place)
        # It sends nothing more, so what still comes was in the buffers of the system.
        api.process.send_signal(signal.SIGSTOP)
        try:
            assert len(rest(slow)) < 1 * MB
        finally:
            api.process.send_signal(signal.SIGCONT)


def rest(connection: socket.socket) -> bytes:
    """What comes until nothing comes any more."""
    read = b""
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while more := connection.recv(1 << 16):
            read += more
    return read


def test_there_are_seats_for_so_many_subscribers_and_whoever_leaves_makes_room(redis_url: str) -> None:
    with service("api", redis_url, subscribers="2") as api, ExitStack() as stack:
        first, _ = (stack.enter_context(connected(api)) for _ in range(2))
        for form in ("sse", "json"):
            refused = httpx.get(f"{api.url}/v1/changes", params={"format": form})
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/too-many-subscribers")
            assert refused.headers["retry-after"]

        first.close()

        eventually(lambda: httpx.get(f"{api.url}/v1/changes").status_code == 200)
        assert httpx.get(f"{api.url}/problems/too-many-subscribers").status_code == 200


def test_one_answer_is_bounded_by_bytes_and_the_next_goes_on(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, service("api", redis_url) as api:
        published(client, 1, 301, nbytes=10_000)
        after, answers = "0-0", 0
        versions: list[int] = []
        while len(versions) < 300:
            answer = httpx.get(f"{api.url}/v1/changes", params={"after": after, "limit": 1000})
            assert len(answer.content) < MOST_BYTES + 200_000
            after = answer.json()["next"]
            versions += [one["data"]["version"] for one in answer.json()["changes"]]
            answers += 1

    assert versions == list(range(1, 301))
    assert answers == 3


def test_a_short_answer_from_the_beginning_reads_little(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, service("api", redis_url) as api:
        published(client, 1, 4001)
        last = client.xrevrange(CHANGES, count=1)[0][0].decode()
        # It has followed them: that too makes the server send.
        eventually(lambda: httpx.get(f"{api.url}/v1/changes").json()["next"].split(",")[0] == last)
        before = sent(client)

        answer = httpx.get(f"{api.url}/v1/changes", params={"after": "0-0", "limit": 1})

        assert [one["id"] for one in answer.json()["changes"]] == ["race/1"]
        assert sent(client) - before < 1 * MB


def test_whether_a_place_is_still_there_is_asked_without_reading_what_lies_there(redis_url: str) -> None:
    async def ask(place: str) -> bool:
        async with AsyncRedis.from_url(redis_url) as redis:
            return await is_there(redis, CHANGES, place)

    with Redis.from_url(redis_url) as client:
        published(client, 1, 2, nbytes=4 * MB)
        last = client.xrevrange(CHANGES, count=1)[0][0].decode()
        before = sent(client)

        assert asyncio.run(ask(last))
        assert not asyncio.run(ask("1-1"))
        assert sent(client) - before < 0.1 * MB


def sent(client: Redis) -> int:
    """Bytes that the server has sent to all its clients."""
    info: Any = client.info("stats")
    return int(info["total_net_output_bytes"])


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize(
    "after",
    [
        *(
            "x",
            "null",
            "{}",
            "",
            "-1",
            "1.5",
            "1-",
            "-",
            "1-1-1",
            "18446744073709551616-0",
            "0-18446744073709551616",
        ),
        *(
            "9" * 21,
            "9" * 3999,
            "0-0,0-0",
            ",",
            "\0",
            "0-0\0",
            "\u0661-0",
            "\N{SNOWMAN}",
            "0-0 ",
        ),
    ],
)
def test_a_forged_place_is_refused_by_name(apis: dict[int, Service], after: str, partitions: int) -> None:
    url = f"{apis[partitions].url}/v1/changes"
    for form in ("json", "sse"):
        answer = httpx.get(url, params={"after": after, "format": form})
        assert (answer.status_code, answer.json()["field"]) == (422, "after"), answer.text
    if after and after.isascii() and after.isprintable() and after == after.strip():
        answer = httpx.get(url, headers={"Last-Event-ID": after})
        assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID"), answer.text


def test_a_place_in_a_stream_that_is_not_there_was_lost_with_it(apis: dict[int, Service]) -> None:
    answer = httpx.get(f"{apis[1].url}/v1/changes", params={"after": "1700000000000-0"})
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/reset"), answer.text


@pytest.mark.parametrize("junk", ["%00", "%ff", "%ed%a0%80", "%", "%zz", "0-0%00", "0-0%0a", "%e2%80%ae0-0"])
def test_junk_for_a_place_is_refused_by_name(apis: dict[int, Service], junk: str) -> None:
    answer = httpx.get(f"{apis[1].url}/v1/changes?after={junk}")
    assert (answer.status_code, answer.json()["field"]) == (422, "after"), answer.text


@pytest.fixture(scope="module")
def apis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Service]]:
    """APIs over servers of their own, by how many partitions they have."""
    from services.local.embedded import embedded_valkey

    with ExitStack() as stack:
        yield {
            partitions: stack.enter_context(
                service(
                    "api",
                    stack.enter_context(embedded_valkey(tmp_path_factory.mktemp("apis"))),
                    partitions=str(partitions),
                )
            )
            for partitions in (1, 3)
        }
