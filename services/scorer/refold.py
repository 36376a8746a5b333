"""A fold of a log from its first event, in memory that does not grow with the contest."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shared.domain.book import Book, Folded, NotLoaded, Pair
from shared.domain.endorsement import Endorsement
from shared.domain.events import Recorded
from shared.storage.codec import decode_endorsement, encode_state

_TABLES = """
CREATE TABLE endorsements (id TEXT PRIMARY KEY, state BLOB) WITHOUT ROWID;
CREATE TABLE pairs (endorser TEXT, candidate TEXT, ids TEXT, PRIMARY KEY (endorser, candidate)) WITHOUT ROWID;
"""


class NoRoom(Exception):
    """What was folded cannot be put away or read again: the disk of temporary files is full, or fails."""


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise NoRoom(f"the temporary file of a fold, in TMPDIR, fails: {error}") from error


class Refold:
    """Folds events one after the other. What they are about lies in a temporary file, as far as it is large.

    `put_away` has to be called now and then: until then what was touched is in memory. Whatever reads or writes that
    file raises `NoRoom` where it cannot.
    """

    def __init__(self) -> None:
        self.book = Book()
        # SQLite's own temporary database: in memory while it is small, and gone when it is closed.
        self._kept = sqlite3.connect("")
        self._kept.executescript(_TABLES)

    def fold(self, recorded: Recorded) -> Folded:
        """Folds the next event. Raises whatever the fold does of an event that cannot follow."""
        while True:
            try:
                return self.book.fold(recorded)
            except NotLoaded as needs:
                self._load(needs)

    def put_away(self) -> None:
        """Moves what was touched out of memory."""
        states = [
            (id_, encode_state(endorsement))
            for id_, endorsement in self.book.endorsements.items()
            if endorsement is not None
        ]
        pairs = [(*pair, " ".join(ids)) for pair, ids in self.book.pairs.items() if ids]
        with _on_disk():
            self._kept.executemany("INSERT OR REPLACE INTO endorsements VALUES (?, ?)", states)
            self._kept.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", pairs)
        self.book.endorsements.clear()
        self.book.pairs.clear()

    def endorsement(self, id_: str) -> Endorsement | None:
        """An endorsement that was put away, if there is one."""
        row = self._one("SELECT state FROM endorsements WHERE id = ?", id_)
        return None if row is None else decode_endorsement(row[0])

    def pair(self, pair: Pair) -> tuple[str, ...]:
        """The ids of a pair that was put away."""
        query = "SELECT ids FROM pairs WHERE endorser = ? AND candidate = ?"
        row = self._one(query, *pair)
        return () if row is None else tuple(row[0].split(" "))

    def endorsements_after(self, id_: str, most: int) -> Sequence[str]:
        """The next ids in their order, at most so many."""
        query = "SELECT id FROM endorsements WHERE id > ? ORDER BY id LIMIT ?"
        with _on_disk():
            return [state for (state,) in self._kept.execute(query, (id_, most))]

    def pairs_after(self, pair: Pair, most: int) -> Sequence[Pair]:
        """The next pairs in their order, at most so many."""
        query = (
            "SELECT endorser, candidate FROM pairs WHERE (endorser, candidate) > (?, ?) "
            "ORDER BY endorser, candidate LIMIT ?"
        )
        with _on_disk():
            return [(endorser, candidate) for endorser, candidate in self._kept.execute(query, (*pair, most))]

    @property
    def number(self) -> int:
        """How many endorsements and pairs were put away."""
        query = "SELECT (SELECT count(*) FROM endorsements) + (SELECT count(*) FROM pairs)"
        row = self._one(query)
        return 0 if row is None else int(row[0])

    def close(self) -> None:
        """Gives up what was put away."""
        self._kept.close()

    def _one(self, query: str, *values: str) -> tuple[Any, ...] | None:
        with _on_disk():
            row: tuple[Any, ...] | None = self._kept.execute(query, values).fetchone()
            return row

    def _load(self, needs: NotLoaded) -> None:
        self.book.endorsements |= {id_: self.endorsement(id_) for id_ in needs.endorsements}
        self.book.pairs |= {pair: self.pair(pair) for pair in needs.pairs}
