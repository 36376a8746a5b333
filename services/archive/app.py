"""The composition root of backups: the only place where they connect or read the clock."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from redis.asyncio import Redis

from services.archive.backup import Archive, Differs, Occupied
from services.archive.files import Unusable
from shared.connections import connect
from shared.domain.times import format_instant
from shared.log import Log
from shared.process import run, settings_from_environment
from shared.server import UnfitServer, check
from shared.settings import Settings

FAILED = 1
Seen = Callable[[str, int], None]


class Archiver:
    """Backs up, restores and verifies one deployment."""

    def __init__(self, settings: Settings, seen: Seen) -> None:
        self.settings = settings
        self.redis: Redis = connect(settings)
        now = format_instant(time.time_ns() // 1000)
        self.archive = Archive(Log(self.redis, settings.partitions), now, seen)


def create_app(settings: Settings, seen: Seen) -> Archiver:
    """The archiver for these settings; it connects when it is first used. `seen` is told each contest's progress."""
    return Archiver(settings, seen)


def main(verb: str, file: Path, seen: Seen, report: Callable[[list[dict[str, object]]], None]) -> int:
    """Runs `backup`, `restore` or `verify` with the settings of the environment; the exit code.

    `report` is told what came of each contest.
    """
    settings = settings_from_environment()
    failed: list[str] = []

    async def work() -> None:
        archiver = create_app(settings, seen)
        await check(archiver.redis, settings)
        try:
            verbs = {"backup": archiver.archive.backup, "restore": archiver.archive.restore}
            report(await verbs.get(verb, archiver.archive.verify)(file))
        except Differs as differs:
            report(differs.found)
            failed.append(verb)
        except (Unusable, Occupied, OSError) as error:
            raise UnfitServer(str(error)) from None
        finally:
            await archiver.redis.aclose()

    code = run(work(), settings.log_level)
    sys.stderr.flush()
    return FAILED if failed else code
