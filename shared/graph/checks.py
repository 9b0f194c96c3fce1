"""What is wrong with a graph, each with a JSON pointer into it as it was given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.graph import caps
from shared.graph.faults import Broken
from shared.graph.model import ELEMENT, NAME, PROPERTY, Edge, Graph, Node
from shared.graph.values import is_writable

MANY = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How many links an element takes at most, and gives at most."""

    inputs: int = MANY
    outputs: int = MANY


_FILTER = Shape(1, 1)


def structure_of(node: Node) -> caps.Structure | None:
    """The caps of a caps filter; None if its type or a field isn't what caps can hold."""
    text = str(caps.Structure(node.type, node.data))
    found = caps.read_one(text)
    return found if found and list(found.fields) == list(node.data) else None


def unwritable(graph: Graph) -> list[Broken]:
    """Why ``graph`` can't be put into text: empty if it can."""
    broken = list(_nodes(graph))
    ids = {node.id for node in graph.nodes}
    for number, edge in enumerate(graph.edges):
        broken += _edge(f"/edges/{number}", edge, ids)
    broken += _repeated("/edges", [edge.id for edge in graph.edges], "id")
    return broken


def invalid(graph: Graph, shapes: Mapping[str, Shape]) -> list[Broken]:
    """Why ``graph`` isn't a pipeline: all of ``unwritable``, links that no element can have, and circles.

    ``shapes``: of the element types that are known; of the others nothing is assumed.
    """
    return [*unwritable(graph), *_shared_pads(graph), *_crowded(graph, shapes), *_circles(graph)]


def _nodes(graph: Graph) -> Iterator[Broken]:
    if not graph.nodes:
        yield "/nodes", "a pipeline has at least one element"
    for number, node in enumerate(graph.nodes):
        yield from _node(f"/nodes/{number}", node)
    yield from _repeated("/nodes", [node.id for node in graph.nodes], "id")
    yield from _repeated("/nodes", [node.name for node in graph.nodes], "data/name")


def _repeated(pointer: str, values: list[str | None] | list[str], key: str) -> Iterator[Broken]:
    first: dict[str, int] = {}
    for number, value in enumerate(values):
        if value is not None and first.setdefault(value, number) != number:
            yield f"{pointer}/{number}/{key}", f"{value!r} is taken by {pointer}/{first[value]}"


def _node(pointer: str, node: Node) -> Iterator[Broken]:
    if node.is_caps:
        yield from _caps(pointer, node)
        return
    if not ELEMENT.match(node.type):
        yield f"{pointer}/type", f"{node.type!r} isn't the name of an element or a media type"
    for key, value in node.data.items():
        if not PROPERTY.match(key):
            yield f"{pointer}/data/{escaped(key)}", f"{key!r} isn't the name of a property"
        elif not is_writable(key, value):
            yield (
                f"{pointer}/data/{escaped(key)}",
                "can't be written: no NUL, no backslash at the end of several lines, no empty preset",
            )


def _caps(pointer: str, node: Node) -> Iterator[Broken]:
    if structure_of(node) is not None:
        return
    if caps.read_one(node.type) is None:
        yield (
            f"{pointer}/type",
            f"{node.type!r} isn't a media type with features, such as video/x-raw(memory:DMABuf)",
        )
    for key, value in node.data.items():
        if structure_of(node.model_copy(update={"type": "a/b", "data": {key: value}})) is None:
            yield f"{pointer}/data/{escaped(key)}", f"{key}={value} isn't one field of caps"


def _edge(pointer: str, edge: Edge, ids: set[str]) -> Iterator[Broken]:
    for end, node, pad in (("source", edge.source, edge.source_pad), ("target", edge.target, edge.target_pad)):
        if node not in ids:
            yield f"{pointer}/{end}", f"there is no node {node!r}"
        if pad is not None and not NAME.match(pad):
            yield f"{pointer}/{end}_pad", f"{pad!r} isn't the name of a pad"


def _shared_pads(graph: Graph) -> Iterator[Broken]:
    first: dict[tuple[str, str, str], int] = {}
    for number, edge in enumerate(graph.edges):
        for end, node, pad in (("source", edge.source, edge.source_pad), ("target", edge.target, edge.target_pad)):
            if pad is None or "%" in pad:
                continue
            if (taken := first.setdefault((end, node, pad), number)) != number:
                yield f"/edges/{number}/{end}_pad", f"pad {pad} of node {node} is linked by /edges/{taken} already"


def _crowded(graph: Graph, shapes: Mapping[str, Shape]) -> Iterator[Broken]:
    known = {node.id: (node.type, _FILTER if node.is_caps else shapes.get(node.type)) for node in graph.nodes}
    counts: dict[tuple[str, str], int] = {}
    for number, edge in enumerate(graph.edges):
        for end, node, word in (("source", edge.source, "out of"), ("target", edge.target, "into")):
            type_, shape = known.get(node, ("", None))
            counts[end, node] = counts.get((end, node), 0) + 1
            most = MANY if shape is None else shape.outputs if end == "source" else shape.inputs
            if counts[end, node] > most:
                says = f"at most {most} link{'s'[: most != 1]}" if most else "no link"
                yield f"/edges/{number}/{end}", f"{type_} has {says} {word} it"


def _circles(graph: Graph) -> Iterator[Broken]:
    """Every edge that closes a circle when one goes down the graph."""
    out = _out(graph)
    on_path: dict[str, bool] = {}
    for start, first in out.items():
        if start in on_path:
            continue
        on_path[start] = True
        path = [(start, iter(first))]
        while path:
            node, edges = path[-1]
            number, target = next(edges, (-1, ""))
            if number < 0:
                on_path[node] = False
                path.pop()
            elif target not in on_path:
                on_path[target] = True
                path.append((target, iter(out[target])))
            elif on_path[target]:
                yield f"/edges/{number}", f"the link from node {node} to node {target} closes a circle"


def _out(graph: Graph) -> dict[str, list[tuple[int, str]]]:
    """By node: numbers and targets of the edges out of it that lead anywhere."""
    out: dict[str, list[tuple[int, str]]] = {node.id: [] for node in graph.nodes}
    for number, edge in enumerate(graph.edges):
        if edge.source in out and edge.target in out:
            out[edge.source].append((number, edge.target))
    return out


def escaped(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
