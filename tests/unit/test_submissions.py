"""What ingest makes of one command: its events' ids and known times, what it needs, and what it is answered."""

from collections.abc import Callable
from hashlib import blake2b

import pytest

from services.ingest.decision.commands import Command
from services.ingest.decision.decide import endorsement_id
from services.ingest.decision.submission import (
    Sheet,
    Taken,
    as_before,
    decided,
    now_known,
    recalled,
    sheet_of,
    stamped,
    surely_needs,
)
from shared.domain.errors import EventIdReused, UnknownContest
from shared.domain.events import Recorded, Version
from shared.domain.times import Instant
from shared.storage.log import NewEvent
from tests.builders import CONTEST, NOW, Everything, announcement, command, opening

EARLIER = "2023-01-02T03:04:05.000000Z"
EARLIER_INSTANT = 1_672_628_645_000_000


def never() -> str:
    raise AssertionError("the sender chose an id")


def sheet(of: Command, new_id: Callable[[], str] = never) -> Sheet:
    return sheet_of(of, new_id)


def book_of(*commands: Command) -> Everything:
    book = Everything()
    for one in commands:
        decided(sheet(one, lambda: f"made-{book.version}"), book, Instant(NOW), [])
    return book


def test_events_are_named_after_their_command_and_tell_its_content() -> None:
    book, appended = book_of(), list[NewEvent]()

    taken = decided(sheet(opening(id="open")), book, Instant(NOW), appended)

    ids = ["open", "open/2", "open/3", "open/4"]
    kinds = ["contest.opened", *["candidate.entered"] * 3]
    assert taken == Taken(CONTEST, "open", tuple(zip(ids, kinds, range(1, 5), strict=True)), None, None)
    assert taken.version == 4
    assert [one.id for one in appended] == ids
    assert {one.digest for one in appended} == {sheet(opening(id="open")).digest}
    assert {one.known_at for one in appended} == {None}
    assert (book.version, book.known_at) == (4, NOW)


def test_one_event_alone_has_its_commands_id_and_one_is_made_where_the_sender_chose_none() -> None:
    taken = decided(sheet(announcement(), lambda: "made"), book_of(opening()), Instant(NOW), [])

    assert (taken.id, taken.events) == ("made", (("made", "endorsement.announced", 5),))
    assert taken.endorsement == "e"
    assert sheet(announcement(), lambda: "made").digest == ""


def test_known_time_is_what_an_imported_contest_says_and_else_never_goes_back() -> None:
    book, appended = book_of(), list[NewEvent]()
    taken = decided(sheet(opening(id="o", clock="imported", known_at=EARLIER)), book, Instant(NOW), appended)
    assert (taken.known_at, book.known_at) == (EARLIER_INSTANT, EARLIER_INSTANT)
    assert {one.known_at for one in appended} == {EARLIER_INSTANT}

    book = book_of(opening())
    decided(sheet(announcement(id="a")), book, Instant(NOW - 1), [])
    assert book.known_at == NOW
    decided(sheet(announcement("e2", "joe", id="b")), book, Instant(NOW + 1), [])
    assert book.known_at == NOW + 1


def test_an_endorsement_without_an_id_is_named_after_who_endorses_whom_and_its_event() -> None:
    found = endorsement_id("e" * 61, "c" * 41, "a")

    assert found == f"{'e' * 60}.{'c' * 40}.{blake2b(b'a', digest_size=5).hexdigest()}"
    assert endorsement_id("jane", "ann", "b") != endorsement_id("jane", "ann", "a")


def test_the_content_of_a_command_is_all_but_where_it_expects_the_contest() -> None:
    one = sheet(announcement(id="a"))

    assert len(one.digest) == 16
    assert sheet(announcement(id="a", expected_version=4)).digest == one.digest
    assert sheet(announcement(id="a", candidate="bob")).digest != one.digest
    assert sheet(announcement(id="a", note="")).digest != one.digest, (
        "what is said, though it changes nothing"
    )


@pytest.mark.parametrize(
    "known",
    [
        {"open": (1, "other")},
        {"open": (1, "same"), "open/2": (2, "other")},
        {"open/2": (2, "same"), "open/3": (3, "other"), "open/4": (4, "same")},
    ],
)
def test_an_id_that_stood_for_something_else_is_refused_by_its_version(
    known: dict[str, tuple[int, str]],
) -> None:
    one = sheet(opening(id="open"))
    known = {
        id_: (version, one.digest if digest == "same" else digest) for id_, (version, digest) in known.items()
    }

    answer = as_before(one, known)

    assert isinstance(answer, EventIdReused)
    expected = {1: ("open", 1), 2: ("open/2", 2)}.get(len(known), ("open/3", 3))
    assert (answer.value, answer.more["version"]) == expected


