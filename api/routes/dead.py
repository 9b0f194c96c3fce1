"""Jobs that died, and how to bring them back."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.dependencies import Here, JobId, travelling_headers
from api.gateway import Gateway
from api.reference import ACCEPTED, problems
from api.routes.jobs import JSON, LabelFilter, labels_of
from api.routes.submit import answer
from api.services.intake import Taken
from api.views import JobList, base_url, page_json
from shared.dead import NotRequeued, RequeuedJob, RequeueList
from shared.errors import InvalidSpec
from shared.jobs import JobRecord
from shared.ports import Seen
from shared.specs import JobKind

router = APIRouter(tags=["dead"])

Limit = Annotated[int, Query(ge=1, description="how many of the dead are looked at")]
Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/dead", responses={200: {"model": JobList}} | problems(422, 503))
async def list_dead(request: Request, here: Here, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List jobs that failed as `poison` or after their last attempt, newest first, one page at a time."""
    page = await here.parts.store.dead(_allowed(here, limit), cursor)
    return Response(page_json(page.jobs, page.next_cursor, base_url(request)), media_type=JSON)


@router.post("/dead/{job_id}/requeue", status_code=202, responses=ACCEPTED | problems(404, 409, 410, 503))
async def requeue_job(request: Request, here: Here, job_id: JobId) -> Response:
    """Accept a new job with the spec and inputs of a FAILED one; `retry_of` names that. It leaves the list.

    Asked again, it is the same new job (200).
    """
    created = await here.dead.requeue(job_id, travelling_headers(request))
    return answer(request, Taken(Seen(created.record), created.fresh), None)


@router.post("/dead/requeue", responses=problems(422, 503))
async def requeue_jobs(
    request: Request,
    here: Here,
    *,
    kind: JobKind | None = None,
    label: Annotated[list[LabelFilter] | None, Query(description="name:value; several must all hold")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> RequeueList:
    """Do the same for those that match among `limit` of the dead; `next_cursor` leads to the others.

    Those that can't be requeued stay in the list and are told with the reason. To ask again does no harm.
    """
    labels = labels_of(label or [])

    def wanted(record: JobRecord) -> bool:
        return kind in {None, record.kind} and labels.items() <= record.labels.items()

    done = await here.dead.requeue_page(_allowed(here, limit), cursor, wanted, travelling_headers(request))
    return RequeueList(
        requeued=[RequeuedJob(id=old, job=new) for old, new in done.jobs.items()],
        failed=[NotRequeued(id=old, error=error) for old, error in done.refused.items()],
        next_cursor=done.next_cursor,
    )


def _allowed(here: Gateway, limit: int) -> int:
    if limit > here.settings.limits.page:
        raise InvalidSpec(("/limit", f"must be at most {here.settings.limits.page}"))
    return limit
