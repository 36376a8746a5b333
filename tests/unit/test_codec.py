"""What is stored reads as it was meant, or not at all."""

from collections.abc import Mapping

import orjson
import pytest

from shared.domain import contest as contests
from shared.domain.errors import UnreadableEvent
from shared.domain.events import (
    Announced,
    CandidateEntered,
    CandidateWithdrew,
    ContestOpened,
    Corrected,
    Endorser,
    Event,
    Retracted,
    Source,
    Struck,
)
from shared.storage.codec import (
    decode_contest,
    decode_endorsement,
    decode_entry,
    decode_event,
    encode_event,
    encode_state,
    facts,
    public_type,
    type_of,
)
from shared.storage.history import digest_of
from tests.builders import announced, correction, endorsement, entered, opened, retracted, struck, withdrew

BY = {
    "recorded_by": "desk",
    "source": Source("https://a.example", "A paper", "“yes”", "2020-06-01"),
    "note": "n",
}
_BY = (
    '"recorded_by":"desk","note":"n","source":{"url":"https://a.example","title":"A paper","quote":"“yes”",'
    '"published":"2020-06-01"}'
)
_JANE = '{"id":"jane","name":"Jane","kind":"person","position":"Governor of Ohio","party":"D","place":"OH"}'
_OPENED = '"opened_at":"2020-01-01"'
_SUPPORT = '"candidate":"ann","category":"governor","members":7,"announced_at":"2020-02-01"'

# An example of every event version ever stored: none is ever changed or taken away.
GOLDEN: Mapping[str, tuple[str, Event]] = {
    "contest.opened.v1": (
        f'{{"contest":"a-race","title":"A race","timezone":"America/New_York","clock":"imported",{_OPENED},{_BY}}}',
        ContestOpened(
            contest="a-race",
            title="A race",
            timezone="America/New_York",
            clock="imported",
            opened_at="2020-01-01",
            **BY,  # type: ignore[arg-type]
        ),
    ),
    "candidate.entered.v1": (
        f'{{"candidate":"ann","name":"Ann","party":"D","entered_at":"2020-01-02",{_BY}}}',
        CandidateEntered(candidate="ann", name="Ann", party="D", entered_at="2020-01-02", **BY),  # type: ignore[arg-type]
    ),
    "candidate.withdrew.v1": (
        f'{{"candidate":"ann","withdrew_at":"2020-03-01T10:00:00-05:00",{_BY}}}',
        CandidateWithdrew(candidate="ann", withdrew_at="2020-03-01T10:00:00-05:00", **BY),  # type: ignore[arg-type]
    ),
    "endorsement.announced.v1": (
        f'{{"endorsement":"e","endorser":{_JANE},{_SUPPORT},{_BY}}}',
        Announced(
            endorsement="e",
            endorser=Endorser("jane", "Jane", "person", "Governor of Ohio", "D", "OH"),
            candidate="ann",
            category="governor",
            members=7,
            announced_at="2020-02-01",
            **BY,  # type: ignore[arg-type]
        ),
    ),
    "endorsement.retracted.v1": (
        f'{{"endorsement":"e","retracted_at":"2020-02-05",{_BY}}}',
        Retracted(endorsement="e", retracted_at="2020-02-05", **BY),  # type: ignore[arg-type]
    ),
    "endorsement.corrected.v1": (
        f'{{"endorsement":"e","category":"senator","retracted_at":null,{_BY}}}',
        Corrected(endorsement="e", category="senator", retracted_at=None, **BY),  # type: ignore[arg-type]
    ),
    "endorsement.struck.v1": (f'{{"endorsement":"e",{_BY}}}', Struck(endorsement="e", **BY)),  # type: ignore[arg-type]
}
EVENTS: tuple[Event, ...] = (
    opened(),
    entered(),
    withdrew(),
    announced(),
    retracted(),
    correction(candidate="bob"),
    struck(),
)
by_type = pytest.mark.parametrize("stored", sorted(GOLDEN))


def entry(**fields: str) -> dict[bytes, bytes]:
    """A log's entry."""
    plain = {
        "id": "id-3",
        "type": "endorsement.struck.v1",
        "known_at": "2020-06-01T04:00:00.000000Z",
        "data": '{"endorsement":"e","recorded_by":"test","note":"never was"}',
        **fields,
    }
    return {name.encode(): value.encode() for name, value in plain.items()}


@by_type
def test_an_event_of_every_version_ever_stored_still_reads_as_it_was_meant(stored: str) -> None:
    text, event = GOLDEN[stored]

    assert decode_event(stored.encode(), text.encode()) == event


@by_type
def test_an_event_is_stored_under_its_type_with_the_facts_it_has(stored: str) -> None:
    text, event = GOLDEN[stored]

    assert type_of(event) == stored
    assert orjson.loads(encode_event(event)) == orjson.loads(text)


def test_the_golden_examples_have_every_type_that_is_written() -> None:
    assert {type_of(event) for event in EVENTS} == set(GOLDEN)


@pytest.mark.parametrize("event", EVENTS, ids=type_of)
def test_every_event_reads_as_it_was_written(event: Event) -> None:
    assert decode_event(type_of(event).encode(), encode_event(event)) == event


@pytest.mark.parametrize(
    "event",
    [
        correction(endorser=Endorser("union", "Union", "organization")),
        correction(candidate="unchanged", category="unchanged"),
        correction(members=0),
        correction(announced_at="2020-06-02"),
        correction(retracted_at=None),
        correction(retracted_at="2020-06-09"),
    ],
)
def test_a_correction_of_any_field_reads_as_it_was_written(event: Corrected) -> None:
    assert decode_event(b"endorsement.corrected.v1", encode_event(event)) == event


