"""The projection: ledger and state of each contest, as the scorer commits them and others read them."""

import logging
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple, cast

import orjson
from redis.asyncio import Redis

from shared.changes.cloud_event import reset_event
from shared.domain.book import FOLD, Book, Folded, NotLoaded
from shared.projection.commits import Trail, endorsement_field, pair_field, told_of
from shared.projection.parking import Parking
from shared.projection.seals import Stock
from shared.projection.state import FOLD_NUMBER, HEAD, HISTORY, NEW, SEAL, Head, Reading
from shared.storage.damage import Damaged, named
from shared.storage.history import NOTHING, OtherHistory, Torn, digest_of
from shared.storage.log import Log
from shared.storage.redis_keys import SCORERS, ContestKeys
from shared.storage.streams import Entry, last_of, last_version, version_of

log = logging.getLogger("standings")

# As generations and folds are numbered.
_NUMBER: Final = re.compile(rb"[1-9][0-9]{0,14}")
# Arguments of `commit.lua`.
_CONTEST, _BEGAN, _HISTORY, _RESET = 0, 2, 4, 10
_BRING_BACK: Final = "bring the key back from a replica or a copy"


class Stale(Exception):
    """The projection moved on, or another generation took over, since the book was begun."""


class OtherFold(Exception):
    """The projection was made by another fold than this release's, so it cannot be gone on with."""

    def __init__(self, contest: str, version: int, fold: int) -> None:
        super().__init__(
            f"its projection was folded by fold {fold}, and this release folds by fold {FOLD}: "
            f"`standings rebuild {contest}`, or go on with the release that made it"
        )
        self.version = version


class Committed(NamedTuple):
    """Where the projection and the log stand after a commit."""

    version: int
    recorded: int


class Stands(NamedTuple):
    """Where a generation's ledger and the log stand, which generation answers, and the digest of the log's last entry;
    '' if there is none."""

    version: int
    recorded: int
    generation: int
    last: str


class Commit(NamedTuple):
    """What one call commits, and the trail after it."""

    keys: list[str]
    arguments: list[Any]
    trail: Trail


class Begun(NamedTuple):
    """A book, and the trail where it begins. The history is None if an earlier release did not note it."""

    book: Book
    chain: str
    history: str | None
    stock: Stock


class _Stored(NamedTuple):
    """What is stored of a projection as a whole, and where the log stood at that moment."""

    last: list[Entry]
    values: list[bytes | None]
    fields: int
    recorded: int


