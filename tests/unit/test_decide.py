"""What follows from a command, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from services.ingest.decision.commands import Command
from services.ingest.decision.decide import decide, endorsement_id, known_time
from services.ingest.decision.rules import MOST_CANDIDATES
from shared.domain import errors
from shared.domain.book import Book, NotLoaded
from shared.domain.events import Announced, Endorser, Event, Recorded, Source, Version
from shared.domain.times import Instant, format_instant, start_of
from tests.builders import (
    CONTEST,
    NOW,
    History,
    announced,
    announcement,
    command,
    correction,
    entered,
    opened,
    opening,
    retracted,
    struck,
    withdrew,
)

# A day and an instant after every moment at which these tests decide.
TOMORROW, LATER = "2023-11-15", "2023-11-14T23:00:00Z"
UNCERTAIN_FUTURE = ("2023-11-15~", "2023-12", "2023-12?", "2024", "2024%")
UNION = {"id": "union", "name": "Union", "kind": "organization"}
retraction = command("retract", endorsement="e", retracted_at="2020-06-10")
withdrawal = command("withdraw", candidate="ann", withdrew_at="2020-06-10")
strike = command("strike", endorsement="e", note="never was")


def correct(endorsement: str = "e", **facts: Any) -> Command:
    return command("correct", endorsement=endorsement, **facts)


def switch(candidate: str = "bob", **facts: Any) -> Command:
    return command(
        "switch",
        **{"endorsement": "e", "candidate": candidate, "switched_at": "2020-06-10", "new_endorsement": "new"}
        | facts,
    )


def decided(*given: Command, when: Command) -> list[Event]:
    """What follows from a command in an open contest after these commands."""
    events = History(opening(), *given).take(when)
    assert [type(event) for event in events] == list(when.follows())
    return events


def refused(*given: Command, when: Command) -> errors.Refused:
    """The refusal of a command after these commands, which leaves the book where it was."""
    history = History(*given)
    version = history.book.version
    with pytest.raises(errors.Refused) as refusal:
        history.take(when)
    assert history.book.version == version
    assert refusal.value.way_out
    return refusal.value


def from_paper(*events: Event) -> list[Event]:
    """These events with the source that every command of these tests names."""
    return [replace(event, source=Source(title="a newspaper")) for event in events]


def imported(known_at: str | None = "2020-06-01", **facts: Any) -> Command:
    """Opens a contest whose known time is its source's."""
    return opening(clock="imported", known_at=known_at, **facts)


# What follows


def test_opening_opens_and_enters_the_candidates() -> None:
    events = History(opening()).recorded

    assert [one.event for one in events] == from_paper(opened(), *map(entered, ("ann", "bob", "cy")))


def test_entering_enters() -> None:
    assert decided(
        when=command("enter", candidate="di", name="Di", party="D", entered_at="2020-05-01")
    ) == from_paper(entered("di", party="D", entered_at="2020-05-01"))


def test_withdrawing_withdraws() -> None:
    assert decided(when=withdrawal) == from_paper(withdrew())


def test_announcing_announces_with_every_fact() -> None:
    when = announcement(
        endorser={**UNION, "position": "HQ", "party": "D", "place": "OH"},
        candidate="bob",
        category="labor-union",
        members=7,
        note="on stage",
        source={"url": "https://a.example", "quote": "yes", "published": "2020-06-02"},
    )

    (event,) = decided(when=when)

    assert event == announced(
        endorser=Endorser("union", "Union", "organization", "HQ", "D", "OH"),
        candidate="bob",
        category="labor-union",
        members=7,
        note="on stage",
        source=Source("https://a.example", "", "yes", "2020-06-02"),
    )


def test_announcing_what_has_ended_announces_and_retracts() -> None:
    assert decided(when=announcement(retracted_at="2020-06-10")) == from_paper(announced(), retracted())


def test_retracting_retracts() -> None:
    assert decided(announcement(), when=retraction) == from_paper(retracted())


def test_striking_strikes() -> None:
    assert decided(announcement(), when=strike) == from_paper(struck())


