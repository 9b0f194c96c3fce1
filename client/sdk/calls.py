"""Every operation as a value: the request to make and how to read its answer. No I/O."""

import json
import math
import mimetypes
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, TypeAdapter, ValidationError

from client.sdk.answers import (
    ArtifactList,
    DeviceList,
    DeviceView,
    GestureAnswer,
    HandsAnswer,
    JobList,
    ModelList,
    ModelView,
    PoseAnswer,
    Status,
    WorkerList,
)
from client.sdk.problems import ConnectionFailed, WaitTimeout, problem_of
from client.sdk.tensors import unpacked, with_binaries, without_binaries
from shared.audit import AuditList
from shared.dead import RequeueList
from shared.inputs import Frame, Point
from shared.jobs import ArtifactRef, Job
from shared.msgpacked import packed
from shared.specs import AnySpec, InferenceSpec, Runtime
from shared.workers import WorkerInfo

T = TypeVar("T")

API = "/api/v1"
LONGEST_WAIT_S = 60
SILENCE_S = 60.0
"""A stream that says nothing for so long is dead: a gateway pings every 20 s."""
_MARGIN_S = 15.0
NOTHING_MORE = 204
_KEY = "Idempotency-Key"
_ACCEPTED = 202
_ERROR = 400

Spec = AnySpec | Mapping[str, Any]
"""A typed spec, or one as it stands in a JSON file, in which a ``tensor`` may be an array and ``data`` bytes."""

Files = Mapping[str, bytes | Path]
"""Parts of a request: the name that a spec's ``file`` inputs use, to the content."""

Part = tuple[str, tuple[str, bytes, str]]


class PhotoOptions(TypedDict, total=False):
    """``mirror``: flip left and right before looking for hands; ``annotate``: keep a drawing as an artifact."""

    device: str
    priority: int
    mirror: bool
    annotate: bool


class PredictOptions(PhotoOptions, total=False):
    """``min_confidence``: labels below it are left out."""

    top_k: int
    min_confidence: float
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. ``timeout_s``: for its answer. ``harmless``: made twice, it does nothing more."""

    method: str
    path: str
    parse: Callable[[int, bytes], T]
    headers: Mapping[str, str] | None = None
    content: bytes | None = None
    files: Sequence[Part] = ()
    timeout_s: float = 30.0
    harmless: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether it may be made again when nobody knows if it was heard."""
        return self.harmless or self.method in {"GET", "PUT"} or _KEY in (self.headers or {})

    def read(self, base_url: str, status: int, headers: Mapping[str, str], content: bytes) -> T:
        """The answer. Raises ApiProblem; ConnectionFailed when it isn't a gateway's."""
        if status >= _ERROR:
            raise problem_of(status, headers, content)
        try:
            return self.parse(status, content)
        except ValidationError as error:
            raise ConnectionFailed(base_url, f"what answers isn't a gateway of this version: {error}") from error


def submit(
    spec: Spec, *, wait: float | None, idempotency_key: str | None, files: Files | None, job_id: str | None
) -> Call[Job]:
    """``job_id``: the client's own (a UUID); then the same request again is harmless.

    Numbers in arrays, photos in bytes and tensors go in msgpack, or with ``files`` in base64.
    """
    seconds = _wait_seconds(wait)
    headers = _submission_headers(seconds, idempotency_key)
    body, media_type = (_spec_json(spec), "") if files else _spec_body(spec)
    if not files:
        headers["Content-Type"] = media_type
    return Call(
        "PUT" if job_id else "POST",
        _job(job_id) if job_id else f"{API}/jobs",
        _as(Job),
        headers,
        content=None if files else body,
        files=[("spec", ("spec.json", body, "application/json")), *map(_part, files.items())] if files else (),
        timeout_s=seconds + 4 * _MARGIN_S,
    )


def get(job_id: str, wait: float | None = None) -> Call[Job]:
    """One look, or one long poll of at most a minute."""
    seconds = _wait_seconds(wait)
    query = f"?wait={seconds}" if seconds else ""
    return Call("GET", _job(job_id) + query, _as(Job), timeout_s=seconds + _MARGIN_S)


