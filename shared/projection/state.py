"""Reading a state as it was stored: what is not what was written raises `Damaged`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import orjson
from pydantic import ValidationError

from shared.domain.book import Book, Cell, Totals
from shared.domain.endorsement import Endorsement
from shared.domain.times import Instant
from shared.projection import seals
from shared.projection.seals import Seal, Stock
from shared.storage.codec import decode_contest, decode_endorsement
from shared.storage.damage import Damaged
from shared.storage.streams import Entry, last_of

T = TypeVar("T")

CONTEST, TOTALS, KNOWN_AT, FOLD_NUMBER = "contest", "totals", "known_at", "fold"
CHAIN, HISTORY, SEAL = "chain", "history", "seal"
# What each commit writes anew; the contest only when it changed.
HEAD: Final = (CONTEST, TOTALS, KNOWN_AT, CHAIN, HISTORY, FOLD_NUMBER, SEAL)
# Of no contest yet.
NEW: Final = Stock(0, 0, len(HEAD), "")
_UNREADABLE = (ValueError, TypeError, KeyError, OverflowError)


class Head:
    """What a state says of its contest as a whole, at the version of the ledger's last entry. Raises `Damaged`."""

    def __init__(
        self, contest: str, last: Sequence[Entry], values: Sequence[bytes | None], fields: int
    ) -> None:
        self.contest = contest
        self.version = last_of(last)
        self.values = dict(zip(HEAD, values, strict=True))
        self._reading = Reading(contest, last, self.values[SEAL], fields)
        lacks = sum(value is None for value in values)
        stored = self.values[CONTEST] or b""
        self.stock = Stock(self._reading.since, fields, lacks, seals.digest(contest, CONTEST, stored))
        if self._reading.sealed is not None:
            self._check(self._reading.sealed)
        chain = last[0][1].get(b"chain", self.values[CHAIN])
        if chain != self.values[CHAIN]:
            raise Damaged(contest, self.version, "the chain of its state is not its ledger's")
        self.chain = (chain or b"").decode()

    def book(self) -> Book:
        """The contest and its totals, and no endorsement yet."""
        return Book(
            self.version,
            Instant(self._read(KNOWN_AT, int)),
            self._read(CONTEST, decode_contest),
            self._read(TOTALS, _totals),
        )

    def _check(self, sealed: Seal) -> None:
        if missing := [field for field, value in self.values.items() if value is None]:
            raise Damaged(self.contest, self.version, f"its state has no {missing[0]!r}")
        values = {field: value for field, value in self.values.items() if value is not None}
        if seals.seal(self.contest, self.version, self.stock, *under_seal(values)) != sealed:
            raise Damaged(
                self.contest,
                self.version,
                "its state (totals, contest, known_at, chain, history, fold or seal) is not what was written",
            )

    def _read(self, field: str, decode: Callable[[bytes], T]) -> T:
        return self._reading.read(field, self.values[field], decode)


class Reading:
    """Reads fields of a state that was at the version of the ledger's last entry when they were asked for.

    `since` is up to which version they may be without a digest. Raises `Damaged`, also where the state has another
    number of fields than it was sealed with.
    """

    def __init__(self, contest: str, last: Sequence[Entry], stored_seal: bytes | None, fields: int) -> None:
        self.contest, self.version = contest, last_of(last)
        self.sealed = self._seal(last, stored_seal)
        self.since = self.version if self.sealed is None else self.sealed.since
        expected = fields if self.sealed is None else self.sealed.fields
        if self.version and fields == 0:
            raise Damaged(contest, self.version, "its state is gone")
        if not self.version and fields:
            raise Damaged(contest, 0, "its ledger is gone, and its state is there")
        if self.version and fields != expected:
            raise Damaged(
                contest, self.version, f"its state has {fields} fields, and {expected} were written"
            )

    def endorsement(self, id_: str, field: str, stored: bytes | None) -> Endorsement | None:
        """The endorsement, None if it is not there."""
        return None if stored is None else self.read(field, stored, lambda value: self._of(id_, field, value))

    def pair(self, field: str, stored: bytes | None) -> tuple[str, ...]:
        """The ids of a pair's endorsements."""
        return () if stored is None else self.read(field, stored, lambda value: self._ids(field, value))

    def read(self, field: str, stored: bytes | None, decode: Callable[[bytes], T]) -> T:
        """What the field says."""
        if stored is None:
            raise Damaged(self.contest, self.version, f"its state has no {field!r}")
        try:
            return decode(stored)
        except _UNREADABLE as error:
            why = "its form is another" if isinstance(error, ValidationError) else str(error)[:200]
            raise Damaged(
                self.contest, self.version, f"{field!r} of its state is not what was written ({why})"
            ) from None

    def _of(self, id_: str, field: str, stored: bytes) -> Endorsement:
        body, has_digest = seals.endorsement_of(self.contest, field, stored)
        endorsement = decode_endorsement(body)
        if endorsement.id != id_ or (not has_digest and endorsement.version > self.since):
            raise ValueError("it is another's" if endorsement.id != id_ else "it has no digest")
        self._not_later(endorsement.version)
        return endorsement

    def _ids(self, field: str, stored: bytes) -> tuple[str, ...]:
        version, ids = seals.pair_of(self.contest, field, stored)
        if version == 0 and self.since == 0:
            raise ValueError("it has no digest")
        self._not_later(version)
        return ids

    def _not_later(self, version: int) -> None:
        if version > self.version:
            raise ValueError(f"it is of version {version}, and the ledger ends at {self.version}")

    def _seal(self, last: Sequence[Entry], stored: bytes | None) -> Seal | None:
        """The seal; None where an earlier release wrote last, which has none."""
        if not self.version:
            return None
        try:
            seal = None if stored is None else seals.seal_of(stored)
        except ValueError:
            raise Damaged(self.contest, self.version, "its state's seal cannot be read") from None
        if seal is not None and seal.version == self.version:
            return seal
        if b"chain" in last[0][1] or (seal is not None and seal.version > self.version):
            of = "has no seal" if seal is None else f"stands at version {seal.version}"
            raise Damaged(
                self.contest, self.version, f"its ledger ends at version {self.version}, and its state {of}"
            )
        return None


def under_seal(head: Mapping[str, bytes]) -> Iterator[bytes]:
    """What lies under a seal, in the order that it has there."""
    return (head[field] for field in (FOLD_NUMBER, KNOWN_AT, CHAIN, HISTORY, TOTALS))


def _totals(stored: bytes) -> dict[Cell, Totals]:
    return {(c, k): (count, members) for c, k, count, members in orjson.loads(stored)}
