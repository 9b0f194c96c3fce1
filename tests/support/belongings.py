"""One of everything that a tenant can have, at a gateway on parts in memory that asks who calls."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
from websockets.asyncio.client import connect

from shared.access import DEFAULT_TENANT, Role
from shared.jobs import ArtifactRef, Completed, artifact_key
from shared.media import content_key, thumbnail_key
from shared.ports import Record
from shared.results import InstalledFile, InstalledMedium, PipelineResult, StreamFigures
from shared.sessions import part_name, record_key
from tests.support.access import bearer, key_for
from tests.support.benchmarks import benchmark, performance
from tests.support.gateway import SPEC, House, StartedServer, worker

LINES = part_name(0)
"""Of a recorded session, the one file."""


_UPLOADS = {"upload": "a.mp4", "photo_upload": "a.jpg", "network_upload": "a.onnx"}


@dataclass(frozen=True)
class Belongings:
    """``things``: by what an operation calls them. ``marks``: what of them is in no answer to anybody else."""

    headers: Mapping[str, str]
    things: Mapping[str, str]

    @property
    def marks(self) -> set[str]:
        """Of a variant, which many have one called alike, there is none."""
        return {value for name, value in self.things.items() if name not in {"artifact", "lines", "variant"}}


def nobodys() -> dict[str, str]:
    """Ids and names that nobody has, in the same places."""
    return {
        **{name: str(uuid4()) for name in ("job", "dead", "reference", "session", "benchmark", "other_benchmark")},
        **{name: str(uuid4()) for name in _UPLOADS},
        **{name: f"no-{name}-{uuid4().hex[:8]}" for name in ("video", "image", "pipeline", "key", "lease")},
        "artifact": "frame.txt",
        "lines": LINES,
        "variant": "cpu",
        "token": "x" * 43,
        "label": uuid4().hex[:8],
    }


class Tenant:
    """Makes them by way of the gateway where that is possible."""

    def __init__(self, house: House, server: StartedServer, name: str, role: Role) -> None:
        self._house, self._server, self._name, self._role = house, server, name, role
        self._word = uuid4().hex[:8]

    async def settle(self) -> Belongings:
        """One of everything."""
        token = await key_for(self._house, self._role, self._name)
        headers = bearer(token)
        base = f"http://{self._server.address}/api/v1"
        async with httpx2.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
            done, dead = await self._job(client), await self._job(client)
            self._house.bury(dead)
            things = {
                "job": done,
                "dead": dead,
                "lease": await self._job(client),
                "artifact": self._finish(done),
                **await self._session(headers),
                "video": self._medium("video"),
                "image": self._medium("photo"),
                **{name: await self._upload(client, filename) for name, filename in _UPLOADS.items()},
                "benchmark": self._benchmark(done),
                "other_benchmark": self._benchmark(done),
                "key": token.split("_")[1],
                "label": self._word,
            }
            things |= await self._pipeline(client, things["video"])
            things["reference"] = await self._reference(client)
        self._lease(things["lease"])
        return Belongings(headers, things)

    async def _job(self, client: httpx2.AsyncClient) -> str:
        answer = await client.post("/jobs", json=SPEC | {"labels": {"word": self._word}})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def _finish(self, job_id: str) -> str:
        claim = self._house.claim(job_id)
        key = artifact_key(job_id, claim.fence, "frame.txt")
        stored = self._house.artifacts.put_bytes(key, self._word.encode(), "text/plain")
        figures = [StreamFigures(stream=0, frames=1, fps=25.0)]
        self._house.attempts.measure(claim, figures, [Record(0, json.dumps({"seen": self._word}))])
        artifact = ArtifactRef(name="frame.txt", size=stored.size, sha256=stored.sha256, media_type="text/plain")
        self._house.settle(claim, artifacts=(artifact,))
        return artifact.name

    async def _session(self, headers: Mapping[str, str]) -> dict[str, str]:
        where = f"ws://{self._server.address}/api/v1/ws/sessions?model=asl&record=true"
        async with connect(where, additional_headers=headers) as socket:
            begun = json.loads(await socket.recv())
        own = begun["session"] if self._name == DEFAULT_TENANT else f"{self._name}.{begun['session']}"
        self._house.artifacts.put_bytes(record_key(own, LINES), b"{}\n", "application/jsonl")
        return {"session": begun["session"], "token": begun["token"], "lines": LINES}

    def _medium(self, kind: str) -> str:
        name, content = f"{kind}-{self._word}", f"{kind} {self._word}".encode()
        sha256 = hashlib.sha256(content).hexdigest()
        small = InstalledFile(name="thumbnail.jpg", size=3, sha256=hashlib.sha256(b"jpg").hexdigest())
        sized = {"width": 64, "height": 48, "fps": 10.0, "frames": 12, "duration_s": 1.2}
        told = {"container": "mp4", "codec": "h264", "licence": "MIT", "installed_at": "2026-01-01T00:00:00Z"}
        file = InstalledFile(name=f"{name}.bin", size=len(content), sha256=sha256)
        whose: dict[str, Any] = {"thumbnail": small, "origin": "upload", "tenant": self._name}
        medium = {"name": name, "version": sha256[:16], "kind": kind, "file": file, **sized, **told, **whose}
        self._house.artifacts.put_bytes(content_key(sha256), content, "video/mp4")
        self._house.artifacts.put_bytes(thumbnail_key(sha256), b"jpg", "image/jpeg")
        self._house.beacon.add_medium(InstalledMedium.model_validate(medium))
        return name

    async def _upload(self, client: httpx2.AsyncClient, filename: str) -> str:
        called = base64.b64encode(filename.encode()).decode()
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "4", "Upload-Metadata": f"filename {called}"}
        where = (await client.post("/uploads", headers=tus)).headers["location"]
        kind = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        assert (await client.patch(where, headers=kind, content=b"abcd")).status_code == 204
        return where.rpartition("/")[2]

    async def _pipeline(self, client: httpx2.AsyncClient, video: str) -> dict[str, str]:
        variant = {"name": "CPU", "pipeline_description": f"filesrc location={video} ! decodebin3 ! fakesink"}
        new = {"name": f"pipeline {self._word}", "description": "d", "variants": [variant]}
        answer = await client.post("/pipelines", json=new)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return {"pipeline": made["id"], "variant": made["variants"][0]["id"]}

    async def _reference(self, client: httpx2.AsyncClient) -> str:
        """A pipeline that has left records."""
        source = {"source": "description", "pipeline_description": "videotestsrc num-buffers=9 ! fakesink"}
        job = {"kind": "pipeline", "pipeline": source}
        answer = await client.post("/jobs", json=job)
        assert answer.status_code == 202, answer.text
        claim = self._house.claim(answer.json()["id"])
        ended = {"ended": "eos", "total_fps": 25.0, "slowest_fps": 25.0, "run_s": 1.0, "first_frame_ms": None}
        files = {"outputs": [], "metadata": ["a.jsonl"], "records": 9, "warnings": []}
        result = PipelineResult.model_validate({"pipeline_id": "x", "streams": [], **ended, **files})
        self._house.attempts.settle(claim, Completed(result=result))
        return answer.json()["id"]

    def _benchmark(self, job_id: str) -> str:
        record = benchmark(performance())
        changes = {"id": str(uuid4()), "job_id": job_id, "tenant": self._name}
        self._house.benchmarks.keep(record.model_copy(update=changes))
        return changes["id"]

    def _lease(self, job_id: str) -> None:
        """A worker of this tenant's own, whose device a job of its has for itself."""
        lane, holder = f"gpu.{len(self._house.crew.infos)}", f"{job_id}/1"
        info = worker(lane, leased_by=holder)
        self._house.beacon.announce(info, 3_600)
        self._house.crew.leases.acquire(info.host, info.device.key, holder, 3_600)