def test_striking_what_was_retracted_strikes() -> None:
    assert decided(announcement(), retraction, when=strike) == from_paper(struck())


@pytest.mark.parametrize(
    "facts",
    [
        {"candidate": "bob"},
        {"category": "senator"},
        {"members": 5},
        {"announced_at": "2020-05-01"},
        {"retracted_at": "2020-06-05"},
        {"retracted_at": None},
        {"candidate": "cy", "category": "senator", "announced_at": "2020-06-10"},
    ],
)
def test_correcting_says_only_what_is_corrected(facts: dict[str, Any]) -> None:
    assert decided(announcement(), retraction, when=correct(**facts)) == from_paper(correction(**facts))


def test_correcting_the_endorser_says_all_of_it() -> None:
    assert decided(announcement(), when=correct(endorser=UNION)) == from_paper(
        correction(endorser=Endorser("union", "Union", "organization"))
    )


def test_switching_retracts_and_announces_with_the_facts_of_before() -> None:
    assert decided(announcement(members=7), when=switch()) == from_paper(
        retracted(), announced("new", candidate="bob", members=7, announced_at="2020-06-10")
    )


def test_switching_may_tell_what_changed() -> None:
    endorser = {"id": "jane", "name": "Jane's Union", "kind": "organization"}
    when = switch(endorser=endorser, category="labor-union", members=0)

    assert decided(announcement(members=7), when=when)[1:] == from_paper(
        announced(
            "new",
            endorser=Endorser("jane", "Jane's Union", "organization"),
            candidate="bob",
            category="labor-union",
            announced_at="2020-06-10",
        )
    )


def test_switching_to_another_endorser_is_refused() -> None:
    refusal = refused(opening(), announcement(), when=switch(endorser=UNION))

    assert_refused(refusal, errors.AnotherEndorser, "endorser.id", "union")
    assert "'jane'" in refusal.way_out


@pytest.mark.parametrize(
    ("when", "field"),
    [
        (command("enter", candidate="di", name="Di"), "entered_at"),
        (command("withdraw", candidate="ann"), "withdrew_at"),
        (announcement("new", "joe", announced_at=None), "announced_at"),
        (command("retract", endorsement="e"), "retracted_at"),
        (switch(switched_at=None), "retracted_at"),
    ],
)
def test_a_time_left_out_is_the_moment_at_which_it_is_decided(when: Command, field: str) -> None:
    book = History(opening(), announcement()).book

    event = decide(when, book, Instant(NOW + 60_000_000), "id")[0]

    assert getattr(event, field) == "2023-11-14T22:14:20.000000Z"


def test_a_time_left_out_is_not_before_what_the_contest_knows() -> None:
    book = History(opening(), announcement()).book

    (event,) = decide(command("retract", endorsement="e"), book, Instant(NOW - 60_000_000), "id")

    assert getattr(event, "retracted_at", None) == format_instant(book.known_at)


def test_an_endorsement_without_an_id_gets_one_that_the_same_event_gets_again() -> None:
    book = History(opening()).book
    nameless = announcement(None)

    first, again, other = (
        decide(nameless, book, Instant(NOW + 60), id_)[0] for id_ in ("id-1", "id-1", "id-2")
    )

    assert isinstance(first, Announced)
    assert first.endorsement.startswith("jane.ann.")
    assert first == again
    assert first != other


def test_the_longest_names_make_an_endorsement_id_that_is_an_id() -> None:
    assert len(endorsement_id("e" * 120, "c" * 120, "i" * 200)) <= 120


def test_a_command_that_expects_the_contest_where_it_stands_is_taken() -> None:
    assert len(decided(when=announcement(expected_version=4))) == 1


def test_today_in_the_contests_zone_is_not_in_the_future() -> None:
    # It is 22:13 UTC on the 14th: already the 15th on Kiritimati.
    history = History(opening(timezone="Pacific/Kiritimati"))

    assert len(history.take(announcement(announced_at="2023-11-15"))) == 1


def test_an_endorsement_announced_again_where_it_ended_is_taken() -> None:
    again = announcement("again", announced_at="2020-06-10")

    assert decided(announcement(), retraction, when=again) == from_paper(
        announced("again", announced_at="2020-06-10")
    )


