"""The section of the settings that is about the audit log."""

from typing import Annotated

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt


class AuditSettings(BaseModel):
    """Who changed what: calls that change something, kept for a while. Reading is never recorded."""

    enabled: bool = True
    kept: Annotated[PositiveInt, Field(description="entries, about; the oldest go first")] = 100_000
    kept_s: Annotated[PositiveFloat, Field(description="entries older than this go")] = 90 * 86_400.0
    predictions: Annotated[
        bool, Field(description="record questions for predictions, too: they are many, and change nothing")
    ] = False
    waiting: Annotated[
        PositiveInt,
        Field(description="entries held by a gateway while the store doesn't take them; more are logged"),
    ] = 10_000
