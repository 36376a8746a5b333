"""What HTTP itself is refused for, before a service looks at what was asked, and for how much is asked at a time."""

from typing import ClassVar, Final

from shared.domain.errors import Refused
from shared.values.text import MOST_OF_A_VALUE


class Busy(Refused):
    """The service does as much of this at a time as it may; it can be asked again shortly."""

    code = "busy"
    title = "Busy"
    retry_after_seconds: ClassVar[int] = 5


class BodyTooLarge(Refused):
    """A body has more bytes than its route takes."""

    code = "body-too-large"
    title = "Body too large"

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            "body",
            size,
            f"the body has {size} bytes or more, and {most} are taken here",
            "send less at a time: many commands go into a batch, one line for each",
            most=most,
        )


class BodyTooSlow(Refused):
    """A body did not come in the time that it has."""

    code = "body-too-slow"
    title = "Body too slow"

    def __init__(self, size: int, seconds: float) -> None:
        super().__init__(
            "body",
            size,
            f"{size} bytes of the body came, and the rest did not in {seconds:g} seconds",
            "send the body at once, or smaller bodies where the connection is slow",
        )


class BodyCutShort(Refused):
    """The client left, or closed its side, before its body had come to its end."""

    code = "body-cut-short"
    title = "Body cut short"

    def __init__(self) -> None:
        super().__init__(
            "body",
            None,
            "the body did not come to its end; of a batch, what had come may be taken",
            "send all of it; a command with an id of its own can be repeated safely",
        )


class TooManyBodies(Busy):
    """The bodies that are on their way to the service fill the memory that there is for them."""

    code = "too-many-bodies"
    title = "Too many bodies"
    retry_after_seconds = 1

    def __init__(self, most: int) -> None:
        super().__init__(
            "body",
            None,
            f"{most} bytes of other bodies are on their way at this moment",
            "send it again shortly; whoever sends much at a time keeps connections and sends one after the other",
        )


class WrongMediaType(Refused):
    """A body is not said to be what its route takes. (A page of anybody's may send the plain types by a browser.)"""

    code = "wrong-media-type"
    title = "Wrong media type"

    def __init__(self, value: str | None, wanted: str) -> None:
        given = "no type" if value is None else repr(value[:MOST_OF_A_VALUE])
        super().__init__(
            "Content-Type",
            None if value is None else value[:MOST_OF_A_VALUE],
            f"the body is said to be of {given}, and {wanted} is taken here",
            f"send Content-Type: {wanted}",
        )


class Misdirected(Refused):
    """A command came under a host name that is not known to be this service's. (Names can be made to lead here.)"""

    code = "misdirected"
    title = "Host not known"

    def __init__(self, host: str | None) -> None:
        said = (
            "a command names one host"
            if host is None
            else f"no commands are taken for host {host[:MOST_OF_A_VALUE]!r}"
        )
        super().__init__(
            "Host",
            None if host is None else host[:MOST_OF_A_VALUE],
            said,
            "use localhost or an IP address, or name the host in STANDINGS_ALLOWED_HOSTS of the service",
        )


class ForeignOrigin(Refused):
    """A browser sent a command for a page that is not this service's own."""

    code = "foreign-origin"
    title = "Foreign origin"

    def __init__(self, field: str, value: str, host: str) -> None:
        super().__init__(
            field,
            value[:MOST_OF_A_VALUE],
            f"{field} {value[:MOST_OF_A_VALUE]!r} is not of host {host[:MOST_OF_A_VALUE]!r}: no page of another site "
            "gives commands",
            "send commands from a program, or from a page of this host; a proxy in between passes Host on as it came",
        )


# What a command may be refused for by what stands before its route, whatever the route does.
BEFORE_EVERY_COMMAND: Final[tuple[type[Refused], ...]] = (
    BodyCutShort,
    ForeignOrigin,
    BodyTooSlow,
    BodyTooLarge,
    WrongMediaType,
    Misdirected,
    TooManyBodies,
)
