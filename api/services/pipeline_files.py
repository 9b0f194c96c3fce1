"""Pipelines as YAML files: a name, a definition, tags, and variants as text. Pure.

Files of other systems name models and videos by paths. These become names: of the catalogue where it has the file,
else of the file itself, so that the pipeline can be looked at and mended here.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, Field, TypeAdapter

from api.errors import MalformedYaml
from api.services.definitions import (
    MOST_VARIANTS,
    About,
    PipelinePlan,
    Tags,
    Thumbnail,
    Title,
    VariantPlan,
)
from api.services.documents import validated
from api.services.graphs import Graphs
from shared.errors import InvalidSpec
from shared.graph.emitter import emit
from shared.graph.faults import Broken, PipelineUnreadable
from shared.graph.model import Graph, Node
from shared.graph.names import places, with_names
from shared.pipelines import Pipeline, Text

MAX_FILE = 512 * 1024
"""Bytes of a file that is imported."""

_MOST_EVENTS = 2_000
"""Of YAML: scalars, and beginnings and ends of lists and mappings. The largest file we write has some 300."""
_BESIDE_A_MODEL = ("model-proc", "labels-file")
_WIDE = 110
_BREAKS = "\x85\u2028\u2029"


class _VariantFile(BaseModel):
    name: Title
    pipeline_description: Text


class _PipelineFile(BaseModel):
    """Keys that aren't known are left out: newer releases of other systems may have some."""

    name: Title
    definition: About
    tags: Tags = []
    thumbnail: str | None = None
    variants: Annotated[list[_VariantFile], Field(min_length=1, max_length=MOST_VARIANTS)]


_FILE: TypeAdapter[_PipelineFile] = TypeAdapter(_PipelineFile)
_THUMBNAIL: TypeAdapter[str] = TypeAdapter(Thumbnail)


class Files:
    """Reads files for one catalogue. ``models`` and ``media``: names by the path of a file."""

    def __init__(self, graphs: Graphs, models: Mapping[str, str], media: Mapping[str, str]) -> None:
        self._graphs = graphs
        self._models = models
        self._media = media

    def read(self, text: str, pictures: Mapping[str, str] | None = None) -> tuple[PipelinePlan, list[str]]:
        """What a file says, and what was changed or left out of it, in sentences.

        ``pictures``: data URLs by the name a thumbnail may have beside the file. Raises MalformedYaml and
        InvalidSpec.
        """
        document = _loaded(text)
        file = validated(_FILE, document)
        told = [f"{key}: not known here, left out" for key in sorted(document.keys() - _PipelineFile.model_fields)]
        variants: list[VariantPlan] = []
        broken: list[Broken] = []
        for number, each in enumerate(file.variants):
            pointer = f"/variants/{number}/pipeline_description"
            try:
                graph = self._graphs.read(each.pipeline_description, pointer)
            except PipelineUnreadable as error:
                broken += error.broken
                continue
            graph, renamed = self.named(graph)
            told += [f"{pointer}: {sentence}" for sentence in renamed]
            variants.append(VariantPlan(each.name, graph, pointer, from_text=True))
        thumbnail = (pictures or {}).get(file.thumbnail or "", file.thumbnail)
        if thumbnail is not None and not thumbnail.startswith("data:"):
            told.append(f"/thumbnail: {thumbnail[:100]} didn't come with the file, left out")
            thumbnail = None
        if thumbnail is not None:
            broken += _broken_thumbnail(thumbnail)
        if broken:
            raise InvalidSpec(*broken)
        return PipelinePlan(file.name, file.definition, file.tags, thumbnail, variants), told

    def named(self, graph: Graph) -> tuple[Graph, list[str]]:
        """``graph`` with names where it has paths, and what was made of those that aren't known."""
        graph = with_names(graph, self._models, self._media)
        told: list[str] = []
        changes: dict[str, dict[str, str]] = {}
        for place in places(graph):
            if "/" in place.value:
                path = PurePosixPath(place.value)
                name = path.stem if place.named == "model" else path.name
                changes.setdefault(place.node, {})[place.key] = name
                told.append(f"{place.value} isn't known here; taken as the {place.named} {name!r}")
        nodes = [_renamed(node, changes[node.id]) if node.id in changes else node for node in graph.nodes]
        return Graph.of(nodes, graph.edges), told


def written(pipeline: Pipeline) -> str:
    """The file of a pipeline. Reading it gives its name, description, tags, thumbnail and variants again."""
    document: dict[str, Any] = {"name": pipeline.name, "definition": pipeline.description, "tags": pipeline.tags}
    if pipeline.thumbnail is not None:
        document["thumbnail"] = pipeline.thumbnail
    document["variants"] = [
        {"name": variant.name, "pipeline_description": emit(variant.pipeline_graph)}
        for variant in pipeline.variants
    ]
    # YAML takes these for line breaks, and PyYAML writes them as they are unless everything is escaped.
    plain = not any(mark in json.dumps(document, ensure_ascii=False) for mark in _BREAKS)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=plain, width=_WIDE)


def _loaded(text: str) -> dict[str, Any]:
    try:
        if any(count > _MOST_EVENTS for count, _ in enumerate(yaml.parse(text, yaml.SafeLoader))):
            raise MalformedYaml("far more in it than a pipeline has")
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise MalformedYaml(str(error)) from None
    except RecursionError:
        raise MalformedYaml("nested too deep") from None
    if not isinstance(document, dict):
        raise InvalidSpec(("", "must be a mapping with name, definition and variants"))
    return {str(key): value for key, value in cast("dict[object, object]", document).items()}


def _broken_thumbnail(value: str) -> list[Broken]:
    try:
        validated(_THUMBNAIL, value)
    except InvalidSpec as error:
        return [(f"/thumbnail{pointer}", message) for pointer, message in error.broken]
    return []


def _renamed(node: Node, change: Mapping[str, str]) -> Node:
    kept = {key: value for key, value in node.data.items() if key not in _BESIDE_A_MODEL}
    return node.model_copy(update={"data": kept | dict(change)})