def test_an_endorsement_that_ended_where_another_began_is_taken() -> None:
    earlier = announcement("earlier", announced_at="2020-05-01", retracted_at="2020-06-01T04:00:00Z")

    assert len(decided(announcement(), when=earlier)) == 2


def test_an_endorser_may_endorse_two_candidates_at_once() -> None:
    assert len(decided(announcement(), when=announcement("other", candidate="bob"))) == 1


def test_what_was_struck_is_in_nobodys_way() -> None:
    assert len(decided(announcement(), strike, when=announcement("anew"))) == 1


def test_what_was_corrected_to_another_candidate_is_in_nobodys_way() -> None:
    assert len(decided(announcement(), correct(candidate="bob"), when=announcement("anew"))) == 1


def test_an_endorsement_of_who_withdrew_is_taken() -> None:
    assert len(decided(withdrawal, when=announcement())) == 1


def test_a_retraction_at_the_very_beginning_is_taken() -> None:
    assert (
        len(decided(announcement(), when=command("retract", endorsement="e", retracted_at="2020-06-01"))) == 1
    )


def test_an_imported_contest_takes_known_time_from_its_source() -> None:
    history = History(imported("2020-06-01"), announcement(known_at="2020-06-03T12:00:00Z"))

    assert [one.known_at for one in history.recorded[3:]] == [
        start_of("2020-06-01", "America/New_York"),
        start_of("2020-06-03T12:00:00Z", "UTC"),
    ]


def test_an_imported_contest_may_learn_twice_at_the_same_time() -> None:
    assert len(History(imported(), announcement(known_at="2020-06-01")).recorded) == 5


@pytest.mark.parametrize(
    ("when", "field", "text"),
    [
        (announcement(announced_at="2020-05"), "announced_at", "2020-05"),
        (announcement(announced_at="2019"), "announced_at", "2019"),
        (announcement(announced_at="2020-05-17~"), "announced_at", "2020-05-17~"),
        (command("enter", candidate="di", name="Di", entered_at="2019%"), "entered_at", "2019%"),
        (command("withdraw", candidate="ann", withdrew_at="2020-06?"), "withdrew_at", "2020-06?"),
    ],
)
def test_an_uncertain_date_is_recorded_as_it_was_written(when: Command, field: str, text: str) -> None:
    (event,) = decided(when=when)

    assert getattr(event, field) == text


def test_a_contest_may_be_opened_at_an_uncertain_date() -> None:
    event, *_ = decide(opening(opened_at="2019~"), Book(), Instant(NOW), "id")

    assert getattr(event, "opened_at", None) == "2019~"


@pytest.mark.parametrize("text", ["2023", "2023-11", "2023~", "2023-11-14?"])
def test_an_uncertain_date_may_reach_into_the_future(text: str) -> None:
    assert len(decided(when=announcement(announced_at=text))) == 1


def test_an_uncertain_date_becomes_certain_by_a_correction() -> None:
    events = decided(announcement(announced_at="2020-05"), when=correct(announced_at="2020-05-17"))

    assert events == from_paper(correction(announced_at="2020-05-17"))


def test_an_uncertain_end_may_follow_where_it_counts_from_its_beginning() -> None:
    given = announcement(announced_at="2020-06")

    assert decided(given, when=command("retract", endorsement="e", retracted_at="2020-06?")) == from_paper(
        retracted(retracted_at="2020-06?")
    )


def test_an_uncertain_switch_ends_and_begins_at_the_same_date() -> None:
    retraction, announcement_ = decided(announcement(), when=switch(switched_at="2020-07~"))

    assert (
        getattr(retraction, "retracted_at", None)
        == getattr(announcement_, "announced_at", None)
        == "2020-07~"
    )


def test_what_must_be_loaded_first_is_named() -> None:
    contest = History(opening()).book.contest

    with pytest.raises(NotLoaded) as needs:
        decide(retraction, Book(version=Version(4), contest=contest), Instant(NOW), "id")

    assert needs.value.endorsements == ("e",)


