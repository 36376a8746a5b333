"""When all is quiet again: what is read from the storage and the API, and given to the checker."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from shared.domain.times import start_of
from shared.storage.redis_keys import SCORERS, PartitionKeys, keys_of
from shared.storage.streams import last_of
from standings.client import Change
from tests.chaos.checker import Entry, Found, Standing, violations, wrong_notes, wrong_standings
from tests.chaos.load import CONTESTS, Load
from tests.chaos.subscriber import CHANGES, notes

_MOMENTS = 40
_EMPTIED_SECONDS = 10


@dataclass
class Report:
    """What happened, and what was found wrong."""

    seed: int
    acknowledged: int = 0
    refused: int = 0
    events: int = 0
    cited: int = 0
    unanswered: int = 0
    noted: dict[str, int] = field(default_factory=dict)
    hurt: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        hurt = ", ".join(f"{what} {count}" for what, count in sorted(self.hurt.items()))
        commands = f"{self.acknowledged} commands acknowledged ({self.events} events), {self.refused} refused"
        return [
            f"seed {self.seed}: {commands}, {self.unanswered} attempts unanswered, {self.cited} moments cited",
            f"  noted by subscribers: {', '.join(f'{name} {count}' for name, count in self.noted.items())}",
            f"  {hurt}",
            *(f"  VIOLATION {one}" for one in self.violations[:20]),
            f"  {len(self.violations)} violations",
        ]


@dataclass(frozen=True)
class Storage:
    """A deployment's storage as it stands; `redis` is a client of a server or of a cluster."""

    redis: Any
    partitions: int = 1

    def settled(self, within_seconds: float) -> bool:
        """Whether everything gets folded, and no wake is left."""
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            if all(self._level(contest) for contest in CONTESTS) and not any(
                self._left(partition) for partition in range(self.partitions)
            ):
                return True
            time.sleep(0.1)
        return False

    def _level(self, contest: str) -> bool:
        keys = keys_of(contest, self.partitions)
        return self._last(keys.log) == self._last(keys.ledger(1))

    def _last(self, key: str) -> int:
        return last_of(self.redis.xrevrange(key, count=1))

    def _left(self, partition: int) -> int:
        shared = PartitionKeys(partition)
        pending = int(self.redis.xpending(shared.wake, SCORERS)["pending"])
        return int(self.redis.xlen(shared.wake)) + int(self.redis.hlen(shared.awake)) + pending

    def empty(self, contest: str) -> None:
        """Deletes all that there is of a contest by itself."""
        keys = keys_of(contest, self.partitions)
        self.redis.delete(keys.log, keys.ids, keys.generation, keys.ledger(1), keys.state(1))

    def found(self, contest: str) -> Found:
        """What lies there of a contest."""
        keys = keys_of(contest, self.partitions)
        ids = cast(dict[bytes, bytes], self.redis.hgetall(keys.ids))
        changes = cast(list[Entry], self.redis.xrange(keys.partition.changes))
        return Found(
            cast(list[Entry], self.redis.xrange(keys.log)),
            {id_.decode(): int(value.split(b" ")[0]) for id_, value in ids.items()},
            cast(list[Entry], self.redis.xrange(keys.ledger(1))),
            [
                int(fields.get(b"version", 0))
                for _, fields in changes
                if fields[b"contest"].decode() == contest
            ],
        )


async def check(storage: Storage, load: Load, report: Report, patience: float) -> None:
    """Waits until all is folded, and adds to the report what is wrong then."""
    await asyncio.to_thread(_check, storage, load, report, patience)
    if not report.violations:
        await load.look_again()
    report.violations += [f"{address} was answered otherwise before" for address in load.cited.changed]
    report.cited = len(load.cited.bodies)
    report.acknowledged = sum(1 for one in load.history if one.versions)
    report.refused = sum(1 for one in load.history if one.refused)


def _check(storage: Storage, load: Load, report: Report, patience: float) -> None:
    if not storage.settled(patience):
        report.violations.append(f"not everything was folded within {patience:g} s")
    for contest in CONTESTS:
        found = storage.found(contest)
        report.events += len(found.log)
        sent = [one for one in load.history if one.contest == contest]
        report.violations += violations(contest, sent, found)
        if not report.violations:
            report.violations += _wrong_answers(load.api, contest, found, report.seed)


def check_notes(redis: Any, files: Mapping[str, Path], report: Report, patience: float) -> None:
    """Waits until every subscriber has caught up, and adds to the report what is wrong in its notes then."""
    entries = cast(list[Entry], redis.xrange(CHANGES))
    report.violations += [
        f"the changes have a reset, {entry_id!r}" for entry_id, fields in entries if b"version" not in fields
    ]
    told = [Change.model_validate_json(fields[b"event"]) for _, fields in entries if b"version" in fields]
    deadline = time.monotonic() + patience
    for name, file in files.items():
        # One subscriber follows one contest.
        due = [one for one in told if name != "contest" or one.contest == "north"]
        while len(notes(file)) < len(due) and time.monotonic() < deadline:
            time.sleep(0.1)
        found = notes(file)
        report.noted[name] = len(found)
        report.violations += [f"subscriber {name}: {wrong}" for wrong in wrong_notes(found, due)]


def _wrong_answers(api: str, contest: str, found: Found, seed: int) -> list[str]:
    try:
        said = _asked(api, contest, len(found.ledger), seed)
    except httpx.HTTPStatusError as error:
        return [f"{contest}: the API answers {error.response.status_code}: {error.response.text:.300}"]
    return wrong_standings(contest, found.log, said)


def check_emptied(storage: Storage, api: str, report: Report) -> None:
    """Empties a contest, as if another server stood there, and adds to the report if it is answered on."""
    contest = CONTESTS[-1]
    storage.empty(contest)
    deadline = time.monotonic() + _EMPTIED_SECONDS
    with httpx.Client(base_url=api, timeout=30, transport=httpx.HTTPTransport(retries=5)) as client:
        while (answer := client.get(f"/v1/contests/{contest}/standings")).status_code != 404:
            if time.monotonic() > deadline:
                report.violations.append(
                    f"{contest}: its log was emptied {_EMPTIED_SECONDS} s ago, and the API answers {answer.status_code}"
                )
                return
            time.sleep(0.1)


def _asked(api: str, contest: str, last: int, seed: int) -> list[Standing]:
    draw = random.Random(seed)
    said = []
    with httpx.Client(base_url=api, timeout=30, transport=httpx.HTTPTransport(retries=5)) as client:
        for _ in range(_MOMENTS if last else 0):
            version, day = draw.randint(1, last), f"2025-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
            moment = f"{day}T00:00:00Z"
            answer = client.get(
                f"/v1/contests/{contest}/standings",
                params={
                    "version": version,
                    "valid_at": moment,
                    "policy": "headcount",
                    "min_version": last,
                    "wait_ms": 10_000,
                },
            )
            if answer.status_code == 404 and answer.json()["type"] == "/problems/before-the-contest":
                continue
            lines = answer.raise_for_status().json()["standings"]
            scores = {line["candidate"]: line["score"] for line in lines}
            said.append(Standing(version, start_of(moment, "UTC"), scores))
    return said
