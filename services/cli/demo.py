"""The demo: everything started on this machine, a simulated race loaded, three looks at it, and how to ask oneself."""

from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from services.cli import output
from services.cli.client import PARTLY, Failed, ServiceClient
from services.local import race
from services.local.embedded import CannotStart
from services.local.supervisor import Stopped, Supervisor, stopped_by_signals
from shared.runtime.log_lines import STANDARD_ERROR, LogLines, writer

_STANDINGS = f"/v1/contests/{race.CONTEST}/standings"


def run(seed: int, once: bool, data: Path | None, api_port: int, ingest_port: int, verbose: bool) -> int:
    """Runs the demo; the exit code."""
    with ExitStack() as stack:
        directory = data or Path(stack.enter_context(TemporaryDirectory(prefix="standings-demo-")))
        log = LogLines(writer(STANDARD_ERROR)).put if verbose else (lambda _: None)
        supervisor = Supervisor(directory, api_port, ingest_port, None, log)
        try:
            with stopped_by_signals(supervisor), supervisor.started() as addresses:
                client = ServiceClient(addresses.ingest, addresses.api)
                if once:
                    load(client, seed)
                    show(client)
                    return 0
                with suppress(OSError):  # what cannot be shown is there nevertheless, until Ctrl-C
                    load(client, seed)
                    show(client)
                    output.say("\nRunning until Ctrl-C:")
                    for line in addresses.lines():
                        output.say(f"  {line}")
                return supervisor.wait()
        except CannotStart as error:
            raise Failed({"title": "Cannot start", "detail": str(error)}, 1) from None
        except Stopped as stopped:
            return stopped.code


def load(client: ServiceClient, seed: int) -> None:
    """Records the race; recording it again changes nothing."""
    client.tell("/v1/contests", race.opening())
    commands = race.race(seed)
    summary = client.batch(race.CONTEST, commands, "continue")[-1]["summary"]
    if summary["refused"]:
        raise Failed(
            {"title": "Demo not loaded", "detail": f"{summary['refused']} commands were refused"}, PARTLY
        )
    client.ask(f"/v1/contests/{race.CONTEST}", min_version=summary["version"], wait_ms=10_000)
    output.say(f"Loaded a simulated race (seed {seed}): {summary['events']} events about made-up people.\n")


def show(client: ServiceClient) -> None:
    """Prints the standings now, on a past day, and what was known that day, with the commands that ask the same."""
    day = race.PAST_DAY.isoformat()
    looks: list[tuple[str, dict[str, str]]] = [
        ("now", {}),
        (f"on {day},\nas known now", {"valid_at": day}),
        (f"on {day},\nas known then", {"valid_at": day, "known_at": day}),
    ]
    output.side_by_side(race.TITLE, [(title, client.ask(_STANDINGS, **moment)) for title, moment in looks])
    output.say("")
    output.say("The same, asked by yourself while the demo runs:")
    for _, moment in looks:
        query = f"?{urlencode(moment)}" if moment else ""
        options = "".join(f" --{name.replace('_', '-')} {value}" for name, value in moment.items())
        output.say(f"  curl '{client.api_url}{_STANDINGS}{query}'")
        output.say(f"  standings --api-url {client.api_url} show {race.CONTEST}{options}")
