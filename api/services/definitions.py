"""What clients send of pipelines: documents, and what they are once they were checked."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from shared.graph.model import Graph
from shared.inputs import Wire
from shared.pipelines import Text

MOST_VARIANTS = 32
MAX_THUMBNAIL = 256 * 1024
"""Characters of a thumbnail's data URL."""

_THUMBNAIL = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,")


def _thumbnail(value: str) -> str:
    found = _THUMBNAIL.match(value)
    if found is None:
        raise PydanticCustomError("thumbnail", "must be a data URL: data:image/png;base64,…, or jpeg, webp, gif")
    try:
        base64.b64decode(value[found.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("thumbnail", "what follows base64, isn't standard base64") from None
    return value


Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
About = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"\S")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"\S")]
Tags = Annotated[list[Tag], Field(max_length=32)]
Thumbnail = Annotated[
    str,
    Field(max_length=MAX_THUMBNAIL, description="a data URL of a small picture: PNG, JPEG, WebP or GIF"),
    AfterValidator(_thumbnail),
]


class VariantDefinition(Wire):
    """A variant to be made, from its graph or from its text. A simple view that comes along is made anew."""

    name: Title
    pipeline_graph: Graph | None = None
    pipeline_description: Text | None = None
    pipeline_graph_simple: Graph | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.pipeline_graph is None) == (self.pipeline_description is None):
            raise PydanticCustomError("one_form", "give exactly one of pipeline_graph and pipeline_description")
        return self


class PipelineDefinition(Wire):
    """A pipeline to be made. ``source`` is taken for the sake of older clients; it will be USER_CREATED."""

    name: Title
    description: About
    source: str | None = None
    tags: Tags = Field(default_factory=list[str])
    thumbnail: Thumbnail | None = None
    variants: Annotated[list[VariantDefinition], Field(min_length=1, max_length=MOST_VARIANTS)]


class PipelineChange(Wire):
    """What shall be different. A thumbnail that is null goes; what isn't named stays."""

    name: Title | None = None
    description: About | None = None
    tags: Tags | None = None
    thumbnail: Thumbnail | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        missing = [name for name in self.model_fields_set - {"thumbnail"} if getattr(self, name) is None]
        if missing:
            raise PydanticCustomError("null", "{names} can't be null", {"names": ", ".join(sorted(missing))})
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "give at least one of name, description, tags and thumbnail")
        return self


class VariantChange(Wire):
    """Another name, another graph, or the simple view with other properties: the other view is made anew."""

    name: Title | None = None
    pipeline_graph: Graph | None = None
    pipeline_graph_simple: Graph | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.pipeline_graph is not None and self.pipeline_graph_simple is not None:
            raise PydanticCustomError("one_view", "give one of the two views, not both")
        if self.name is self.pipeline_graph is self.pipeline_graph_simple is None:
            raise PydanticCustomError(
                "nothing", "give at least one of name, pipeline_graph and pipeline_graph_simple"
            )
        return self


class TextToConvert(Wire):
    """A pipeline in launch syntax."""

    pipeline_description: Text


class GraphToConvert(Wire):
    """A pipeline as nodes and edges."""

    pipeline_graph: Graph


class Warned(BaseModel):
    """What this system wouldn't save or run. ``pointer`` leads into the graph."""

    pointer: str
    message: str


class ConvertedGraphs(BaseModel):
    """Both views of a text."""

    pipeline_graph: Graph
    pipeline_graph_simple: Graph
    warnings: list[Warned]


class ConvertedText(BaseModel):
    """The text of a graph."""

    pipeline_description: str
    warnings: list[Warned]


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """A variant whose graph was read. ``pointer``: where it stands in the caller's document.

    ``from_text``: that document has no graph that a pointer could lead into.
    """

    name: str
    graph: Graph
    pointer: str
    from_text: bool = False


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """A pipeline whose graphs were read."""

    name: str
    description: str
    tags: list[str]
    thumbnail: str | None
    variants: list[VariantPlan]
