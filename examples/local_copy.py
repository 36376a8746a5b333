"""Follows a contest from its first version into a local copy, and proves the copy against the API at every version.

    python examples/local_copy.py http://127.0.0.1:8400 demo-simulated-race copy.json

Ends when the copy has caught up. Started again with the same file, it goes on where it stood.
"""

import sys
from pathlib import Path

from standings.client import Client, LocalCopy


def main(url: str, contest: str, file: Path) -> None:
    copy = LocalCopy.model_validate_json(file.read_text()) if file.exists() else LocalCopy(contest=contest)
    with Client(url) as client:
        latest = client.contest(contest).version
        if copy.version < latest:
            for change in client.changes(contest, since=copy.place):
                copy.take(change)
                copy.check(client.standings(contest, version=change.version))
                if copy.version >= latest:
                    break
    file.write_text(copy.model_dump_json())
    print(f"{contest} at version {copy.version}, as the API says at each of them")
    for candidate, score in sorted(copy.scores("fivethirtyeight-2020").items(), key=lambda one: -one[1]):
        print(f"{score:>6}  {candidate}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