def jobs(
    *,
    kind: str | None,
    state: str | None,
    device: str | None,
    labels: Mapping[str, str] | None,
    limit: int | None,
    cursor: str | None,
) -> Call[JobList]:
    """One page."""
    query = _query(labels, kind=kind, state=state, device=device, limit=limit, cursor=cursor)
    return Call("GET", f"{API}/jobs{query}", _as(JobList))


def cancel(job_id: str, reason: str | None) -> Call[Job]:
    """Ask for the end of a job."""
    body = b"" if reason is None else json.dumps({"reason": reason}).encode()
    headers = {"Content-Type": "application/json"}
    return Call("POST", f"{_job(job_id)}/cancel", _as(Job), headers, body, harmless=True)


def retry(job_id: str, wait: float | None, idempotency_key: str | None) -> Call[Job]:
    """A new job with the spec of one that failed or was cancelled."""
    seconds = _wait_seconds(wait)
    headers = _submission_headers(seconds, idempotency_key)
    return Call("POST", f"{_job(job_id)}/retry", _as(Job), headers, timeout_s=seconds + 4 * _MARGIN_S)


def dead(limit: int | None, cursor: str | None) -> Call[JobList]:
    """One page of jobs that died."""
    return Call("GET", f"{API}/dead{_query(limit=limit, cursor=cursor)}", _as(JobList))


def audit(limit: int | None, before: str | None) -> Call[AuditList]:
    """One page of calls that changed something."""
    return Call("GET", f"{API}/audit{_query(limit=limit, before=before)}", _as(AuditList))


def requeue(job_id: str) -> Call[Job]:
    """The one new job of a dead one."""
    return Call("POST", f"{API}/dead/{quote(job_id, safe='')}/requeue", _as(Job), timeout_s=4 * _MARGIN_S)


def requeue_page(*, kind: str | None, labels: Mapping[str, str] | None, cursor: str | None) -> Call[RequeueList]:
    """The same for the dead of one page that match."""
    query = _query(labels, kind=kind, cursor=cursor)
    return Call("POST", f"{API}/dead/requeue{query}", _as(RequeueList), timeout_s=4 * _MARGIN_S)


def delete(job_id: str) -> Call[None]:
    """Remove a job that has ended, with its artifacts."""
    return Call("DELETE", _job(job_id), lambda _status, _content: None)


def artifacts(job_id: str) -> Call[list[ArtifactRef]]:
    """What the job left."""
    return Call("GET", f"{_job(job_id)}/artifacts", lambda code, body: _as(ArtifactList)(code, body).artifacts)


def artifact_path(job_id: str, name: str) -> str:
    """Redirects to the content."""
    return f"{_job(job_id)}/artifacts/{quote(name, safe='')}"


def events_path(job_id: str) -> str:
    """The server-sent events of a job."""
    return f"{_job(job_id)}/events"


def event_headers(after_seq: int | None) -> dict[str, str]:
    """What makes the server-sent events begin after ``after_seq``."""
    resume = {} if after_seq is None else {"Last-Event-ID": str(after_seq)}
    return {"Accept": "text/event-stream"} | resume


def poll_s(deadline: float | None) -> float:
    """How long the next long poll may take, for a caller that waits until ``deadline`` (monotonic)."""
    return LONGEST_WAIT_S if deadline is None else max(0.0, min(deadline - time.monotonic(), LONGEST_WAIT_S))


def stream_url(base_url: str, job_id: str, after_seq: int | None) -> str:
    """The WebSocket of a job."""
    query = "" if after_seq is None else f"?after_seq={after_seq}"
    return f"ws{base_url.removeprefix('http')}{API}/ws/jobs/{quote(job_id, safe='')}{query}"


def predict(
    model: str,
    *,
    landmarks: Sequence[Point | Mapping[str, float]] | None,
    sequence: Sequence[Frame | Mapping[str, Any]] | None,
    image: bytes | Path | None,
    options: PredictOptions,
) -> Call[GestureAnswer]:
    """A gesture at once. Exactly one of the three inputs is given, else ValueError."""
    given = {"landmarks": landmarks, "sequence": sequence, "image": image}
    if sum(value is not None for value in given.values()) != 1:
        msg = "give exactly one of landmarks, sequence and image"
        raise ValueError(msg)
    path = f"gestures/{quote(model, safe='')}/predict"
    if image is not None:
        return _question(path, GestureAnswer, options, files=[_part(("image", image))])
    name, rows = ("landmarks", landmarks) if landmarks is not None else ("sequence", sequence)
    body = json.dumps({name: [_plain(row) for row in rows or ()]}).encode()
    return _question(path, GestureAnswer, options, content=body)


