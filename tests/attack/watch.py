"""Asks a service whether it is ready, again and again, and says when it asked and how long the answer took.

`python -m tests.attack.watch URL FILE` appends a line `<when> <seconds>` for each answer, `<when> failed` for none.
"""

import sys
import time
from pathlib import Path

import httpx

_EVERY_SECONDS = 0.02
_PATIENCE_SECONDS = 30.0


def watch(url: str, file: Path) -> None:
    """Goes on until its process ends."""
    with httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS) as client, file.open("a") as lines:
        while True:
            asked_at = time.monotonic()
            try:
                client.get("/readyz").raise_for_status()
                took = f"{time.monotonic() - asked_at:.6f}"
            except httpx.HTTPError:
                took = "failed"
            lines.write(f"{asked_at:.6f} {took}\n")
            lines.flush()
            time.sleep(_EVERY_SECONDS)


if __name__ == "__main__":
    watch(sys.argv[1], Path(sys.argv[2]))
