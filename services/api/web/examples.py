"""What answers look like, for the OpenAPI document: their models, formats and examples."""

from typing import Any

from services.api.answers.formats import FORMATS
from shared.http.openapi import json_of
from shared.http.problem_schema import problems_of

TAGS = {
    "contests": "which contests there are, who runs, and how their projections were rebuilt",
    "policies": "the weightings",
    "standings": "candidates by score, at any moment",
    "citing": "standings to cite, and what became of them",
    "over time": "scores along either axis, and what changed between moments or was learned later",
    "endorsements": "who endorsed whom",
    "events": "the log",
    "changes": "subscriptions: each version of a contest, as it comes",
    "health": "whether the service runs, and can do its work",
}

CONTESTS: dict[str, Any] = {
    "contests": [
        {
            "contest": "us-president-2020-dem",
            "title": "Democratic nomination for President, 2020",
            "timezone": "America/New_York",
            "clock": "imported",
            "opened_at": "2019-03-08",
            "version": 103,
            "generation": 1,
            "history": "1f2e3d4c5b6a7988",
            "known_at": "2019-04-27T04:00:00.000000Z",
            "parked": None,
            "candidates": [
                {
                    "candidate": "joe-biden",
                    "name": "Joe Biden",
                    "party": "D",
                    "entered_at": "2019-03-08",
                    "withdrew_at": None,
                }
            ],
        }
    ],
    "next": None,
}

STANDINGS: dict[str, Any] = {
    "valid_at": {"asked": "2019-04-22", "instant": "2019-04-23T03:59:59.999999Z"},
    "known_at": {"asked": "2019-04-27", "instant": "2019-04-28T03:59:59.999999Z"},
    "contest": "us-president-2020-dem",
    "title": "Democratic nomination for President, 2020",
    "clock": "imported",
    "version": 103,
    "generation": 1,
    "policy": {
        "id": "fivethirtyeight-2020",
        "version": 1,
        "title": "FiveThirtyEight, The 2020 Endorsement Primary",
        "source": "FiveThirtyEight, The 2020 Endorsement Primary",
    },
    "points": 140,
    "available": 2455,
    "revised": False,
    "foresees": False,
    "standings": [
        {
            "rank": 1,
            "candidate": "joe-biden",
            "name": "Joe Biden",
            "party": "D",
            "score": 14,
            "low": 14,
            "high": 14,
            "share": 0.1,
            "share_of_available": 0.005703,
            "counts": {"governor": {"count": 1, "members": 0}, "senator": {"count": 1, "members": 0}},
            "withdrew_at": None,
        }
    ],
}


TIMELINE: dict[str, Any] = {
    "valid_at": {"asked": None, "instant": "2020-04-02T14:00:00.000000Z"},
    "known_at": {"asked": None, "instant": "2020-04-02T14:00:00.000000Z"},
    "contest": "us-president-2020-dem",
    "title": "Democratic nomination for President, 2020",
    "clock": "imported",
    "version": 391,
    "generation": 1,
    "policy": STANDINGS["policy"],
    "axis": "valid",
    "step": "month",
    "from": "2020-02-01T05:00:00.000000Z",
    "to": "2020-04-01T03:59:59.999999Z",
    "points": [
        {
            "at": "2020-03-01T04:59:59.999999Z",
            "day": "2020-02-29",
            "scores": {"joe-biden": 300, "bernie-sanders": 80},
        },
        {
            "at": "2020-04-01T03:59:59.999999Z",
            "day": "2020-03-31",
            "scores": {"joe-biden": 500, "bernie-sanders": 80},
        },
    ],
}


CHANGES: dict[str, Any] = {
    "contest": "us-president-2020-dem",
    "changes": [
        {
            "specversion": "1.0",
            "id": "us-president-2020-dem/103",
            "source": "/v1/contests/us-president-2020-dem",
            "type": "standings.scores.changed",
            "time": "2020-04-02T14:00:00.000000Z",
            "datacontenttype": "application/json",
            "data": {
                "contest": "us-president-2020-dem",
                "version": 103,
                "known_at": "2020-04-02T14:00:00.000000Z",
                "valid_at": "2019-04-22T04:00:00.000000Z",
                "rewrites_since": "2019-04-22T04:00:00.000000Z",
                "cause": {
                    "event": "a-1",
                    "type": "endorsement.announced",
                    "endorsement": "jane-roe.joe-biden",
                    "endorser": {"id": "jane-roe", "name": "Jane Roe"},
                    "recorded_by": "desk",
                    "source": {"url": "", "title": "Example Times", "quote": "", "published": ""},
                },
                "postings": [
                    {
                        "valid_at": "2019-04-22T04:00:00.000000Z",
                        "candidate": "joe-biden",
                        "category": "governor",
                        "delta": 1,
                        "members": 0,
                    }
                ],
                "scores": [
                    {
                        "policy": "fivethirtyeight-2020",
                        "policy_version": 1,
                        "candidate": "joe-biden",
                        "before": {"score": 292, "rank": 1},
                        "after": {"score": 300, "rank": 1},
                    }
                ],
            },
        }
    ],
    "next": "103-1f2e3d4c5b6a7988",
    "places": ["103-1f2e3d4c5b6a7988"],
}


PROBLEM: dict[str, Any] = {
    "type": "/problems/before-the-contest",
    "title": "Before the contest",
    "status": 404,
    "detail": "nothing of this contest had happened at 1999-01-01",
    "field": "valid_at",
    "value": "1999-01-01",
    "way_out": "ask for 2017-07-28T04:00:00.000000Z or later",
}
TEXT = {"schema": {"type": "string"}}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_ROWS = {one.media_type: TEXT if one.is_text else _BYTES for one in FORMATS.values() if one.rows}


def rows(model: str) -> dict[int | str, dict[str, Any]]:
    """The description of a good answer that has rows: in JSON as this model, and in every other format."""
    return {**of(model, _ROWS), 304: {"description": "you have it already"}}


def of(model: str, others: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The description of a good answer: in JSON as this model, and in these other media types."""
    return {200: {"description": "the answer", "content": {**json_of(model), **others}}}


def refusals(**meanings: str) -> dict[int | str, dict[str, Any]]:
    """The description of problems by status: `_404="not known"`."""
    return problems_of(
        {int(status.removeprefix("_")): meaning for status, meaning in meanings.items()}, PROBLEM
    )
