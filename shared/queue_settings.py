"""Settings of how jobs wait."""

from typing import Annotated

from pydantic import BaseModel, Field, PositiveFloat


class BatchingSettings(BaseModel):
    """Small inference jobs that wait for one model run together.

    Many in few batches cost least; but whoever waits for answers then asks again together, and gateway and worker
    take turns instead of working side by side: 64 connections got a sixth more answers with 32 than with 64.
    """

    jobs: Annotated[int, Field(ge=1, le=1_000, description="run together at most; 1: each runs alone")] = 32
    rows: Annotated[int, Field(ge=1, le=10_000, description="jobs with more run alone")] = 64


class QueueSettings(BaseModel):
    """The queues of lanes."""

    ageing_s: Annotated[
        PositiveFloat, Field(description="jobs that wait so long go one priority up, and again after as long")
    ] = 30.0