def test_a_correction_is_stored_without_the_fields_that_it_leaves_alone() -> None:
    assert facts(correction(candidate="unchanged", retracted_at=None)) == {
        "endorsement": "e",
        "candidate": "unchanged",
        "retracted_at": None,
        "recorded_by": "test",
    }


def test_an_event_without_source_and_note_shows_neither() -> None:
    assert facts(retracted()) == {"endorsement": "e", "retracted_at": "2020-06-10", "recorded_by": "test"}


def test_the_public_name_of_a_type_leaves_its_schema_out() -> None:
    assert public_type("endorsement.announced.v1") == "endorsement.announced"
    assert public_type("endorsement.announced.v12") == "endorsement.announced"


@pytest.mark.parametrize("name", ["endorsement.dreamt.v1", "endorsement.struck.v2", "endorsement.struck", ""])
def test_an_unknown_type_is_unreadable_and_names_its_version(name: str) -> None:
    with pytest.raises(UnreadableEvent, match=rf"^version 3: type '{name}' is not known"):
        decode_entry(b"3-0", entry(type=name))


@by_type
def test_an_unknown_field_is_unreadable_and_named_with_its_version(stored: str) -> None:
    data = {**orjson.loads(GOLDEN[stored][0]), "points": 10}

    with pytest.raises(UnreadableEvent, match=rf"^version 3: {stored}: points: "):
        decode_entry(b"3-0", entry(type=stored, data=orjson.dumps(data).decode()))


@by_type
def test_an_unknown_field_of_a_source_is_unreadable_and_named_with_its_version(stored: str) -> None:
    data = orjson.loads(GOLDEN[stored][0])
    data["source"]["page"] = 3

    with pytest.raises(UnreadableEvent, match=r"^version 3: .*source\.page: "):
        decode_entry(b"3-0", entry(type=stored, data=orjson.dumps(data).decode()))


@by_type
def test_a_missing_field_is_unreadable_and_named_with_its_version(stored: str) -> None:
    whole = orjson.loads(GOLDEN[stored][0])
    may_be_left_out = {"source", "note"}
    if stored == "endorsement.corrected.v1":
        may_be_left_out |= {"category", "retracted_at"}
    for name in whole.keys() - may_be_left_out:
        data = {other: value for other, value in whole.items() if other != name}
        with pytest.raises(UnreadableEvent, match=rf"^version 3: {stored}: {name}: "):
            decode_entry(b"3-0", entry(type=stored, data=orjson.dumps(data).decode()))


@by_type
def test_a_field_of_a_wrong_type_is_unreadable_and_named_with_its_version(stored: str) -> None:
    whole = orjson.loads(GOLDEN[stored][0])
    for name in whole:
        data = {**whole, name: [1]}
        with pytest.raises(UnreadableEvent, match=rf"^version 3: {stored}: {name}"):
            decode_entry(b"3-0", entry(type=stored, data=orjson.dumps(data).decode()))


@pytest.mark.parametrize("members", ["7", True, 7.0])
def test_a_number_written_as_something_else_is_unreadable(members: object) -> None:
    data = {**orjson.loads(GOLDEN["endorsement.announced.v1"][0]), "members": members}

    with pytest.raises(UnreadableEvent, match="members"):
        decode_event(b"endorsement.announced.v1", orjson.dumps(data))


@pytest.mark.parametrize("data", ["", "{", "[]", "null", "7", '{"endorsement":"e"'])
def test_a_body_that_is_no_object_is_unreadable_and_names_its_version(data: str) -> None:
    with pytest.raises(UnreadableEvent, match=r"^version 3: endorsement\.struck\.v1: "):
        decode_entry(b"3-0", entry(data=data))


@pytest.mark.parametrize("name", [b"id", b"type", b"known_at", b"data"])
def test_an_entry_without_one_of_its_fields_is_unreadable_and_names_its_version(name: bytes) -> None:
    fields = {other: value for other, value in entry().items() if other != name}

    with pytest.raises(UnreadableEvent, match=r"^version 3: "):
        decode_entry(b"3-0", fields)


@pytest.mark.parametrize("name", [b"id", b"type", b"known_at", b"data"])
def test_an_entry_that_is_no_text_is_unreadable_and_names_its_version(name: bytes) -> None:
    with pytest.raises(UnreadableEvent, match=r"^version 3: "):
        decode_entry(b"3-0", {**entry(), name: b"\xff"})


def test_an_entry_whose_known_time_cannot_be_read_is_unreadable_and_names_its_version() -> None:
    with pytest.raises(UnreadableEvent, match=r"^version 3: "):
        decode_entry(b"3-0", entry(known_at="yesterday"))


def test_an_entry_reads_as_a_recorded_event() -> None:
    recorded = decode_entry(b"3-0", entry())

    assert recorded == (3, "id-3", 1_590_984_000_000_000, struck(), digest_of(entry()))


def test_the_state_of_a_contest_and_of_an_endorsement_read_as_they_were_written() -> None:
    contest = contests.evolve(contests.evolve(contests.evolve(None, opened()), entered()), withdrew())
    ended = endorsement(retracted_at="2020-06-09", struck=True, members=10**12)

    assert decode_contest(encode_state(contest)) == contest
    assert decode_endorsement(encode_state(ended)) == ended
