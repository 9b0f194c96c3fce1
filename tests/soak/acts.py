"""What callers do, each from its beginning to its end. About half of the jobs are deleted, the others left to the sweep."""

import asyncio
import io
import random
import struct
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from client.sdk import ApiProblem, AsyncFramelane, Framelane
from shared.events import StateChanged
from shared.inputs import FileInput, LandmarksInput, Point
from shared.jobs import Job
from shared.msgpacked import packed
from shared.pipelines import DescriptionSource
from shared.specs import InferenceOptions, InferenceSpec, PipelineSpec
from shared.states import JobState
from tests.soak.system import VIDEO
from tests.support.models import photo

Act = Callable[[], Awaitable[None]]

_WITHIN_S = 120.0
_FRAMES = 20
_DRAWN = (
    "videotestsrc num-buffers=60 ! video/x-raw,width=320,height=240,framerate=30/1 ! videoconvert ! "
    "fakesink name=default_output_sink"
)
_ENDLESS = "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=20/1 ! fakesink"
_DETECTED = (
    f"filesrc location={VIDEO} ! decodebin3 ! gvadetect model=person-ssdlite threshold=0.5 ! queue ! "
    "gvametaconvert ! gvametapublish method=file file-format=json-lines ! fakesink name=default_output_sink"
)


class Wrong(Exception):
    """An act came to another end than it should."""


class Acts:
    """``often``: each act with how often it is done, of a thousand."""

    def __init__(self, url: str, key: str, folder: Path, seed: int) -> None:
        self._url, self._key, self._folder = url, key, folder
        self._chance = random.Random(seed)
        self._client = AsyncFramelane(url, key=key)
        self._http = httpx2.AsyncClient(
            base_url=url, timeout=_WITHIN_S, headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )
        self._photo = photo("nocurl")
        self._points: list[Point] = []
        self.often: Mapping[Act, int] = {
            self.json: 300,
            self.msgpack: 220,
            self.predict: 180,
            self.photo: 150,
            self.drawing: 60,
            self.session: 40,
            self.look: 25,
            self.upload: 15,
            # More, and all would wait for the one pipeline that runs at a time.
            self.pipeline: 5,
            self.detection: 2,
            self.cancelled: 3,
        }

    async def open(self) -> None:
        """Learns the points of a real hand."""
        self._points = (await self._client.hands(self._photo)).landmarks

    async def close(self) -> None:
        await self._http.aclose()
        await self._client.close()

    def draw(self) -> Act:
        """The next one."""
        acts, weights = zip(*self.often.items(), strict=True)
        return self._chance.choices(acts, weights)[0]

    async def json(self) -> None:
        spec = InferenceSpec(model="vgt", inputs=[LandmarksInput(landmarks=self._points)])
        key = uuid.uuid4().hex if self._chance.random() < 0.5 else None
        await self._leave(await self._ended(await self._client.submit(spec, wait=30, idempotency_key=key)))

    async def msgpack(self) -> None:
        tensor = {"shape": [64, 63], "data": struct.pack("<f", self._chance.random()) * (64 * 63)}
        content = packed({"kind": "inference", "model": "vgt", "inputs": [{"tensor": tensor}]})
        headers = {"Content-Type": "application/msgpack", "Prefer": "wait=30"}
        answer = await self._http.post("/api/v1/jobs", content=content, headers=headers)
        await self._leave(await self._ended(Job.model_validate_json(answer.raise_for_status().content)))

    async def predict(self) -> None:
        await self._client.predict("vgt", landmarks=self._points)

    async def photo(self) -> None:
        await self._client.predict("vgt", image=self._photo)

    async def drawing(self) -> None:
        options = InferenceOptions(annotate=True)
        spec = InferenceSpec(model="vgt", inputs=[FileInput(file="hand")], options=options)
        job = await self._client.submit(spec, files={"hand": self._photo})
        followed = [news async for news in self._client.events(job.id)]
        if not followed:
            raise Wrong("no event of a job")
        await self._fetched(await self._ended(job))

    async def look(self) -> None:
        async for _ in self._client.jobs(page=50):
            if self._chance.random() < 0.05:
                break
        await self._client.status()
        await self._client.workers()
        for path in ("/metrics", "/api/v1/devices", "/api/v1/audit", "/api/v1/pipelines"):
            (await self._http.get(path)).raise_for_status()

    async def session(self) -> None:
        await asyncio.to_thread(self._session, record=self._chance.random() < 0.3)

    def _session(self, *, record: bool) -> None:
        with Framelane(self._url, key=self._key) as client, client.session("vgt", record=record) as live:
            for _ in range(_FRAMES):
                live.send(landmarks=self._points)
                if live.receive(_WITHIN_S) is None:
                    raise Wrong("no answer in a session")

    async def upload(self) -> None:
        name = f"soak-{uuid.uuid4().hex}"
        path = self._folder / f"{name}.png"
        shown = Image.effect_noise((640, 480), 50)
        with io.BytesIO() as content:
            shown.save(content, "PNG")
            await asyncio.to_thread(path.write_bytes, content.getvalue())
        try:
            job = await self._ended(await self._client.upload_medium(path, name=name))
            await self._client.delete_medium("images", name)
        finally:
            path.unlink()
        await self._leave(job)

    async def pipeline(self) -> None:
        job = await self._client.submit(_spec(_DRAWN, output_mode="file"))
        await self._followed(job)
        await self._fetched(await self._ended(job))

    async def detection(self) -> None:
        job = await self._client.submit(_spec(_DETECTED, metadata_mode="file"))
        found = [each async for each in self._client.records(job.id)]
        if not found:
            raise Wrong("no record of a pipeline")
        await self._fetched(await self._ended(job))

    async def cancelled(self) -> None:
        job, asked = await self._client.submit(_spec(_ENDLESS)), False
        async for news in self._client.follow(job.id, after_seq=0):
            if not asked and isinstance(news, StateChanged) and news.state is JobState.RUNNING:
                asked = True
                await self._client.cancel(job.id, "enough")
        await self._leave(await self._ended(job, JobState.CANCELLED))

    async def _followed(self, job: Job) -> None:
        """By WebSocket."""
        last = [news async for news in self._client.follow(job.id, after_seq=0)][-1]
        if not isinstance(last, StateChanged):
            raise Wrong(f"the last news of a job is {last}")

    async def _ended(self, job: Job, state: JobState = JobState.COMPLETED) -> Job:
        done = job if job.terminal else await self._client.wait(job.id, _WITHIN_S)
        if done.state is not state:
            raise Wrong(f"{done.id} is {done.state}: {done.outcome}")
        return done

    async def _fetched(self, job: Job) -> None:
        for artifact in job.artifacts:
            (await self._client.download(job.id, artifact.name, self._folder)).unlink()
        await self._leave(job)

    async def _leave(self, job: Job) -> None:
        if self._chance.random() < 0.5:
            await self._client.delete(job.id)

    async def clear(self) -> int:
        """Delete all jobs that are there and have ended; how many are left."""
        left = 0
        async for job in self._client.jobs():
            left += 1
            with suppress(ApiProblem):  # the sweep was faster, or it goes on
                await self._client.delete(job.id)
        return left


def _spec(text: str, **fields: Any) -> PipelineSpec:
    source = DescriptionSource(source="description", pipeline_description=text)
    return PipelineSpec.model_validate({"pipeline": source, **fields})
