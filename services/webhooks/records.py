"""What is noted of deliveries: how far each came, what is tried again, and what was given up. Pure."""

from typing import Final, NamedTuple

from pydantic import BaseModel

RESET_VERSION: Final = 0


class Retry(BaseModel):
    """A delivery that failed so often, and when it is tried again (seconds since 1970). A reset has version 0."""

    version: int
    attempts: int
    at: float
    said: str


class Sent(NamedTuple):
    """Up to where a webhook is done with a contest, and after which reset of it, '' if it had none."""

    place: str
    reset: str

    @property
    def version(self) -> int:
        """The version."""
        return version_in(self.place)


class Step(NamedTuple):
    """What a delivery takes a webhook up to, of which contest, and behind which reset it was told.

    A reset takes it to a place behind itself; everything else leaves the reset as it was.
    """

    contest: str
    behind: str
    upto: Sent


def version_in(place: str) -> int:
    """The version in a place as it is stored: `103`, `103-1f2e3d4c5b6a7988`, and perhaps a space and a reset."""
    return int(place.partition(" ")[0].partition("-")[0])


class DeadLetter(BaseModel):
    """A delivery that was given up, and why. A reset has version 0. An earlier release did not note the history."""

    contest: str
    version: int
    history: str = ""
    attempts: int
    at: float
    said: str

    @property
    def is_reset(self) -> bool:
        """Whether a reset was given up."""
        return self.version == RESET_VERSION

    @property
    def place(self) -> str:
        """The version, with its history if that is known."""
        return f"{self.version}-{self.history}" if self.history else str(self.version)


class Attempt(NamedTuple):
    """How an attempt went."""

    contest: str
    version: int
    number: int
    outcome: str
    status: int | None
    took_ms: int
