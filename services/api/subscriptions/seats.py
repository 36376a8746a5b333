"""How many subscribers there may be at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.http.refusals import Busy


class TooManySubscribers(Busy):
    """As many subscribers follow changes here as this deployment takes."""

    code = "too-many-subscribers"
    title = "Too many subscribers"

    def __init__(self, most: int) -> None:
        super().__init__(
            "changes",
            most,
            f"{most} subscribers follow changes here already",
            "come again shortly; whoever runs this can raise STANDINGS_SUBSCRIBERS or start another API",
        )


class Seats:
    """Seats for subscribers, `most` of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A seat as long as the block lasts. Raises `TooManySubscribers`."""
        if self.taken >= self.most:
            raise TooManySubscribers(self.most)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
