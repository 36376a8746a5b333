"""Looking names up: checked, kept for a moment, one at a time for a name, and one that hangs holds up nobody else."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from services.webhooks import lookups
from services.webhooks.addresses import target_of
from services.webhooks.lookups import (
    AT_ONCE_HUNG,
    KEPT_SECONDS,
    MOST_ADDRESSES,
    MOST_KEPT,
    Addresses,
    NotPublic,
)

PUBLIC = "93.184.216.34"


class Names:
    """A resolver: what it was asked, what it answers, and which names hang until it is over."""

    def __init__(self, *answer: str) -> None:
        self.answer = list(answer) or [PUBLIC]
        self.asked: list[str] = []
        self.now: Counter[str] = Counter()
        self.over = threading.Event()

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        self.now[host] += 1
        if host.startswith("hangs"):
            self.over.wait(20)
        self.now[host] -= 1
        return self.answer


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    made.over.set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs is waited for a moment only, which is enough for what does not, also on a busy machine."""
    monkeypatch.setattr(lookups, "LOOK_UP_SECONDS", 1.0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def found(addresses: Addresses, host: str) -> list[str]:
    return await addresses.of(target_of(f"https://{host}/", development=False))


@pytest.mark.parametrize("answer", [["10.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1", PUBLIC], ["127.0.0.1"] * 9])
def test_one_private_address_is_enough_to_refuse_and_is_not_told(answer: list[str]) -> None:
    names, clock = Names(*answer), Clock()

    async def refused() -> None:
        addresses = Addresses(names, False, clock)
        for _ in range(2):
            with pytest.raises(NotPublic) as error:
                await found(addresses, "example.org")
            assert str(error.value) == "example.org is not a public host"
        assert len(names.asked) == 2  # only what was checked is kept
        allowed = await found(Addresses(names, True, clock), "example.org")
        assert allowed == answer[:MOST_ADDRESSES]

    asyncio.run(refused())


@pytest.mark.parametrize("failure", [[], OSError("no such name"), UnicodeError("label too long")])
def test_a_name_without_an_address_is_an_error_and_is_asked_for_again(failure: list[str] | Exception) -> None:
    asked = []

    def nowhere(host: str) -> list[str]:
        asked.append(host)
        if isinstance(failure, Exception):
            raise failure
        return failure

    async def failed() -> None:
        addresses = Addresses(nowhere, False, Clock())
        for _ in range(2):
            with pytest.raises(OSError, match="no"):
                await found(addresses, "example.org")

    asyncio.run(failed())
    assert len(asked) == 2


def test_an_address_needs_no_looking_up() -> None:
    async def literal() -> None:
        assert await found(Addresses(names, False, Clock()), PUBLIC) == [PUBLIC]
        target = target_of("https://10.0.0.1/", development=True)
        with pytest.raises(NotPublic):
            await Addresses(names, False, Clock()).of(target)

    names = Names()
    asyncio.run(literal())
    assert names.asked == []


def test_what_was_found_is_kept_for_a_moment_and_so_many_names_are() -> None:
    names, clock = Names(), Clock()

    async def kept() -> None:
        addresses = Addresses(names, False, clock)
        for _ in range(3):
            assert await found(addresses, "example.org") == [PUBLIC]
        assert names.asked == ["example.org"]
        clock.now += KEPT_SECONDS
        await found(addresses, "example.org")
        assert names.asked == ["example.org"] * 2

        for n in range(MOST_KEPT):
            addresses._kept[f"other-{n}"] = (clock.now, [])
        await found(addresses, "example.net")
        assert len(addresses._kept) <= MOST_KEPT + 1

    asyncio.run(kept())


@pytest.mark.usefixtures("impatient")
def test_a_name_that_hangs_is_looked_up_once_at_a_time_and_others_go_on(names: Names) -> None:
    async def beside() -> None:
        addresses = Addresses(names, False, Clock())
        hung = [found(addresses, "hangs.example") for _ in range(50)]
        *failures, good = await asyncio.gather(*hung, found(addresses, "example.org"), return_exceptions=True)
        assert good == [PUBLIC]
        assert all("hangs.example was not answered for" in str(one) for one in failures)
        assert names.now["hangs.example"] == 1
        # It answers late: that is kept, and the next one has it.
        names.over.set()
        await addresses._running["hangs.example"]
        assert await found(addresses, "hangs.example") == [PUBLIC]
        assert names.asked.count("hangs.example") == 1

    asyncio.run(beside())


@pytest.mark.usefixtures("impatient")
def test_names_that_hung_before_have_few_threads_and_those_that_did_not_have_theirs(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "AT_ONCE", 20)
    hosts = [f"hangs-{n}.example" for n in range(20)]

    async def again() -> None:
        addresses = Addresses(names, False, Clock())
        await asyncio.gather(*(found(addresses, host) for host in hosts), return_exceptions=True)
        # All threads hang now: another name has no turn, and is told so in time.
        with pytest.raises(OSError, match="others hang"):
            await found(addresses, "example.org")
        names.over.set()
        await asyncio.gather(*addresses._running.values(), return_exceptions=True)
        addresses._kept.clear()
        names.over.clear()
        # From now on these names have few threads among them.
        tried = asyncio.gather(*(found(addresses, host) for host in hosts), return_exceptions=True)
        assert await found(addresses, "example.org") == [PUBLIC]
        failures = await tried
        assert sum(names.now.values()) == AT_ONCE_HUNG
        assert all(isinstance(one, OSError) for one in failures)

    asyncio.run(again())


def test_a_process_ends_though_a_name_hangs(names: Names) -> None:
    async def left() -> asyncio.Task[list[str]]:
        asking = asyncio.create_task(found(Addresses(names, False, Clock()), "hangs.example"))
        while not names.now:  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0)
        return asking

    # The loop ends without waiting for it, and so does the process: its thread is a daemon.
    assert asyncio.run(left()).cancelled()
    assert names.now["hangs.example"] == 1
    [thread] = [one for one in threading.enumerate() if one.name == "look up hangs.example"]
    assert thread.daemon
