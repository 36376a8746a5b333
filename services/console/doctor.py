"""The doctor: whether everything works, and what does not."""

from typing import Any

from services.console.client import Client, Failed


def examine(client: Client) -> list[dict[str, Any]]:
    """What was looked at: `check`, `ok` and, in words, `found`."""
    checks = [_ready(client, "ingest"), _ready(client, "api")]
    if all(check["ok"] for check in checks):
        checks += [_contest(client, contest) for contest in client.ask("/v1/contests")["contests"]]
        checks.append(_dead_letters(client))
    return checks


def _ready(client: Client, service: str) -> dict[str, Any]:
    try:
        found = client.ingest("/readyz") if service == "ingest" else client.ask("/readyz")
    except Failed as failed:
        reason = failed.problem.get("reason") or failed.problem.get("detail", "")
        return {"check": service, "ok": False, "found": reason}
    return {"check": service, "ok": True, "found": found["status"]}


def _contest(client: Client, contest: dict[str, Any]) -> dict[str, Any]:
    """Whether the projection has come to the end of the log."""
    name = contest["contest"]
    if parked := contest["parked"]:
        found = f"parked before version {parked['version']} since {parked['since']}: {parked['reason']}"
        return {"check": f"contest {name}", "ok": False, "found": found}
    waiting = client.ask(f"/v1/contests/{name}/events", after=contest["version"], limit=1)["events"]
    found = f"version {contest['version']}, generation {contest['generation']}"
    return {
        "check": f"contest {name}",
        "ok": not waiting,
        "found": found + (", lags behind its log" if waiting else ""),
    }


def _dead_letters(client: Client) -> dict[str, Any]:
    letters = client.ingest("/v1/dead-letters?limit=1000")["dead_letters"]
    found = f"{len(letters)} dead letters" + (": see `standings dead-letters`" if letters else "")
    return {"check": "inbox", "ok": not letters, "found": found}
