"""Backing up logs, restoring them, and comparing a backup with a live server.

A log only grows, so a backup of each up to where it stood is consistent while events go on coming. What follows from
the logs is not backed up: projections are folded again.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from services.backups.entries import BackupEntry, Follows
from services.backups.facts import Wrong
from services.backups.files import BackupWriter, Unusable, written
from services.backups.reader import Backup, checked
from shared.domain.errors import UnreadableEvent
from shared.domain.ids import is_slug
from shared.storage.log import Log
from shared.storage.redis_keys import POLICIES, ContestKeys
from shared.storage.streams import version_of
from shared.values.text import sentence

log = logging.getLogger("standings")

# So many entries are in memory at a time, and so many characters of them where they are long.
_CHUNK, _LONG = 2000, 8 << 20

Found = list[dict[str, object]]


class Occupied(Exception):
    """The server has something else than the backup: nothing was restored."""


class BackupDiffers(Exception):
    """A log is not what the backup has of it. `found` says what came of each contest."""

    def __init__(self, differences: Found) -> None:
        super().__init__("differs")
        self.found = differences


class _Compared(NamedTuple):
    """How a live log compares with a backup's: how far it is the same, and where it stands."""

    same: int
    stands: int


class Backups:
    """Backups of a deployment's logs. `now` is when, `seen` is told (contest, events) as they go by."""

    def __init__(self, log: Log, now: str, seen: Callable[[str, int], None]) -> None:
        self.log = log
        self.now = now
        self.seen = seen

    async def backup(self, file: Path) -> Found:
        """Writes every contest's log to a file, which is there whole or not at all."""
        with written(file) as compressed:
            writer = BackupWriter(compressed, self.now, self.log.partitions)
            for contest in await self._contests():
                version = await self.log.version(contest)
                writer.begin(contest)
                await self._copy(contest, version, writer)
                writer.end(contest, version)
            policies = cast(dict[bytes, bytes], await cast(Any, self.log.redis.hgetall(POLICIES)))
            sections = writer.finish({name.decode(): digest.decode() for name, digest in policies.items()})
        return [section._asdict() for section in sections]

    async def _contests(self) -> list[str]:
        contests = await self.log.contests()
        if wrong := [contest for contest in contests if not is_slug(contest)]:
            raise Unusable(
                f"contest {wrong[0][:130]!r}: that is no contest's id, and no restore would take it"
            )
        return contests

    async def _copy(self, contest: str, upto: int, writer: BackupWriter) -> None:
        at, follows = 0, Follows(contest)
        while at < upto:
            entries = await self._read(contest, at, min(_CHUNK, upto - at))
            versions = [entry.version for entry in entries]
            if versions != list(range(at + 1, at + len(entries) + 1)) or not entries:
                missing = next(n for n in range(at + 1, upto + 1) if n not in versions)
                raise Unusable(f"contest {contest}: version {missing} is not there")
            for entry in entries:
                _refuse_damaged(contest, follows, entry)
                writer.entry(entry)
            at += len(entries)
            self.seen(contest, len(entries))

    async def restore(self, file: Path) -> Found:
        """Brings the logs of a checked backup into a server that has no contest, or only such as this one restored.

        Each contest appears whole, and a restore that was interrupted is taken up by the next. Raises `Unusable` and
        `Occupied`, and then there is nothing new.
        """
        with checked(file) as backup:
            await self._refuse_occupied(backup)
            await self._bring_all(backup)
            for section in backup.sections:
                await self._show(section.contest)
            for name, digest in backup.policies.items():
                await cast(Any, self.log.redis.hsetnx(POLICIES, name, digest))
            return [section._asdict() for section in backup.sections]

    async def _bring_all(self, backup: Backup) -> None:
        try:
            for contest, entries in backup.contests():
                await self._bring(contest, entries)
        except Unusable:  # it was changed after it was checked
            for section in backup.sections:
                await self.log.redis.unlink(*_beside(self.log.keys(section.contest)))
            raise

    async def _refuse_occupied(self, backup: Backup) -> None:
        others = set(await self.log.contests()) - {section.contest for section in backup.sections}
        if others:
            raise Occupied(
                f"this server has contests that the backup has not ({', '.join(sorted(others)[:5])}): restore into an "
                "empty one"
            )
        for contest, entries in backup.contests():
            there = await self._compare(contest, entries)
            if there.stands and there != (backup.version(contest), backup.version(contest)):
                raise Occupied(
                    f"contest {contest} stands at version {there.stands} on this server and at "
                    f"{backup.version(contest)} in the backup, and they are the same up to {there.same}: restore into "
                    "an empty one"
                )

    async def _bring(self, contest: str, entries: Iterator[BackupEntry]) -> None:
        """Writes a contest's log beside where it belongs; what an interrupted restore wrote there goes first."""
        if await self.log.version(contest):
            for _ in entries:
                pass  # there already, as was compared
            return
        keys = self.log.keys(contest)
        await self.log.redis.unlink(*_beside(keys))
        for chunk in _chunks(entries):
            await self._write(contest, chunk)

    async def _write(self, contest: str, entries: list[BackupEntry]) -> None:
        log, ids = _beside(self.log.keys(contest))
        async with self.log.redis.pipeline(transaction=True) as pipe:
            for entry in entries:
                pipe.xadd(log, cast(Any, entry.fields), id=f"{entry.version}-0")
            pipe.hset(ids, mapping={each.fields["id"]: f"{each.version} {each.digest}" for each in entries})
            await pipe.execute()
        self.seen(contest, len(entries))

    async def _show(self, contest: str) -> None:
        """Puts a contest that was brought in its place, in one step, and wakes a scorer for it."""
        keys = self.log.keys(contest)
        log, ids = _beside(keys)
        if not await self.log.redis.exists(log):
            return
        shared = keys.partition
        async with self.log.redis.pipeline(transaction=True) as pipe:
            pipe.rename(log, keys.log)
            pipe.rename(ids, keys.ids)
            pipe.sadd(shared.contests, contest)
            pipe.hset(shared.awake, contest, self.now)
            pipe.xadd(shared.wake, {"contest": contest})
            await pipe.execute()

    async def verify(self, file: Path) -> Found:
        """How each contest on the server compares with a checked backup of it.

        Raises `Unusable`, and `Differs` if a log is not what the backup has, or behind it.
        """
        differences: Found = []
        wrong = False
        with checked(file) as backup:
            for contest, entries in backup.contests():
                compared = await self._compare(contest, entries)
                version = backup.version(contest)
                wrong = wrong or compared.same < version
                differences.append(
                    {"contest": contest, "version": version, "same": compared.same, "stands": compared.stands}
                )
        if wrong:
            raise BackupDiffers(differences)
        return differences

    async def _compare(self, contest: str, entries: Iterator[BackupEntry]) -> _Compared:
        stands = await self.log.version(contest)
        same, differs = 0, stands == 0
        live: list[BackupEntry] = []
        for entry in entries:
            if differs:
                continue  # the rest has to be read past
            if not live:
                live = await self._read_newest_first(contest, same)
            if live and live[-1] == entry:
                live.pop()
                same = entry.version
            else:
                differs = True
        return _Compared(same, stands)

    async def _read_newest_first(self, contest: str, after: int) -> list[BackupEntry]:
        try:
            return (await self._read(contest, after, _CHUNK))[::-1]
        except (Unusable, UnreadableEvent) as damage:
            log.error("%s", damage)
            return []  # what is damaged is not the same

    async def _read(self, contest: str, after: int, count: int) -> list[BackupEntry]:
        """Entries of a live log, with their digests."""
        keys = self.log.keys(contest)
        entries = await self.log.entries(contest, after, count)
        if not entries:
            return []
        ids = [fields.get(b"id", b"") for _, fields in entries]
        known = await cast(Any, self.log.redis.hmget(keys.ids, ids))
        return [
            _entry(contest, version_of(entry_id), fields, told)
            for (entry_id, fields), told in zip(entries, known, strict=True)
        ]


