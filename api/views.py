"""What we answer, as models for the reference and as JSON written straight from the records."""

import json
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from fastapi import Request
from pydantic import Field

from api.headers import header
from api.services.records import bare_job
from shared.jobs import ArtifactRef, Job, JobRecord
from shared.results import Answer

PREFIX = "/api/v1"


class Links(Answer):
    """Where to go from a job."""

    self: str
    events: str = Field(description="server-sent events")
    stream: str = Field(description="WebSocket")
    cancel: str
    artifacts: str


class JobView(Job):
    """A job, and where to go from it."""

    links: Links


class JobList(Answer):
    """Newest first. ``next_cursor`` is null at the end; a page can be short, even empty, before it."""

    jobs: list[JobView]
    next_cursor: str | None


class ArtifactView(ArtifactRef):
    """A file a job left behind, and where to get it."""

    href: str

    @classmethod
    def of(cls, artifact: ArtifactRef, job: str) -> "ArtifactView":
        """``job``: the job's URL."""
        return cls(**artifact.model_dump(), href=f"{job}/artifacts/{quote(artifact.name)}")


class ArtifactList(Answer):
    """All files of a job."""

    artifacts: list[ArtifactView]


def base_url(request: Request) -> str:
    """Scheme and host as the client named them, and the root path, without a slash at the end."""
    scope = request.scope
    root = scope.get("app_root_path", scope.get("root_path", ""))
    server = scope.get("server")
    return _base_url(scope["scheme"], header(scope, b"host") or "", tuple(server) if server else None, root)


@lru_cache(maxsize=256)
def _base_url(scheme: str, host: str, server: tuple[str | int | None, ...] | None, root: str) -> str:
    """What Starlette makes of these, which takes it as long as checking a small spec."""
    headers = [(b"host", host.encode("latin-1"))] if host else []
    scope = {
        "type": "http",
        "scheme": scheme,
        "headers": headers,
        "server": server,
        "root_path": root,
        "path": root,
    }
    return str(Request(scope).base_url).rstrip("/")


def job_url(base: str, job_id: str) -> str:
    """Where the job is."""
    return f"{base}{PREFIX}/jobs/{job_id}"


def job_json(record: JobRecord, base: str, outcome: bytes | None = None) -> str:
    """JSON of a ``JobView``. ``outcome``: as for ``bare_job``."""
    jobs, streams = _escaped(base)
    job = f"{jobs}/{record.id}"  # an id needs no escaping
    return (
        f'{bare_job(record, outcome)[:-1]},"links":{{"self": "{job}", "events": "{job}/events", '
        f'"stream": "{streams}/{record.id}", "cancel": "{job}/cancel", "artifacts": "{job}/artifacts"}}}}'
    )


@lru_cache(maxsize=256)
def _escaped(base: str) -> tuple[str, str]:
    """Where jobs are, and their streams, as they stand in a JSON string."""
    # http becomes ws, https wss
    jobs, streams = f"{base}{PREFIX}/jobs", f"ws{base.removeprefix('http')}{PREFIX}/ws/jobs"
    return json.dumps(jobs)[1:-1], json.dumps(streams)[1:-1]


def page_json(records: Iterable[JobRecord], next_cursor: str | None, base: str) -> str:
    """JSON of a ``JobList``."""
    jobs = ",".join(job_json(record, base) for record in records)
    return f'{{"jobs":[{jobs}],"next_cursor":{json.dumps(next_cursor)}}}'
