"""How many bytes are held at a time, of one kind, by all requests together."""

from typing import Self

from shared.http.refusals import TooManyBodies


class Room:
    """How many bytes all requests hold together, and should hold at most."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def is_over(self) -> bool:
        """Whether more is held than should be."""
        return self.held > self.most

    def share(self) -> "Share":
        """One request's part of it."""
        return Share(self)


class Share:
    """How many bytes one request holds; left, it holds none."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.held = 0

    def add(self, size: int) -> None:
        """So many more are held."""
        self.held += size
        self.room.held += size

    def add_body(self, size: int) -> None:
        """So many more of a body are held. Raises `TooManyBodies`."""
        self.add(size)
        if self.room.is_over():
            raise TooManyBodies(self.room.most)

    def clear(self) -> None:
        """None is held any more."""
        self.room.held -= self.held
        self.held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
