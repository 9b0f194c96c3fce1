"""Pipelines and templates that ship: read once from ``shared/library``."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from mimetypes import guess_type
from pathlib import Path
from typing import Literal

from api.services.definitions import PipelinePlan
from api.services.graphs import Graphs
from api.services.pipeline_files import Files
from api.services.slugs import slug, unused
from shared.graph.model import Graph
from shared.pipelines import Pipeline, Variant

LIBRARY = Path(__file__).parents[2] / "shared" / "library"

_SHIPPED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""Every gateway says the same, wherever and whenever it was installed."""

_PICTURES = ("*.png", "*.jpg", "*.jpeg", "*.webp")


def shipped(
    folder: Path, source: Literal["PREDEFINED", "TEMPLATE"], graphs: Graphs, files: Files
) -> Mapping[str, Pipeline]:
    """The pipelines of a folder by their ids, in the order of its files. Raises InvalidSpec, MalformedYaml."""
    pictures = {path.name: _data_url(path) for glob in _PICTURES for path in folder.glob(glob)}
    found: dict[str, Pipeline] = {}
    for path in sorted(folder.glob("*.yaml")):
        plan, _ = files.read(path.read_text("utf-8"), pictures)
        found_id = unused(slug(plan.name), found)
        found[found_id] = made(plan, found_id, source, _SHIPPED_AT, graphs)
    return found


def made(
    plan: PipelinePlan,
    pipeline_id: str,
    source: Literal["PREDEFINED", "USER_CREATED", "TEMPLATE"],
    at: datetime,
    graphs: Graphs,
) -> Pipeline:
    """The pipeline of a plan that was checked."""
    variants: dict[str, Variant] = {}
    for each in plan.variants:
        variant_id = unused(slug(each.name), variants)
        read_only = source != "USER_CREATED"
        variants[variant_id] = variant(variant_id, each.name, each.graph, at, graphs, read_only=read_only)
    return Pipeline(
        id=pipeline_id,
        name=plan.name,
        description=plan.description,
        source=source,
        tags=plan.tags,
        variants=list(variants.values()),
        thumbnail=plan.thumbnail,
        created_at=at,
        modified_at=at,
    )


def variant(
    variant_id: str, name: str, graph: Graph, at: datetime, graphs: Graphs, *, read_only: bool = False
) -> Variant:
    """A new variant, its simple view made."""
    return Variant(
        id=variant_id,
        name=name,
        read_only=read_only,
        pipeline_graph=graph,
        pipeline_graph_simple=graphs.simple(graph),
        created_at=at,
        modified_at=at,
    )


def _data_url(picture: Path) -> str:
    kind = guess_type(picture.name, strict=False)[0]  # WebP is in the other list
    return f"data:{kind};base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"
