"""Prints a contest's changes as they come, by server-sent events and the standard library alone.

    python examples/sse_consumer.py http://127.0.0.1:8400 demo-simulated-race 0

The last argument is the version behind which to begin. Whatever interrupts it, it goes on behind the last one that it
printed.
"""

import json
import sys
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def events(url: str, after: str) -> Iterator[tuple[str, str, str]]:
    """The id, name and data of each event on one connection."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": after}
    with urlopen(Request(url, headers=headers), timeout=45) as answer:
        fields: dict[str, str] = {}
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif fields:
                yield fields.get("id", ""), fields.get("event", ""), fields.get("data", "")
                fields = {}


def main(api: str, contest: str, after: str) -> None:
    while True:
        try:
            for event_id, event, data in events(f"{api}/v1/contests/{contest}/changes", after):
                if event == "change":
                    change = json.loads(data)["data"]
                    moved = {one["candidate"] for one in change["scores"]}
                    cause = change["cause"]["type"]
                    print(f"{change['version']} {cause}: {', '.join(sorted(moved)) or '-'}", flush=True)
                after = event_id or after
        except HTTPError as error:
            if error.code < 500:
                sys.exit(f"refused: {json.load(error)['detail']}")
        except (OSError, EOFError):
            pass
        time.sleep(0.5)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
