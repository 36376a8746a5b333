"""What is asked of the API, and by which ids a receiver tells messages from each other."""

import asyncio
from typing import Any

import httpx
import orjson

from services.webhooks.hooks import Wanted
from services.webhooks.records import Sent, Step
from services.webhooks.source import ChangePage, ChangeSource

CHANGE = {"id": "race/1", "data": {"contest": "race", "version": 1}}
RESET = {"id": "race/reset/80-a80/50-a50", "data": {"contest": "race", "version": 50}}


def page(sent: Sent, **said: Any) -> ChangePage:
    """What comes of an API's answer, asked for what is behind a place."""
    answer = {"changes": [], "places": [], "next": "0", **said}

    async def ask() -> ChangePage:
        api = httpx.MockTransport(lambda _: httpx.Response(200, content=orjson.dumps(answer)))
        logs: Any = None
        async with httpx.AsyncClient(transport=api) as client:
            return await ChangeSource("http://api", client, logs).after("race", sent, Wanted())

    return asyncio.run(ask())


def reset_mark(sent: Sent) -> str:
    """What tells the reset from others that a webhook is told of behind a place."""
    reset = page(sent, reset=RESET).reset
    assert reset is not None
    assert orjson.loads(reset.message.body) == RESET
    assert reset.step == Step("race", sent.reset, Sent("0", reset.message.id))
    return reset.message.id


def test_a_reset_that_is_told_again_before_it_was_noted_is_the_same_message() -> None:
    assert reset_mark(Sent("80-a80", "")) == reset_mark(Sent("80-a80", ""))


def test_a_loss_of_what_was_lost_and_came_back_before_is_another_message() -> None:
    first = reset_mark(Sent("80-a80", ""))
    second = reset_mark(Sent("80-a80", first))
    third = reset_mark(Sent("80-a80", second))

    assert len({first, second, third}) == 3


def test_a_change_behind_each_reset_is_another_message() -> None:
    marks = ["", reset_mark(Sent("80-a80", "")), reset_mark(Sent("80-a80", "3-b3"))]
    changes = [page(Sent("0", mark), changes=[CHANGE], places=["1-a1"]).changes for mark in marks]

    assert len({told.message.id for [told] in changes}) == len(marks)
