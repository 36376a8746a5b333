"""What a channel hands to subscribers, and when it lets them look in the ledger."""

from decimal import Decimal

import pytest

from services.api.answers.documents import encode
from services.api.live.hub import Change, Channel, Hub
from shared.changes.cloud_event import reset_event
from shared.domain.events import Version
from shared.storage.streams import Entry


def filled(*versions: int) -> Channel:
    channel = Channel()
    for version in versions:
        channel.add(version, Change("race", Version(version), b"{}"))
    return channel


def given(channel: Channel, number: int) -> list[int]:
    return [change.version for change in channel.since(number, 10, 1000)]


def test_changes_are_given_in_order_from_any_that_is_kept() -> None:
    assert given(filled(5, 6, 7), 6) == [6, 7]
    assert given(filled(5, 6, 7), 4) == []


def test_a_change_that_comes_again_is_one() -> None:
    assert given(filled(5, 6, 5, 6, 7), 5) == [5, 6, 7]


def test_what_came_before_a_gap_is_forgotten() -> None:
    assert given(filled(5, 6, 9), 5) == []
    assert given(filled(5, 6, 9), 9) == [9]


def test_a_change_that_is_on_its_way_is_waited_for() -> None:
    channel = filled(5, 6)
    waiting = channel.moved
    for stands in (7, 8, 9):
        channel.look(Version(stands))
        channel.add(stands, Change("race", Version(stands), b"{}"))
    assert given(channel, 5) == [5, 6, 7, 8, 9]
    assert waiting.is_set()


def test_a_change_that_does_not_come_from_one_look_to_the_next_is_lost_and_who_waits_is_woken() -> None:
    channel = filled(5, 6)
    waiting = channel.moved
    channel.look(Version(7))
    assert not waiting.is_set()
    channel.look(Version(7))
    assert waiting.is_set()
    assert not channel.changes


def test_so_many_bytes_of_changes_are_kept_in_all_and_the_oldest_go_first() -> None:
    hub = Hub(most_bytes=10_000)
    channel = hub.enter("race")
    for version in range(1, 101):
        hub.publish(
            "s", [(b"%d-0" % version, {b"contest": b"race", b"version": b"%d" % version, b"event": b"{}"})]
        )
        assert hub.nbytes == sum(one.nbytes for one in hub.all.changes) <= 10_000
    kept = [one.version for one in hub.all.changes]
    assert kept == [one.version for one in channel.changes] == list(range(101 - len(kept), 101))
    assert not hub.all.keeps(0)
    assert hub.all.keeps(100)


def test_a_change_that_is_larger_than_all_that_is_kept_is_kept_alone() -> None:
    hub = Hub(most_bytes=1000)
    for version in (1, 2):
        hub.publish(
            "s",
            [(b"%d-0" % version, {b"contest": b"race", b"version": b"%d" % version, b"event": b"x" * 5000})],
        )
    assert [one.version for one in hub.all.changes] == [2]


def test_changes_are_given_up_to_so_many_bytes_and_at_least_one() -> None:
    channel = Channel()
    for version in range(1, 6):
        channel.add(version, Change("race", Version(version), b"x" * 100))
    assert [one.version for one in channel.since(1, 10, 250)] == [1, 2]
    assert [one.version for one in channel.since(3, 10, 1)] == [3]
    assert [one.version for one in channel.since(1, 3, 10_000)] == [1, 2, 3]


def entry(version: int, history: str, follows: str) -> Entry:
    fields = {
        "contest": "race",
        "version": str(version),
        "event": "{}",
        "history": history,
        "follows": follows,
    }
    return b"%d-0" % version, {name.encode(): value.encode() for name, value in fields.items()}


def reset(version: int, history: str) -> Entry:
    event = reset_event("race", version, history, "7-lost")
    return b"0-1", {b"contest": b"race", b"event": event, b"history": history.encode()}


def test_a_reset_is_told_to_who_follows_all_contests_and_keeps_its_place() -> None:
    hub = Hub()
    channel = hub.enter("race")
    hub.publish("s", [entry(1, "a1", ""), entry(2, "a2", "a1")])
    hub.publish("s", [reset(0, ""), entry(1, "b1", "")])

    assert [(one.version, one.is_reset) for one in hub.all.changes] == [
        (1, False),
        (2, False),
        (0, True),
        (1, False),
    ]
    assert [one.cursor for one in hub.all.changes] == ["1-0", "2-0", "0-1", "1-0"]
    assert [one.history for one in channel.changes] == ["b1"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"contest": b"race", b"event": b"{}", b"history": b""},
        {b"contest": b"race", b"event": b"[]", b"history": b""},
        {b"contest": b"race", b"event": b'{"type":"standings.contest.reset"}', b"history": b""},
        {b"contest": b"race", b"event": b'{"type":"standings.contest.reset","data":7}', b"history": b""},
        {b"contest": b"race", b"version": b"one", b"event": b"{}"},
    ],
)
def test_what_is_neither_a_change_nor_a_reset_is_passed_over(fields: dict[bytes, bytes]) -> None:
    hub = Hub()
    hub.publish("s", [(b"1-0", fields), entry(2, "a2", "a1")])

    assert [one.version for one in hub.all.changes] == [2]
    assert hub.cursor == "2-0"


def test_by_how_much_a_score_moved_is_known_to_its_last_digit() -> None:
    scores = [
        {
            "candidate": "ann",
            "policy": "heavy",
            "before": {"score": Decimal("-0.000000001")},
            "after": {"score": after},
        }
        for after in (Decimal("1234567890244691356902.123456789"), Decimal(10**22 + 1), 3)
    ]
    event = encode({"data": {"scores": scores}})

    assert [str(move.points) for move in Change("race", Version(3), event).moves] == [
        "1234567890244691356902.123456790",
        "10000000000000000000001.000000001",
        "3.000000001",
    ]
