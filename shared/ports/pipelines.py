"""The doors to pipelines that users made: for the gateway, and for who finds a better form of one."""

from typing import Protocol

from shared.pipelines import Pipeline, Variant


class PipelineStore(Protocol):
    """Keeps pipelines for all gateways. Raises StoreUnavailable."""

    async def all(self) -> list[Pipeline]:
        """Those users made, in the order of their ids."""
        ...

    async def get(self, pipeline_id: str) -> Pipeline:
        """Raises PipelineNotFound."""
        ...

    async def add(self, pipeline: Pipeline) -> Pipeline:
        """Keep a new one; its ``version`` becomes 1. Raises PipelineExists when the id is taken."""
        ...

    async def replace(self, pipeline: Pipeline, expected_version: int) -> Pipeline:
        """Keep a changed one under the next version.

        Raises PipelineChanged when it has another version than expected by now, PipelineNotFound.
        """
        ...

    async def remove(self, pipeline_id: str, expected_version: int | None = None) -> None:
        """Raises PipelineNotFound, PipelineChanged."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class VariantWriter(Protocol):
    """The same, from the workshop. Blocking. Raises StoreUnavailable."""

    def add_variant(self, pipeline_id: str, variant: Variant) -> None:
        """Add it under the pipeline's next version. One with this id and graph is it already: nothing is done.

        Raises PipelineExists when the id is taken by another one, PipelineNotFound, PipelineChanged when others
        change the pipeline all the time.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
