"""What routes have in common: the parts of their addresses, and what may be refused."""

from typing import Annotated

from fastapi import Path, Query

from services.api.answers.questions import Raw
from services.api.engine import seen
from services.api.web import examples
from shared.domain.ids import SLUG
from shared.values.text import Parameter

ContestId = Annotated[str, Path(pattern=SLUG, examples=["us-president-2020-dem"])]
EndorsementId = Annotated[Parameter, Path(max_length=120, examples=["ed-rendell.amy-klobuchar"])]
PolicyName = Annotated[Parameter, Path(max_length=120)]
Cited = Annotated[
    str, Path(pattern=seen.PATTERN_FROM_ONE, max_length=40, examples=["103", "103-1f2e3d4c5b6a7988"])
]
CitedPolicy = Annotated[Parameter, Path(max_length=130, examples=["fivethirtyeight-2020@1"])]
CitedTime = Annotated[str, Path(max_length=40, examples=["2019-04-22"])]
RawCsv = Annotated[Raw, Query()]

REFUSALS = examples.refusals(
    _404="not known, or not yet",
    _410="the contest's log has another history by now than the one that is asked about",
    _406="none of the accepted formats is one that answers have",
    _422="a parameter is not of its form",
    _501="a format that this deployment does not write",
    _503="the version waited for did not come in time, too much is asked at a time, or the storage does not answer",
)
