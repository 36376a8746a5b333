"""The composition root of backups and archives: the only place where they connect or read the clock."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from services.backups.backup import BackupDiffers, Backups, Occupied
from services.backups.files import Unusable
from services.backups.mover import Mover, NotSettled
from shared.domain.errors import UnreadableEvent
from shared.domain.times import format_instant
from shared.projection.deployment import Deployment
from shared.runtime.present import now
from shared.runtime.process import INTERRUPTED, run, settings_from_environment
from shared.runtime.settings import Settings
from shared.runtime.startup import RefusesToStart

log = logging.getLogger("standings")

FAILED, PARTLY = 1, 4
Seen = Callable[[str, int], None]


class Archiver:
    """Backs up, restores and verifies one deployment."""

    def __init__(self, settings: Settings, seen: Seen) -> None:
        self.deployment = Deployment(settings)
        self.backups = Backups(self.deployment.log, format_instant(now()), seen)


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
        try:
            await archiver.deployment.check()
            verbs = {"backup": archiver.backups.backup, "restore": archiver.backups.restore}
            report(await verbs.get(verb, archiver.backups.verify)(file))
        except BackupDiffers as differs:
            report(differs.found)
            failed.append(verb)
        except (Unusable, Occupied, UnreadableEvent, OSError) as error:
            raise RefusesToStart(str(error)) from None
        finally:
            await archiver.deployment.close()

    code = run(work(), settings.log_level, INTERRUPTED)
    return FAILED if failed else code


def archive_main(
    contests: Sequence[str], seen: Seen, report: Callable[[list[dict[str, object]]], None]
) -> int:
    """Moves contests' old versions to the directory of STANDINGS_ARCHIVE; the exit code.

    `report` is told where each went. 4 if one could not be moved and stayed as it was.
    """
    settings = settings_from_environment()
    left: list[str] = []

    async def work() -> None:
        if settings.archive is None:
            raise RefusesToStart("set STANDINGS_ARCHIVE to a directory that every service sees")
        archiver = create_app(settings, seen)
        try:
            await archiver.deployment.check()
            mover = Mover(archiver.deployment.log, archiver.deployment.projections, settings.archive, seen)
            for contest in contests:
                try:
                    record = await mover.archive(contest)
                except (NotSettled, UnreadableEvent, OSError) as error:
                    left.append(contest)
                    log.error("%s", error)
                else:
                    report([{"contest": contest, **record._asdict()}])
        finally:
            await archiver.deployment.close()

    return run(work(), settings.log_level, INTERRUPTED) or (PARTLY if left else 0)
