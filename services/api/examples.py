"""Examples for the OpenAPI document."""

from typing import Any

CONTESTS = {
    "contests": [
        {
            "contest": "us-president-2020-dem",
            "title": "Democratic nomination for President, 2020",
            "timezone": "America/New_York",
            "clock": "imported",
            "opened_at": "2019-03-08",
            "version": 103,
            "generation": 1,
            "known_at": "2019-04-27T04:00:00.000000Z",
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
    ]
}

STANDINGS = {
    "contest": "us-president-2020-dem",
    "title": "Democratic nomination for President, 2020",
    "clock": "imported",
    "version": 103,
    "generation": 1,
    "valid_at": {"asked": "2019-04-22", "instant": "2019-04-23T03:59:59.999999Z"},
    "known_at": {"asked": "2019-04-27", "instant": "2019-04-28T03:59:59.999999Z"},
    "policy": {
        "id": "fivethirtyeight-2020",
        "version": 1,
        "title": "FiveThirtyEight, The 2020 Endorsement Primary",
        "source": "FiveThirtyEight, The 2020 Endorsement Primary",
    },
    "standings": [
        {
            "rank": 1,
            "candidate": "joe-biden",
            "name": "Joe Biden",
            "party": "D",
            "score": 14,
            "counts": {"governor": {"count": 1, "members": 0}, "senator": {"count": 1, "members": 0}},
            "withdrew_at": None,
        }
    ],
}


def of(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The description of a route's good answer."""
    return {200: {"description": "the answer", "content": {"application/json": {"example": example}}}}
