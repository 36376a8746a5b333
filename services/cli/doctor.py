"""The doctor: whether everything works, and what does not."""

from typing import Any

from services.cli.client import Failed, ServiceClient

# For so long a version that the API has not taken in yet is waited for.
_WAIT_MS = 5000
# How the API answers about a time at which nothing of the contest had happened yet.
_BEFORE = "/problems/before-the-contest"


def examine(client: ServiceClient) -> list[dict[str, Any]]:
    """What was looked at: `check`, `ok` and, in words, `found`."""
    checks = [_ready(client, "ingest"), _ready(client, "api")]
    if all(check["ok"] for check in checks):
        stuck = client.ingest("/v1/unfolded?limit=1000")
        unfolded = {each["contest"]: each for each in stuck["contests"]}
        listed = client.whole("/v1/contests", "contests", {})["contests"]
        checks += [_contest(client, contest, unfolded.pop(contest["contest"], None)) for contest in listed]
        names = {contest["contest"] for contest in listed}
        parked = {each["contest"]: each for each in stuck["parked"] if each["contest"] not in names}
        checks += [_parked(name, each) for name, each in parked.items()]
        checks += [_never_folded(each) for name, each in unfolded.items() if name not in parked]
        checks.append(_dead_letters(client))
    return checks


def _ready(client: ServiceClient, service: str) -> dict[str, Any]:
    try:
        report = client.ingest("/readyz") if service == "ingest" else client.ask("/readyz")
    except Failed as failed:
        reason = failed.problem.get("reason") or failed.problem.get("detail", "")
        return {"check": service, "ok": False, "found": reason}
    return {"check": service, "ok": True, "found": report["status"]}


def _contest(
    client: ServiceClient, contest: dict[str, Any], unfolded: dict[str, Any] | None
) -> dict[str, Any]:
    """Whether the projection has come to the end of the log, and the API answers what the log has."""
    name = f"contest {contest['contest']}"
    if parked := contest["parked"]:
        return _parked(contest["contest"], parked)
    state = f"version {contest['version']}, generation {contest['generation']}"
    wrong = [_behind(unfolded)] if unfolded else []
    wrong += _differs(client, contest)
    return {"check": name, "ok": not wrong, "found": ", ".join([state, *wrong])}


def _parked(contest: str, parked: dict[str, Any]) -> dict[str, Any]:
    state = f"parked before version {parked['version']} since {parked['since']}: {parked['reason']}"
    return {"check": f"contest {contest}", "ok": False, "found": state}


def _differs(client: ServiceClient, contest: dict[str, Any]) -> list[str]:
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


def _dead_letters(client: ServiceClient) -> dict[str, Any]:
    letters = client.ingest("/v1/dead-letters?limit=1000")["dead_letters"]
    state = f"{len(letters)} dead letters" + (": see `standings dead-letters`" if letters else "")
    return {"check": "inbox", "ok": not letters, "found": state}


def compare(client: ServiceClient, examined: dict[str, Any]) -> dict[str, Any]:
    """What was found of a contest whose log was folded anew, and whether the API answers what that leads to."""
    wrong: list[str] = examined["findings"] + _wrong_answers(client, examined)
    said = (
        f"folded anew up to version {examined['version']}, and compared at {len(examined['moments'])} moments"
    )
    return {
        "check": f"contest {examined['contest']}, deep",
        "ok": not wrong,
        "found": "; ".join(wrong) if wrong else said,
    }


def _wrong_answers(client: ServiceClient, examined: dict[str, Any]) -> list[str]:
    wrong = []
    for moment in examined["moments"]:
        version, valid_at = moment["version"], moment["valid_at"]
        at = f"at version {version} and {valid_at}"
        try:
            answer = client.ask(
                f"/v1/contests/{examined['contest']}/standings",
                policy="headcount",
                version=version,
                valid_at=valid_at,
                min_version=version,
                wait_ms=_WAIT_MS,
            )
        except Failed as failed:
            if failed.problem.get("type") == _BEFORE and not any(moment["counts"].values()):
                continue  # the version is older than the event whose time this is: there was nothing, as the API says
            wrong.append(f"API: {at} it does not answer: {failed.problem.get('detail', failed)}")
            continue
        said = {line["candidate"]: line["score"] for line in answer["standings"]}
        counted = {candidate: moment["counts"].get(candidate, 0) for candidate in said}
        if said != counted:
            wrong.append(f"API: {at} it answers {said}, and the log leads to {counted}")
    return wrong
