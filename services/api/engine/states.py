"""Which endorsements a contest has at any moment: their states by version, as columns. Pure.

An endorsement is told by its first version, ids and endorsers by a digest; what else a state says stays in the ledger
and is read from there for those that are shown.
"""

from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from services.api.engine.columns import Columns, Ints
from shared.domain.events import Version
from shared.domain.times import Instant

# Later than any version, and than any instant that can be written.
NEVER: Final = 2**62


class State(NamedTuple):
    """One state of an endorsement: from `version` on, until another one supersedes it.

    It is in force from `begins` until `ends` in valid time; one that was struck begins never.
    """

    version: Version
    first_version: Version
    cell: int
    begins: int
    ends: int
    endorsement: int
    endorser: int


class Filter(NamedTuple):
    """Which endorsements are asked for; None and empty mean any."""

    cells: frozenset[int] | None = None
    endorser: str | None = None
    in_force: bool = True


def digest(text: str) -> int:
    """63 bits that tell an id from others."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class States:
    """The states of a contest's endorsements in version order."""

    def __init__(self) -> None:
        # The last column is the version that supersedes the state.
        self._columns = Columns(len(State._fields) + 1)
        self._last_row: dict[int, int] = {}

    def append(self, state: State) -> None:
        """Takes in the next state."""
        row = self._columns.size
        superseded = self._last_row.get(state.first_version)
        self._columns.append((*state, NEVER))
        if superseded is not None:
            self._columns.settle()[-1, superseded] = state.version
        self._last_row[state.first_version] = row

    def history(self, endorsement: str, version: Version) -> list[int]:
        """The versions up to `version` that are about an endorsement. Costs a look at every state."""
        columns = self._columns.settle()
        upto = int(columns[0].searchsorted(version, "right"))
        numbers: list[int] = columns[0, :upto][columns[5, :upto] == digest(endorsement)].tolist()
        return numbers

    def table(self) -> Ints:
        """(columns, rows) of every state, in the order of `State`, and the version that supersedes it."""
        return self._columns.settle()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._columns.nbytes + 100 * len(self._last_row)


def versions(
    table: Ints, version: Version, valid_at: Instant, wanted: Filter, after: int, limit: int
) -> list[tuple[int, int]]:
    """Endorsements at a moment as (first version, version of their state), in the order of their announcement.

    At most `limit` of those announced after version `after`, from a table of states, which another thread may go on
    with. Costs a look at every state.
    """
    upto = int(table[0].searchsorted(version, "right"))
    numbers, firsts, cells, begins, ends, _, endorsers, superseded = table[:, :upto]
    chosen = (superseded > version) & (firsts > after) & (begins < NEVER)
    if wanted.in_force:
        chosen &= (begins <= valid_at) & (ends > valid_at)
    if wanted.cells is not None:
        chosen &= np.isin(cells, list(wanted.cells))
    if wanted.endorser is not None:
        chosen &= endorsers == digest(wanted.endorser)
    rows = chosen.nonzero()[0]
    rows = rows[np.argsort(firsts[rows], kind="stable")[:limit]]
    return list(zip(firsts[rows].tolist(), numbers[rows].tolist(), strict=True))
