"""What an administrator looks into: who changed what, and messages that were none of ours."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.callers import caller, must_oversee
from api.dependencies import Here
from api.reference import problems
from shared.audit import AuditList
from shared.errors import InvalidSpec
from shared.ports.queue import RejectedMessage

router = APIRouter(tags=["oversight"])

Limit = Annotated[int, Query(ge=1, description="how many at most")]


class RejectedList(BaseModel):
    """``total``: of all that ever were; ``newest``: of the last ones."""

    total: int
    newest: list[RejectedMessage]


@router.get("/audit", responses=problems(422, 503))
async def list_audit(
    here: Here,
    limit: Limit = 50,
    before: Annotated[str | None, Query(max_length=50, description="`next_before` of the page before")] = None,
) -> AuditList:
    """Who changed what, newest first: a call is here about a second after it was answered.

    Administrators of the tenant `default` see calls of all tenants, others those of their own.
    """
    limit = min(limit, here.settings.limits.page)
    try:
        found = await here.parts.audit.newest(limit + 1, before, caller().oversees)
    except ValueError:
        raise InvalidSpec(("/before", "must be what next_before of the page before was")) from None
    more = len(found) > limit
    return AuditList(entries=found[:limit], next_before=found[limit - 1].id if more else None)


@router.get("/messages/rejected", responses=problems(403, 503))
async def list_rejected(here: Here, limit: Limit = 50) -> RejectedList:
    """Messages in the queues that workers didn't take, newest first: somebody else writes to the broker.

    For administrators of the tenant `default`: queues are everybody's.
    """
    must_oversee()
    limit = min(limit, here.settings.limits.page)
    found = await to_thread.run_sync(here.parts.queue.rejected, limit, limiter=here.threads)
    return RejectedList(total=found.total, newest=found.newest)
