"""Jobs and outcomes for tests that need some, whatever is in them."""

import uuid
from typing import Any

from shared.jobs import Completed, ErrorInfo
from shared.packing import InferenceTask, PackedInput
from shared.ports import NewJob
from shared.results import GesturePrediction, InferenceResult, InferenceTimings

BLOB = bytes(252)
ERROR = ErrorInfo(code="model-unusable", title="A title", detail='a "detail"', retryable=True)


def task(**fields: Any) -> InferenceTask:
    inputs = [PackedInput(kind="landmarks", blob=0, rows=1)]
    return InferenceTask(**{"model": "asl", "inputs": inputs, **fields})


def new_job(
    *, lane: str = "cpu", fingerprint: str = "one", blobs: tuple[bytes, ...] = (BLOB,), **fields: Any
) -> NewJob:
    """A job nobody knows yet; fields of NewJob, and of the task for the rest."""
    mine = {
        name: fields.pop(name)
        for name in (
            "id",
            "idempotency_key",
            "idempotency_ttl_s",
            "retry_of",
            "message",
            "group",
            "headers",
            "caller",
            "caller_depth",
            "caller_active",
            "tenant",
            "staged",
        )
        if name in fields
    }
    return NewJob(
        **{"id": str(uuid.uuid4()), **mine}, task=task(**fields), lane=lane, fingerprint=fingerprint, blobs=blobs
    )


def completed(predictions: int = 1) -> Completed:
    return Completed(
        result=InferenceResult(
            model="asl",
            version="0123456789abcdef",
            runtime="torch",
            device="CPU",
            predictions=[GesturePrediction(label="A", confidence=0.75) for _ in range(predictions)],
            timings=InferenceTimings(model_ms=1.5),
        )
    )