class Projections:
    """The projections of a deployment's contests."""

    def __init__(self, redis: Redis, log: Log) -> None:
        self.redis = redis
        self.log = log
        self.parking = Parking(redis, log)
        self._commit = redis.register_script(files("shared.projection").joinpath("commit.lua").read_text())

    async def generation(self, contest: str) -> int:
        """The number of the generation that answers. Raises `Inconsistent` where something else stands for it."""
        with named(contest, _BRING_BACK):
            stored = cast(bytes | None, await self.redis.get(self.log.keys(contest).generation))
            return _number(contest, stored)

    async def version(self, contest: str, generation: int) -> int:
        """Where the generation's ledger stands."""
        with named(contest):
            return await last_version(self.redis, self.log.keys(contest).ledger(generation))

    async def refuse_other_fold(self, contest: str, generation: int) -> None:
        """Returns if the projection, if there is one, was made by this release's fold. Raises `OtherFold`."""
        keys = self.log.keys(contest)
        with named(contest):
            fold = await cast(Any, self.redis.hget(keys.state(generation), FOLD_NUMBER))
        if fold is not None and not _NUMBER.fullmatch(fold):
            raise Damaged(
                contest, await self.version(contest, generation), "'fold' of its state is no number"
            )
        if fold is not None and int(fold) != FOLD:
            raise OtherFold(contest, await self.version(contest, generation), int(fold))

    async def of_other_folds(self, contests: Sequence[str], generations: Sequence[int]) -> list[str]:
        """Those of these contests, of one partition, whose projection was made by another fold than this release's."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for contest, generation in zip(contests, generations, strict=True):
                pipe.hget(self.log.keys(contest).state(generation), FOLD_NUMBER)
            folds = await pipe.execute(raise_on_error=False)
        return [
            contest
            for contest, fold in zip(contests, folds, strict=True)
            if isinstance(fold, bytes) and fold != b"%d" % FOLD
        ]

    async def certificates(self, contest: str) -> list[dict[str, Any]]:
        """What each generation that took over differed in from the one before, the latest last."""
        entries = cast(list[Entry], await self.redis.xrange(self.log.keys(contest).certificates))
        return [orjson.loads(fields[b"certificate"]) for _, fields in entries]

    async def begin(self, contest: str, generation: int, *, as_it_stands: bool = False) -> Begun:
        """A book where the projection stands, with the contest and the totals, and no endorsement yet.

        Raises `Inconsistent` where the log has another history; with `as_it_stands`, for showing it, that is not asked.
        """
        keys = self.log.keys(contest)
        with named(contest):
            stored = await self._head(keys, generation)
        if not stored.last and not stored.fields:
            return Begun(Book(), "", NOTHING, NEW)
        head = Head(contest, stored.last, stored.values, stored.fields)
        # Also where the archive has the event: what comes next would not follow it.
        if not as_it_stands and stored.recorded < head.version:
            raise OtherHistory(contest, head.version, stored.recorded)
        history = await self._history(contest, stored.last[0], head.values[HISTORY], checked=not as_it_stands)
        return Begun(head.book(), head.chain, history, head.stock)

    async def _head(self, keys: ContestKeys, generation: int) -> "_Stored":
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xrevrange(keys.ledger(generation), count=1)
            pipe.hmget(keys.state(generation), HEAD)
            pipe.hlen(keys.state(generation))
            pipe.xrevrange(keys.log, count=1)
            last, values, fields, log = await pipe.execute()
        return _Stored(last, values, fields, last_of(log))

    async def _history(self, contest: str, last: Entry, noted: bytes | None, *, checked: bool) -> str | None:
        """The history up to the ledger's last entry, as the state notes it. Raises `Inconsistent`."""
        version = version_of(last[0])
        try:
            noted_at, history, digest = noted.decode().split(" ") if noted else ("0", "", "")
            int(noted_at)
        except ValueError:
            raise Damaged(contest, version, f"{HISTORY!r} of its state cannot be read") from None
        if not checked:
            return history if int(noted_at) == version else None
        if int(noted_at) > version:
            raise Torn(contest, version, int(noted_at))
        entry = await self.log.picked_if_there(contest, version)
        of_earlier_release = int(noted_at) < version  # which noted no digest
        if entry is None or not (
            _may_be_of(last[1], entry) if of_earlier_release else digest_of(entry) == digest
        ):
            raise OtherHistory(contest, version, await self.log.version(contest))
        return None if of_earlier_release else history

    async def load(self, contest: str, generation: int, book: Book, needs: NotLoaded) -> Stands:
        """Loads endorsements and pairs into the book. Returns where all stood at that moment.

        What is loaded is as of the ledger's version. A book that stands later may use it too, if it
        took every event since: they did not touch what it lacks.
        """
        wanted = [id_ for id_ in needs.endorsements if id_ not in book.endorsements]
        pairs = [pair for pair in needs.pairs if pair not in book.pairs]
        keys = self.log.keys(contest)
        fields = [endorsement_field(id_) for id_ in wanted] + [pair_field(pair) for pair in pairs]
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xrevrange(keys.ledger(generation), count=1)
            pipe.xrevrange(keys.log, count=1)
            pipe.get(keys.generation)
            if fields:
                pipe.hmget(keys.state(generation), [*fields, SEAL])
                pipe.hlen(keys.state(generation))
            with named(contest):
                ledger, log, answering, *rest = await pipe.execute()
        if fields:
            *parts, sealed = rest[0]
            reading = Reading(contest, ledger, sealed, rest[1])
            for id_, field, value in zip(wanted, fields, parts, strict=False):
                book.endorsements[id_] = reading.endorsement(id_, field, value)
            for pair, field, value in zip(pairs, fields[len(wanted) :], parts[len(wanted) :], strict=True):
                book.pairs[pair] = reading.pair(field, value)
        last = digest_of(log[0][1]) if log else ""
        return Stands(last_of(ledger), last_of(log), _number(contest, answering), last)

    def commit_of(
        self,
        contest: str,
        generation: int,
        book: Book,
        trail: Trail,
        folded: Sequence[Folded],
        changes: Sequence[bytes],
        oldest_change: str,
        delivered: str = "",
    ) -> Commit:
        """The commit of what was folded last onto the book, which may go on before it is sent; `trail` is from before.

        `changes` are the CloudEvents of what was folded, and `oldest_change` is the entry id before which older ones
        are dropped; '' publishes none. `delivered` is the wake that is acknowledged if nothing is left to fold.
        """
        keys = self.log.keys(contest)
        arguments: list[Any] = [contest, generation, book.version - len(folded)]
        arguments += [trail.chain, trail.history, trail.stock.fields, len(folded)]
        arguments += [oldest_change, SCORERS, delivered, ""]
        told, trail = told_of(contest, book, trail, folded, changes)
        return Commit(_commit_keys(keys, generation), arguments + told, trail)

    async def hand_on(self, contest: str, delivered: str) -> None:
        """Acknowledges the wake of a contest that is not done, and lets another follow behind those that wait."""
        wake = self.log.keys(contest).partition.wake
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xadd(wake, {"contest": contest})
            pipe.xack(wake, SCORERS, delivered)
            pipe.xdel(wake, delivered)
            await pipe.execute()

    async def commit(self, commit: Commit) -> Committed:
        """Commits, all or nothing. Raises `Stale` if the projection is not where the fold began, and `OtherHistory`.

        Where it does not go on from what was published last, a reset is published before its changes.
        """
        result = cast(list[Any], await self._commit(commit.keys, commit.arguments))
        if result[0] == b"reset":
            lost = b"-".join(result[1:]).decode()
            result = cast(list[Any], await self._commit(commit.keys, _with_reset(commit.arguments, lost)))
        match result:
            case [b"committed", version, recorded]:
                return Committed(version, recorded)
            case [b"moved", _]:
                raise Stale
            case [b"other", version, recorded]:
                raise OtherHistory(commit.arguments[_CONTEST], version, recorded)
            case answer:
                raise RuntimeError(f"commit.lua answers {answer!r}")


