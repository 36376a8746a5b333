"""What a problem looks like (RFC 9457), for the services' OpenAPI documents. Nothing is validated with it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.http.openapi import left_out, reference
from shared.http.problems import PROBLEM

_LEFT_OUT = Field(default=None, json_schema_extra=left_out)


class Problem(BaseModel):
    """What is wrong, and what to do instead (RFC 9457). Some kinds say more than these."""

    # Made ready when a document is asked for: a service starts without.
    model_config = ConfigDict(defer_build=True)

    type: str = Field(description="which kind of problem; its address explains it")
    title: str = Field(description="the kind in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong here")
    field: Annotated[str, _LEFT_OUT, Field(description="which field or parameter")]
    value: Annotated[Any, _LEFT_OUT, Field(description="what it was, shortened")]
    way_out: Annotated[str, _LEFT_OUT, Field(description="what to do instead")]
    more_errors: Annotated[int, _LEFT_OUT, Field(description="how many more fields are wrong (422)")]


def problems_of(
    meanings: dict[int, str], example: dict[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """The descriptions of problems by status, as FastAPI's `responses` takes them."""
    told: dict[str, Any] = {"schema": reference(Problem.__name__)}
    if example is not None:
        told["example"] = example
    return {
        status: {"description": meaning, "content": {PROBLEM: told}} for status, meaning in meanings.items()
    }
