"""Sweeps of real stores: what goes, what stays, and what becomes of a sweep that is interrupted."""

import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import JobCancelled, JobNotFound, StoreUnavailable
from shared.jobs import Completed, ErrorInfo, artifact_key
from shared.ports import ArtifactStore, Claim, NewJob, StoredObject
from shared.results import SweepResult
from shared.settings import Settings
from shared.specs import SweepSpec
from tests.support.polling import eventually
from tests.support.rigs import Jobs, redis_jobs
from tests.support.workshop import CPU
from workers.context import JobContext
from workers.handlers.sweep import Sweep

SWEPT = SweepResult(jobs=0, artifacts=0, orphans=0, uploads=0, freed_bytes=0)
NOTHING = SWEPT
DAY_S = 86_400.0

pytestmark = pytest.mark.service


class House:
    """A job store and an artifact store, and jobs in every state."""

    def __init__(self, jobs: Jobs, artifacts: ArtifactStore, scratch: Path) -> None:
        self.jobs = jobs
        self.artifacts = artifacts
        self.scratch = scratch

    async def pending(self, **fields) -> str:
        job_id = str(uuid4())
        task = SweepSpec.model_validate(fields)
        await self.jobs.front.create(NewJob(id=job_id, task=task, lane="io", fingerprint=job_id))
        return job_id

    def claim(self, job_id: str) -> Claim:
        claim = self.jobs.workshop.claim(job_id, "worker", 60)
        assert claim
        return claim

    def save(self, claim: Claim, *names: str, size: int = 10) -> None:
        for name in names:
            self.artifacts.put_bytes(artifact_key(claim.job_id, claim.fence, name), b"x" * size, "text/plain")

    async def ended(self, *names: str, **fields) -> str:
        claim = self.claim(await self.pending(**fields))
        self.save(claim, *names)
        self.jobs.workshop.settle(claim, Completed(result=SWEPT))
        return claim.job_id

    async def outlived(self, *names: str) -> str:
        """A job that is to be removed now."""
        job_id = await self.ended(*names, retention_s=1.0)
        eventually(lambda: job_id in self.jobs.workshop.outlived(1_000))
        return job_id

    async def context(self, **fields) -> JobContext:
        claim = self.claim(await self.pending(**fields))
        return JobContext(claim, CPU, self.jobs.workshop, self.artifacts, self.scratch)

    def sweep(self, context: JobContext, **parts) -> SweepResult:
        given = {"store": self.jobs.workshop, "artifacts": self.artifacts} | parts
        return Sweep(given["store"], given["artifacts"], DAY_S).run(context)

    async def exists(self, job_id: str) -> bool:
        try:
            await self.jobs.front.get(job_id)
        except JobNotFound:
            return False
        return True


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


@pytest.fixture
def local(jobs: Jobs, tmp_path: Path) -> House:
    return House(jobs, LocalArtifactStore(tmp_path / "artifacts", LinkSigner(SecretStr(""))), tmp_path)


@pytest.fixture(params=["local", "s3"])
def house(request: pytest.FixtureRequest, jobs: Jobs, tmp_path: Path) -> House:
    if request.param == "local":
        return request.getfixturevalue("local")
    return House(jobs, S3ArtifactStore(request.getfixturevalue("s3_settings")), tmp_path)


async def test_what_goes_and_what_stays(house: House):
    gone = await house.outlived("a", "b")
    kept = await house.ended("a")
    running = house.claim(await house.pending())
    house.save(running, "half")
    again = house.claim(await house.pending())
    house.save(again, "first-try")
    house.jobs.workshop.give_up(again.job_id, again.fence, "worker", ErrorInfo(code="lost", title="", detail=""))
    second = house.claim(again.job_id)
    house.save(second, "second-try")
    waiting = house.claim(await house.pending())
    house.save(waiting, "of-the-last")
    house.jobs.workshop.give_up(waiting.job_id, waiting.fence, "w", ErrorInfo(code="lost", title="", detail=""))
    for key in ("jobs/unknown/1/a", "jobs/unknown/2/b", "models/m/1/w", "jobs/readme.txt", "jobs/x/y/z", "other"):
        house.artifacts.put_bytes(key, b"12345", "text/plain")

    assert house.sweep(await house.context()) == SweepResult(
        jobs=1, artifacts=2, orphans=0, uploads=0, freed_bytes=20
    )
    swept = house.sweep(await house.context(orphan_s=0.0))

    assert swept == SweepResult(jobs=0, artifacts=0, orphans=3, uploads=0, freed_bytes=20)
    assert not await house.exists(gone)
    assert await house.exists(kept)
    assert house.artifacts.keys("") == sorted(
        [
            artifact_key(kept, 1, "a"),
            artifact_key(running.job_id, running.fence, "half"),
            artifact_key(second.job_id, second.fence, "second-try"),
            artifact_key(waiting.job_id, waiting.fence, "of-the-last"),
            *("models/m/1/w", "jobs/readme.txt", "jobs/x/y/z", "other"),
        ]
    )
    assert house.sweep(await house.context(orphan_s=0.0)) == NOTHING


