"""Which recorded endorser a row of a snapshot is: by name first, then by the nearest role."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from services.cli.importers.names import digest, slug
from services.cli.importers.snapshot_rows import Role, SnapshotRow
from shared.domain.events import Endorser

_ENDORSER_FIELDS = tuple(field.name for field in fields(Endorser))


@dataclass(frozen=True, slots=True)
class ListedEndorsement:
    """An endorsement as the API lists it."""

    id: str
    endorser: Endorser
    candidate: str
    category: str
    members: int
    announced_at: str
    retracted_at: str | None
    version: int

    @property
    def active(self) -> bool:
        return self.retracted_at is None


def listed(answer: Mapping[str, Any]) -> ListedEndorsement:
    """One of the objects under `endorsements` in the API's answer."""
    endorser = {name: answer["endorser"][name] for name in _ENDORSER_FIELDS if name in answer["endorser"]}
    return ListedEndorsement(
        answer["endorsement"],
        Endorser(**endorser),
        answer["candidate"],
        answer["category"],
        answer.get("members", 0),
        answer["announced_at"],
        answer.get("retracted_at"),
        answer.get("version", 0),
    )


def endorser_ids(rows: Sequence[SnapshotRow], known: Iterable[ListedEndorsement]) -> dict[Role, str]:
    """The endorser id of every role in the rows; two roles never share one.

    A role of a name that is recorded keeps that endorser's id though its position, place or category changed. Where
    a name stands in two roles, each is given to the endorser it is nearest to, and what is left over gets a new id.
    """
    newest = _newest(known)
    recorded: dict[str, list[ListedEndorsement]] = defaultdict(list)
    for listing in newest.values():
        recorded[slug(listing.endorser.name)].append(listing)
    named: dict[str, list[SnapshotRow]] = defaultdict(list)
    for row in rows:
        named[row.role[0]].append(row)
    ids: dict[Role, str] = {}
    taken = set(newest)
    for name in sorted(named):
        nearest = _nearest(named[name], recorded[name])
        roles = sorted({row.role for row in named[name]})
        for role in roles:
            ids[role] = nearest.get(role) or _new_id(role, len(roles) == 1, taken)
            taken.add(ids[role])
    return ids


def _newest(known: Iterable[ListedEndorsement]) -> dict[str, ListedEndorsement]:
    newest: dict[str, ListedEndorsement] = {}
    for listing in sorted(known, key=lambda known: (known.active, known.version, known.id)):
        newest[listing.endorser.id] = listing
    return newest


def _nearest(rows: list[SnapshotRow], recorded: list[ListedEndorsement]) -> dict[Role, str]:
    pairs = sorted(
        ((_nearness(row, listing), row, listing) for row in rows for listing in recorded),
        key=lambda pair: ([not same for same in pair[0]], pair[1].role, pair[2].endorser.id),
    )
    ids: dict[Role, str] = {}
    for _, row, listing in pairs:
        if row.role not in ids and listing.endorser.id not in ids.values():
            ids[row.role] = listing.endorser.id
    return ids


def _nearness(row: SnapshotRow, listing: ListedEndorsement) -> tuple[bool, ...]:
    same_place = row.place == listing.endorser.place
    same_position = row.position == listing.endorser.position
    return (
        same_place and same_position,
        listing.active,
        same_place,
        same_position,
        row.category == listing.category,
        row.candidate == listing.candidate,
    )


def _new_id(role: Role, alone: bool, taken: set[str]) -> str:
    name, position, place = role
    if alone and name not in taken:
        return name
    told_apart = "-".join(filter(None, (name, slug(place, 20), slug(position, 20))))
    return (
        told_apart if told_apart not in taken and told_apart != name else f"{told_apart}-{digest(role)[:8]}"
    )
