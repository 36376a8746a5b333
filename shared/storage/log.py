"""The log: a contest's events for good, one Redis stream, entry `<version>-0`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from shared.domain.errors import UnreadableEvent
from shared.domain.events import Event, Recorded
from shared.domain.times import Instant, format_instant, start_of
from shared.runtime.settings import Settings
from shared.storage.archive import Archive, ArchiveRecord, Unarchived, record_of
from shared.storage.archive_files import LEDGER, LOG
from shared.storage.codec import decode_entry, encode_event, type_of
from shared.storage.connections import together
from shared.storage.history import NOTHING, digest_of, history_after
from shared.storage.redis_keys import ContestKeys, PartitionKeys, partition_of
from shared.storage.streams import Entry, entries_after, last_of, last_version, version_of

_CHUNK = 1000
_CONTESTS_AT_ONCE = 100


class NewEvent(NamedTuple):
    """An event to append. `digest` tells its command from another one with the same id; '' where none can come.

    `known_at` (an instant) is given exactly for contests whose clock is imported.
    """

    id: str
    event: Event
    digest: str = ""
    known_at: Instant | None = None


class Appended(NamedTuple):
    """The contest's version after the append, when the server learned of it (an instant), and the digest of the last
    entry; '' if that is not known."""

    version: int
    known_at: Instant
    digest: str = ""


class ContestMoved(Exception):
    """The log does not stand where the append expected it: read what came, and decide again."""


class Replicas(NamedTuple):
    """How many replicas must have an event before it is acknowledged, and for how long they are waited for."""

    wanted: int
    within_ms: int


class NotReplicated(RedisError):
    """The event is on the primary's disk, but too few replicas said in time that they have it."""


def contest_names(members: Iterable[bytes]) -> list[str]:
    """The ids among the members of the sets of contests; what is not UTF-8 is no id, and names none."""
    names = (member.decode(errors="replace") for member in members)
    return [name for name in names if "\ufffd" not in name]


def replicas_of(settings: Settings) -> Replicas | None:
    """The replicas that the deployment's durability waits for."""
    if settings.durability != "replicated":
        return None
    return Replicas(settings.replicas, settings.replica_timeout_ms)


