"""Pipelines that users made, in one process."""

from shared.errors import PipelineChanged, PipelineExists, PipelineNotFound
from shared.pipelines import Pipeline, Variant, with_variant


class MemoryPipelineStore:
    """PipelineStore. Used from one event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, Pipeline] = {}

    async def all(self) -> list[Pipeline]:
        """See the port."""
        return [pipeline for _, pipeline in sorted(self._kept.items())]

    async def get(self, pipeline_id: str) -> Pipeline:
        """See the port."""
        if pipeline_id not in self._kept:
            msg = f"there is no pipeline {pipeline_id!r}"
            raise PipelineNotFound(msg)
        return self._kept[pipeline_id]

    async def add(self, pipeline: Pipeline) -> Pipeline:
        """See the port."""
        if pipeline.id in self._kept:
            msg = f"the id {pipeline.id!r} is taken"
            raise PipelineExists(msg)
        return self._keep(pipeline, 1)

    async def replace(self, pipeline: Pipeline, expected_version: int) -> Pipeline:
        """See the port."""
        await self._must_be_at(pipeline.id, expected_version)
        return self._keep(pipeline, expected_version + 1)

    async def remove(self, pipeline_id: str, expected_version: int | None = None) -> None:
        """See the port."""
        await self._must_be_at(pipeline_id, expected_version)
        del self._kept[pipeline_id]

    def add_variant(self, pipeline_id: str, variant: Variant) -> None:
        """For the writer."""
        if pipeline_id not in self._kept:
            msg = f"there is no pipeline {pipeline_id!r}"
            raise PipelineNotFound(msg)
        before = self._kept[pipeline_id]
        changed = with_variant(before, variant)
        if changed is not None:
            self._keep(changed, before.version + 1)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _must_be_at(self, pipeline_id: str, version: int | None) -> None:
        if (now := (await self.get(pipeline_id)).version) != version and version is not None:
            msg = f"pipeline {pipeline_id!r} is at version {now} by now, not {version}"
            raise PipelineChanged(msg)

    def _keep(self, pipeline: Pipeline, version: int) -> Pipeline:
        kept = pipeline.model_copy(update={"version": version})
        self._kept[kept.id] = kept
        return kept


class MemoryVariantWriter:
    """VariantWriter. Used from the thread of the store's event loop, or while that rests."""

    def __init__(self, store: MemoryPipelineStore) -> None:
        self._store = store

    def add_variant(self, pipeline_id: str, variant: Variant) -> None:
        """See the port."""
        self._store.add_variant(pipeline_id, variant)

    def close(self) -> None:
        """Nothing to let go of."""
