"""The time-travel engine: sums of postings at any (valid time, version), from arrays. Pure.

Postings lie in version order. Every 2,048 of them are sealed as a *run*: sorted by valid time, with the sums so far at
every 512th. Every two runs are merged into one of the next level, and the lower ones are kept. A prefix of versions is
then a few whole runs, each answered by one bisection, one row of sums and a short scan, and a remainder of less than
2,048 postings that is scanned. So an answer costs a logarithm of the contest's size, and nothing is ever replayed.

Two slices of one dimension have arrays of their own: the latest version at any valid time, and any version at all
valid times.
"""

from collections.abc import Iterable
from threading import Lock
from typing import Final, NamedTuple

import numpy as np

from services.api.engine.columns import Columns, Ints
from services.api.engine.runs import Rest, Run, merged
from shared.domain.book import Cell
from shared.domain.events import Version
from shared.domain.times import Instant

RUN: Final = 2048
_FAN_OUT: Final = 2
# A cell with its names, in a list and a dict.
_CELL_BYTES: Final = 350


class SumRow(NamedTuple):
    """A posting as the engine takes it: `channel` is 2 x the cell's number, plus 1 for members."""

    valid_at: Instant
    channel: int
    weight: int


class Cells:
    """The (candidate, category) cells of a contest, numbered as they come."""

    def __init__(self) -> None:
        self.names: list[Cell] = []
        self._numbers: dict[Cell, int] = {}

    def number(self, cell: Cell) -> int:
        """The cell's number, a new one if it was not seen before."""
        number = self._numbers.get(cell)
        if number is None:
            number = self._numbers[cell] = len(self.names)
            self.names.append(cell)
        return number

    @property
    def nbytes(self) -> int:
        """Bytes held, nearly."""
        return _CELL_BYTES * len(self.names)


class Slice:
    """Sums of all postings keyed at or before a key: one dimension, so a few runs of falling size are enough."""

    def __init__(self) -> None:
        self._runs: tuple[list[Run], int] = ([], 0)

    def sums(self, key: int, keys: Ints, rows: "SumRows", width: int) -> Ints:
        """Sums by channel; `keys` are those of all rows."""
        sums = np.zeros(width, np.int64)
        rest = Rest()
        runs, sealed = self._runs
        for run in runs:
            run.add_to(sums, key, rest)
        rows.scan(keys, sealed, rows.size, key, rest)
        rest.add_to(sums)
        return sums

    def seal(self, keys: Ints, rows: "SumRows", upto: int, width: int) -> None:
        """Takes whole runs of rows up to this one in; a run absorbs those before it that are no larger."""
        runs, sealed = self._runs
        end = upto // RUN * RUN
        if end == sealed:
            return
        new = Run(keys[sealed:end], rows.channels[sealed:end], rows.weights[sealed:end], width)
        kept = list(runs)
        absorbed, size = [new], new.size
        while kept and kept[-1].size <= size:
            absorbed.append(kept.pop())
            size += absorbed[-1].size
        kept.append(merged(absorbed[::-1], width) if len(absorbed) > 1 else new)
        # Together, so that a question from another thread finds either all of the old or all of the new.
        self._runs = kept, end

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(run.nbytes for run in self._runs[0])


class SumRows(NamedTuple):
    """Postings in version order, as columns.

    `settled` is the later of when a posting counts from and when it was known: from then on it counted for whoever
    looked on the day itself.
    """

    valid_ats: Ints
    channels: Ints
    weights: Ints
    versions: Ints
    settled: Ints

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.versions)

    def upto(self, version: Version) -> int:
        """How many rows versions up to this one posted."""
        return int(self.versions.searchsorted(version, "right"))

    def scan(self, keys: Ints, begin: int, end: int, key: int, rest: Rest) -> None:
        """Adds the rows from `begin` to `end` whose key is at or before `key` to the rest."""
        if begin < end:
            matching = (keys[begin:end] <= key).nonzero()[0]
            rest.take(self.channels[begin:end][matching], self.weights[begin:end][matching])


