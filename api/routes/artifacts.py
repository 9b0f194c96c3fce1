"""Files of jobs: what there is, and how to get it."""

from collections.abc import Iterator
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from api.dependencies import Here, JobId
from api.problems import Refused
from api.reference import BINARY, REDIRECT, problems
from api.views import ArtifactList, ArtifactView, base_url, job_url
from shared.errors import ArtifactNotFound
from shared.ports import ObjectInfo

router = APIRouter(tags=["artifacts"])
links = APIRouter(tags=["artifacts"])
"""Of which the artifact store signed the query: it is nobody else's."""


@router.get("/jobs/{job_id}/artifacts", responses=problems(404, 503))
async def list_artifacts(request: Request, here: Here, job_id: JobId) -> ArtifactList:
    """List the files a job left behind."""
    record = await here.parts.store.get(job_id)
    base = job_url(base_url(request), job_id)
    return ArtifactList(artifacts=[ArtifactView.of(each, base) for each in record.artifacts])


@router.get(
    "/jobs/{job_id}/artifacts/{name}",
    status_code=307,
    response_class=RedirectResponse,
    responses=REDIRECT | problems(404, 503),
)
async def get_artifact(request: Request, here: Here, job_id: JobId, name: str) -> Response:
    """Redirect to a link that gives anyone this one file, for a short time."""
    record = await here.parts.store.get(job_id)
    link = await here.files.link(record, name)
    return RedirectResponse(f"{base_url(request)}{link}" if link.startswith("/") else link)


@links.get("/files/{key:path}", response_class=StreamingResponse, responses=BINARY | problems(403, 404, 503))
async def get_file(request: Request, here: Here, key: str) -> Response:
    """The content behind such a link, where this gateway serves it itself."""
    if here.parts.check_link is None:
        msg = "this gateway serves no files itself"
        raise ArtifactNotFound(msg)
    try:
        filename = here.parts.check_link(key, request.url.query)
    except PermissionError as error:
        raise Refused(403, "bad-link", str(error)) from None
    info, content = await to_thread.run_sync(_open, here, key, limiter=here.threads)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "Content-Length": str(info.size),
        "ETag": f'"{info.sha256}"',
    }
    return StreamingResponse(content, headers=headers, media_type=info.media_type)


def _open(here: Here, key: str) -> tuple[ObjectInfo, Iterator[bytes]]:
    return here.parts.artifacts.stat(key), here.parts.artifacts.read(key)
