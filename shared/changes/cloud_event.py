"""Changes as they are published: one CloudEvents 1.0 event in JSON for each version of a contest."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import ContestEvent, Recorded
from shared.domain.postings import Posting
from shared.domain.scoreboard import Move, rewrites_since
from shared.domain.times import format_instant
from shared.storage.codec import exact, public_type, type_of

SCORES_CHANGED = "standings.scores.changed"
CONTEST_CHANGED = "standings.contest.changed"
CONTEST_RESET = "standings.contest.reset"


class Effect(NamedTuple):
    """What an event did: what it made of its subject, what it posted, and which scores and ranks that moved."""

    recorded: Recorded
    subject: Contest | Endorsement
    postings: tuple[Posting, ...]
    moves: Iterable[Move]


def cloud_event(contest: str, zone: str, effect: Effect) -> bytes:
    """The CloudEvent of a version: the same bytes whenever it is made. `zone` is the contest's time zone.

    Source: https://github.com/cloudevents/spec, v1.0.2, JSON event format.
    """
    recorded, postings = effect.recorded, effect.postings
    known_at = format_instant(recorded.known_at)
    since = rewrites_since(postings, recorded.known_at, zone)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{contest}/{recorded.version}",
            "source": f"/v1/contests/{contest}",
            "type": SCORES_CHANGED if postings else CONTEST_CHANGED,
            "time": known_at,
            "datacontenttype": "application/json",
            "data": {
                "contest": contest,
                "version": recorded.version,
                "known_at": known_at,
                "valid_at": format_instant(min(each.valid_at for each in postings)) if postings else None,
                "rewrites_since": None if since is None else format_instant(since),
                "cause": _cause(effect),
                "postings": [_posting(each) for each in postings],
                "scores": [_move(each) for each in effect.moves],
            },
        },
        default=exact,
    )


def reset_event(contest: str, version: int, history: str, lost: str) -> bytes:
    """The CloudEvent that tells a subscriber that a contest has another history, up to this version by now.

    `lost` is the place that was told before: the losses of two places are never one event.
    """
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{contest}/reset/{lost}/{version}-{history}",
            "source": f"/v1/contests/{contest}",
            "type": CONTEST_RESET,
            "datacontenttype": "application/json",
            "data": {
                "contest": contest,
                "version": version,
                "history": history,
                "way_out": "what you have of this contest is not in its log any more: forget it, and take its changes "
                "from version 1 on",
            },
        }
    )


def _cause(effect: Effect) -> dict[str, Any]:
    event, subject = effect.recorded.event, effect.subject
    cause: dict[str, Any] = {
        "event": effect.recorded.id,
        "type": public_type(type_of(event)),
        "endorsement": None if isinstance(event, ContestEvent) else event.endorsement,
        "endorser": None,
        "recorded_by": event.recorded_by,
        "source": event.source,
    }
    if isinstance(subject, Endorsement):
        cause["endorser"] = {"id": subject.endorser.id, "name": subject.endorser.name}
    return cause


def _posting(posting: Posting) -> dict[str, Any]:
    return {
        "valid_at": format_instant(posting.valid_at),
        "candidate": posting.candidate,
        "category": posting.category,
        "delta": posting.delta,
        "members": posting.members,
    }


def _move(move: Move) -> dict[str, Any]:
    points = move.policy.points
    return {
        "policy": move.policy.id,
        "policy_version": move.policy.version,
        "candidate": move.candidate,
        "before": {"score": points(move.before.units), "rank": move.before.rank},
        "after": {"score": points(move.after.units), "rank": move.after.rank},
    }