def test_a_switch_to_another_endorser_that_was_taken_once_is_answered_as_before() -> None:
    other = {"id": "union", "name": "Union"}
    repeated = sheet(command("switch", id="s", endorsement="e", candidate="bob", endorser=other))
    known = {"s": (5, repeated.digest), "s/2": (6, repeated.digest)}

    answer = as_before(repeated, known)

    assert isinstance(answer, Taken)
    assert answer.version == 6


def test_a_command_that_is_repeated_is_answered_by_what_is_known() -> None:
    one = sheet(opening(id="open"))
    known = {id_: (version, one.digest) for version, id_ in enumerate(one.event_ids, start=7)}

    answer = as_before(one, known)

    assert isinstance(answer, Taken)
    assert answer == Taken(
        CONTEST,
        "open",
        (
            ("open", "contest.opened", 7),
            ("open/2", "candidate.entered", 8),
            ("open/3", "candidate.entered", 9),
            ("open/4", "candidate.entered", 10),
        ),
        None,
        None,
        repeated=True,
    )


SWITCH = command(
    "switch", id="s", endorsement="e", candidate="bob", switched_at="2020-06-10", new_endorsement="n"
)


@pytest.mark.parametrize(
    ("repeated", "before"),
    [
        (announcement(id="a"), []),
        (announcement(None, id="a"), []),
        (SWITCH, [announcement()]),
        (command("retract", id="r", endorsement="e", retracted_at="2020-06-11"), [announcement()]),
        (command("withdraw", id="w", candidate="cy", withdrew_at="2020-06-10"), []),
    ],
    ids=["announce", "without an id", "switch", "retract", "withdraw"],
)
def test_what_a_command_was_about_is_told_again_when_it_is_repeated(
    repeated: Command, before: list[Command]
) -> None:
    one, appended = sheet(repeated), list[NewEvent]()
    first = decided(one, book_of(opening(), *before), Instant(NOW), appended)
    recorded = Recorded(Version(first.version), appended[-1].id, Instant(NOW), appended[-1].event)

    again = as_before(one, now_known(one, first))

    assert isinstance(again, Taken)
    assert recalled(again, recorded) == first._replace(known_at=Instant(NOW))


def test_only_what_was_taken_under_an_id_of_its_sender_is_known_for_the_rest_of_a_batch() -> None:
    chosen, made = sheet(announcement(id="a")), sheet(announcement(), lambda: "made")
    taken = Taken(
        CONTEST, "a", (("a", "endorsement.announced", 5), ("a/2", "endorsement.announced", 6)), "e", None
    )

    assert now_known(chosen, taken) == {"a": (5, chosen.digest), "a/2": (6, chosen.digest)}
    assert now_known(made, taken) == {}
    assert now_known(chosen, UnknownContest("race")) == {}


def test_a_known_time_is_given_to_what_was_taken_and_has_none() -> None:
    refusal = UnknownContest("race")
    taken = Taken(CONTEST, "a", (("a", "endorsement.announced", 5),), "e", None)

    seven, three = Instant(7), Instant(3)
    assert stamped(taken, seven) == taken._replace(known_at=seven)
    assert stamped(taken._replace(known_at=three), seven) == taken._replace(known_at=three)
    assert stamped(taken._replace(repeated=True), seven) == taken._replace(repeated=True)
    assert stamped(refusal, seven) is refusal


def test_what_commands_surely_need_is_named_once_and_in_their_order() -> None:
    needs = surely_needs(
        [
            sheet(opening(id="open")),
            sheet(announcement("e2", "joe", id="b")),
            sheet(announcement("e1", id="a")),
            sheet(announcement(None, "kim", id="c", candidate="bob")),
            sheet(SWITCH),
            sheet(command("retract", id="r", endorsement="e1", retracted_at="2020-06-11")),
            sheet(command("enter", id="enter", candidate="dan", name="Dan", entered_at="2020-01-02")),
        ]
    )

    made_id = sheet(announcement(None, "kim", id="c", candidate="bob"))
    named = decided(made_id, book_of(opening()), Instant(NOW), []).endorsement
    assert list(needs.endorsements) == ["e2", "e1", named, "e"]
    assert list(needs.pairs) == [("joe", "ann"), ("jane", "ann"), ("kim", "bob")]
    assert not surely_needs([sheet(opening(id="open"))]).endorsements
