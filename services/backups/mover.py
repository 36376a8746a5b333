"""Moving old versions of a contest out of Redis into a file that every service reads them from."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson

from services.backups.files import placed
from shared.domain.ids import is_slug
from shared.projection.projections import Projections
from shared.storage.archive import Archive, ArchiveRecord, file_name
from shared.storage.archive_files import LEDGER, LOG, ArchiveWriter
from shared.storage.log import Log
from shared.storage.streams import Entry, version_of

# So many entries are in memory at a time, and an entry of the ledger may have a whole contest in it.
_AT_ONCE = 200


class NotSettled(Exception):
    """The contest cannot be archived as it stands; says why."""


class Mover:
    """Archives contests. `seen` is told (contest, entries) as they go by."""

    def __init__(
        self, log: Log, projections: Projections, directory: Path, seen: Callable[[str, int], None]
    ) -> None:
        self.log = log
        self.projections = projections
        self.directory = directory
        self.seen = seen

    async def archive(self, contest: str) -> ArchiveRecord:
        """Writes log and ledger to a file, compares what it reads there with what is in Redis, and only then takes all
        but the last version out of Redis. Raises `NotSettled`, and `Unarchived` if a file cannot be read.
        """
        if not is_slug(contest):  # it becomes a part of the file's name
            raise NotSettled(f"contest {contest[:130]!r}: that is no contest's id")
        generation = await self.projections.generation(contest)
        version = await self.log.version(contest)
        if version < 2 or await self.projections.version(contest, generation) != version:
            raise NotSettled(f"contest {contest!r} is not there, or not folded to its end: it stays as it is")
        record = await self._write(contest, version, generation)
        await self._compare(contest, record)
        keys = self.log.keys(contest)
        async with self.log.redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.archived, orjson.dumps(list(record)))
            pipe.xtrim(keys.log, minid=f"{version}-0", approximate=False)
            pipe.xtrim(keys.ledger(generation), minid=f"{version}-0", approximate=False)
            await pipe.execute()
        return record

    async def _write(self, contest: str, version: int, generation: int) -> ArchiveRecord:
        self.directory.mkdir(parents=True, exist_ok=True)
        name = ""
        with placed(self.directory, lambda: name) as file:
            writer = ArchiveWriter(file)
            for stream, of in ((LOG, None), (LEDGER, generation)):
                async for entries in self._entries(contest, version, of):
                    if stream == LOG:
                        await self._refuse_foreign(contest, entries)
                    writer.write(stream, entries)
                    self.seen(contest, len(entries))
                writer.end(stream)
            index_at, sha256 = writer.finish(contest, version, generation)
            name = file_name(contest, version, sha256)
            return ArchiveRecord(version, generation, name, index_at, sha256)

    async def _entries(self, contest: str, upto: int, generation: int | None) -> AsyncIterator[list[Entry]]:
        """Every entry up to a version, from Redis and from where it was archived before. Raises `NotSettled`."""
        after = 0
        while after < upto:
            count = min(_AT_ONCE, upto - after)
            entries = await self.log.entries(contest, after, count, generation)
            if [version_of(entry_id) for entry_id, _ in entries] != list(range(after + 1, after + count + 1)):
                raise NotSettled(
                    f"contest {contest!r}: versions {after + 1} to {after + count} are not all there: it stays as it is"
                )
            yield entries
            after += count

    async def _refuse_foreign(self, contest: str, entries: list[Entry]) -> None:
        """Raises `NotSettled` unless each event's id leads to it: a file without hashes may have been altered."""
        ids = [fields.get(b"id", b"") for _, fields in entries]
        known = await cast(Any, self.log.redis.hmget(self.log.keys(contest).ids, ids))
        for (entry_id, _), told in zip(entries, known, strict=True):
            version = version_of(entry_id)
            if told is None or not told.startswith(b"%d " % version):
                raise NotSettled(
                    f"contest {contest!r}: version {version} is damaged, its event id does not lead to it: it stays as "
                    "it is"
                )

    async def _compare(self, contest: str, record: ArchiveRecord) -> None:
        read = partial(Archive(self.directory).read, contest, record)
        for stream, of in ((LOG, None), (LEDGER, record.generation)):
            after = 0
            async for entries in self._entries(contest, record.version, of):
                if read(stream, after, len(entries)) != entries:
                    raise NotSettled(f"contest {contest!r}: {record.file} does not read as it was written")
                after += len(entries)
