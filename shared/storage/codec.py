"""Events, states and postings as stored text, and back. Everything stored is plain JSON.

An event's stored type ends in its schema's number (`endorsement.announced.v1`). A name or a body that is not
understood raises `UnreadableEvent`: nothing stored is ever skipped. When a schema changes, the old number stays here
with what brings it up to date, and an example of it stays in the tests.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.errors import UnreadableEvent, UnreadableTime
from shared.domain.events import (
    Announced,
    CandidateEntered,
    CandidateWithdrew,
    ContestOpened,
    Corrected,
    Event,
    Recorded,
    Retracted,
    Struck,
    Unchanged,
)
from shared.domain.times import start_of
from shared.storage.history import digest_of
from shared.storage.streams import version_of

_TYPES: Final[Mapping[type[Event], str]] = {
    ContestOpened: "contest.opened.v1",
    CandidateEntered: "candidate.entered.v1",
    CandidateWithdrew: "candidate.withdrew.v1",
    Announced: "endorsement.announced.v1",
    Retracted: "endorsement.retracted.v1",
    Corrected: "endorsement.corrected.v1",
    Struck: "endorsement.struck.v1",
}
_READERS: Final[Mapping[bytes, TypeAdapter[Event]]] = {
    name.encode(): TypeAdapter(kind) for kind, name in _TYPES.items()
}
_ENDORSEMENT: Final = TypeAdapter(Endorsement)
_CONTEST: Final = TypeAdapter(Contest)
_NOTHING: Final[Mapping[str, object]] = {
    "note": "",
    "source": {"url": "", "title": "", "quote": "", "published": ""},
}


def type_of(event: Event) -> str:
    """The stored name of an event's type and schema."""
    return _TYPES[type(event)]


def public_type(stored: str) -> str:
    """The name of an event's type without its schema: `endorsement.announced`."""
    return stored.rpartition(".v")[0]


def public_name(kind: type[Event]) -> str:
    """The name of a kind of events without its schema."""
    return public_type(_TYPES[kind])


def encode_event(event: Event) -> bytes:
    """An event's facts as JSON."""
    if isinstance(event, Corrected):
        return orjson.dumps(facts(event))
    return orjson.dumps(event)


def facts(event: Event) -> dict[str, Any]:
    """An event's facts as plain values, without what it leaves open."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(event))
    unchanged = Unchanged.UNCHANGED.value
    is_correction = isinstance(event, Corrected)
    return {
        name: value
        for name, value in plain.items()
        if value != _NOTHING.get(name, ...)
        and not (is_correction and value == unchanged and _is_open(event, name))
    }


def _is_open(event: Event, name: str) -> bool:
    return isinstance(getattr(event, name), Unchanged)


def knows(stored: str) -> bool:
    """True for an event type of this release; a later one may write others."""
    return stored.encode() in _READERS


def decode_event(stored_type: bytes, data: bytes) -> Event:
    """The event that was stored. Raises `UnreadableEvent`."""
    reader = _READERS.get(stored_type)
    if reader is None:
        raise UnreadableEvent(f"type {stored_type.decode(errors='replace')!r} is not known to this release")
    try:
        return reader.validate_json(data, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise UnreadableEvent(f"{stored_type.decode()}: {where}: {first['msg']}") from None


def decode_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Recorded:
    """The event in a log entry. Raises `UnreadableEvent`, naming the version."""
    version = version_of(entry_id)
    try:
        event = decode_event(fields[b"type"], fields[b"data"])
        known_at = start_of(fields[b"known_at"].decode(), "UTC")
        return Recorded(version, fields[b"id"].decode(), known_at, event, digest_of(fields))
    except (KeyError, UnicodeDecodeError, UnreadableTime) as error:
        raise UnreadableEvent(f"version {version}: {error!r}") from None
    except UnreadableEvent as error:
        raise UnreadableEvent(f"version {version}: {error}") from None


def encode_state(state: Contest | Endorsement) -> bytes:
    """The state of a contest or an endorsement as JSON."""
    return orjson.dumps(state)


def decode_endorsement(data: bytes) -> Endorsement:
    """The endorsement that was stored."""
    return _ENDORSEMENT.validate_json(data)


def decode_contest(data: bytes) -> Contest:
    """The contest that was stored."""
    return _CONTEST.validate_json(data)


def exact(value: object) -> orjson.Fragment:
    """A decimal as a JSON number, every digit of it: what orjson asks its `default` for."""
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(type(value).__name__)
