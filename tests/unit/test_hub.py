"""What a channel hands to subscribers, and when it lets them look in the ledger."""

from services.api.hub import Change, Channel


def filled(*versions: int) -> Channel:
    channel = Channel()
    for version in versions:
        channel.add(version, Change("race", version, b"{}"))
    return channel


def given(channel: Channel, number: int) -> list[int]:
    return [change.version for change in channel.since(number, 10)]


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
        channel.look(stands)
        channel.add(stands, Change("race", stands, b"{}"))
    assert given(channel, 5) == [5, 6, 7, 8, 9]
    assert waiting.is_set()


def test_a_change_that_does_not_come_from_one_look_to_the_next_is_lost_and_who_waits_is_woken() -> None:
    channel = filled(5, 6)
    waiting = channel.moved
    channel.look(7)
    assert not waiting.is_set()
    channel.look(7)
    assert waiting.is_set()
    assert not channel.changes