def _number(contest: str, generation: bytes | None) -> int:
    """The number of a generation. Refuses other spellings of it (`01`), since `commit.lua` compares the text."""
    if generation is None:
        return 1
    if not _NUMBER.fullmatch(generation):
        what = f"the number of its generation reads {generation!r:.50}"
        raise Damaged(contest, 0, what, _BRING_BACK)
    return int(generation)


def _with_reset(arguments: Sequence[Any], lost: str) -> list[Any]:
    """The arguments of a commit that first tells that what was published last, at this place, is lost."""
    contest, began, history = (arguments[at] for at in (_CONTEST, _BEGAN, _HISTORY))
    log.warning(
        "contest %s: what was published up to %s is not in its log; subscribers are told", contest, lost
    )
    event = reset_event(contest, began, history, lost)
    return [*arguments[:_RESET], event, *arguments[_RESET + 1 :]]


def _commit_keys(keys: ContestKeys, generation: int) -> list[str]:
    shared = keys.partition
    own = [keys.ledger(generation), keys.state(generation), keys.log]
    return [*own, shared.changes, shared.published, shared.awake, shared.wake, shared.parked, keys.generation]


def _may_be_of(folded: Mapping[bytes, bytes], logged: Mapping[bytes, bytes]) -> bool:
    """Whether an entry of the ledger was folded from one of the log, as far as can be told without a digest."""
    if folded.get(b"known_at") != logged.get(b"known_at"):
        return False
    try:
        about = orjson.loads(logged[b"data"]).get("endorsement")
        return about is None or about == orjson.loads(folded[b"endorsement"])["id"]
    except (KeyError, ValueError, AttributeError):
        return False