class Log:
    """The logs of a deployment's contests. With `replicas`, what is appended is on so many of them too.

    Entries that are in Redis no more are read from the `archive`.
    """

    def __init__(
        self,
        redis: Redis,
        partitions: int,
        replicas: Replicas | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.redis = redis
        self.partitions = partitions
        self.replicas = replicas
        self.archive = archive or Archive(None)
        self._append = redis.register_script(files("shared.storage").joinpath("append.lua").read_text())

    def keys(self, contest: str) -> ContestKeys:
        """The contest's keys in this deployment."""
        return PartitionKeys(partition_of(contest, self.partitions)).contest(contest)

    async def append(
        self, contest: str, expected: int, events: Sequence[NewEvent], follows: str = ""
    ) -> Appended:
        """Appends all events or none, one Lua call; when this returns they are as safe as was promised.

        `follows` is the digest of the entry that the log ends with, '' where that is not known.
        Appending the same events at the same version again appends nothing and answers as the first time. Raises
        `ContestMoved`, also where an event's id stands for another event or version already, and
        `NotReplicated`: then they may be there or not, as after any other failure of the server.
        """
        keys = self.keys(contest)
        arguments: list[Any] = [contest, expected, follows]
        for new in events:
            known_at = "" if new.known_at is None else format_instant(new.known_at)
            arguments += (new.id, new.digest, type_of(new.event), known_at, encode_event(new.event))
        shared = keys.partition
        names = [keys.log, keys.ids, shared.wake, shared.awake, shared.contests]
        result = cast(list[Any], await self._write(names, arguments))
        match result:
            case [b"appended", version, known_at, digest]:
                return Appended(version, start_of(known_at.decode(), "UTC"), digest.decode())
            case [b"known", version]:
                await self.confirm(contest)
                last = (await self.read(contest, version - 1, 1))[0]
                return Appended(version, last.known_at, last.digest)
            case [b"wrong", _]:
                raise ContestMoved
            case answer:
                raise RuntimeError(f"append.lua answers {answer!r}")

    async def leading(self, contest: str, versions: Mapping[str, int]) -> set[str]:
        """Those of these event ids that lead to their event in the log, or to a version that is archived."""
        key = self.keys(contest).log
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xrange(key, count=1)
            for version in versions.values():
                pipe.xrange(key, f"{version}-0", f"{version}-0")
            first, *answers = cast(list[list[Entry]], await pipe.execute())
        oldest = version_of(first[0][0]) if first else 0
        return {
            id_
            for (id_, version), answer in zip(versions.items(), answers, strict=True)
            if (answer[0][1].get(b"id") == id_.encode() if answer else version < oldest)
        }

    async def confirm(self, contest: str) -> None:
        """Returns when all that the contest's log has now is as safe as was promised. Raises `NotReplicated`."""
        if self.replicas is None:
            return  # what the server shows is on its disk
        # WAIT is about what its own connection wrote last: a write of no meaning, later than all there is.
        fence = self.keys(contest).partition.fence
        answers = await together(self.redis, fence, [("SET", fence, contest), ("WAIT", *self.replicas)])
        self._refuse_too_few(answers[-1])

    async def _write(self, names: list[str], arguments: list[Any]) -> Any:
        if self.replicas is None:
            return await self._append(names, arguments)
        called = (len(names), *names, *arguments)
        wait = ("WAIT", *self.replicas)
        try:
            result, have_it = await together(
                self.redis, names[0], [("EVALSHA", self._append.sha, *called), wait]
            )
        except NoScriptError:
            result, have_it = await together(
                self.redis, names[0], [("EVAL", self._append.script, *called), wait]
            )
        if result[0] == b"appended":
            self._refuse_too_few(have_it)
        return result

    def _refuse_too_few(self, have_it: int) -> None:
        if self.replicas is not None and have_it < self.replicas.wanted:
            raise NotReplicated(
                f"{have_it} of {self.replicas.wanted} replicas had it within {self.replicas.within_ms} ms"
            )

    async def version(self, contest: str) -> int:
        """The last event's version, 0 if there is none."""
        return await last_version(self.redis, self.keys(contest).log)

    async def versions(self, contests: Sequence[str]) -> dict[str, int]:
        """The last event's version of each of these contests, 0 if there is none; a hundred are asked for at once."""
        versions: dict[str, int] = {}
        for first in range(0, len(contests), _CONTESTS_AT_ONCE):
            asked = contests[first : first + _CONTESTS_AT_ONCE]
            async with self.redis.pipeline(transaction=False) as pipe:
                for contest in asked:
                    pipe.xrevrange(self.keys(contest).log, count=1)
                versions |= zip(asked, map(last_of, await pipe.execute()), strict=True)
        return versions

    async def read(self, contest: str, after: int, count: int | None = None) -> list[Recorded]:
        """The events after a version, in order. Raises `UnreadableEvent`."""
        return [decode_entry(*entry) for entry in await self.entries(contest, after, count)]

    async def read_before_unreadable(self, contest: str, after: int, count: int) -> list[Recorded]:
        """As `read`, and up to the first that cannot be read. Raises `UnreadableEvent` if there is none before it."""
        readable: list[Recorded] = []
        for entry_id, fields in await self.entries(contest, after, count):
            try:
                readable.append(decode_entry(entry_id, fields))
            except UnreadableEvent:
                if not readable:
                    raise
                break
        return readable

    async def entries(
        self, contest: str, after: int, count: int | None = None, generation: int | None = None
    ) -> list[Entry]:
        """Entries of the log after a version as stored, or of a generation's ledger, in Redis or archived; in order.

        Raises `Unarchived`.
        """
        keys = self.keys(contest)
        stream = keys.log if generation is None else keys.ledger(generation)
        entries = await entries_after(self.redis, stream, after, count)
        if not entries or version_of(entries[0][0]) == after + 1:
            return entries
        record = await self._archived(contest, generation)
        if record is None or after >= record.version:
            return entries
        name = LOG if generation is None else LEDGER
        archived = await asyncio.to_thread(self.archive.read, contest, record, name, after, count)
        if count is not None and len(archived) == count:
            return archived
        left = None if count is None else count - len(archived)
        rest = await entries_after(self.redis, stream, record.version, left)
        if rest and version_of(rest[0][0]) != record.version + 1:
            raise Unarchived(
                f"contest {contest}: version {record.version + 1} is neither in {record.file} nor in Redis"
            )
        return archived + rest

    async def picked(
        self, contest: str, versions: Sequence[int], generation: int | None = None
    ) -> dict[int, Entry]:
        """As `entries`, but of these versions only; those that are not there are left out. Raises `Unarchived`."""
        keys = self.keys(contest)
        stream = keys.log if generation is None else keys.ledger(generation)
        async with self.redis.pipeline(transaction=False) as pipe:
            for version in versions:
                pipe.xrange(stream, f"{version}-0", f"{version}-0")
            answers = cast(list[list[Entry]], await pipe.execute()) if versions else []
        entries = {version: answer[0] for version, answer in zip(versions, answers, strict=True) if answer}
        missing = [version for version in versions if version not in entries]
        record = await self._archived(contest, generation) if missing else None
        missing = [version for version in missing if record and version <= record.version]
        if record is not None and missing:
            name = LOG if generation is None else LEDGER
            archived = await asyncio.to_thread(self.archive.pick, contest, record, name, missing)
            entries |= dict(zip(missing, archived, strict=True))
        return entries

    async def picked_if_there(self, contest: str, version: int) -> dict[bytes, bytes] | None:
        """The fields of the log's entry of a version as stored, in Redis or archived; None if there is none."""
        picked = await self.picked(contest, [version])
        return picked[version][1] if picked else None

    async def history(self, contest: str, upto: int) -> str:
        """The history up to a version, made again from the whole log. Costs as much as reading it."""
        history, version = NOTHING, 0
        while version < upto:
            entries = await self.entries(contest, version, min(_CHUNK, upto - version))
            if not entries:
                break
            for _, fields in entries:
                history = history_after(history, digest_of(fields))
            version = version_of(entries[-1][0])
        return history

    async def _archived(self, contest: str, generation: int | None) -> ArchiveRecord | None:
        """Where entries of the log, or of this generation's ledger, are archived."""
        stored = cast(bytes | None, await self.redis.get(self.keys(contest).archived))
        record = record_of(contest, stored)
        return record if record and generation in (None, record.generation) else None

    async def contests(self) -> list[str]:
        """Every contest of the deployment, sorted."""
        contests: set[bytes] = set()
        for partition in range(self.partitions):
            contests |= cast(
                set[bytes], await cast(Any, self.redis.smembers(PartitionKeys(partition).contests))
            )
        return sorted(contest_names(contests))
