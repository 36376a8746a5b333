"""The inbox: a stream through which other services send the same commands.

A message is acknowledged when its command was taken or laid in the dead letters with the reason. One that is
delivered again (its reader died) is harmless: a message without an event id gets one made of its entry's id.
"""

import logging
import re
from typing import Any, cast

import orjson
from faststream import AckPolicy
from faststream.redis import RedisBroker, RedisStreamMessage, StreamSub
from faststream.redis.parser import BinaryMessageFormatV1
from redis.asyncio import Redis

from services.ingest.decision.command_text import LONGEST_MESSAGE, command_of, object_of
from services.ingest.decision.commands import Command
from services.ingest.desk import Desk
from shared.domain.errors import NotFound, Refused
from shared.http.problems import DEFECT, problem_of, written
from shared.http.unavailable import OF_ONE_CONTEST, OF_THE_STORAGE
from shared.storage.broker import as_it_came, unopened
from shared.storage.redis_keys import DEAD_LETTERS, INBOX, INGESTS
from shared.storage.streams import Entry, create_group
from shared.values.text import sentence

log = logging.getLogger("standings")

_AT_ONCE = 500
_POLL_MS = 1000
# Bytes of a message that the list of dead letters tells; it is kept, and sent again, as it came.
_MOST_TOLD = 64 * 1024
# An answer with dead letters ends behind those that bring it beyond so many bytes.
MOST_TOLD_BYTES = 4 << 20
_LETTERS_AT_ONCE = 10
_LETTER = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")


class Inbox:
    """The inbox and its dead letters, as one process reads them."""

    def __init__(self, redis: Redis, desk: Desk, consumer: str, claim_after_ms: int) -> None:
        self.redis = redis
        self.desk = desk
        self.consumer = consumer
        self.claim_after_ms = claim_after_ms

    async def prepare(self) -> None:
        """Creates the consumer group at the stream's beginning, so that nothing sent before is passed over."""
        await create_group(self.redis, INBOX, INGESTS)

    def subscribe(self, broker: RedisBroker) -> None:
        """Reads new messages in batches, and takes over those whose reader died."""
        new = StreamSub(
            INBOX,
            group=INGESTS,
            consumer=self.consumer,
            batch=True,
            max_records=_AT_ONCE,
            polling_interval=_POLL_MS,
            last_id=">",
        )
        abandoned = StreamSub(
            INBOX,
            group=INGESTS,
            consumer=self.consumer,
            polling_interval=_POLL_MS,
            min_idle_time=self.claim_after_ms,
            last_id=">",
        )
        for stream in (new, abandoned):
            broker.subscriber(
                stream=stream, ack_policy=AckPolicy.MANUAL, no_reply=True, parser=unopened, decoder=as_it_came
            )(self._read)

    async def _read(self, message: RedisStreamMessage) -> None:
        raw = cast(dict[str, Any], message.raw_message)
        fields = raw["data"] if isinstance(raw["data"], list) else [raw["data"]]
        waiting: set[str] = set()
        for entry_id, entry in zip(raw["message_ids"], fields, strict=True):
            await self._take(entry_id, entry, waiting)

    async def _take(self, entry_id: bytes, fields: dict[bytes, bytes], waiting: set[str]) -> None:
        """Takes one message and settles it. What is for a contest that waits is left, to be read again later."""
        contest = ""
        try:
            command = _command(entry_id.decode(), fields)
            contest = command.contest
            if contest in waiting:
                return
            await self.desk.take(command)
        except Refused as refusal:
            log.warning("inbox %s: %s", entry_id.decode(), sentence(refusal.detail))
            await self._settle(entry_id, fields, written(problem_of(refusal)))
        except OF_ONE_CONTEST as error:
            log.warning("inbox %s: %s", entry_id.decode(), sentence(str(error)))
            waiting.add(contest)
        except OF_THE_STORAGE:
            raise
        except Exception:
            # A defect: its message must not keep those behind it waiting.
            log.exception("inbox %s failed", entry_id.decode())
            await self._settle(entry_id, fields, written(DEFECT))
        else:
            await self._settle(entry_id)

    async def _settle(
        self, entry_id: bytes, fields: dict[bytes, bytes] | None = None, reason: bytes = b""
    ) -> None:
        """Takes a message off the inbox; into the dead letters if there is a reason. In one step."""
        async with self.redis.pipeline(transaction=True) as pipe:
            if fields is not None:
                pipe.xadd(DEAD_LETTERS, cast(Any, {**fields, b"reason": reason, b"inbox_entry": entry_id}))
            pipe.xack(INBOX, INGESTS, entry_id)
            pipe.xdel(INBOX, entry_id)
            await pipe.execute()

    async def dead_letters(self, limit: int) -> list[dict[str, Any]]:
        """The oldest dead letters, as far as an answer reaches: what was sent, and why it was not taken."""
        told: list[dict[str, Any]] = []
        behind, nbytes = "-", 0
        while len(told) < limit and nbytes < MOST_TOLD_BYTES:
            count = min(_LETTERS_AT_ONCE, limit - len(told))
            entries = cast(list[Entry], await self.redis.xrange(DEAD_LETTERS, behind, count=count))
            if not entries:
                break
            told += [_told(*entry) for entry in entries]
            behind = f"({entries[-1][0].decode()}"
            nbytes = sum(len(letter["message"]) for letter in told)
        return told

    async def redeliver(self, letter: str) -> str:
        """Sends a dead letter to the inbox again; the new entry's id. Raises `NotFound`."""
        _refuse_no_letter(letter)
        letters = cast(list[Entry], await self.redis.xrange(DEAD_LETTERS, letter, letter))
        if not letters:
            raise _no_letter(letter)
        fields = {
            name: value for name, value in letters[0][1].items() if name not in (b"reason", b"inbox_entry")
        }
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xadd(INBOX, cast(Any, fields))
            pipe.xdel(DEAD_LETTERS, letter)
            entry_id, _ = await pipe.execute()
        return cast(bytes, entry_id).decode()

    async def drop(self, letter: str) -> None:
        """Drops a dead letter. Raises `NotFound`."""
        _refuse_no_letter(letter)
        if not await self.redis.xdel(DEAD_LETTERS, letter):
            raise _no_letter(letter)


def _told(entry_id: bytes, fields: dict[bytes, bytes]) -> dict[str, Any]:
    return {
        "letter": entry_id.decode(),
        "inbox_entry": fields[b"inbox_entry"].decode(),
        "reason": orjson.loads(fields[b"reason"]),
        "message": _body(fields)[:_MOST_TOLD].decode(errors="replace"),
    }


def _refuse_no_letter(letter: str) -> None:
    """Returns if this may be an entry's id. Raises `NotFound`."""
    match = _LETTER.fullmatch(letter)
    if match is None or max(int(match[1]), int(match[2])) >= 2**64:
        raise _no_letter(letter)


def _no_letter(letter: str) -> NotFound:
    return NotFound("letter", letter, f"there is no dead letter {letter!r}", "see GET /v1/dead-letters")


def _body(fields: dict[bytes, bytes]) -> bytes:
    """The JSON that was sent: in FastStream's envelope, as its plain text, or in the field `command`."""
    if b"__data__" not in fields:
        return fields.get(b"command", b"")
    return bytes(BinaryMessageFormatV1.parse(fields[b"__data__"])[0])


def _command(entry_id: str, fields: dict[bytes, bytes]) -> Command:
    said = object_of(_body(fields), "command", LONGEST_MESSAGE)
    if said.get("id") is None:  # read again after a death, it is the same command
        said["id"] = f"inbox/{entry_id}"
    return command_of(said)
