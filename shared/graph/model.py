"""Nodes and edges of a pipeline, as they stand on the wire."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

IDENTIFIER = r"[A-Za-z0-9_][A-Za-z0-9_%:-]*"
"""Names of elements, properties and pads in the text. ``%``: pad templates; ``:``: properties of children."""

NAME = re.compile(IDENTIFIER + r"\Z")
ELEMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\Z")
PROPERTY = re.compile(rf"@preset\Z|{IDENTIFIER}\Z")

MAX_NODES = 1_000
MAX_EDGES = 4_000
"""Of a graph or text that a client sends; what a worker makes of it may be larger."""

_MOST_DIGITS = 18


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_hidden(data: dict[str, str]) -> dict[str, str]:
    """Clients of other systems mark nodes with keys of their own, such as ``__node_kind``."""
    if any(key.startswith("__") for key in data):
        return {key: value for key, value in data.items() if not key.startswith("__")}
    return data


Id = Annotated[str, Field(min_length=1, max_length=100)]
Pad = Annotated[str | None, Field(exclude_if=lambda pad: pad is None)]


class Node(_Wire):
    """An element, or a caps filter: then ``type`` is the media type with its features, such as
    ``video/x-raw(memory:VAMemory)``, and ``data`` its fields.

    ``data`` holds values as text, neither quoted nor escaped; the order of its keys is that of the text. Keys that
    start with ``__`` are dropped.
    """  # noqa: D205  one sentence

    id: Id
    type: Annotated[str, Field(min_length=1)]
    data: Annotated[dict[str, str], AfterValidator(_without_hidden)] = {}

    @property
    def is_caps(self) -> bool:
        """No name of an element has a slash."""
        return "/" in self.type

    @property
    def name(self) -> str | None:
        """What references call the element; a caps filter has none."""
        return None if self.is_caps else self.data.get("name")


class Edge(_Wire):
    """A link. A pad that isn't named is chosen when the pipeline is built; ``%`` makes it a template."""

    id: Id
    source: Id
    target: Id
    source_pad: Pad = None
    target_pad: Pad = None


class Graph(_Wire):
    """A pipeline. Its order is that of the ids, whatever the order of the lists: numbers first, by value."""

    nodes: Annotated[list[Node], Field(max_length=MAX_NODES)]
    edges: Annotated[list[Edge], Field(max_length=MAX_EDGES)] = []

    @classmethod
    def of(cls, nodes: Iterable[Node], edges: Iterable[Edge]) -> "Graph":
        """A graph of parts that are known to be well formed; lists aren't checked again."""
        return cls.model_construct(nodes=list(nodes), edges=list(edges))

    def ordered(self) -> "Graph":
        """The same with both lists in the order of their ids."""
        return Graph.of(
            sorted(self.nodes, key=lambda node: order_of(node.id)),
            sorted(self.edges, key=lambda edge: order_of(edge.id)),
        )


def order_of(text: str) -> tuple[bool, int, str]:
    """Sort key of an id: ``2`` before ``10``, both before ``a``."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return (not is_number, int(text) if is_number else 0, text)
