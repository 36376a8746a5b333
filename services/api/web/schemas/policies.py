"""Answers about policies."""

from pydantic import BaseModel, Field

from services.api.web.schemas.common import Points


class Policy(BaseModel):
    """A weighting: points by category for each endorsement, and for each member of who endorses."""

    id: str
    version: int
    title: str
    source: str
    weights: dict[str, Points]
    default: Points
    member_weights: dict[str, Points]
    available: dict[str, int] = Field(description="how many endorsers a category has")


class Policies(BaseModel):
    """The weightings."""

    policies: list[Policy]
