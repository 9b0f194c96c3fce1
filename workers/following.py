"""What connects an attempt with the request that asked for it, in logs and in traces."""

from contextlib import AbstractContextManager, nullcontext

from shared import tracing
from shared.spans import HEADER
from workers.context import JobContext


def about(context: JobContext) -> dict[str, str]:
    """What its log lines carry."""
    job = context.job
    return {
        **context.claim.headers,
        "job_id": job.id,
        "kind": job.kind,
        "lane": job.lane,
        "device": context.device.id,
        "tenant": job.tenant,
        "attempt": str(job.attempt),
    }


def traced(context: JobContext) -> AbstractContextManager[None]:
    """Its span, in the trace of the request; that of a later attempt is linked to that of the one before."""
    if not tracing.on():
        return nullcontext()
    claim, job = context.claim, context.job
    values = {
        "framelane.job_id": job.id,
        "framelane.kind": job.kind,
        "framelane.lane": job.lane,
        "framelane.device": context.device.id,
        "framelane.worker": claim.worker,
        "framelane.attempt": job.attempt,
        "framelane.waited_ms": job.queue_wait_ms or 0.0,
    }
    return tracing.span(
        f"job {job.kind}",
        "consumer",
        parent=claim.headers.get(HEADER),
        values=values,
        span_id=tracing.attempt_id(job.id, claim.fence),
        link=tracing.attempt_id(job.id, claim.fence - 1) if claim.fence > 1 else None,
    )
