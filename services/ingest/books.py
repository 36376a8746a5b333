"""What ingest keeps in mind of the contests that it records for: bounded, and read again where it was dropped. Pure."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from shared.domain.book import Book

MOST_CONTESTS: Final = 1000
# Endorsements of one contest, and of all together; what commands that are being taken load comes on top.
MOST_OF_ONE: Final = 200_000
MOST_IN_ALL: Final = 500_000


@dataclass
class KeptBook:
    """What is remembered of one contest: its book at the log's end and the digest of the entry there ('' if there is
    none), of which generation, and how far the scorers were. `held` endorsements of it are counted."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    book: Book | None = None
    last: str = ""
    generation: int = 1
    folded: int = 0
    held: int = 0


class Books:
    """The contests by their last use; those unused longest are dropped, but none that is in use."""

    def __init__(self) -> None:
        self.endorsements = 0
        self._kept: OrderedDict[str, KeptBook] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, contest: str) -> KeptBook:
        """What is kept of a contest, which is used now."""
        kept = self._kept.setdefault(contest, KeptBook())
        self._kept.move_to_end(contest)
        if len(self._kept) > MOST_CONTESTS:
            self._drop_oldest()
        return kept

    def count(self, contest: str, kept: KeptBook) -> None:
        """Counts what the contest's book holds by now, and makes room."""
        if self._kept.get(contest) is not kept:
            return  # dropped meanwhile: whoever still has it lets go of it
        held = len(kept.book.endorsements) if kept.book else 0
        self.endorsements += held - kept.held
        kept.held = held
        while self.endorsements > MOST_IN_ALL and self._drop_oldest():
            pass

    def _drop_oldest(self) -> bool:
        """Whether one could be dropped: not the one that was used last."""
        last = next(reversed(self._kept))
        idle = (name for name, kept in self._kept.items() if name != last and not kept.lock.locked())
        contest = next(idle, None)
        if contest is None:
            return False
        self.endorsements -= self._kept.pop(contest).held
        return True
