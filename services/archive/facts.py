"""What an event may say of facts: what was taken at the door at some time, so that scorer and API can hold it."""

from dataclasses import fields
from typing import Final

from shared.domain.errors import UnreadableTime
from shared.domain.events import Endorser, Source
from shared.domain.ids import is_slug
from shared.domain.times import start_of

_LONGEST_TEXT: Final = 2000
_MOST_MEMBERS: Final = 10**10
_SLUGS: Final = {"contest", "candidate", "category", "endorsement"}
_TIMES: Final = {"opened_at", "entered_at", "withdrew_at", "announced_at", "retracted_at"}


class Wrong(Exception):
    """An entry says what no log does; says what."""


def refuse_facts(event: object, zone: str) -> None:
    """Raises `Wrong` unless every fact is one that was taken at some time."""
    for name in (field.name for field in fields(event)):  # type: ignore[arg-type]
        value = getattr(event, name)
        if isinstance(value, Endorser | Source):
            refuse_facts(value, zone)
        elif isinstance(value, str):
            _refuse_text(name, value, zone)
            if isinstance(event, Endorser) and name == "id" and not is_slug(value):
                raise Wrong(f"has endorser {value[:40]!r}, which is no id")
        elif name == "members" and isinstance(value, int) and not 0 <= value <= _MOST_MEMBERS:
            raise Wrong("has members that are not 0 to 10^10")


def _refuse_text(name: str, value: str, zone: str) -> None:
    if name in _SLUGS and not is_slug(value):
        raise Wrong(f"has {name} {value[:40]!r}, which is no id")
    if len(value) > _LONGEST_TEXT:
        raise Wrong(f"has {name} of {len(value)} characters, and {_LONGEST_TEXT} is the most")
    if name in _TIMES:
        try:
            start_of(value, zone, name)
        except UnreadableTime as error:
            raise Wrong(f"has {error.detail[:200]}") from None
