"""Where each element and link of a graph stands in the text.

The elements appear in one given order and the links in another, so that request pads are numbered as they were. A
link is written between two elements (``a ! b``) where both orders allow it, else with references (``a ! b.``,
``a. ! b``, ``a. ! b.``), which need names. A graph that was read from a text needs no name it doesn't have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.graph.model import NAME, Edge, Node


@dataclass(frozen=True, slots=True)
class Stop:
    """An element of a chain or a reference to one, and the link by which the chain came here."""

    node: int
    is_reference: bool = False
    link: Edge | None = None


@dataclass(slots=True)
class Layout:
    """Chains in the order of the text; ``named``: nodes that references need a name for and that have none."""

    nodes: Sequence[Node]
    chains: list[list[Stop]] = field(default_factory=list[list[Stop]])
    named: set[int] = field(default_factory=set[int])
    _next: int = 0
    _open: int = -1
    _has_name: list[bool] = field(default_factory=list[bool])

    def __post_init__(self) -> None:
        self._has_name = [node.name is not None and bool(NAME.match(node.name)) for node in self.nodes]

    def place(self, edge: Edge, source: int, target: int) -> None:
        """Write ``edge`` after all that is written."""
        has_name = self._has_name
        if source >= self._next and (source == self._next or not has_name[source]):
            self.declare_until(source)
        is_later = target > self._next and not has_name[target]
        if is_later and (has_name[source] or self._open != source):
            self.declare_until(target - 1)
        if self._open != source:
            self.chains.append([self._reference(source)])
        if target == self._next:
            self.chains[-1].append(Stop(target, link=edge))
            self._next += 1
            self._open = target
        else:
            self.chains[-1].append(self._reference(target, edge))
            self._open = -1

    def declare_until(self, last: int) -> None:
        """Write the elements up to ``last`` that aren't written yet, each as a chain of its own."""
        while self._next <= last:
            self.chains.append([Stop(self._next)])
            self._open = self._next
            self._next += 1

    def _reference(self, node: int, link: Edge | None = None) -> Stop:
        if not self._has_name[node]:
            self.named.add(node)
        return Stop(node, is_reference=True, link=link)


def lay_out(nodes: Sequence[Node], edges: Sequence[Edge]) -> Layout:
    """The layout in the order of the lists or, if that needs more names, down the graph from its sources."""
    layout = _laid_out(nodes, edges)
    if not layout.named:
        return layout
    other = _laid_out(*_downwards(nodes, edges))
    return other if len(other.named) < len(layout.named) and _keeps_order(edges, other) else layout


def _laid_out(nodes: Sequence[Node], edges: Sequence[Edge]) -> Layout:
    number = {node.id: at for at, node in enumerate(nodes)}
    layout = Layout(nodes)
    for edge in edges:
        layout.place(edge, number[edge.source], number[edge.target])
    layout.declare_until(len(nodes) - 1)
    return layout


def _downwards(nodes: Sequence[Node], edges: Sequence[Edge]) -> tuple[list[Node], list[Edge]]:
    out: dict[str, list[Edge]] = {node.id: [] for node in nodes}
    for edge in edges:
        out[edge.source].append(edge)
    entered = {edge.target for edge in edges}
    by_id = {node.id: node for node in nodes}
    order: dict[str, Node] = {}
    walked: list[Edge] = []
    for start in sorted(nodes, key=lambda node: node.id in entered):  # sources first
        if start.id in order:
            continue
        order[start.id] = start
        path = [iter(out[start.id])]
        while path:
            edge = next(path[-1], None)
            if edge is None:
                path.pop()
                continue
            walked.append(edge)
            if edge.target not in order:
                order[edge.target] = by_id[edge.target]
                path.append(iter(out[edge.target]))
    return list(order.values()), walked


def _keeps_order(edges: Sequence[Edge], layout: Layout) -> bool:
    """Whether links into or out of one element that name no pad there come in the order they had."""
    walked = [stop.link for chain in layout.chains for stop in chain if stop.link]
    return _by_end(edges) == _by_end(walked)


def _by_end(edges: Sequence[Edge]) -> dict[tuple[str, str], list[str]]:
    ends: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        for end, node, pad in (("source", edge.source, edge.source_pad), ("target", edge.target, edge.target_pad)):
            if pad is None or "%" in pad:
                ends.setdefault((end, node), []).append(edge.id)
    return ends
