"""What a commit tells of events that were folded: their entries in the ledger, and what becomes of the state."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from shared.domain.book import FOLD, Book, Folded, Pair
from shared.domain.contest import Contest
from shared.domain.times import format_instant
from shared.projection import seals
from shared.projection.seals import Stock
from shared.projection.state import (
    CHAIN,
    CONTEST,
    FOLD_NUMBER,
    HISTORY,
    KNOWN_AT,
    NEW,
    SEAL,
    TOTALS,
    under_seal,
)
from shared.storage.codec import encode_state
from shared.storage.history import history_after

# An event's entry in the ledger: known_at, postings, field of its subject in the state, subject.
Told = tuple[str, bytes, str, bytes]


class Trail(NamedTuple):
    """How a projection came to where it stands: a digest of every ledger entry, and one of every log entry; and its
    state as a whole."""

    chain: str
    history: str
    stock: Stock = NEW


def told_of(
    contest: str, book: Book, trail: Trail, folded: Sequence[Folded], changes: Sequence[bytes]
) -> tuple[list[Any], Trail]:
    """The arguments of `commit.lua` for events that the book took last and for the state, and the trail after them."""
    arguments: list[Any] = []
    chain, history, stock = trail
    digest_of_field = seals.digests(contest)
    for each, change in zip(folded, changes, strict=True):
        entry = entry_of(each)
        chain, history = linked(chain, entry), history_after(history, each.recorded.digest)
        digest = digest_of_field(entry[2], entry[3])
        arguments += (*entry, digest, change, chain, history)
        if entry[2] == CONTEST:
            stock = stock._replace(contest=digest)
    if folded:
        fields = stock.fields + stock.lacks + _added(book, folded)
        trail = Trail(chain, history, stock._replace(fields=fields, lacks=0))
        noted = f"{book.version} {trail.history} {folded[-1].recorded.digest}"
        arguments += _rest_of_state(contest, book, trail, noted, folded)
    return arguments, trail


def linked(chain: str, entry: Told) -> str:
    """The chain after an entry of the ledger; `chain` is the one before it."""
    known_at, postings, subject, state = entry
    said = b"\n".join((chain.encode(), known_at.encode(), postings, subject.encode(), state))
    return blake2b(said, digest_size=16).hexdigest()


def entry_of(folded: Folded) -> Told:
    """What the ledger tells of an event."""
    postings = [
        [*posting, *folded.totals[posting.candidate, posting.category]] for posting in folded.postings
    ]
    subject = folded.subject
    return (
        format_instant(folded.recorded.known_at),
        orjson.dumps(postings),
        CONTEST if isinstance(subject, Contest) else endorsement_field(subject.id),
        encode_state(subject),
    )


def _rest_of_state(
    contest: str, book: Book, trail: Trail, noted: str, folded: Sequence[Folded]
) -> list[str | bytes]:
    """The fields and values of the state, one after the other, without the contest and the endorsements."""
    paired = {each.paired: each.recorded.version for each in folded if each.paired}
    totals = orjson.dumps([[*cell, *totals] for cell, totals in book.totals.items()])
    head = {FOLD_NUMBER: b"%d" % FOLD, KNOWN_AT: b"%d" % book.known_at, TOTALS: totals}
    head |= {CHAIN: trail.chain.encode(), HISTORY: noted.encode()}
    sealed = seals.seal(contest, book.version, trail.stock, *under_seal(head))
    rest: list[str | bytes] = [part for field in head.items() for part in field]
    rest += (SEAL, str(sealed))
    digest_of_field = seals.digests(contest)
    for pair, version in paired.items():
        field = pair_field(pair)
        rest += (field, seals.pair_with_digest(digest_of_field, field, version, book.pairs[pair]))
    return rest


def _added(book: Book, folded: Sequence[Folded]) -> int:
    """How many fields these events add to the state: of new endorsements, and of new pairs."""
    subjects = [(each.subject, each) for each in folded if not isinstance(each.subject, Contest)]
    return sum(
        (subject.first_version == subject.version)
        + (each.paired is not None and book.pairs[each.paired][0] == subject.id)
        for subject, each in subjects
    )


def endorsement_field(endorsement: str) -> str:
    """The field of the state that has an endorsement."""
    return f"e:{endorsement}"


def pair_field(pair: Pair) -> str:
    """The field of the state that has the ids of a pair's endorsements."""
    return f"p:{pair[0]}/{pair[1]}"
