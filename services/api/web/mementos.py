"""The TimeMap of a contest's standings (RFC 7089): a memento for every day on which something was learned. Pure."""

import numpy as np

from services.api.engine.index import Index
from services.api.web.replies import Mementos

_PER_PAGE = 1000
_MICROSECONDS_PER_DAY = 86_400_000_000


def time_map(index: Index, after: int) -> str:
    """The mementos of versions after one, oldest first, as link-format; at most 1,000, with a link to the next page."""
    versions = np.arange(1, index.version + 1)
    known_ats = index.known_ats(versions)
    # The last version of every day.
    days = known_ats // _MICROSECONDS_PER_DAY
    last = np.flatnonzero(np.append(days[1:] != days[:-1], True))
    page = last[versions[last] > after][: _PER_PAGE + 1]
    mementos = Mementos(index.contest_id, int(known_ats[0]), int(known_ats[-1]))
    base = f"/v1/contests/{index.contest_id}"
    links = [
        f'<{base}/standings>; rel="original timegate"',
        f'<{base}/timemap?after={after}>; rel="self"; type="application/link-format"',
    ]
    links += [mementos.link(int(known_ats[at]), "memento") for at in page[:_PER_PAGE]]
    if len(page) > _PER_PAGE:
        following = int(versions[page[_PER_PAGE - 1]])
        links.append(
            f'<{base}/timemap?after={following}>; rel="timemap next"; type="application/link-format"'
        )
    return ",\n".join(links) + "\n"
