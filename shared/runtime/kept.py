"""A cache bounded by bytes, of what can be made or read again: what was used longest ago goes first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# A key's and a value's place in a dict that keeps an order.
_PLACE_BYTES: Final = 250


def _nothing() -> None:
    """Does nothing after a value was put, where nobody else counts bytes."""


class Kept(Generic[K, V]):
    """Values that can be made again, at most so many bytes: those unused longest give way. For any thread."""

    def __init__(self, most_bytes: int, then: Callable[[], None] = _nothing) -> None:
        """`then` is called behind every put."""
        self.nbytes = 0
        self._most_bytes = most_bytes
        self._then = then
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value, if it is there."""
        # Without the lock, which would take as long as all of this: each step is one for every thread, and a value that
        # goes between them is not there.
        try:
            self._values.move_to_end(key)
            return self._values[key][0]
        except KeyError:
            return None

    def put(self, key: K, value: V, nbytes: int) -> None:
        """Keeps a value, of so many bytes with its key, unless it alone is larger than all may be."""
        nbytes += _PLACE_BYTES
        with self._lock:
            before = self._values.pop(key, None)
            self.nbytes -= before[1] if before else 0
            if nbytes <= self._most_bytes:
                self._values[key] = value, nbytes
                self.nbytes += nbytes
        self.shrink(self._most_bytes)
        self._then()

    def shrink(self, most_bytes: int) -> None:
        """Gives up what was unused longest until no more than so many bytes are held."""
        with self._lock:
            while self.nbytes > most_bytes:
                self.nbytes -= self._values.popitem(last=False)[1][1]

    def __len__(self) -> int:
        return len(self._values)
