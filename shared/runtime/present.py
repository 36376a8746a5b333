"""The present, as every service's composition root hands it on: a `Clock`."""

import time

from shared.domain.times import Instant


def now() -> Instant:
    """This machine's time."""
    return Instant(time.time_ns() // 1000)
