"""Files of jobs: what there is, and how to get it."""

from typing import Annotated
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Header, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from api.dependencies import Here, JobId
from api.problems import Refused
from api.ranges import Span, Unsatisfiable, asked_span
from api.reference import BINARY, PART, REDIRECT, problems
from api.views import ArtifactList, ArtifactView, base_url, job_url
from shared.errors import ArtifactNotFound

router = APIRouter(tags=["artifacts"])
links = APIRouter(tags=["artifacts"])
"""Of which the artifact store signed the query: it is nobody else's."""

_SANDBOXED = {
    # Whatever a file says it is, a browser that opens it all the same runs nothing of it.
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


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


@links.get(
    "/files/{key:path}", response_class=StreamingResponse, responses=BINARY | PART | problems(403, 404, 416, 503)
)
async def get_file(
    request: Request,
    here: Here,
    key: str,
    asked: Annotated[str | None, Header(alias="Range", description="one part: `bytes=0-499`")] = None,
    unless: Annotated[str | None, Header(alias="If-Range", description="the `ETag`, else all is sent")] = None,
) -> Response:
    """The content behind such a link, where this gateway serves it itself."""
    if here.parts.check_link is None:
        msg = "this gateway serves no files itself"
        raise ArtifactNotFound(msg)
    try:
        filename = here.parts.check_link(key, request.url.query)
    except PermissionError as error:
        raise Refused(403, "bad-link", str(error)) from None
    artifacts = here.parts.artifacts
    info = await to_thread.run_sync(artifacts.stat, key, limiter=here.threads)
    etag = f'"{info.sha256}"'
    span = _span(asked if unless in {None, etag} else None, info.size)
    start, length = (span.start, span.length) if span else (0, None)
    content = await to_thread.run_sync(artifacts.read, key, start, length, limiter=here.threads)
    headers = {
        **_SANDBOXED,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "Content-Length": str(span.length if span else info.size),
        "ETag": etag,
        "Accept-Ranges": "bytes",
    }
    if span:
        headers["Content-Range"] = span.content_range
    return StreamingResponse(content, 206 if span else 200, headers, info.media_type)


def _span(asked: str | None, size: int) -> Span | None:
    try:
        return asked_span(asked, size)
    except Unsatisfiable:
        said = f"the file has {size} bytes"
        raise Refused(416, "no-such-range", said, {"Content-Range": f"bytes */{size}"}) from None
