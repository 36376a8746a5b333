"""A service as a process: its settings, one event loop, a clean end on SIGINT and SIGTERM."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop
from pydantic import ValidationError
from redis import exceptions

from shared.runtime.log_lines import STANDARD_ERROR, LogLines, LogLinesHandler, last_words, writer
from shared.runtime.settings import Settings
from shared.runtime.startup import RefusesToStart

NOT_REACHED = 3
REFUSES_TO_START = 78  # EX_CONFIG of sysexits.h
# As a shell says of what Ctrl-C ended.
INTERRUPTED = 130


def settings_from_environment() -> Settings:
    """The settings. Ends the process with 78 and one sentence for each that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        for wrong in error.errors():
            name = "STANDINGS_" + "_".join(str(part) for part in wrong["loc"]).upper()
            last_words(f"{name}={wrong['input']!r}: {wrong['msg'].removeprefix('Value error, ')}")
        sys.exit(REFUSES_TO_START)


def run(service: Coroutine[Any, Any, None], level: str, interrupted: int = 0) -> int:
    """Runs a service to its end; the exit code. A server or setting that is not fit is one sentence and 78,
    a server that is not reached one sentence and 3. `interrupted` is the code where a signal ends it: a service does
    as it was told, and work that has an end of its own is not done (`INTERRUPTED`).
    """
    said = LogLines(writer(STANDARD_ERROR))
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", handlers=[LogLinesHandler(said)])
    # FastStream says for every message that it came and went, and httpx for every request.
    for talkative in ("standings.stream", "httpx"):
        logging.getLogger(talkative).setLevel(max(logging.WARNING, logging.getLogger().level))
    # What is loaded stays: a collection that walks all of it over and over took a tenth of the time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        uvloop.run(service)
    except RefusesToStart as error:
        last_words(str(error))
        return REFUSES_TO_START
    except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
        last_words(f"the Redis server of STANDINGS_REDIS_URL does not answer: {error}")
        return NOT_REACHED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return interrupted
    finally:
        said.flush()
    return 0


class Ending:
    """Waits for SIGINT or SIGTERM. Until `wait` is called, a signal cancels what the service is doing instead."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._starting = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._ask)

    def _ask(self) -> None:
        self._asked.set()
        if self._starting is not None:
            self._starting.cancel()

    async def wait(self) -> None:
        """Returns when the service is to end. From the first call on, a signal cancels nothing."""
        self._starting = None
        await self._asked.wait()
