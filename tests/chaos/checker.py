"""What must hold after chaos, compared with a pure fold of what is in the log. Pure: lists in, violations out."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import orjson

from shared.domain.events import Recorded
from shared.domain.postings import Posting
from shared.storage.codec import decode_entry
from shared.storage.streams import version_of
from standings.client import Change
from tests.builders import Everything
from tests.chaos.load import Sent
from tests.chaos.subscriber import Note, digest_of
from tests.oracle import as_of

Entry = tuple[bytes, dict[bytes, bytes]]


class Found(NamedTuple):
    """What lies in Redis of one contest when all is quiet."""

    log: Sequence[Entry]
    ids: Mapping[str, int]
    ledger: Sequence[Entry]
    changes: Sequence[int]


def violations(contest: str, sent: Iterable[Sent], found: Found) -> list[str]:
    """Everything that is wrong with a contest, in sentences."""
    wrong = [f"{contest}: {one}" for one in _numbering(found)]
    if wrong:
        return wrong
    log = [decode_entry(entry_id, fields) for entry_id, fields in found.log]
    checks = (*_acknowledged(sent, log), *_order(log), *_ledger(log, found.ledger))
    return [f"{contest}: {one}" for one in checks]


def _numbering(found: Found) -> Iterable[str]:
    versions = list(range(1, len(found.log) + 1))
    for name, entries in (("log", found.log), ("ledger", found.ledger)):
        numbers = [version_of(entry_id) for entry_id, _ in entries]
        if numbers != versions:
            yield f"the {name} has {_first_difference(numbers, versions)}"
    if list(found.changes) != versions:
        yield f"the changes have {_first_difference(list(found.changes), versions)}"
    by_id = {fields[b"id"].decode(): version_of(entry_id) for entry_id, fields in found.log}
    if len(by_id) != len(found.log):
        yield "an event id is in the log twice"
    if by_id != dict(found.ids):
        yield "the index of event ids is not what the log has"


def _first_difference(numbers: Sequence[int], versions: Sequence[int]) -> str:
    for position, (number, version) in enumerate(zip(numbers, versions, strict=False)):
        if number != version:
            return f"version {number} at place {position + 1}"
    return f"{len(numbers)} entries, of {len(versions)} versions"


def wrong_notes(noted: Sequence[Note], told: Sequence[Change]) -> list[str]:
    """Where a subscriber did not note each of these changes once, in its contest's order, as it was told."""
    wrong = []
    for contest in sorted({one.contest for one in told} | {one.contest for one in noted}):
        found = [(one.version, one.digest) for one in noted if one.contest == contest]
        due = [(one.version, digest_of(one)) for one in told if one.contest == contest]
        if [version for version, _ in found] != [version for version, _ in due]:
            difference = _first_difference([version for version, _ in found], [version for version, _ in due])
            wrong.append(f"{contest}: has {difference}")
        elif found != due:
            wrong.append(f"{contest}: noted otherwise than it was told")
    return wrong


def _acknowledged(sent: Iterable[Sent], log: Sequence[Recorded]) -> Iterable[str]:
    recorded = {one.id: one for one in log}
    expected: set[str] = set()
    for one in sent:
        own = one.body["id"]
        yield from (f"two answers to one command: {said}" for said in one.contradictions)
        for id_, version in one.versions.items():
            if id_ not in recorded:
                yield f"{id_} was acknowledged as version {version}, and is not in the log"
            elif recorded[id_].version != version:
                yield f"{id_} was acknowledged as version {version}, and is {recorded[id_].version}"
        if one.refused and not one.versions and own in recorded:
            yield f"{own} was refused ({one.refused}), and is in the log"
        about = one.body.get("endorsement")
        if own in recorded and about is not None:
            found = getattr(recorded[own].event, "endorsement", None)
            if found != about:
                yield f"{own} is about {about}, and is recorded of {found}"
        expected.add(own)
    for id_ in recorded:
        if id_.partition("/")[0] not in expected:
            yield f"{id_} is in the log, and nobody sent it"


def _order(log: Sequence[Recorded]) -> Iterable[str]:
    for before, after in pairwise(log):
        if after.known_at < before.known_at:
            yield f"version {after.version} became known before version {before.version}"


def _ledger(log: Sequence[Recorded], ledger: Sequence[Entry]) -> Iterable[str]:
    book = Everything()
    for one, (_, fields) in zip(log, ledger, strict=True):
        folded = book.fold(one)
        expected = [[*posting, *folded.totals[posting[1:3]]] for posting in folded.postings]
        if orjson.loads(fields[b"postings"]) != expected:
            yield f"version {one.version} is folded as {fields[b'postings'].decode()}, and not {expected}"


class Standing(NamedTuple):
    """What the API said of a moment: the number of endorsements by candidate."""

    version: int
    valid_at: int
    scores: dict[str, int]


def wrong_standings(contest: str, log: Sequence[Entry], said: Iterable[Standing]) -> list[str]:
    """Where the API's headcount is not the number of endorsements that the events lead to."""
    book = Everything()
    pairs: list[tuple[int, Posting]] = []
    for entry_id, fields in log:
        one = decode_entry(entry_id, fields)
        pairs += [(one.version, posting) for posting in book.fold(one).postings]
    wrong = []
    for version, valid_at, scores in said:
        counted = dict.fromkeys(scores, 0)
        for (candidate, _), (count, _) in as_of(pairs, valid_at, version).items():
            counted[candidate] += count
        if counted != scores:
            wrong.append(f"{contest}: at version {version} the API says {scores}, and it is {counted}")
    return wrong
