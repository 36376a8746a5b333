"""The doctor: whether everything works, and what does not."""

from typing import Any

from services.console.client import Client, Failed


def examine(client: Client) -> list[dict[str, Any]]:
    """What was looked at: `check`, `ok` and, in words, `found`."""
    checks = [_ready(client, "ingest"), _ready(client, "api")]
    if all(check["ok"] for check in checks):
        unfolded = {one["contest"]: one for one in client.ingest("/v1/unfolded?limit=1000")["contests"]}
        listed = client.whole("/v1/contests", "contests", {})["contests"]
        checks += [_contest(client, contest, unfolded.pop(contest["contest"], None)) for contest in listed]
        checks += [_never_folded(one) for one in unfolded.values()]
        checks.append(_dead_letters(client))
    return checks


def _ready(client: Client, service: str) -> dict[str, Any]:
    try:
        found = client.ingest("/readyz") if service == "ingest" else client.ask("/readyz")
    except Failed as failed:
        reason = failed.problem.get("reason") or failed.problem.get("detail", "")
        return {"check": service, "ok": False, "found": reason}
    return {"check": service, "ok": True, "found": found["status"]}


def _contest(client: Client, contest: dict[str, Any], unfolded: dict[str, Any] | None) -> dict[str, Any]:
    """Whether the projection has come to the end of the log, and the API answers what the log has."""
    name = f"contest {contest['contest']}"
    if parked := contest["parked"]:
        found = f"parked before version {parked['version']} since {parked['since']}: {parked['reason']}"
        return {"check": name, "ok": False, "found": found}
    found = f"version {contest['version']}, generation {contest['generation']}"
    wrong = [_behind(unfolded)] if unfolded else []
    wrong += _differs(client, contest)
    return {"check": name, "ok": not wrong, "found": ", ".join([found, *wrong])}


def _differs(client: Client, contest: dict[str, Any]) -> list[str]:
    """Whether the log has what the API has of its last version: what the API reads there is compared by digest."""
    last = contest["version"] - 1
    try:
        client.ask(f"/v1/contests/{contest['contest']}/events", after=last, limit=1)
    except Failed as failed:
        return [f"the API and the log differ: {failed.problem.get('detail', failed)}"]
    return []


def _never_folded(unfolded: dict[str, Any]) -> dict[str, Any]:
    """One that the API does not list, since it has nothing of it yet, or cannot read it."""
    return {"check": f"contest {unfolded['contest']}", "ok": False, "found": _behind(unfolded)}


def _behind(unfolded: dict[str, Any]) -> str:
    recorded, folded = unfolded["recorded"], unfolded["folded"]
    if min(recorded, folded) < 0:
        return f"its {'log' if recorded < 0 else 'ledger'} cannot be read"
    if recorded < folded:
        return f"its log ends at version {recorded}, before its projection, which is of version {folded}"
    wake = "a wake is out" if unfolded["woken"] else "no wake is out: scorers look for such contests"
    return f"{recorded - folded} events are not folded, and {wake}"


def _dead_letters(client: Client) -> dict[str, Any]:
    letters = client.ingest("/v1/dead-letters?limit=1000")["dead_letters"]
    found = f"{len(letters)} dead letters" + (": see `standings dead-letters`" if letters else "")
    return {"check": "inbox", "ok": not letters, "found": found}
