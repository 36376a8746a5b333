"""Reading a contest's ledger into its index, and what versions recorded, always of the history that the index is of."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import orjson

from services.api.engine.index import Index, LedgerEntry
from shared.domain.errors import Refused
from shared.domain.events import Version
from shared.domain.postings import Posting
from shared.domain.times import start_of
from shared.projection.projections import Projections
from shared.storage.damage import Damaged, named
from shared.storage.history import Inconsistent, digest_of, history_after
from shared.storage.log import Log
from shared.storage.streams import Entry, version_of

# So many entries are read at a time, and so many taken in before others have their turn.
CHUNK: Final = 5000
_TURN = 200
# The index counts in 64 bits.
_MOST: Final = 2**62
# So often a ledger that another one replaced while it was read is read again.
_TRIES = 3


class Overtaken(Inconsistent):
    """What was read is not of the history, or the generation, that the index is of."""

    def __init__(self, index: Index, version: Version) -> None:
        super().__init__(
            index.contest_id,
            version,
            f"version {version} is not there any more as its standings were made from it; see `standings doctor`",
        )


class Ledgers:
    """Reads ledgers and logs for indexes."""

    def __init__(self, log: Log, projections: Projections) -> None:
        self.log = log
        self.projections = projections

    async def load(self, contest: str) -> Index:
        """The contest's index as its ledger is now; at version 0 if there is none. Raises `Overtaken`."""
        for _ in range(_TRIES):
            index = Index(contest, await self.projections.generation(contest))
            with contextlib.suppress(Overtaken):
                await self.catch_up(index)
                return index
        raise Overtaken(index, index.version)

    async def catch_up(self, index: Index) -> None:
        """Takes in the rest of the ledger. Raises `Overtaken` if that does not go on where the index stands."""
        more = True
        while more:
            # With the entry that the index has last: what follows it in the same answer goes on from there.
            first = max(index.version - 1, 0)
            with named(index.contest_id):
                entries = await self.log.entries(index.contest_id, first, CHUNK + 1, index.generation)
            await self.take_in(index, entries)
            more = len(entries) > CHUNK

    async def take_in(self, index: Index, entries: Sequence[Entry]) -> None:
        """Takes in what follows in entries that were read with the index's last.

        Raises `Overtaken`, and `Damaged`: then a part of an entry may be in the index.
        """
        with read(index):
            rest = _behind(index, entries)
        if any(b"history" not in fields for _, fields in rest):
            rest = await self._with_histories(index, rest)
        for number, entry in enumerate(rest):
            with read(index):
                index.append(ledger_entry(*entry))
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        if index.due:
            index.settle()
            await asyncio.to_thread(index.seal)

    async def _with_histories(self, index: Index, entries: Sequence[Entry]) -> list[Entry]:
        """Entries of an earlier release, with the histories that its scorers did not note: made again from the log."""
        logged = await self.log.entries(index.contest_id, index.version, len(entries))
        digests = {entry_id: digest_of(fields) for entry_id, fields in logged}
        history, known = index.history, []
        for entry_id, fields in entries:
            noted = fields.get(b"history")
            history = noted.decode() if noted else history_after(history, digests.get(entry_id, ""))
            known.append((entry_id, {**fields, b"history": history.encode()}))
        return known

    async def has_logged(self, index: Index) -> bool:
        """Whether the log still has what the index ends with."""
        last = await self.log.entries(index.contest_id, max(index.version - 1, 0), 1)
        return bool(last) and is_logged(index, last[0])

    async def entries(self, index: Index, versions: Sequence[int]) -> list[Entry]:
        """The ledger's entries of these versions, in their order. Raises `Overtaken`."""
        with named(index.contest_id):
            entries = await self.log.picked(index.contest_id, versions, index.generation)
        with read(index):
            return _checked(index, versions, entries, is_folded)

    async def logged(self, index: Index, versions: Sequence[int]) -> list[Entry]:
        """The log's entries of these versions, in their order, also of those not folded yet. Raises `Overtaken`."""
        entries = await self.log.picked(index.contest_id, versions)
        return _checked(index, versions, entries, _may_follow)


@contextlib.contextmanager
def read(index: Index) -> Iterator[None]:
    """Says of a ledger that it cannot be read, whatever the reason is. Raises `Damaged`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, ArithmeticError, Refused) as error:
        raise Damaged(
            index.contest_id,
            index.version,
            f"its ledger cannot be read after version {index.version} ({error!s:.200})",
        ) from error


def _behind(index: Index, entries: Sequence[Entry]) -> list[Entry]:
    """What follows the index's last entry, which is among them. Raises `Overtaken` if it is not."""
    if index.version == 0:
        return list(entries)
    at = index.version - version_of(entries[0][0]) if entries else -1
    if not 0 <= at < len(entries) or not is_folded(index, entries[at]):
        raise Overtaken(index, index.version)
    return list(entries[at + 1 :])


def _checked(
    index: Index,
    versions: Iterable[int],
    entries: Mapping[int, Entry],
    fits: Callable[[Index, Entry], bool],
) -> list[Entry]:
    for version in versions:
        if version not in entries or not fits(index, entries[version]):
            raise Overtaken(index, Version(version))
    return [entries[version] for version in versions]


def ends_as(index: Index, last: Sequence[Entry]) -> bool:
    """Whether the ledger's last entry, if it has one, is the index's."""
    if not last:
        return index.version == 0
    return version_of(last[0][0]) == index.version and is_folded(index, last[0])


def is_folded(index: Index, entry: Entry) -> bool:
    """Whether an entry of the ledger is what the index has of its version, which is at most the index's."""
    entry_id, fields = entry
    version, noted = version_of(entry_id), fields.get(b"history")
    if noted is None:  # of an earlier release
        return start_of(fields[b"known_at"].decode(), "UTC") == index.known_at(version)
    return noted.decode() == index.history_at(version)


def _may_follow(index: Index, entry: Entry) -> bool:
    return version_of(entry[0]) > index.version or is_logged(index, entry)


def is_logged(index: Index, entry: Entry) -> bool:
    """Whether an entry of the log is what the index has of its version."""
    version = version_of(entry[0])
    if version > index.version:
        return False
    return history_after(index.history_at(Version(version - 1)), digest_of(entry[1])) == index.history_at(
        version
    )


def ledger_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> LedgerEntry:
    """A ledger entry as stored. Raises `ValueError`, also where a number has no place in the index."""
    postings = tuple(
        (Posting(valid_at, candidate, category, delta, members), (count, total))
        for valid_at, candidate, category, delta, members, count, total in orjson.loads(fields[b"postings"])
    )
    for (valid_at, _, _, _, members), (_, total) in postings:
        if not (-_MOST < valid_at < _MOST and -_MOST < members < _MOST and -_MOST < total < _MOST):
            raise ValueError("a posting has a number that no fold makes")
    return LedgerEntry(
        version_of(entry_id),
        start_of(fields[b"known_at"].decode(), "UTC"),
        postings,
        fields.get(b"contest"),
        fields.get(b"endorsement"),
        fields.get(b"history", b"").decode(),
    )
