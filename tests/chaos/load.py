"""Random load: commands of every kind, in batches, twice, in races; and what was answered to each."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tests.running import JSON, NDJSON

CANDIDATES = ("ann", "bob", "cy")
CATEGORIES = ("governor", "senator", "mayor", "labor-union")
CONTESTS = ("north", "south", "west")
_TIMEOUT_SECONDS = 5.0
_AGAIN_SECONDS = 0.05
# Services start meanwhile, on a machine that may have other work.
OPENED_WITHIN_SECONDS = 60.0


class NoIngest(Exception):
    """A run cannot begin: nobody takes commands."""


@dataclass
class Sent:
    """A command and what became of it: `versions` of its events by their ids once acknowledged, else `refused`.

    Neither: no answer ever came, so it may have happened or not.
    """

    contest: str
    body: dict[str, Any]
    versions: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    contradictions: list[str] = field(default_factory=list)

    def answered(self, answer: dict[str, Any]) -> None:
        """Notes an acknowledgement; each further one must say the same. What was refused may be taken later."""
        found = {event["id"]: event["version"] for event in answer["events"]}
        if self.versions and self.versions != found:
            self.contradictions.append(f"{self.body['id']}: {self.versions}, then {found}")
        self.versions = found

    def was_refused(self, code: str) -> None:
        """Notes a refusal: of a command sent twice at a time, one may be refused just before the other is taken."""
        self.refused = code


class Cited:
    """Answers of the API at a version, which must never change."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.changed: list[str] = []

    def saw(self, address: str, body: bytes) -> None:
        """Notes an answer and compares it with the first."""
        if self.bodies.setdefault(address, body) != body:
            self.changed.append(address)


