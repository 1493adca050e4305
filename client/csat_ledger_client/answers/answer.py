"""What all answers have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """An answer of the service, or a part of one. Members that it does not know are passed over: the service may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
