"""What HTTP itself is refused for, before a service looks at what was asked."""

from shared.domain.errors import Refused


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


class TooManyBodies(Refused):
    """The bodies that are on their way to the service fill the memory that there is for them."""

    code = "too-many-bodies"
    title = "Too many bodies"

    def __init__(self, most: int) -> None:
        super().__init__(
            "body",
            None,
            f"{most} bytes of other bodies are on their way at this moment",
            "send it again shortly; whoever sends much at a time keeps connections and sends one after the other",
        )
