"""The one account of the bytes that an API process holds: contests' indexes, and what can be made again. Pure.

What can be made again has a share each, and gives way before an index does: a stranger's varied questions fill their
share, and push out each other and no contest.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# A key's and a value's place in a dict that keeps an order.
_PLACE_BYTES: Final = 250


class Held(Protocol):
    """What can be made again."""

    @property
    def nbytes(self) -> int:
        """Bytes held, nearly."""

    def shrink(self, most_bytes: int) -> None:
        """Gives up until no more than so many bytes are held, or what it never gives up."""


class Account:
    """What is held at most altogether. `indexes` are the bytes of contests, which their holder counts."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.indexes = 0
        self._held: list[Held] = []

    def add(self, held: Held) -> None:
        """Counts this in. What was added first gives way first."""
        self._held.append(held)

    @property
    def nbytes(self) -> int:
        """Bytes held altogether."""
        return self.indexes + sum(one.nbytes for one in self._held)

    def make_room(self) -> None:
        """Lets give way what can be made again, while there is more than there may be."""
        for one in self._held:
            over = self.nbytes - self.most_bytes
            if over <= 0:
                return
            one.shrink(max(one.nbytes - over, 0))


class Shelf(Generic[K, V]):
    """Values that can be made again, of which those unused longest give way first. One thread's."""

    def __init__(self, account: Account, share: float) -> None:
        """`share` is how much of the account it may have at most, 0 to 1."""
        self._account = account
        self._most_bytes = int(account.most_bytes * share)
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.nbytes = 0
        account.add(self)

    def get(self, key: K) -> V | None:
        """The value, if it is there."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, nbytes: int) -> None:
        """Keeps a value, of so many bytes with its key."""
        before = self._values.pop(key, None)
        if before is not None:
            self.nbytes -= before[1]
        nbytes += _PLACE_BYTES
        self._values[key] = value, nbytes
        self.nbytes += nbytes
        self.shrink(self._most_bytes)
        self._account.make_room()

    def shrink(self, most_bytes: int) -> None:
        """Gives up what was unused longest until no more than so many bytes are held."""
        while self.nbytes > most_bytes:
            self.nbytes -= self._values.popitem(last=False)[1][1]

    def __len__(self) -> int:
        return len(self._values)