# What is refused


def assert_refused(refusal: errors.Refused, kind: type[errors.Refused], field: str, value: object) -> None:
    assert (type(refusal), refusal.field, refusal.value) == (kind, field, value)


def test_a_command_that_expects_another_version_is_refused() -> None:
    refusal = refused(when=announcement(expected_version=3))

    assert_refused(refusal, errors.WrongVersion, "expected_version", 3)
    assert refusal.more == {"actual_version": 4}


def test_opening_that_expects_a_version_is_refused_where_there_is_none() -> None:
    with pytest.raises(errors.WrongVersion):
        decide(opening(expected_version=1), Book(), Instant(NOW), "id")


@pytest.mark.parametrize(
    "when",
    [announcement(), retraction, withdrawal, strike, switch(), correct(members=1)],
    ids=lambda when: type(when).__name__,
)
def test_a_command_for_a_contest_that_is_not_open_is_refused(when: Command) -> None:
    with pytest.raises(errors.UnknownContest) as refusal:
        decide(when, Book(), Instant(NOW), "id")

    assert_refused(refusal.value, errors.UnknownContest, "contest", CONTEST)


def test_opening_twice_is_refused() -> None:
    assert_refused(refused(when=opening()), errors.ContestAlreadyOpen, "contest", CONTEST)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "EST5EDT4", "america/new_york"])
def test_opening_in_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        decide(opening(timezone=name), Book(), Instant(NOW), "id")

    assert_refused(refusal.value, errors.Invalid, "timezone", name)


def test_opening_with_a_candidate_given_twice_is_refused() -> None:
    twins = [{"candidate": "ann", "name": "Ann"}, {"candidate": "ann", "name": "Anne"}]

    with pytest.raises(errors.Invalid) as refusal:
        decide(opening(candidates=twins), Book(), Instant(NOW), "id")

    assert_refused(refusal.value, errors.Invalid, "candidates", "ann")


def test_entering_twice_is_refused() -> None:
    refusal = refused(when=command("enter", candidate="ann", name="Ann"))

    assert_refused(refusal, errors.CandidateAlreadyEntered, "candidate", "ann")


def with_candidates(number: int) -> History:
    """An open contest that has so many candidates, however it came to them."""
    history = History(opening())
    ann = history.book.opened().candidates["ann"]
    more = {f"c{at}": replace(ann, id=f"c{at}") for at in range(number - 1)}
    history.book.contest = replace(history.book.opened(), candidates={"ann": ann, **more})
    return history


def test_a_contest_takes_candidates_up_to_the_most_it_may_have() -> None:
    history = with_candidates(MOST_CANDIDATES - 1)

    history.take(command("enter", candidate="di", name="Di"))
    with pytest.raises(errors.Refused) as refusal:
        history.take(command("enter", candidate="eve", name="Eve"))

    assert_refused(refusal.value, errors.TooManyCandidates, "candidate", "eve")
    assert f"{MOST_CANDIDATES:,}" in refusal.value.detail
    assert refusal.value.way_out


def test_who_is_in_a_full_contest_is_told_so() -> None:
    with pytest.raises(errors.CandidateAlreadyEntered):
        with_candidates(MOST_CANDIDATES).take(command("enter", candidate="ann", name="Ann"))


def test_a_contest_that_was_recorded_with_more_candidates_goes_on() -> None:
    history = with_candidates(MOST_CANDIDATES)
    for candidate in ("one-more", "another"):
        version = history.book.version + 1
        history.book.take(
            Recorded(Version(version), f"event-{version}", history.book.known_at, entered(candidate))
        )

    assert len(history.book.opened().candidates) == MOST_CANDIDATES + 2
    assert history.take(announcement(candidate="another"))
    assert history.take(command("withdraw", candidate="another", withdrew_at="2020-06-10"))


def test_withdrawing_twice_is_refused() -> None:
    refusal = refused(opening(), withdrawal, when=withdrawal)

    assert_refused(refusal, errors.AlreadyWithdrawn, "candidate", "ann")