class Load:
    """Clients of a deployment. Each command is sent until it is answered."""

    def __init__(self, ingests: list[str], api: str, seed: int) -> None:
        self.ingests = ingests
        self.api = api
        self.history: list[Sent] = []
        self.cited = Cited()
        self.silent = 0
        self._random = random.Random(seed)
        self._known: dict[str, list[str]] = {contest: [] for contest in CONTESTS}
        self._last: dict[str, int] = dict.fromkeys(CONTESTS, 0)
        self._ending = asyncio.Event()

    async def open(self) -> None:
        """Opens the contests. Raises `NoIngest` where none takes them in time."""
        try:
            async with asyncio.timeout(OPENED_WITHIN_SECONDS):
                await self._open()
        except TimeoutError:
            opened = ", ".join(sent.contest for sent in self.history if sent.versions) or "none"
            raise NoIngest(
                f"no ingest at {', '.join(self.ingests)} opened the contests within {OPENED_WITHIN_SECONDS} s "
                f"({self.silent} tries, opened: {opened}): see what the services wrote"
            ) from None

    async def _open(self) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            for contest in CONTESTS:
                body = {
                    "id": f"open-{contest}",
                    "contest": contest,
                    "title": contest,
                    "timezone": "UTC",
                    "candidates": [{"candidate": one, "name": one} for one in CANDIDATES],
                    "recorded_by": "chaos",
                }
                sent = Sent(contest, body)
                self.history.append(sent)
                await self._send(client, "/v1/contests", sent)
                if sent.refused:
                    raise RuntimeError(f"{contest} could not be opened: {sent.refused}")

    async def run(self, seconds: float, workers: int, patience: float) -> bool:
        """Sends for so long, and then until everything is answered; whether it was in time."""
        tasks = [asyncio.create_task(self._work()) for _ in range(workers)]
        tasks.append(asyncio.create_task(self._cite()))
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        self._ending.set()
        done, late = await asyncio.wait(tasks, timeout=patience)
        for task in late:
            task.cancel()
        for task in done:
            task.result()
        return not late

    async def _work(self) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            while not self._ending.is_set():
                what = self._random.random()
                if what < 0.3:
                    await self._batch(client, [self._command() for _ in range(self._random.randint(2, 40))])
                elif what < 0.4 and self.history:
                    # The same again, long after or at once.
                    await self._send(client, "", self._random.choice(self.history[-200:]))
                elif what < 0.5:
                    sent = self._command()
                    await asyncio.gather(self._send(client, "", sent), self._send(client, "", sent))
                else:
                    await self._send(client, "", self._command())

    def _command(self) -> Sent:
        draw = self._random
        contest = draw.choice(CONTESTS)
        kind = draw.choices(("announce", "retract", "correct", "switch", "strike"), (60, 12, 14, 10, 4))[0]
        known = self._known[contest]
        number = len(self.history)
        body: dict[str, Any] = {"id": f"c{number}", "recorded_by": "chaos", "source": {"title": "chaos"}}
        if kind == "announce" or not known:
            body |= {
                "command": "announce",
                "endorsement": f"e{number}",
                "endorser": {"id": f"p{draw.randint(0, 400)}", "name": "P"},
                "candidate": draw.choice(CANDIDATES),
                "category": draw.choice(CATEGORIES),
                "members": draw.choice((0, 0, 1000)),
                "announced_at": f"2025-{draw.randint(1, 6):02d}-{draw.randint(1, 28):02d}",
            }
            known.append(body["endorsement"])
        else:
            body |= {"command": kind, "endorsement": draw.choice(known), **self._about(kind)}
        sent = Sent(contest, body)
        self.history.append(sent)
        return sent

    def _about(self, kind: str) -> dict[str, Any]:
        draw = self._random
        match kind:
            case "retract":
                return {"retracted_at": f"2025-{draw.randint(6, 9):02d}-01"}
            case "correct":
                return {"category": draw.choice(CATEGORIES)}
            case "switch":
                return {"candidate": draw.choice(CANDIDATES), "switched_at": "2025-08-01"}
            case _:
                return {"note": "never was"}

    async def _batch(self, client: httpx.AsyncClient, commands: list[Sent]) -> None:
        contest = commands[0].contest
        mine = [one for one in commands if one.contest == contest]
        content = b"".join(orjson.dumps(one.body) + b"\n" for one in mine)
        while (answer := await self._answer(client, f"/v1/contests/{contest}/batch", content)) is None:
            self.silent += 1
        lines = [orjson.loads(line) for line in answer.content.splitlines()]
        for sent, line in zip(mine, lines, strict=False):
            self._note(sent, line.get("problem"), line)
        for one in commands:
            if one.contest != contest:
                await self._send(client, "", one)

    async def _send(self, client: httpx.AsyncClient, path: str, sent: Sent) -> None:
        body = sent.body
        if not path and "command" not in body:
            path = "/v1/contests"
        elif not path:
            path = f"/v1/contests/{sent.contest}/batch"
        while (answer := await self._answer(client, path, orjson.dumps(body))) is None:
            self.silent += 1
        lines = [orjson.loads(line) for line in answer.content.splitlines()]
        self._note(
            sent, lines[0].get("problem") or (lines[0] if answer.status_code >= 400 else None), lines[0]
        )

    def _note(self, sent: Sent, problem: dict[str, Any] | None, answer: dict[str, Any]) -> None:
        if problem is not None:
            sent.was_refused(problem["type"])
        else:
            sent.answered(answer)
            self._last[sent.contest] = max(self._last[sent.contest], *sent.versions.values())

    async def _answer(self, client: httpx.AsyncClient, path: str, content: bytes) -> httpx.Response | None:
        """The answer of some ingest; None if it is none that tells whether the commands were taken."""
        try:
            url = self._random.choice(self.ingests) + path
            answer = await client.post(
                url, content=content, headers=NDJSON if path.endswith("/batch") else JSON
            )
        except httpx.HTTPError:
            await asyncio.sleep(_AGAIN_SECONDS)
            return None
        whole = answer.status_code != 200 or b'"summary"' in answer.content[-300:]
        if answer.status_code >= 500 or not whole:
            await asyncio.sleep(_AGAIN_SECONDS)
            return None
        return answer

    async def _cite(self) -> None:
        """Reads standings at versions, again and again."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, base_url=self.api) as client:
            while not self._ending.is_set():
                contest = self._random.choice(CONTESTS)
                if self._last[contest] < 2 or (self.cited.bodies and self._random.random() < 0.5):
                    address = self._random.choice(list(self.cited.bodies) or [""])
                else:
                    version = self._random.randint(1, self._last[contest])
                    address = f"/v1/contests/{contest}/standings/{version}/headcount@1/2025-07-15"
                if address:
                    await self._look(client, address)
                await asyncio.sleep(0.01)

    async def _look(self, client: httpx.AsyncClient, address: str) -> None:
        try:
            answer = await client.get(address)
        except httpx.HTTPError:
            await asyncio.sleep(_AGAIN_SECONDS)
            return
        if answer.status_code == 200:
            self.cited.saw(address, answer.content)

    async def look_again(self) -> None:
        """Asks for everything that was cited once more."""
        async with httpx.AsyncClient(timeout=30, base_url=self.api) as client:
            for address in list(self.cited.bodies):
                answer = await client.get(address)
                self.cited.saw(address, answer.content if answer.status_code == 200 else b"")
