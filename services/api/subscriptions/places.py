"""Places in the changes streams, and reading what lies between one of them and where live changes begin."""

from collections.abc import Mapping
from typing import Any, cast

from redis.asyncio import Redis

from services.api.live.hub import Change, change_of
from services.api.live.positions import look, lost, position, was_replaced
from services.api.live.stride import Stride
from shared.domain.errors import Gone, Invalid
from shared.storage.streams import Entry


class StreamReset(Gone):
    """The changes stream was lost or replaced since an answer gave this place of it."""

    code = "reset"
    title = "History reset"

    def __init__(self, field: str, cursor: str, place: str) -> None:
        super().__init__(
            field,
            cursor[:200],
            f"the stream of all changes was lost or replaced: it never had {place}",
            "follow each contest with /v1/contests/{contest}/changes, which says whether what you have of it holds, "
            "and then begin anew without `after`",
        )


class Cursor:
    """A place in each partition's stream, as a client gave it under the name of `field`. Raises `Invalid`."""

    def __init__(self, field: str, text: str, streams: list[str]) -> None:
        self.field, self.text = field, text
        places = text.split(",")
        if len(places) != len(streams):
            raise self._invalid(f"it has {len(places)} places, and this deployment {len(streams)} partitions")
        self.places = {stream: self._place(place) for stream, place in zip(streams, places, strict=True)}

    def _place(self, place: str) -> str:
        try:
            milliseconds, number = position(place)
            return f"{milliseconds}-{number}"
        except ValueError:
            raise self._invalid(f"{place[:50]!r} is no place in the changes") from None

    def _invalid(self, why: str) -> Invalid:
        return Invalid(
            self.field, self.text[:200], f"{self.field}: {why}", "give `next` of an earlier answer"
        )

    def refuse(self, stream: str, info: Mapping[str, Any] | None, there: bool) -> None:
        """Returns if its stream goes on behind it without a gap; `there` says whether an entry has this place.

        Raises `Gone`, and `StreamReset` if it is of a stream that was lost; one that ends before it lost its end.
        """
        place = self.places[stream]
        if there:
            return
        if (oldest := lost(place, info)) is not None:
            raise gone(self.field, self.text, place, oldest)
        if was_replaced(place, info):
            raise StreamReset(self.field, self.text, place)


def gone(field: str, cursor: str, place: str, oldest: str) -> Gone:
    """The refusal of a place from which on changes are not kept any more."""
    return Gone(
        field,
        cursor[:200],
        f"changes of all contests are kept back to {oldest}, and you stand at {place}",
        "follow each contest with /v1/contests/{contest}/changes?from_version=…, which reaches back to the "
        "first version, or begin anew without `after`",
    )


class Lost(Exception):
    """The stream lost the next entry, or all of them, while it was read."""


class Stretch:
    """What lies in the streams behind some places, read piece by piece; never more than a piece is held."""

    def __init__(self, redis: Redis, places: Mapping[str, str]) -> None:
        self._redis = redis
        self._places = dict(places)
        self._stride = Stride()

    @property
    def cursor(self) -> str:
        """The last entry of each stream that was read."""
        return ",".join(self._places.values())

    async def next(self, upto: Mapping[str, str], most: int) -> list[Change]:
        """The next changes, of one stream, at most so many; none if all up to these places were read. Raises `Lost`."""
        for stream, end in upto.items():
            while position(self._places[stream]) < position(end):
                entries = await self._entries(stream, end, min(most, self._stride.count))
                if not entries:
                    self._places[stream] = end
                elif changes := self._changes(stream, entries):
                    return changes
        return []

    async def _entries(self, stream: str, end: str, count: int) -> list[Entry]:
        place = self._places[stream]
        # With the entry that was read last: where it is still there, nothing behind it is missing.
        entries = cast(list[Entry], await self._redis.xrange(stream, place, end, count + 1))
        if entries and entries[0][0] == place.encode():
            return entries[1:]
        info = await look(self._redis, stream)
        if lost(place, info) is not None or was_replaced(place, info):
            raise Lost
        return entries[:count]

    def _changes(self, stream: str, entries: list[Entry]) -> list[Change]:
        """The changes of these entries, up to the first reset; notes behind which entry to go on."""
        changes: list[Change] = []
        for entry in entries:
            self._places[stream] = entry[0].decode()
            if change := change_of(entry, self.cursor):
                changes.append(change)
                if change.is_reset:
                    break
        self._stride.took(len(changes), sum(len(each.event) for each in changes))
        return changes