async def test_an_attempt_that_was_swept_beside_can_still_complete(house: House):
    claim = house.claim(await house.pending())
    house.save(claim, "result")
    house.sweep(await house.context(orphan_s=0.0))
    house.jobs.workshop.settle(claim, Completed(result=SWEPT))
    house.sweep(await house.context(orphan_s=0.0))
    assert house.artifacts.keys("") == [artifact_key(claim.job_id, claim.fence, "result")]


class Breaking:
    """A store that breaks down at call number ``at`` of one method."""

    def __init__(self, real: object, method: str, at: int, error: Exception) -> None:
        self._real, self._method, self._left, self._error = real, method, at, error

    def __getattr__(self, name: str):
        if name == self._method:
            self._left -= 1
            if self._left < 0:
                raise self._error
        return getattr(self._real, name)


@pytest.mark.parametrize(("part", "method"), [("artifacts", "delete"), ("store", "remove")])
async def test_a_sweep_that_is_cut_off_is_finished_by_the_next(house: House, part: str, method: str):
    gone = [await house.ended("a", "b", "c", retention_s=1.0) for _ in range(3)]
    gone.append(await house.outlived("a"))
    for number in range(4):
        house.artifacts.put_bytes(f"jobs/unknown-{number}/1/a", b"x", "text/plain")
    real = house.artifacts if part == "artifacts" else house.jobs.workshop
    cut, result = 0, None
    while result is None:
        try:
            broken = Breaking(real, method, 2, StoreUnavailable("it is away"))
            result = house.sweep(await house.context(orphan_s=0.0), **{part: broken})
        except StoreUnavailable:
            cut += 1
            # A record is there as long as one of its files is: nothing is forgotten before it is removed.
            held = {key.split("/")[1] for key in house.artifacts.keys("jobs/") if "unknown" not in key}
            assert all([await house.exists(job_id) for job_id in held])
    assert cut >= 1
    assert house.artifacts.keys("") == []
    assert not any([await house.exists(job_id) for job_id in gone])


async def test_two_sweeps_at_once_count_each_job_once(house: House):
    gone = [await house.ended("a", retention_s=1.0) for _ in range(30)]
    gone.append(await house.outlived("a"))
    contexts = [await house.context() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(house.sweep, contexts))
    assert sum(result.jobs for result in results) == len(gone)
    assert sum(result.artifacts for result in results) <= len(gone)
    assert house.artifacts.keys("") == []
    assert not any([await house.exists(job_id) for job_id in gone])


async def test_a_sweep_stops_when_it_is_told_to(local: House):
    for number in range(20):
        local.artifacts.put_bytes(f"jobs/unknown-{number}/1/a", b"x", "text/plain")
    context = await local.context(orphan_s=0.0)
    context.stop(JobCancelled())
    with pytest.raises(JobCancelled):
        local.sweep(context)
    assert len(local.artifacts.keys("")) == 20


async def test_old_leavings_of_uploads_go_young_ones_may_be_going_on(local: House, tmp_path: Path):
    incoming = tmp_path / "artifacts" / "incoming"
    incoming.mkdir(parents=True)
    for name, age_s in (("old", 2 * DAY_S), ("hours", 7_200), ("new", 0)):
        (incoming / f".{name}.part").write_bytes(b"half")
        os.utime(incoming / f".{name}.part", (time.time() - age_s,) * 2)

    assert local.sweep(await local.context()).uploads == 1
    assert local.sweep(await local.context(orphan_s=0.0)).uploads == 1
    assert [path.name for path in incoming.iterdir()] == [".new.part"]


async def test_progress_is_told(local: House):
    await local.outlived("a")
    context = await local.context()
    local.sweep(context)
    context.tell(now=True)
    progress = (await local.jobs.front.get(context.job.id)).progress
    assert (progress.stage, progress.fraction) == ("uploads", 0.9)


class Endless:
    """An artifact store with 100,000 files of jobs nobody knows; too many to be put one by one."""

    def __init__(self, count: int) -> None:
        self.left = count

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        assert prefix == "jobs/"
        for number in range(self.left):
            yield StoredObject(f"jobs/unknown-{number}/1/a", 1, DAY_S * 2)

    def delete(self, key: str) -> None:
        self.left -= 1

    def sweep_uploads(self, older_than_s: float) -> int:
        return 0


async def test_a_hundred_thousand_orphans_take_little_memory(local: House):
    endless = Endless(100_000)
    context = await local.context()
    tracemalloc.start()
    result = local.sweep(context, artifacts=endless)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.orphans == result.freed_bytes == 100_000
    assert endless.left == 0
    assert peak < 8_000_000
