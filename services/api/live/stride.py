"""Reading on in pieces of about the same number of bytes, whatever the size of what is read. Pure."""

from typing import Final

PIECE_BYTES: Final = 128 << 10
_FIRST, _MOST, _FASTER = 32, 500, 4


class Stride:
    """How many things to read next so that they are about `PIECE_BYTES`, as those before were: 1 to 500."""

    def __init__(self) -> None:
        self.count = _FIRST

    def took(self, number: int, nbytes: int) -> None:
        """Learns that so many things took so many bytes."""
        if number:
            fitting = number * PIECE_BYTES // max(nbytes, 1)
            self.count = max(1, min(fitting, _FASTER * self.count, _MOST))
