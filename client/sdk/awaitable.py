"""The gateway as an object whose methods are awaited."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from client.sdk import calls, key_calls, level_calls, pipeline_calls
from client.sdk.answers import (
    DeviceView,
    GestureAnswer,
    HandsAnswer,
    ImportedPipeline,
    ModelView,
    PoseAnswer,
    Status,
)
from client.sdk.benchmarks_awaited import AsyncBenchmarkMethods
from client.sdk.credentials import Credentials, key_of
from client.sdk.following import MAX_FRAME_BYTES, Followed, Line, Track
from client.sdk.key_calls import MadeKey
from client.sdk.media_awaited import AsyncMediaMethods
from client.sdk.patience import PATIENCE_S, Patience
from client.sdk.problems import ConnectionFailed, WaitTimeout, problem_of, reason
from client.sdk.records import RecordNews, RecordTrack, records_path
from client.sdk.saving import Saving, find_artifact
from shared.access import KeyView
from shared.audit import KeptEntry
from shared.dead import NotRequeued, RequeuedJob, RequeueList
from shared.inputs import Frame, Point
from shared.jobs import ArtifactRef, Job
from shared.log_levels import LogLevels, NewLogLevels
from shared.new_keys import NewKey
from shared.pipelines import Pipeline
from shared.workers import WorkerInfo

T = TypeVar("T")


class AsyncFramelane(AsyncMediaMethods, AsyncBenchmarkMethods):
    """A client of one gateway, for asyncio. ``url`` is the gateway's root, as ``framelane up`` prints it.

    Every method raises ApiProblem when the gateway refuses and ConnectionFailed when none answers. One that
    answered before and is gone may be starting again: calls that do no harm when made twice, also a submit with an
    id or a key, are made again for ``patience_s`` seconds.
    ``key``: an API key or token; by default that of the environment (FRAMELANE_API_KEY).
    ``transport`` replaces the network, for tests that hold the application itself.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience_s: float = PATIENCE_S,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._who = Credentials(key_of(key), self.url)
        self._patience_s = patience_s
        self._met = False
        self._http = httpx2.AsyncClient(
            base_url=self.url, transport=transport, follow_redirects=True, auth=self._who
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def submit(
        self,
        spec: calls.Spec,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        files: calls.Files | None = None,
        job_id: str | None = None,
    ) -> Job:
        """Put a job in its lane; with ``wait`` (seconds, up to 60) give it time to end first.

        ``files`` are the parts that ``file`` inputs name. ``job_id``: a UUID of the caller's own choice.
        """
        return await self._do(
            calls.submit(spec, wait=wait, idempotency_key=idempotency_key, files=files, job_id=job_id)
        )

    async def get(self, job_id: str, wait: float | None = None) -> Job:
        """The job as it is; with ``wait`` (seconds, up to 60) when it has ended or the time is up."""
        return await self._do(calls.get(job_id, wait))

    async def wait(self, job_id: str, timeout_s: float | None = None) -> Job:
        """The job when it has ended. Raises WaitTimeout."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            step = calls.poll_s(deadline)
            job = await self.get(job_id, step)
            if job.terminal:
                return job
            if not step:
                raise WaitTimeout(job)

    async def jobs(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        device: str | None = None,
        labels: Mapping[str, str] | None = None,
        page: int | None = None,
    ) -> AsyncGenerator[Job]:
        """All jobs that fit, newest first; ``page`` is how many are fetched at a time."""
        cursor: str | None = None
        while True:
            found = await self._do(
                calls.jobs(kind=kind, state=state, device=device, labels=labels, limit=page, cursor=cursor)
            )
            for job in found.jobs:
                yield job
            if (cursor := found.next_cursor) is None:
                return

    async def cancel(self, job_id: str, reason: str | None = None) -> Job:
        """Ask for its end: at once while it is queued, else its worker stops it within seconds."""
        return await self._do(calls.cancel(job_id, reason))

    async def retry(self, job_id: str, *, wait: float | None = None, idempotency_key: str | None = None) -> Job:
        """A new job with the spec of one that failed or was cancelled."""
        return await self._do(calls.retry(job_id, wait, idempotency_key))

    async def dead(self, *, page: int | None = None) -> AsyncGenerator[Job]:
        """All jobs that failed as poison or after their last attempt, newest first."""
        cursor: str | None = None
        while True:
            found = await self._do(calls.dead(page, cursor))
            for job in found.jobs:
                yield job
            if (cursor := found.next_cursor) is None:
                return

    async def audit(self, *, page: int | None = None) -> AsyncGenerator[KeptEntry]:
        """All calls that are kept of those that changed something, or were refused it, newest first."""
        before: str | None = None
        while True:
            found = await self._do(calls.audit(page, before))
            for entry in found.entries:
                yield entry
            if (before := found.next_before) is None:
                return

    async def requeue(self, job_id: str) -> Job:
        """The one new job of a FAILED one, which thereby isn't among the dead any more."""
        return await self._do(calls.requeue(job_id))

    async def requeue_all(
        self, *, kind: str | None = None, labels: Mapping[str, str] | None = None
    ) -> RequeueList:
        """The same for all dead jobs that match; what can't be requeued stays dead and is told in ``failed``."""
        requeued: list[RequeuedJob] = []
        failed: list[NotRequeued] = []
        cursor: str | None = None
        while True:
            page = await self._do(calls.requeue_page(kind=kind, labels=labels, cursor=cursor))
            requeued += page.requeued
            failed += page.failed
            if (cursor := page.next_cursor) is None:
                return RequeueList(requeued=requeued, failed=failed, next_cursor=None)

    async def delete(self, job_id: str) -> None:
        """Remove a job that has ended, and its artifacts."""
        await self._do(calls.delete(job_id))

    async def follow(self, job_id: str, after_seq: int | None = None) -> AsyncGenerator[Followed]:
        """The job as it is and then its events by WebSocket, up to the one that ends it.

        Reconnects where it was. ``after_seq``: begin with the events after that one.
        """
        track = Track(self.url, after_seq)
        while not track.ended:
            async with contextlib.aclosing(
                self._listen(calls.stream_url(self.url, job_id, track.after_seq), track)
            ) as stream:
                async for news in stream:
                    yield news
            await self._go_on(job_id, track)

    async def events(self, job_id: str, after_seq: int = 0) -> AsyncGenerator[Followed]:
        """The job's events by server-sent events, up to the one that ends it; reconnects where it was.

        Where events aren't kept any more, a snapshot stands for them.
        """
        track = Track(self.url, after_seq)
        while not track.ended:
            async with contextlib.aclosing(self._read_events(calls.events_path(job_id), track)) as stream:
                async for news in stream:
                    yield news
            await self._go_on(job_id, track)

    async def records(self, job_id: str, stream: int | None = None, after: int = 0) -> AsyncGenerator[RecordNews]:
        """What a pipeline finds in its frames, as records numbered higher than ``after``, until the job has ended.

        First those that are kept, then each as it comes; reconnects where it was. ``stream``: of this one alone.
        """
        track = RecordTrack(self.url, after)
        while not track.ended:
            async with contextlib.aclosing(self._read_events(records_path(job_id, stream), track)) as told:
                async for news in told:
                    yield news
            await self._go_on(job_id, track)

    async def artifacts(self, job_id: str) -> list[ArtifactRef]:
        """What the job left."""
        return await self._do(calls.artifacts(job_id))

    def artifact_url(self, job_id: str, name: str) -> str:
        """Where an artifact can be had with any program that speaks HTTP. Asks nobody whether it is there."""
        return self.url + calls.artifact_path(job_id, name)

    async def download(self, job_id: str, name: str, target: Path) -> Path:
        """Save an artifact under ``target`` (a file or a folder) and say where. Its sha256 is checked."""
        artifact = find_artifact(await self.get(job_id), name)
        try:
            async with self._http.stream("GET", calls.artifact_path(job_id, name), timeout=60) as answer:
                if answer.is_error:
                    raise problem_of(answer.status_code, answer.headers, await answer.aread())
                with Saving(artifact, target) as saving:
                    async for chunk in answer.aiter_bytes():
                        saving.write(chunk)
                return saving.path
        except httpx2.TransportError as error:
            raise ConnectionFailed(self.url, reason(error)) from error

    async def predict(
        self,
        model: str,
        *,
        landmarks: Sequence[Point | Mapping[str, float]] | None = None,
        sequence: Sequence[Frame | Mapping[str, Any]] | None = None,
        image: bytes | Path | None = None,
        **options: Unpack[calls.PredictOptions],
    ) -> GestureAnswer:
        """A gesture at once, from exactly one of 21 points, a movement or a photo.

        Raises NothingDetected for a photo without a hand, WaitTimeout with the job when the lane is too busy.
        """
        return await self._do(
            calls.predict(model, landmarks=landmarks, sequence=sequence, image=image, options=options)
        )

    async def hands(self, image: bytes | Path, **options: Unpack[calls.PhotoOptions]) -> HandsAnswer:
        """The 21 points of each hand in a photo. Raises NothingDetected, WaitTimeout."""
        return await self._do(calls.hands(image, options))

    async def pose(self, image: bytes | Path, **options: Unpack[calls.PhotoOptions]) -> PoseAnswer:
        """The 33 points of a person in a photo, and both hands. Raises NothingDetected, WaitTimeout."""
        return await self._do(calls.pose(image, options))

    async def models(self) -> list[ModelView]:
        """The catalogue, and what of it is installed."""
        return await self._do(calls.models())

    async def pipelines(self) -> list[Pipeline]:
        """What ships, then what users made."""
        return await self._do(pipeline_calls.pipelines())

    async def pipeline(self, pipeline_id: str) -> Pipeline:
        """One pipeline with its variants."""
        return await self._do(pipeline_calls.pipeline(pipeline_id))

    async def import_pipeline(self, text: str) -> ImportedPipeline:
        """A new pipeline from the text of a YAML file; ``notes`` say what had to be changed for that."""
        return await self._do(pipeline_calls.import_pipeline(text))

    async def export_pipeline(self, pipeline_id: str) -> str:
        """A pipeline as the text of a YAML file."""
        return await self._do(pipeline_calls.export_pipeline(pipeline_id))

    async def create_key(self, new: NewKey | Mapping[str, Any]) -> MadeKey:
        """A new API key; its token is told this once."""
        return await self._do(key_calls.create(new))

    async def keys(self) -> list[KeyView]:
        """API keys that the caller cares for."""
        return await self._do(key_calls.listed())

    async def revoke_key(self, key_id: str) -> None:
        """Nobody is served with it any more, within seconds."""
        await self._do(key_calls.revoke(key_id))

    async def log_levels(self) -> LogLevels:
        """How much all gateways and all workers log."""
        return await self._do(level_calls.held())

    async def set_log_levels(self, wanted: NewLogLevels | Mapping[str, Any]) -> LogLevels:
        """Let them log so much from now on; what isn't named, as it was started."""
        return await self._do(level_calls.put(wanted))

    async def devices(self) -> list[DeviceView]:
        """Devices of the live workers."""
        return await self._do(calls.devices())

    async def workers(self) -> list[WorkerInfo]:
        """Live workers."""
        return await self._do(calls.workers())

    async def status(self) -> Status:
        """Phase, version and lanes."""
        return await self._do(calls.status())

    async def _do(self, call: calls.Call[T]) -> T:
        patience = Patience(call, met=self._met, patience_s=self._patience_s)
        while True:
            try:
                answer = await self._http.request(
                    call.method,
                    call.path,
                    headers=call.headers,
                    content=call.content,
                    files=list(call.files) or None,
                    timeout=call.timeout_s,
                )
            except httpx2.TransportError as error:
                if (pause := patience.pause(error)) is None:
                    raise ConnectionFailed(self.url, reason(error)) from error
                await asyncio.sleep(pause)
            else:
                self._met = True
                return call.read(self.url, answer.status_code, answer.headers, answer.content)

    async def _go_on(self, job_id: str, track: Line[T]) -> None:
        """Between two connections: find out whether there is anything to come, and wait a little."""
        if not track.ended:
            await asyncio.sleep(track.pause())
            with contextlib.suppress(ConnectionFailed):
                track.look(await self.get(job_id))

    async def _listen(self, url: str, track: Track) -> AsyncGenerator[Followed]:
        try:
            async with connect(
                url, max_size=MAX_FRAME_BYTES, compression=None, additional_headers=self._who.headers
            ) as socket:
                track.connected()
                async for text in socket:
                    news = track.hear(text)
                    if news is not None:
                        yield news
                    if track.ended:
                        return
        except InvalidStatus as refused:
            answer = refused.response
            raise problem_of(answer.status_code, answer.headers, answer.body or b"") from refused
        except (OSError, WebSocketException) as error:
            track.lost(reason(error))

    async def _read_events(self, path: str, track: Line[T]) -> AsyncGenerator[T]:
        headers = calls.event_headers(track.after_seq)
        try:
            async with self._http.stream("GET", path, headers=headers, timeout=calls.SILENCE_S) as answer:
                if answer.is_error:
                    raise problem_of(answer.status_code, answer.headers, await answer.aread())
                track.connected()
                if answer.status_code == calls.NOTHING_MORE:
                    track.nothing_more()
                    return
                async for message in httpx2.EventSource(answer):
                    news = track.hear(message.data)
                    if news is not None:
                        yield news
                    if track.ended:
                        return
        except httpx2.TransportError as error:
            track.lost(reason(error))