def hands(image: bytes | Path, options: PhotoOptions) -> Call[HandsAnswer]:
    """Hands of a photo."""
    return _question("keypoints/hands", HandsAnswer, options, files=[_part(("image", image))])


def pose(image: bytes | Path, options: PhotoOptions) -> Call[PoseAnswer]:
    """A person in a photo."""
    return _question("keypoints/pose", PoseAnswer, options, files=[_part(("image", image))])


def models() -> Call[list[ModelView]]:
    """The catalogue, and what of it is installed."""
    return Call("GET", f"{API}/models", lambda code, body: _as(ModelList)(code, body).models)


def devices() -> Call[list[DeviceView]]:
    """Devices of the live workers."""
    return Call("GET", f"{API}/devices", lambda code, body: _as(DeviceList)(code, body).devices)


def workers() -> Call[list[WorkerInfo]]:
    """Live workers."""
    return Call("GET", f"{API}/workers", lambda code, body: _as(WorkerList)(code, body).workers)


def status() -> Call[Status]:
    """Phase, version and lanes."""
    return Call("GET", f"{API}/status", _as(Status))


M = TypeVar("M", bound=BaseModel)


def _question(
    path: str,
    answer: type[M],
    options: PhotoOptions,
    *,
    content: bytes | None = None,
    files: Sequence[Part] = (),
) -> Call[M]:
    headers = None if files else {"Content-Type": "application/json"}
    query = _options(options)
    return Call(
        "POST",
        f"{API}/{path}{query}",
        _answer_or_running(answer),
        headers,
        content,
        files,
        timeout_s=4 * _MARGIN_S,
    )


def _as(model: type[M]) -> Callable[[int, bytes], M]:
    adapter = TypeAdapter(model)
    return lambda _status, content: adapter.validate_json(content)


def _answer_or_running(model: type[M]) -> Callable[[int, bytes], M]:
    answer, running = _as(model), _as(Job)

    def read(status: int, content: bytes) -> M:
        if status == _ACCEPTED:
            raise WaitTimeout(running(status, content))
        return answer(status, content)

    return read


def _job(job_id: str) -> str:
    return f"{API}/jobs/{quote(job_id, safe='')}"


def _submission_headers(wait_s: int, idempotency_key: str | None) -> dict[str, str]:
    key = {} if idempotency_key is None else {_KEY: idempotency_key}
    return key | ({"Prefer": f"wait={wait_s}"} if wait_s else {})


def _wait_seconds(wait: float | None) -> int:
    return max(0, min(math.ceil(wait or 0), LONGEST_WAIT_S))


def _spec_body(spec: Spec) -> tuple[bytes, str]:
    """The spec, and its media type."""
    if isinstance(spec, Mapping):
        plain, binary = with_binaries(spec)
    else:
        found = unpacked(spec) if isinstance(spec, InferenceSpec) else None
        plain, binary = found or {}, found is not None
    return (packed(plain), "application/msgpack") if binary else (_spec_json(spec), "application/json")


def _spec_json(spec: Spec) -> bytes:
    if isinstance(spec, Mapping):
        return json.dumps(without_binaries(spec)).encode()
    return spec.model_dump_json(exclude_none=True).encode()


def _part(named: tuple[str, bytes | Path]) -> Part:
    name, content = named
    if isinstance(content, bytes):
        return name, (name, content, "application/octet-stream")
    kind = mimetypes.guess_type(content.name)[0] or "application/octet-stream"
    return name, (content.name, content.read_bytes(), kind)


def _query(labels: Mapping[str, str] | None = None, **given: str | int | None) -> str:
    query = [(name, str(value)) for name, value in given.items() if value is not None]
    query += [("label", f"{name}:{value}") for name, value in (labels or {}).items()]
    return f"?{urlencode(query)}" if query else ""


def _options(options: PhotoOptions) -> str:
    query = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()
    }
    return f"?{urlencode(query)}" if query else ""


def _plain(row: BaseModel | Mapping[str, Any]) -> Any:
    return row.model_dump() if isinstance(row, BaseModel) else dict(row)