def _refuse_damaged(contest: str, follows: Follows, entry: BackupEntry) -> None:
    try:
        follows.take(entry)
    except Wrong as wrong:
        raise Unusable(
            sentence(f"contest {contest}: version {entry.version} is damaged: it {wrong}")
        ) from None


def _chunks(entries: Iterator[BackupEntry]) -> Iterator[list[BackupEntry]]:
    chunk: list[BackupEntry] = []
    long = 0
    for entry in entries:
        chunk.append(entry)
        long += len(entry.fields["data"])
        if len(chunk) == _CHUNK or long > _LONG:
            yield chunk
            chunk, long = [], 0
    if chunk:
        yield chunk


def _entry(contest: str, version: int, fields: dict[bytes, bytes], told: bytes | None) -> BackupEntry:
    if told is None or not told.startswith(b"%d " % version):
        raise Unusable(f"contest {contest}: version {version} is damaged: its event id does not lead to it")
    try:
        texts = {name.decode(): value.decode() for name, value in fields.items()}
    except UnicodeDecodeError as error:
        raise Unusable(f"contest {contest}: version {version} is damaged: {error}") from None
    return BackupEntry(version, texts, told.decode().partition(" ")[2])


def _beside(keys: ContestKeys) -> tuple[str, str]:
    return keys.restored_log, keys.restored_ids
