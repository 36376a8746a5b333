"""The forms of ids, the same at every door and in every file."""

import re
from typing import Final

# Of a contest, a candidate, an endorser, an endorsement, a category and a policy; as a file's name it names a file in
# its directory, and no other.
SLUG: Final = r"^[a-z0-9][a-z0-9._-]{0,119}$"
# Of an event, as who sends a command chooses it.
EVENT_ID: Final = r"^[!-~]{1,200}$"

_SLUG: Final = re.compile(SLUG)


def is_slug(text: str) -> bool:
    """True for an id such as `us-president-2020-dem`."""
    return _SLUG.fullmatch(text) is not None
