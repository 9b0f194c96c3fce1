"""Pipelines, uploads, results and media of whoever calls, and nobody else's."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from api.callers import caller
from shared.access import scoped, unscoped
from shared.benchmarks import Benchmark
from shared.errors import BenchmarkNotFound, PipelineError, PipelineNotFound, UploadNotFound
from shared.log_levels import LogLevels, NewLogLevels
from shared.pipelines import Pipeline
from shared.ports import (
    BenchmarkPage,
    BenchmarkQuery,
    BenchmarkStore,
    PipelineStore,
    UploadStore,
    WorkerDirectory,
)
from shared.results import InstalledMedium, InstalledModel
from shared.uploads import Upload
from shared.workers import DeviceLease, WorkerInfo


class OwnPipelines:
    """PipelineStore, for one caller after the other: each tenant has ids of its own."""

    def __init__(self, store: PipelineStore) -> None:
        self._store = store

    async def all(self) -> list[Pipeline]:
        """See the port."""
        tenant = caller().tenant
        found = [(unscoped(tenant, each.id), each) for each in await self._store.all()]
        return [_named(each, name) for name, each in found if name is not None]

    async def get(self, pipeline_id: str) -> Pipeline:
        """See the port."""
        with _own(pipeline_id) as own:
            return _named(await self._store.get(own), pipeline_id)

    async def add(self, pipeline: Pipeline) -> Pipeline:
        """See the port."""
        with _own(pipeline.id) as own:
            return _named(await self._store.add(_named(pipeline, own)), pipeline.id)

    async def replace(self, pipeline: Pipeline, expected_version: int) -> Pipeline:
        """See the port."""
        with _own(pipeline.id) as own:
            return _named(await self._store.replace(_named(pipeline, own), expected_version), pipeline.id)

    async def remove(self, pipeline_id: str, expected_version: int | None = None) -> None:
        """See the port."""
        with _own(pipeline_id) as own:
            await self._store.remove(own, expected_version)

    async def close(self) -> None:
        """See the port."""
        await self._store.close()


@contextmanager
def _own(pipeline_id: str) -> Generator[str]:
    """What it is called in the store. Errors call it as its tenant does."""
    if pipeline_id.startswith("@"):
        raise PipelineNotFound(f"there is no pipeline {pipeline_id!r}")
    own = scoped(caller().tenant, pipeline_id)
    try:
        yield own
    except PipelineError as error:
        raise type(error)(error.detail.replace(repr(own), repr(pipeline_id))) from error


def _named(pipeline: Pipeline, name: str) -> Pipeline:
    return pipeline if pipeline.id == name else pipeline.model_copy(update={"id": name})


class OwnUploads:
    """UploadStore, for one caller after the other."""

    def __init__(self, store: UploadStore) -> None:
        self._store = store

    def create(self, upload: Upload, most: int) -> Upload:
        """See the port."""
        return self._store.create(upload.model_copy(update={"tenant": caller().tenant}), most)

    def get(self, upload_id: str) -> Upload:
        """See the port."""
        upload = self._store.get(upload_id)
        if caller().sees not in {None, upload.tenant}:
            raise UploadNotFound.of(upload_id)
        return upload

    def replace(self, upload: Upload, keep_s: float | None = None) -> Upload:
        """See the port. Whoever has it was given it by ``get`` or ``create``."""
        return self._store.replace(upload, keep_s)

    def remove(self, upload_id: str) -> None:
        """See the port."""
        try:
            self.get(upload_id)
        except UploadNotFound:
            return
        self._store.remove(upload_id)

    def idle(self, older_than_s: float) -> list[str]:
        """See the port; for sweeps, which are everybody's."""
        return self._store.idle(older_than_s)


class OwnBenchmarks:
    """BenchmarkStore, for one caller after the other."""

    def __init__(self, store: BenchmarkStore) -> None:
        self._store = store

    async def find(self, query: BenchmarkQuery) -> BenchmarkPage:
        """See the port."""
        return await self._store.find(replace(query, tenant=caller().sees))

    async def get(self, benchmark_id: str) -> Benchmark:
        """See the port."""
        found = await self._store.get(benchmark_id)
        if caller().sees not in {None, found.tenant}:
            raise BenchmarkNotFound(f"there is no benchmark {benchmark_id[:100]!r}")
        return found

    async def remove(self, benchmark_id: str) -> None:
        """See the port."""
        await self.get(benchmark_id)
        await self._store.remove(benchmark_id)

    async def close(self) -> None:
        """See the port."""
        await self._store.close()


class OwnDirectory:
    """WorkerDirectory, for one caller after the other: of media those that all have, and the caller's own."""

    def __init__(self, directory: WorkerDirectory) -> None:
        self._directory = directory

    async def workers(self) -> list[WorkerInfo]:
        """See the port."""
        return await self._directory.workers()

    async def leases(self) -> list[DeviceLease]:
        """See the port."""
        return await self._directory.leases()

    async def media(self) -> dict[str, InstalledMedium]:
        """See the port."""
        sees, media = caller().sees, await self._directory.media()
        if sees is None:
            return media
        return {name: each for name, each in media.items() if each.is_for(sees)}

    async def models(self) -> dict[str, InstalledModel]:
        """See the port."""
        return await self._directory.models()

    async def log_levels(self) -> LogLevels:
        """See the port. They are everybody's."""
        return await self._directory.log_levels()

    async def set_log_levels(self, wanted: NewLogLevels) -> LogLevels:
        """See the port. They are everybody's."""
        return await self._directory.set_log_levels(wanted)
