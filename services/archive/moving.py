"""Moving old versions of a contest out of Redis into a file that every service reads them from."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson

from services.archive.files import placed
from shared.archive import LEDGER, LOG, Archive, Record, Writer
from shared.log import Log
from shared.projections import Projections

_PIECE = 1000


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

    async def archive(self, contest: str) -> Record:
        """Writes log and ledger to a file, compares what it reads there with what is in Redis, and only then takes all
        but the last version out of Redis. Raises `NotSettled`, and `Unarchived` if the file cannot be read back.
        """
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

    async def _write(self, contest: str, version: int, generation: int) -> Record:
        name = f"{contest}.{version}.ndjson.gz"
        self.directory.mkdir(parents=True, exist_ok=True)
        with placed(self.directory, lambda: name) as file:
            writer = Writer(file)
            for stream, of in ((LOG, None), (LEDGER, generation)):
                after = 0
                while after < version:
                    entries = await self.log.entries(contest, after, min(_PIECE, version - after), of)
                    writer.write(stream, entries)
                    after += len(entries)
                    self.seen(contest, len(entries))
            return Record(version, generation, name, writer.finish(contest, version))

    async def _compare(self, contest: str, record: Record) -> None:
        read = partial(Archive(self.directory).read, contest, record)
        for stream, of in ((LOG, None), (LEDGER, record.generation)):
            after = 0
            while after < record.version:
                count = min(_PIECE, record.version - after)
                if read(stream, after, count) != await self.log.entries(contest, after, count, of):
                    raise NotSettled(f"contest {contest!r}: {record.file} does not read as it was written")
                after += count
