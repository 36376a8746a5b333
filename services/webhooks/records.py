"""What is noted of deliveries: how far each came, what is tried again, and what was given up. Pure."""

from typing import NamedTuple

from pydantic import BaseModel


class Retry(BaseModel):
    """A delivery that failed so often, and when it is tried again (seconds since 1970)."""

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


def version_in(place: str) -> int:
    """The version in a place as it is stored: `103`, `103-1f2e3d4c5b6a7988`, and perhaps a space and a reset."""
    return int(place.partition(" ")[0].partition("-")[0])


class DeadLetter(BaseModel):
    """A delivery that was given up, and why. An earlier release did not note the history."""

    contest: str
    version: int
    history: str = ""
    attempts: int
    at: float
    said: str

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