class Sums:
    """Sums of postings by channel at any valid time and version. Grows by appending; answers never replay.

    Append and ask from one thread; `seal` may run in others, one at a time: who waits for one may be cancelled, and
    asks for the next while it still runs.
    """

    def __init__(self) -> None:
        self._columns = Columns(len(SumRows._fields))
        self._rows = SumRows(*self._columns.settle())
        self._levels: list[list[Run]] = []
        self._latest, self._all_time = Slice(), Slice()
        self._sealed = 0
        self._sealing = Lock()
        self.width = 0

    def append(self, version: Version, known_at: Instant, rows: Iterable[SumRow]) -> None:
        """Takes in what a version posted. Versions never fall, nor do known times."""
        for valid_at, channel, weight in rows:
            self._columns.append((valid_at, channel, weight, version, max(known_at, valid_at)))
            if channel >= self.width:
                self.width = (channel | 1) + 1

    @property
    def rows(self) -> SumRows:
        """Every posting."""
        if self._columns.size != self._rows.size:
            self._rows = SumRows(*self._columns.settle())
        return self._rows

    @property
    def due(self) -> bool:
        """Whether there is enough to seal."""
        return self._columns.size - self._sealed >= RUN

    def seal(self) -> None:
        """Sorts what is due into runs. Milliseconds for each run of a low level, so not on an event loop.

        Takes what was asked about since it was appended: only `rows` and the questions settle it.
        """
        with self._sealing:
            rows, width = self._rows, self.width
            self._seal_levels(rows, width)
            self._latest.seal(rows.valid_ats, rows, rows.size, width)
            self._all_time.seal(rows.versions, rows, rows.size, width)
            self._sealed = rows.size // RUN * RUN

    def _seal_levels(self, rows: SumRows, width: int) -> None:
        level, length = 0, RUN
        while length <= rows.size:
            if level == len(self._levels):
                self._levels.append([])
            runs = self._levels[level]
            for begin in range(len(runs) * length, rows.size - length + 1, length):
                runs.append(self._run(rows, begin, begin + length, level, width))
            level, length = level + 1, length * _FAN_OUT

    def _run(self, rows: SumRows, begin: int, end: int, level: int, width: int) -> Run:
        if level == 0:
            return Run(rows.valid_ats[begin:end], rows.channels[begin:end], rows.weights[begin:end], width)
        first = begin // (RUN * _FAN_OUT ** (level - 1))
        return merged(self._levels[level - 1][first : first + _FAN_OUT], width)

    def at(self, valid_at: Instant, version: Version) -> Ints:
        """Sums of the postings of versions up to `version` that count at `valid_at`."""
        rows = self.rows
        sums = np.zeros(self.width, np.int64)
        rest = Rest()
        upto, begin = rows.upto(version), 0
        for level in range(len(self._levels) - 1, -1, -1):
            runs, length = self._levels[level], RUN * _FAN_OUT**level
            while begin + length <= upto and begin // length < len(runs):
                runs[begin // length].add_to(sums, valid_at, rest)
                begin += length
        rows.scan(rows.valid_ats, begin, upto, valid_at, rest)
        rest.add_to(sums)
        return sums

    def latest(self, valid_at: Instant) -> Ints:
        """Sums at a valid time as the latest version knows it."""
        rows = self.rows
        return self._latest.sums(valid_at, rows.valid_ats, rows, self.width)

    def all_time(self, version: Version) -> Ints:
        """Sums of everything that versions up to this one know, whenever it counts from."""
        rows = self.rows
        return self._all_time.sums(version, rows.versions, rows, self.width)

    def differs(self, valid_at: Instant, version: Version, sums: Ints) -> bool:
        """Whether versions after this one changed the sums of a valid time, which were `sums`."""
        rows = self.rows
        upto = rows.upto(version)
        if rows.size - upto < RUN:
            later = np.zeros(self.width, np.int64)
            rest = Rest()
            rows.scan(rows.valid_ats, upto, rows.size, valid_at, rest)
            rest.add_to(later)
            return bool(later.any())
        now = self.latest(valid_at)
        return not np.array_equal(now[: len(sums)], sums) or bool(now[len(sums) :].any())

    def scanned(self, valid_at: Instant, version: Version) -> Ints:
        """The same as `at`, by reading every posting: slow where there are many, and the tests' oracle."""
        rows = self.rows
        sums = np.zeros(self.width, np.int64)
        rest = Rest()
        rows.scan(rows.valid_ats, 0, rows.upto(version), valid_at, rest)
        rest.add_to(sums)
        return sums

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        runs = sum(run.nbytes for level in self._levels for run in level)
        slices = self._latest.nbytes + self._all_time.nbytes
        return self._columns.nbytes + runs + slices
