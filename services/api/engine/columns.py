"""Growing tables of integers. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_FIRST_CAPACITY: Final = 64
# An integer of Python's and its place in a list.
_PENDING_BYTES: Final = 30


class Columns:
    """A growing table of 64-bit integers, by column. Rows are gathered in a list and moved over by `settle`.

    Arrays that were handed out stay as they are when the table grows, so another thread may read them.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._block: Ints = np.empty((width, _FIRST_CAPACITY), np.int64)
        self._settled: Ints = self._block[:, :0]
        self._pending: list[int] = []

    def append(self, row: tuple[int, ...]) -> None:
        """Appends a row."""
        self._pending += row

    def settle(self) -> Ints:
        """Moves what was appended into the arrays; (columns, rows) of everything."""
        if self._pending:
            # Of one flat list: an array of rows takes four times as long.
            new = np.array(self._pending, np.int64).reshape(-1, self._width).T
            self._pending.clear()
            before = self._settled.shape[1]
            size = before + new.shape[1]
            if size > self._block.shape[1]:
                grown = np.empty((self._width, max(size, self._block.shape[1] * 5 // 4)), np.int64)
                grown[:, :before] = self._settled
                self._block = grown
            self._block[:, before:size] = new
            self._settled = self._block[:, :size]
        return self._settled

    @property
    def size(self) -> int:
        """How many rows there are."""
        return int(self._settled.shape[1]) + len(self._pending) // self._width

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._block.nbytes + _PENDING_BYTES * len(self._pending)
