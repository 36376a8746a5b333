"""The names of everything kept in Redis; nowhere else is one spelled.

Every key of a contest lies in its partition's hash slot, so one Lua call can touch all of them on a Cluster too.
"""

from zlib import crc32

DEPLOYMENT = "standings:deployment"
POLICIES = "standings:policies"
INBOX = "standings:{inbox}:inbox"
DEAD_LETTERS = "standings:{inbox}:dead"

# Of every partition's changes, as an AsyncAPI document writes it: what is in braces is a parameter.
CHANGES = "standings:{partition}:changes"

SCORERS = "scorers"
INGESTS = "ingests"


def partition_of(contest: str, partitions: int) -> int:
    """The partition that holds a contest, 0 to partitions - 1."""
    return crc32(contest.encode()) % partitions


class PartitionKeys:
    """The keys that a partition's contests share."""

    def __init__(self, partition: int) -> None:
        self._prefix = f"standings:{{p{partition:02d}}}"
        self.contests = f"{self._prefix}:contests"
        self.wake = f"{self._prefix}:wake"
        self.awake = f"{self._prefix}:awake"
        # There while the latest round of looking around is not over: another one is not due.
        self.looked = f"{self._prefix}:looked"
        self.changes = f"{self._prefix}:changes"
        # It outlives a contest's own keys, so that a contest which begins anew is told to do so.
        self.published = f"{self._prefix}:published"
        self.fence = f"{self._prefix}:fence"
        self.parked = f"{self._prefix}:parked"

    def contest(self, contest: str) -> "ContestKeys":
        """The keys of one of its contests."""
        return ContestKeys(self, f"{self._prefix}:c:{contest}")


class ContestKeys:
    """The keys of one contest."""

    def __init__(self, partition: PartitionKeys, prefix: str) -> None:
        self.partition = partition
        self._prefix = prefix
        self.log = f"{prefix}:log"
        self.ids = f"{prefix}:ids"
        self.generation = f"{prefix}:generation"
        self.building = f"{prefix}:building"
        self.certificates = f"{prefix}:certificates"
        self.archived = f"{prefix}:archived"
        # What is being restored, until it is whole.
        self.restored_log = f"{prefix}:restored:log"
        self.restored_ids = f"{prefix}:restored:ids"

    def ledger(self, generation: int) -> str:
        """The scorer's numbered projection."""
        return f"{self._prefix}:g{generation}:ledger"

    def state(self, generation: int) -> str:
        """The state of the contest and of each endorsement, as of the ledger's last entry."""
        return f"{self._prefix}:g{generation}:state"


def keys_of(contest: str, partitions: int) -> ContestKeys:
    """The keys of a contest in a deployment of so many partitions."""
    return PartitionKeys(partition_of(contest, partitions)).contest(contest)


class WebhookKeys:
    """The keys of webhooks, all in one slot."""

    hooks = "standings:{webhooks}:hooks"
    # Counts what was registered, changed and removed.
    revision = "standings:{webhooks}:revision"
    # Which process delivers.
    lead = "standings:{webhooks}:lead"

    @staticmethod
    def sent(hook: str) -> str:
        """Up to which version of each contest it is done."""
        return f"standings:{{webhooks}}:w:{hook}:sent"

    @staticmethod
    def retries(hook: str) -> str:
        """What is being tried again."""
        return f"standings:{{webhooks}}:w:{hook}:retries"

    @staticmethod
    def dead(hook: str) -> str:
        """What was given up."""
        return f"standings:{{webhooks}}:w:{hook}:dead"

    @staticmethod
    def attempts(hook: str) -> str:
        """How the latest attempts went."""
        return f"standings:{{webhooks}}:w:{hook}:attempts"
