"""The one account of the bytes that an API process holds: contests' indexes, and what can be made again. Pure.

What can be made again has a share each, and gives way before an index does: a stranger's varied questions fill their
share, and push out each other and no contest.
"""

from typing import Protocol

from shared.runtime.kept import K, Kept, V


class HeldBytes(Protocol):
    """Holds values that can be made again, and can give them up."""

    @property
    def nbytes(self) -> int:
        """How many bytes it holds, nearly."""

    def shrink(self, most_bytes: int) -> None:
        """Gives values up until it holds at most so many bytes, or only what it never gives up."""


class Account:
    """Bounds the bytes that all holders have together. Whoever holds contests counts their bytes in `indexes`."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.indexes = 0
        self._held: list[HeldBytes] = []

    def add(self, held: HeldBytes) -> None:
        """Adds a holder. The one that was added first gives way first."""
        self._held.append(held)

    def kept(self, share: float) -> Kept[K, V]:
        """Room for values that can be made again, of at most such a share, 0 to 1; it is counted in."""
        kept: Kept[K, V] = Kept(int(self.most_bytes * share), self.make_room)
        self.add(kept)
        return kept

    @property
    def nbytes(self) -> int:
        """Bytes held altogether."""
        return self.indexes + sum(holder.nbytes for holder in self._held)

    def make_room(self) -> None:
        """Makes holders give values up, in their order, until all together are within the bound."""
        for holder in self._held:
            over = self.nbytes - self.most_bytes
            if over <= 0:
                return
            holder.shrink(max(holder.nbytes - over, 0))