@pytest.mark.parametrize(
    "when",
    [
        announcement("other", candidate="zed"),
        switch("zed"),
        correct(candidate="zed"),
        command("withdraw", candidate="zed", withdrew_at="2020-06-10"),
    ],
    ids=lambda when: type(when).__name__,
)
def test_a_candidate_who_never_entered_is_refused(when: Command) -> None:
    refusal = refused(opening(), announcement(), when=when)

    assert_refused(refusal, errors.UnknownCandidate, "candidate", "zed")
    assert refusal.more == {"candidates": ["ann", "bob", "cy"]}


about_one = pytest.mark.parametrize(
    "when", [retraction, strike, switch(), correct(members=1)], ids=lambda when: type(when).__name__
)


@about_one
def test_an_endorsement_that_nobody_announced_is_refused(when: Command) -> None:
    assert_refused(refused(when=when), errors.UnknownEndorsement, "endorsement", "e")


@about_one
def test_an_endorsement_that_was_struck_is_refused(when: Command) -> None:
    refusal = refused(opening(), announcement(), strike, when=when)

    assert_refused(refusal, errors.AlreadyStruck, "endorsement", "e")


@pytest.mark.parametrize("when", [retraction, switch()], ids=lambda when: type(when).__name__)
def test_an_endorsement_that_was_retracted_cannot_end_again(when: Command) -> None:
    refusal = refused(opening(), announcement(), retraction, when=when)

    assert_refused(refusal, errors.AlreadyRetracted, "endorsement", "e")
    assert refusal.more == {"retracted_at": "2020-06-10"}


@pytest.mark.parametrize(
    "given",
    [[announcement()], [announcement(), strike], [announcement(), retraction]],
    ids=["active", "struck", "ended"],
)
def test_an_endorsement_id_is_never_given_twice(given: list[Command]) -> None:
    refusal = refused(opening(), *given, when=announcement("e", "joe"))

    assert_refused(refusal, errors.EndorsementIdTaken, "endorsement", "e")


def test_a_switch_to_an_endorsement_id_in_use_is_refused() -> None:
    refusal = refused(opening(), announcement(), when=switch(new_endorsement="e"))

    assert_refused(refusal, errors.EndorsementIdTaken, "endorsement", "e")


@pytest.mark.parametrize(
    ("given", "when", "in_the_way"),
    [
        ([announcement()], announcement("again"), "e"),
        ([announcement()], announcement("again", announced_at="2020-07-01"), "e"),
        ([announcement()], announcement("again", announced_at="2020-05-01"), "e"),
        ([announcement()], announcement("again", announced_at="2020-05-01", retracted_at="2020-06-02"), "e"),
        ([announcement(), retraction], announcement("again", announced_at="2020-06-09"), "e"),
        (
            [announcement(), retraction],
            announcement("again", announced_at="2020-06-10T03:59:59.999999Z"),
            "e",
        ),
        (
            [announcement(), retraction],
            announcement("again", announced_at="2020-06-03", retracted_at="2020-06-04"),
            "e",
        ),
        ([announcement("other", candidate="bob"), announcement()], correct(candidate="bob"), "other"),
        (
            [announcement("other", retracted_at="2020-06-05"), announcement(announced_at="2020-06-05")],
            correct(announced_at="2020-06-04"),
            "other",
        ),
        (
            [announcement(), retraction, announcement("other", announced_at="2020-06-10")],
            correct(retracted_at=None),
            "other",
        ),
        (
            [announcement("other"), announcement("e", "joe")],
            correct(endorser={"id": "jane", "name": "Jane"}),
            "other",
        ),
        ([announcement("other", candidate="bob"), announcement()], switch("bob"), "other"),
    ],
)
def test_two_endorsements_of_one_candidate_by_one_endorser_never_overlap(
    given: list[Command], when: Command, in_the_way: str
) -> None:
    refusal = refused(opening(), *given, when=when)

    assert_refused(refusal, errors.AlreadyEndorsed, "endorser", "jane")
    assert refusal.more == {"endorsement": in_the_way}


