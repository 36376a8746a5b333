"""Objects that strangers send: their keys are few and known."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

# More than any object has that is understood. Each unknown key is an error of its own: a megabyte of them was 140 MB.
MOST_KEYS = 50


class Said(BaseModel):
    """An object in a request. An unknown key is refused, and so are many, before anything else is looked at."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_keys(cls, said: Any) -> Any:
        if isinstance(said, dict) and len(said) > MOST_KEYS:
            raise ValueError(f"an object of {len(said)} keys is not read; it has {MOST_KEYS} at most")
        return said
