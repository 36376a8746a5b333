"""A deployment as every service sees it: its Redis, its archive, its logs and their projections, wired once."""

from shared.projection.projections import Projections
from shared.runtime.settings import Settings
from shared.storage.archive import KEPT_BYTES, Archive
from shared.storage.connections import connect
from shared.storage.log import Log, replicas_of
from shared.storage.preflight import check, wait_for


class Deployment:
    """What the composition roots build on; it connects when it is first used.

    Keeps at most `archived_bytes` of what it reads from the archive.
    """

    def __init__(self, settings: Settings, archived_bytes: int = KEPT_BYTES) -> None:
        self.settings = settings
        self.redis = connect(settings)
        self.archive = Archive(settings.archive, archived_bytes)
        self.log = Log(self.redis, settings.partitions, replicas_of(settings), self.archive)
        self.projections = Projections(self.redis, self.log)

    async def wait(self) -> None:
        """Returns when the server answers, and is fit. Raises `UnfitServer`."""
        await wait_for(self.redis)
        await self.check()

    async def check(self) -> None:
        """Returns if the server is fit. Raises `UnfitServer`, and what Redis raises if it does not answer."""
        await check(self.redis, self.settings)

    async def close(self) -> None:
        """Ends the connections."""
        await self.redis.aclose()
