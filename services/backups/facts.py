"""What an event may say of facts: what was taken at the door at some time, so that scorer and API can hold it."""

from dataclasses import fields
from functools import cache
from typing import Final

from shared.domain.errors import UnreadableTime
from shared.domain.events import LONGEST_TEXT, MOST_MEMBERS, Endorser, Event, Source, Unchanged
from shared.domain.ids import is_slug
from shared.domain.times import start_of

_SLUGS: Final = frozenset({"contest", "candidate", "category", "endorsement"})
_TIMES: Final = frozenset({"opened_at", "entered_at", "withdrew_at", "announced_at", "retracted_at"})
_PARTS: Final = frozenset({"endorser", "source"})


class Wrong(Exception):
    """An entry says what no log does; says what."""


def refuse_facts(event: Event, zone: str, length: int) -> None:
    """Raises `Wrong` unless every fact is one that was taken at some time. `length` is that of the event as stored."""
    kind: type = type(event)
    for name in _among(kind, _SLUGS):
        _refuse_id(name, getattr(event, name))
    for name in _among(kind, _TIMES):
        _refuse_time(name, getattr(event, name), zone)
    endorser = getattr(event, "endorser", None)
    if isinstance(endorser, Endorser):
        _refuse_id("endorser", endorser.id)
    members = getattr(event, "members", 0)
    if isinstance(members, int) and not 0 <= members <= MOST_MEMBERS:
        raise Wrong(f"has members that are not 0 to {MOST_MEMBERS:,}")
    if length > LONGEST_TEXT:  # else no text in it is longer
        _refuse_long(event)
        for name in _among(kind, _PARTS):
            _refuse_long(getattr(event, name))


@cache
def _among(kind: type, names: frozenset[str]) -> tuple[str, ...]:
    """Those of the names that this kind of event has."""
    return tuple(field.name for field in fields(kind) if field.name in names)


# What a correction leaves alone, and a retraction that it undoes, are no text.
def _refuse_id(name: str, value: object) -> None:
    if isinstance(value, str) and not is_slug(value):
        raise Wrong(f"has {name} {value[:40]!r}, which is no id")


def _refuse_time(name: str, value: object, zone: str) -> None:
    try:
        if isinstance(value, str):
            start_of(value, zone, name)
    except UnreadableTime as error:
        raise Wrong(f"has {error.detail[:200]}") from None


def _refuse_long(part: Event | Endorser | Source | Unchanged) -> None:
    for name in () if isinstance(part, Unchanged) else (field.name for field in fields(part)):
        value = getattr(part, name)
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise Wrong(f"has {name} of {len(value)} characters, and {LONGEST_TEXT} is the most")
