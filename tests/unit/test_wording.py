"""A new command is refused for odd wording; what was recorded in such words before reads and folds as ever."""

from typing import Any

import pytest

from services.ingest.decision.submission import as_before, decided, sheet_of
from services.ingest.decision.wording import refuse_odd
from shared.domain.book import Book
from shared.domain.errors import Invalid, UnreadableTime
from shared.domain.events import Recorded, Version
from shared.domain.times import Instant, start_of
from shared.storage.codec import decode_event, encode_event, type_of
from tests.builders import NOW, Everything, History, announcement, command, opening

NUL, TURNED = "A\x00nn", "Ann\u202e"


@pytest.mark.parametrize("odd", [NUL, TURNED, "A\nnn", "A\x85nn"])
@pytest.mark.parametrize(
    ("said", "field"),
    [
        (lambda odd: announcement(recorded_by=odd), "recorded_by"),
        (lambda odd: announcement(endorser={"id": "jane", "name": odd}), "endorser.name"),
        (lambda odd: announcement(endorser={"id": "jane", "name": "J", "place": odd}), "endorser.place"),
        (lambda odd: announcement(source={"title": odd}), "source.title"),
        (lambda odd: announcement(source={"url": odd}), "source.url"),
        (lambda odd: announcement(source={"url": "u", "published": odd}), "source.published"),
        (lambda odd: opening(title=odd), "title"),
        (
            lambda odd: opening(
                candidates=[{"candidate": "a", "name": "A"}, {"candidate": "b", "name": odd}]
            ),
            "candidates.1.name",
        ),
        (lambda odd: command("enter", candidate="a", name="A", party=odd), "party"),
    ],
)
def test_a_character_that_is_no_text_is_refused_with_its_field_and_place(
    odd: str, said: Any, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        refuse_odd(said(odd))

    assert refusal.value.field == field
    assert refusal.value.value == odd
    assert "stands at character" in refusal.value.detail


def test_a_note_and_a_quote_may_have_lines_and_nothing_else_that_is_odd() -> None:
    refuse_odd(announcement(note="one\r\n\ttwo", source={"title": "t", "quote": "one\ntwo"}))

    for said in (announcement(note=NUL), announcement(source={"title": "t", "quote": TURNED})):
        with pytest.raises(Invalid):
            refuse_odd(said)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (announcement(announced_at="20200601T130500Z"), "announced_at"),
        (announcement(retracted_at="2020-W23-1"), "retracted_at"),
        (announcement(known_at="2020-06-01 13:05:00Z"), "known_at"),
        (opening(opened_at="2020-06-01T13:05:00+01:00:30"), "opened_at"),
        (opening(candidates=[{"candidate": "a", "name": "A", "entered_at": "x"}]), "candidates.0.entered_at"),
        (command("withdraw", candidate="a", withdrew_at="2020-06-01T13:05:00.1234567Z"), "withdrew_at"),
        (command("switch", endorsement="e", candidate="b", switched_at="2020-06-01T13:05Z"), "switched_at"),
    ],
)
def test_a_time_in_another_form_is_refused_with_its_field(said: Any, field: str) -> None:
    with pytest.raises(UnreadableTime) as refusal:
        refuse_odd(said)

    assert refusal.value.field == field


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "/etc/localtime", "right/UTC"])
def test_a_zone_that_is_none_of_the_database_is_refused(zone: str) -> None:
    with pytest.raises(Invalid) as refusal:
        History(opening(timezone=zone))

    assert refusal.value.field == "timezone"


# As the releases before this one stored them: none is ever changed or taken away.
STORED: list[tuple[bytes, bytes]] = [
    (
        b"contest.opened.v1",
        (
            b'{"contest":"a-race","title":"A\\u0000 race\\u202e","timezone":"Factory","clock":"server",'
            b'"opened_at":"20200101T000000Z","recorded_by":"t\\u0000","source":{"url":"","title":"","quote":"",'
            b'"published":""},"note":""}'
        ),
    ),
    (
        b"candidate.entered.v1",
        (
            b'{"candidate":"ann","name":"Ann\xe2\x80\xae","party":"\\u0007","entered_at":"2020-W01-3T00:00:00Z",'
            b'"recorded_by":"t","source":{"url":"","title":"","quote":"","published":""},"note":"\\u0000"}'
        ),
    ),
    (
        b"endorsement.announced.v1",
        (
            b'{"endorsement":"e","endorser":{"id":"jane","name":"J\\u0000","kind":"person","position":"","party":"",'
            b'"place":"\xe2\x81\xa6"},"candidate":"ann","category":"governor","members":0,'
            b'"announced_at":"2020-06-01 13:05:00.1234567899+01:00:30","recorded_by":"t",'
            b'"source":{"url":"","title":"t\\n","quote":"","published":""},"note":""}'
        ),
    ),
    (
        b"endorsement.retracted.v1",
        (
            b'{"endorsement":"e","retracted_at":"2020-06-02T13Z","recorded_by":"t",'
            b'"source":{"url":"","title":"t","quote":"","published":""},"note":""}'
        ),
    ),
]


def test_what_was_stored_in_odd_words_reads_folds_and_is_written_as_ever() -> None:
    book = Everything()
    for version, (kind, data) in enumerate(STORED, start=1):
        event = decode_event(kind, data)
        assert decode_event(kind, encode_event(event)) == event
        assert type_of(event).encode() == kind
        book.take(Recorded(Version(version), f"id-{version}", Instant(NOW + version), event))

    found = book.find("e")
    assert book.opened().timezone == "Factory"
    assert book.opened().candidates["ann"].name == "Ann\u202e"
    assert (found.endorser.name, found.announced_at) == ("J\x00", "2020-06-01 13:05:00.1234567899+01:00:30")
    assert start_of(found.announced_at, "Factory") == start_of("2020-06-01T12:04:30.123456Z", "UTC")
    assert start_of(found.retracted_at, "Factory") == start_of("2020-06-02T13:00:00Z", "UTC")


def test_what_was_stored_in_odd_words_can_be_corrected_in_others() -> None:
    book = Everything()
    for version, (kind, data) in enumerate(STORED[:3], start=1):
        book.take(
            Recorded(Version(version), f"id-{version}", Instant(NOW + version), decode_event(kind, data))
        )

    sheet = sheet_of(command("correct", endorsement="e", category="senator"), lambda: "new")

    assert decided(sheet, book, Instant(NOW + 10), []).version == 4


def test_a_command_in_odd_words_that_was_taken_before_is_answered_as_it_was() -> None:
    odd = announcement(id="once", announced_at="20200601T130500Z", note="\x00")
    sheet = sheet_of(odd, lambda: "never")

    answered = as_before(sheet, {"once": (7, "d47168044e48a0cb")})

    assert not isinstance(answered, Exception), answered
    assert answered.version == 7
    with pytest.raises(Invalid):
        decided(sheet, Book(), Instant(NOW), [])
