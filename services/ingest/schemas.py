"""What ingest answers with, for its OpenAPI document. Nothing is validated with it."""

from datetime import datetime

from pydantic import BaseModel, Field


class RecordedEvent(BaseModel):
    """An event that followed from the command."""

    id: str
    type: str
    version: int


class CommandTaken(BaseModel):
    """What a command did: recorded now, or answered as the first time."""

    contest: str
    id: str = Field(description="the command's id, made where none was given")
    version: int = Field(description="of the last of its events: the API's `min_version`")
    known_at: datetime | None
    endorsement: str | None
    events: list[RecordedEvent]


MODELS = (CommandTaken,)
