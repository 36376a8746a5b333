"""Ids made of names and contents: the same ones whenever they are made of the same."""

import hashlib
import json
import re
import unicodedata

_APOSTROPHES = re.compile("['`\u2018\u2019\u02bb]")
_NOT_IN_A_SLUG = re.compile("[^a-z0-9]+")


def slug(name: str, most: int = 60) -> str:
    """The name in `a-z`, `0-9` and hyphens, at most `most` characters: "Beto O'Rourke" is `beto-orourke`.

    A name that leaves nothing, or too much, gets a digest of itself instead of what is left out.
    """
    letters = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name)).encode("ascii", "ignore").decode()
    made = _NOT_IN_A_SLUG.sub("-", letters.lower()).strip("-")
    if name and not made:
        return f"x-{digest(name)[:10]}"
    return made if len(made) <= most else f"{made[: most - 9]}-{digest(name)[:8]}"


def digest(content: object) -> str:
    """32 hexadecimal digits that stand for a JSON value, whatever the order of its keys."""
    written = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:32]