def test_a_switch_to_the_candidate_already_endorsed_is_refused() -> None:
    refusal = refused(opening(), announcement(), when=switch("ann"))

    assert_refused(refusal, errors.AlreadyEndorsed, "endorser", "jane")


@pytest.mark.parametrize(
    ("when", "field", "value"),
    [
        (announcement("x", "joe", retracted_at="2020-05-31"), "retracted_at", "2020-05-31"),
        (command("retract", endorsement="e", retracted_at="2020-05-31"), "retracted_at", "2020-05-31"),
        (correct(retracted_at="2020-06-01T03:59:59Z"), "retracted_at", "2020-06-01T03:59:59Z"),
        (correct(announced_at="2020-06-11", retracted_at="2020-06-10"), "retracted_at", "2020-06-10"),
        (switch(switched_at="2020-05-31"), "switched_at", "2020-05-31"),
        (command("withdraw", candidate="ann", withdrew_at="2019-12-31"), "withdrew_at", "2019-12-31"),
        (command("withdraw", candidate="ann", withdrew_at="2019?"), "withdrew_at", "2019?"),
        (command("retract", endorsement="e", retracted_at="2020-05"), "retracted_at", "2020-05"),
        (correct(announced_at="2020-06-02~", retracted_at="2020-06"), "retracted_at", "2020-06"),
    ],
)
def test_an_end_before_its_beginning_is_refused(when: Command, field: str, value: str) -> None:
    refusal = refused(opening(), announcement(), when=when)

    assert_refused(refusal, errors.EndsBeforeItBegins, field, value)


def test_correcting_a_beginning_to_after_the_end_is_refused() -> None:
    refusal = refused(opening(), announcement(), retraction, when=correct(announced_at="2020-06-11"))

    assert_refused(refusal, errors.EndsBeforeItBegins, "retracted_at", "2020-06-10")


timed = pytest.mark.parametrize(
    ("field", "kind", "facts"),
    [
        ("entered_at", "enter", {"candidate": "di", "name": "Di"}),
        ("withdrew_at", "withdraw", {"candidate": "ann"}),
        ("retracted_at", "retract", {"endorsement": "e"}),
        ("announced_at", "correct", {"endorsement": "e"}),
        ("retracted_at", "correct", {"endorsement": "e"}),
        ("switched_at", "switch", {"endorsement": "e", "candidate": "bob"}),
        ("announced_at", "announce", {"endorser": UNION, "candidate": "ann", "category": "labor-union"}),
        ("retracted_at", "announce", {"endorser": UNION, "candidate": "ann", "category": "labor-union"}),
    ],
)


@timed
@pytest.mark.parametrize("time", [TOMORROW, LATER, *UNCERTAIN_FUTURE])
def test_a_fact_dated_after_it_becomes_known_is_refused(
    field: str, kind: str, facts: dict[str, Any], time: str
) -> None:
    refusal = refused(opening(), announcement(), when=command(kind, **facts, **{field: time}))

    assert_refused(refusal, errors.InTheFuture, field, time)


@timed
@pytest.mark.parametrize("time", ["2020-02-30", "2020-1X", "2020-05/2020-06", "2020-21", "soon", ""])
def test_a_fact_whose_time_cannot_be_read_is_refused_with_what_is_understood(
    field: str, kind: str, facts: dict[str, Any], time: str
) -> None:
    refusal = refused(opening(), announcement(), when=command(kind, **facts, **{field: time}))

    assert_refused(refusal, errors.UnreadableTime, field, time)
    assert "a month (2019-04)" in refusal.way_out


@pytest.mark.parametrize(
    ("facts", "kind", "field", "value"),
    [
        ({"opened_at": TOMORROW}, errors.InTheFuture, "opened_at", TOMORROW),
        ({"opened_at": "2024"}, errors.InTheFuture, "opened_at", "2024"),
        ({"opened_at": "some time ago"}, errors.UnreadableTime, "opened_at", "some time ago"),
        (
            {"candidates": [{"candidate": "ann", "name": "Ann", "entered_at": TOMORROW}]},
            errors.InTheFuture,
            "entered_at",
            TOMORROW,
        ),
    ],
)
def test_opening_with_a_time_that_cannot_be_is_refused(
    facts: dict[str, Any], kind: type[errors.Refused], field: str, value: str
) -> None:
    with pytest.raises(errors.Refused) as refusal:
        decide(opening(**facts), Book(), Instant(NOW), "id")

    assert_refused(refusal.value, kind, field, value)


