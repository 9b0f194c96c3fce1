"""Pipelines in the registry, and the ways a job can name one."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import PipelineExists
from shared.graph.model import Graph

MAX_TEXT = 65_536
"""Characters of a pipeline's text."""

Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VariantSource(_Wire):
    """A variant of a pipeline in the registry."""

    source: Literal["variant"] = "variant"
    pipeline_id: Slug
    variant_id: Slug


class GraphSource(_Wire):
    """A graph of the caller's. ``graph_id`` names it in results; default: made from its content."""

    source: Literal["graph"] = "graph"
    pipeline_graph: Graph
    graph_id: Slug | None = None


class DescriptionSource(_Wire):
    """A text in launch syntax. ``description_id`` names it in results; default: made from its content."""

    source: Literal["description"] = "description"
    pipeline_description: Text
    description_id: Slug | None = None


PipelineSource = Annotated[VariantSource | GraphSource | DescriptionSource, Field(discriminator="source")]


class Variant(BaseModel):
    """One form of a pipeline, for a device or a mix of them. Both graphs name models and media, no paths."""

    model_config = ConfigDict(frozen=True)

    id: Slug
    name: str
    read_only: bool
    pipeline_graph: Graph
    pipeline_graph_simple: Graph
    created_at: datetime
    modified_at: datetime


class Pipeline(BaseModel):
    """A pipeline with its variants. ``version`` rises with every change; what ships stays at 0."""

    model_config = ConfigDict(frozen=True)

    id: Slug
    name: str
    description: str
    source: Literal["PREDEFINED", "USER_CREATED", "TEMPLATE"]
    tags: list[str]
    variants: list[Variant]
    thumbnail: str | None = Field(default=None, description="a data URL")
    created_at: datetime
    modified_at: datetime
    version: int = 0


def with_variant(pipeline: Pipeline, variant: Variant) -> Pipeline | None:
    """``pipeline`` with one more; None if it has it already. Raises PipelineExists when another has its id."""
    for each in pipeline.variants:
        if each.id == variant.id:
            if each.pipeline_graph == variant.pipeline_graph:
                return None
            raise PipelineExists(f"{pipeline.id} has another variant {variant.id!r} by now")
    fields = {"variants": [*pipeline.variants, variant], "modified_at": variant.modified_at}
    return pipeline.model_copy(update=fields)
