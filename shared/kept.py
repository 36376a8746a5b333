"""What was read and may be asked for again, bounded by bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """Values that can be read again, at most so many bytes: those unused longest are given up. For any thread."""

    def __init__(self, most_bytes: int, size: Callable[[V], int]) -> None:
        self.nbytes = 0
        self._most_bytes = most_bytes
        self._size = size
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], V]) -> V:
        """The value, read if it is not here: by both, where two ask at the same time."""
        with self._lock:
            if found := self._values.get(key):
                self._values.move_to_end(key)
                return found[0]
        value = read()
        nbytes = self._size(value)
        with self._lock:
            if key not in self._values:
                self._values[key] = value, nbytes
                self.nbytes += nbytes
        self.shrink(self._most_bytes)
        return value

    def shrink(self, most_bytes: int) -> None:
        """Gives up what was unused longest until no more than so many bytes are here."""
        with self._lock:
            while self.nbytes > most_bytes:
                self.nbytes -= self._values.popitem(last=False)[1][1]
