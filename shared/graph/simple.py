"""The simple view: what a person edits of a pipeline, and putting the edits back.

Only properties can be edited there. What the view leaves out of a source comes back untouched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.errors import InvalidSpec
from shared.graph.checks import escaped
from shared.graph.faults import Broken
from shared.graph.model import MAX_EDGES, Edge, Graph, Node, order_of
from shared.graph.names import CAMERA

SOURCE = "source"
"""Type of a source in the view, and of one in a graph that only a worker can tell the element of."""

SOURCES = {
    "filesrc": ("video", "location"),
    "multifilesrc": ("image_set", "location"),
    "rtspsrc": ("camera", "location"),
    "v4l2src": ("camera", "device"),
}
"""Elements shown as ``source``: their kind, and the property that names the medium or camera."""

KINDS = ("video", "camera", "image_set")


@dataclass(frozen=True, slots=True)
class View:
    """Globs of the element types that are shown; ``hidden`` wins. Caps filters never are."""

    visible: Sequence[str]
    hidden: Sequence[str]

    def shows(self, node: Node) -> bool:
        """Whether ``node`` is in the view."""
        return not node.is_caps and _fits(node.type, self.visible) and not _fits(node.type, self.hidden)

    def of(self, graph: Graph) -> Graph:
        """The view of a graph whose edges end at nodes. Nodes keep their ids; edges lead from shown to shown.

        Raises InvalidSpec for a graph so branched that its view has more than MAX_EDGES edges.
        """
        ordered = graph.ordered()
        shown = {node.id: node for node in ordered.nodes if self.shows(node)}
        pairs = sorted(_pairs(ordered, set(shown)), key=lambda pair: (order_of(pair[0]), order_of(pair[1])))
        edges = [
            Edge(id=str(number), source=source, target=target) for number, (source, target) in enumerate(pairs)
        ]
        return Graph.of(map(_shown, shown.values()), edges)

    def merged(self, graph: Graph, edited: Graph) -> Graph:
        """``graph`` with the properties of ``edited``, a view of it that someone changed.

        Raises InvalidSpec with a pointer into ``edited`` for everything else that was changed.
        """
        before = self.of(graph)
        if broken := [*_differences(before, edited), *_bad_sources(edited)]:
            raise InvalidSpec(*broken)
        was = {node.id: node for node in before.nodes}
        changed = {node.id: node for node in edited.nodes if node.data != was[node.id].data}
        return Graph.of(
            (_edited(node, changed[node.id]) if node.id in changed else node for node in graph.nodes), graph.edges
        )


def _fits(text: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _shown(node: Node) -> Node:
    if node.type not in SOURCES:
        return node
    kind, key = SOURCES[node.type]
    name = node.data.get(key, "")
    kind = "camera" if name.startswith(CAMERA) else kind
    return Node(id=node.id, type=SOURCE, data={"kind": kind, "source": name})


def _edited(node: Node, view: Node) -> Node:
    if node.type not in SOURCES:
        return node.model_copy(update={"data": view.data})
    kind, key = SOURCES[node.type]
    if view.data["kind"] == kind:
        return node.model_copy(update={"data": {**node.data, key: view.data["source"]}})
    name = {"name": node.data["name"]} if "name" in node.data else {}
    return node.model_copy(update={"type": SOURCE, "data": {**name, **view.data}})


def _pairs(graph: Graph, shown: set[str]) -> set[tuple[str, str]]:
    out: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        out[edge.source].append(edge.target)
    pairs: set[tuple[str, str]] = set()
    for source in shown:
        seen: set[str] = set()
        reached = list(out[source])
        while reached:
            node = reached.pop()
            if node in shown:
                pairs.add((source, node))
            elif node not in seen:
                seen.add(node)
                reached += out[node]
        if len(pairs) > MAX_EDGES:
            raise InvalidSpec(("", f"too branched: its simple view has more than {MAX_EDGES:,} edges"))
    return pairs


def _differences(before: Graph, edited: Graph) -> Iterator[Broken]:
    was = {node.id: node for node in before.nodes}
    for number, node in enumerate(edited.nodes):
        if node.id not in was:
            yield f"/nodes/{number}", f"node {node.id} was added; only properties can be edited in the simple view"
        elif node.type != was[node.id].type:
            yield (
                f"/nodes/{number}/type",
                f"the type of node {node.id} is {was[node.id].type} and can't be changed",
            )
    for missing in sorted(set(was) - {node.id for node in edited.nodes}, key=order_of):
        yield "/nodes", f"node {missing} was removed; only properties can be edited in the simple view"
    links = {(edge.source, edge.target) for edge in before.edges}
    for number, edge in enumerate(edited.edges):
        if (edge.source, edge.target) not in links:
            yield f"/edges/{number}", f"edge {edge.source} to {edge.target} was added or changed"
    for source, target in sorted(links - {(edge.source, edge.target) for edge in edited.edges}):
        yield "/edges", f"edge {source} to {target} was removed or changed"
    yield from _twice(edited)


def _twice(edited: Graph) -> Iterator[Broken]:
    for kind, ids in (
        ("nodes", [node.id for node in edited.nodes]),
        ("edges", [f"{edge.source} to {edge.target}" for edge in edited.edges]),
    ):
        seen: set[str] = set()
        for number, each in enumerate(ids):
            if each in seen:
                yield f"/{kind}/{number}", f"{kind[:-1]} {each} is there twice"
            seen.add(each)


def _bad_sources(edited: Graph) -> Iterator[Broken]:
    for number, node in enumerate(edited.nodes):
        if node.type != SOURCE:
            continue
        if node.data.get("kind") not in KINDS:
            yield f"/nodes/{number}/data/kind", f"a source's kind is {' or '.join(KINDS)}"
        if "source" not in node.data:
            yield f"/nodes/{number}/data/source", "a source names a medium or a camera"
        for key in node.data.keys() - {"kind", "source", "name"}:
            yield f"/nodes/{number}/data/{escaped(key)}", "a source has a kind and a source only"