@pytest.mark.parametrize(
    "facts",
    [
        {"candidate": "ann"},
        {"category": "governor", "members": 0},
        {"announced_at": "2020-06-01"},
        {"retracted_at": None},
        {"endorser": {"id": "jane", "name": "Jane"}},
    ],
)
def test_a_correction_to_what_is_recorded_already_is_refused(facts: dict[str, Any]) -> None:
    refusal = refused(opening(), announcement(), when=correct(**facts))

    assert_refused(refusal, errors.NothingToCorrect, "endorsement", "e")


def test_known_time_is_refused_where_the_clock_is_the_servers() -> None:
    refusal = refused(when=announcement(known_at="2020-06-02"))

    assert_refused(refusal, errors.KnownTimeNotTaken, "known_at", "2020-06-02")


def test_known_time_is_required_where_the_clock_is_imported() -> None:
    refusal = refused(imported(), when=announcement())

    assert_refused(refusal, errors.KnownTimeNotTaken, "known_at", None)


@pytest.mark.parametrize(("clock", "known_at"), [("server", "2020-06-02"), ("imported", None)])
def test_opening_goes_by_the_clock_that_it_brings(clock: str, known_at: str | None) -> None:
    with pytest.raises(errors.KnownTimeNotTaken) as refusal:
        decide(opening(clock=clock, known_at=known_at), Book(), Instant(NOW), "id")

    assert refusal.value.value == known_at


def test_known_time_that_goes_back_is_refused() -> None:
    refusal = refused(imported("2020-06-02"), when=announcement(known_at="2020-06-01"))

    assert_refused(refusal, errors.KnownTimeGoesBack, "known_at", "2020-06-01")


@pytest.mark.parametrize("text", ["1969-12-31", "1969-12-31T23:59:59.999999Z", "1900-01-01"])
def test_known_time_before_1970_is_refused_as_such(text: str) -> None:
    for book in (Book(), History(imported()).book):
        when = imported(text) if book.contest is None else announcement(known_at=text)

        with pytest.raises(errors.KnownTimeTooEarly) as refusal:
            decide(when, book, Instant(NOW), "id")

        assert_refused(refusal.value, errors.KnownTimeTooEarly, "known_at", text)
        assert "1970-01-01T00:00:00.000000Z or later" in refusal.value.way_out
        assert "contest's last" not in refusal.value.detail


def test_known_time_begins_with_1970() -> None:
    first = "1970-01-01T00:00:00Z"
    when = opening(clock="imported", known_at=first, opened_at="1960", candidates=[])

    assert known_time(when, Book(), Instant(NOW)) == 0
    assert len(decide(when, Book(), Instant(NOW), "id")) == 1


def test_known_time_after_now_is_refused() -> None:
    refusal = refused(imported(), when=announcement(known_at=TOMORROW))

    assert_refused(refusal, errors.InTheFuture, "known_at", TOMORROW)


def test_known_time_that_cannot_be_read_is_refused() -> None:
    refusal = refused(imported(), when=announcement(known_at="2020-06-02T10:00"))

    assert_refused(refusal, errors.UnreadableTime, "known_at", "2020-06-02T10:00")


@pytest.mark.parametrize("text", ["2020-06", "2021", "2020-06-02~"])
def test_known_time_is_never_uncertain(text: str) -> None:
    refusal = refused(imported(), when=announcement(known_at=text))

    assert_refused(refusal, errors.UnreadableTime, "known_at", text)
    assert "~" not in refusal.way_out


def test_a_fact_dated_after_an_imported_known_time_is_refused() -> None:
    when = announcement(known_at="2020-06-02", announced_at="2020-06-03")

    assert_refused(refused(imported(), when=when), errors.InTheFuture, "announced_at", "2020-06-03")
