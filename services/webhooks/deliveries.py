"""Delivering: each webhook gets each contest's changes in order, one at a time, again until it takes them.

One process delivers at a time. What each webhook is done with is in the store before the next change is sent, so a
process that dies sends at most that one again.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import httpx

from services.webhooks.attempt import Outcome, Sender
from services.webhooks.hooks import Hook
from services.webhooks.records import Attempt, DeadLetter, Retry, Sent
from services.webhooks.slots import Slots
from services.webhooks.source import ChangePage, ChangeSource, Told
from services.webhooks.store import MOST_LETTERS, Store
from shared.domain.times import Clock
from shared.runtime.tasks import end, side_by_side
from shared.storage.connections import FAILURES
from standings.client import Problem, StandingsError

log = logging.getLogger("standings")

# What can be away for a while, and is tried again: the storage and the API.
AWAY = (*FAILURES, httpx.HTTPError, StandingsError)
_LEAD_EVERY_SECONDS = 1.0
_LOOK_AROUND_SECONDS = 10.0
_WAIT_MS = 1000
_GONE = 410
_UNPROCESSABLE = 422
_MOST_WHY = 300
_LONGEST_WAIT_SECONDS = 86_400.0
_FULL = f"{MOST_LETTERS} of its deliveries were given up: send them again or drop them, and verify it"


class LeadLost(Exception):
    """Another process delivers now."""


class _Stop(Exception):
    """Nothing more is sent to this webhook for now."""


class Deliveries:
    """Delivers. `retry_seconds` are the waits between tries; after the last of them a delivery is given up."""

    def __init__(
        self,
        store: Store,
        source: ChangeSource,
        sender: Sender,
        retry_seconds: Sequence[float],
        clock: Clock,
    ) -> None:
        self._store = store
        self._source = source
        self._sender = sender
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._hooks: dict[str, Hook] = {}
        self._revision = -1
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._slots = Slots()

    async def run(self) -> None:
        """Delivers whenever no other process does, until cancelled."""
        try:
            while True:
                try:
                    if await self._store.lead():
                        await self._deliver()
                except LeadLost:
                    log.warning("another process delivers the webhooks now")
                except Exception as error:
                    _waits("webhooks wait", error)
                await asyncio.sleep(_LEAD_EVERY_SECONDS)
        finally:
            with suppress(*FAILURES):  # the lease then ends by itself
                await self._store.give_way()

    async def _deliver(self) -> None:
        self._revision = -1
        self._lanes.clear()
        log.info("delivering webhooks")
        try:
            await side_by_side(self._keep_lead(), self._follow(), self._look_around())
        finally:
            await end(*self._sending)

    async def _keep_lead(self) -> None:
        """Also wakes webhooks that were changed."""
        woken = -1
        while True:
            if not await self._store.lead():
                raise LeadLost
            await self._notice_changes()
            if self._revision != woken:
                woken = self._revision
                await self._wake_all()
            await asyncio.sleep(_LEAD_EVERY_SECONDS)

    async def _notice_changes(self) -> None:
        """Reads the webhooks again if one was changed, and stops what is on its way to that one."""
        if (revision := await self._store.revision()) == self._revision:
            return
        hooks, unreadable = await self._store.every()
        for error in unreadable:
            log.error("%s; %s", error.detail, error.way_out)
        for hook_id, contest in list(self._lanes):
            now, before = hooks.get(hook_id), self._hooks.get(hook_id)
            if now is None or before is None or now.changed_at != before.changed_at:
                self._lanes.pop((hook_id, contest)).stop()
        self._slots.keep(hooks)
        self._hooks, self._revision = hooks, revision

    async def _follow(self) -> None:
        while True:
            try:
                async for contest, version in self._source.moved():
                    for hook in self._active():
                        if hook.wanted.wants(contest):
                            self._wake(hook.id, contest, version)
            except Exception as error:
                _waits("the changes cannot be followed, trying again", error)
            await asyncio.sleep(_LEAD_EVERY_SECONDS)

    async def _look_around(self) -> None:
        """Finds what no change told of: it came while nobody listened."""
        while True:
            await asyncio.sleep(_LOOK_AROUND_SECONDS)
            await self._wake_all()

    async def _wake_all(self) -> None:
        active = self._active()
        versions = await self._source.versions() if active else {}
        for hook in active:
            sent = await self._store.sent(hook.id)
            for contest, version in versions.items():
                if version != sent.get(contest, 0) and hook.wanted.wants(contest):
                    self._wake(hook.id, contest, version)

    def _active(self) -> list[Hook]:
        return [hook for hook in self._hooks.values() if hook.state == "active"]

    def _wake(self, hook: str, contest: str, version: int) -> None:
        lane = self._lanes.get((hook, contest))
        if lane is None or lane.ended:
            lane = self._lanes[hook, contest] = _Lane()
            lane.task = asyncio.create_task(self._run_lane(lane, hook, contest))
            self._sending.add(lane.task)
            lane.task.add_done_callback(self._sending.discard)
        lane.more, lane.upto = True, version

    async def _run_lane(self, lane: "_Lane", hook: str, contest: str) -> None:
        while lane.more:
            lane.more = False
            try:
                await self._send_all(lane, hook, contest)
            except _Stop:
                return
            except Exception as error:
                _waits(f"webhook {hook}, contest {contest} waits", error)
                await asyncio.sleep(_LEAD_EVERY_SECONDS)
                lane.more = True

    async def _send_all(self, lane: "_Lane", hook: str, contest: str) -> None:
        """Sends what there is, in order; what was told of a moment ago is waited for."""
        while True:
            sent = await self._store.sent_of(hook, contest)
            wait_ms = _WAIT_MS if sent.version < lane.upto else 0
            page = await self._page(await self._hook(lane, hook), contest, sent, wait_ms)
            for told in page.changes:
                await self._send(lane, hook, told)
            if page.reset is not None:
                # The changes of the other history follow from version 1 on.
                log.warning(
                    "webhook %s, contest %s: its log has another history, and begins anew", hook, contest
                )
                await self._send(lane, hook, page.reset)
                continue
            if page.step.upto == sent:
                return
            # Also behind what the filters left out.
            _still(await self._store.done(hook, page.step))

    async def _page(self, hook: Hook, contest: str, sent: Sent, wait_ms: int) -> ChangePage:
        """What the webhook wants behind a place. Raises `_Stop` if the API takes its filters for wrong."""
        try:
            return await self._source.after(contest, sent, hook.wanted, wait_ms=wait_ms)
        except Problem as problem:
            if problem.status != _UNPROCESSABLE:
                raise
            why = f"the API does not take what it wants: change `wanted`, and verify it ({problem})"
            await self._disable(hook, why[:_MOST_WHY])

    async def _send(self, lane: "_Lane", hook_id: str, told: Told) -> None:
        """Sends a change or a reset until it is taken or given up.

        Raises `_Stop` if the webhook is to have nothing more.
        """
        tried = await self._store.retry_of(hook_id, told.contest)
        attempts = tried.attempts if tried and tried.version == told.version else 0
        if tried and attempts:
            await asyncio.sleep(max(tried.at - self._seconds(), 0))
        while True:
            hook = await self._hook(lane, hook_id)
            outcome = await self.attempt(hook, told, attempts + 1)
            attempts += 1
            if outcome.accepted:
                _still(await self._store.done(hook_id, told.step))
                return
            if outcome.status == _GONE:
                await self._disable(hook, "its receiver answered 410 Gone")
            if attempts > len(self._retry_seconds):
                await self._give_up(hook, told, attempts, outcome)
                return
            wait = self._wait(attempts, outcome)
            retry = Retry(
                version=told.version, attempts=attempts, at=self._seconds() + wait, said=outcome.said
            )
            _still(await self._store.later(hook_id, told.step, retry))
            await asyncio.sleep(wait)

    async def _give_up(self, hook: Hook, told: Told, attempts: int, outcome: Outcome) -> None:
        """Lays it in the dead letters. Raises `_Stop` if there are too many of them."""
        if await self._store.letters(hook.id) >= MOST_LETTERS:
            await self._disable(hook, _FULL)
        log.warning("webhook %s: gave up %s/%d: %s", hook.id, told.contest, told.version, outcome.said)
        letter = DeadLetter(
            contest=told.contest,
            version=told.version,
            history=told.step.upto.place.partition("-")[2],
            attempts=attempts,
            at=self._seconds(),
            said=outcome.said,
        )
        _still(await self._store.give_up(hook.id, told.step, letter))

    def _seconds(self) -> float:
        """The present, as retries are stored."""
        return self._clock() / 1_000_000

    async def _disable(self, hook: Hook, why: str) -> NoReturn:
        """Sends nothing more until it is verified, and then goes on where it was. Raises `_Stop`.

        One that its owner has changed in the meantime stays as it is.
        """
        disabled = {"state": "disabled", "why": why}
        await self._store.change(
            hook.id, lambda was: was.model_copy(update=disabled) if was.changed_at == hook.changed_at else was
        )
        raise _Stop

    async def attempt(self, hook: Hook, told: Told, number: int) -> Outcome:
        """One attempt, noted."""
        async with self._slots.turn(hook.id):
            outcome = await self._sender.send(hook, told.message)
            self._slots.note(hook.id, outcome.took_ms < self._sender.slow_ms)
        noted = Attempt(told.contest, told.version, number, outcome.said, outcome.status, outcome.took_ms)
        await self._store.note_attempt(hook.id, noted)
        return outcome

    async def _hook(self, lane: "_Lane", hook: str) -> Hook:
        """As it is at this moment. Raises `_Stop` if nothing is to be sent to it."""
        await self._notice_changes()
        kept = self._hooks.get(hook)
        if lane.stopped or kept is None or kept.state != "active":
            raise _Stop
        return kept

    def _wait(self, attempts: int, outcome: Outcome) -> float:
        """Seconds; a little more at random, so that what failed together does not come back together."""
        wait = self._retry_seconds[attempts - 1] * random.uniform(1, 1.1)  # noqa: S311 - no secret
        return max(wait, min(outcome.retry_after or 0, _LONGEST_WAIT_SECONDS))


class _Lane:
    """What goes to one webhook of one contest."""

    def __init__(self) -> None:
        self.more = False
        self.upto = 0
        self.stopped = False
        self.task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        return self.task is not None and self.task.done()

    def stop(self) -> None:
        """Ends it at once, or before its next attempt if the cancellation is lost."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()


def _waits(what: str, error: Exception) -> None:
    """Logs an error: one sentence for what may be out of reach for a while, with its traceback for all else."""
    log.warning(
        "%s: %s",
        what,
        str(error) or type(error).__name__,
        exc_info=None if isinstance(error, AWAY) else error,
    )


def _still(leading: bool) -> None:
    if not leading:
        raise _Stop
