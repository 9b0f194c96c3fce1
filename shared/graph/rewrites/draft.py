"""A graph that is being changed. Parts are told apart by identity, so that ids don't matter meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from shared.graph.model import Edge, Graph, Node


@dataclass(eq=False, slots=True)
class Part:
    """A node."""

    type: str
    data: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_caps(self) -> bool:
        """As of a node."""
        return "/" in self.type


@dataclass(eq=False, slots=True)
class Link:
    """An edge."""

    source: Part
    target: Part
    source_pad: str | None = None
    target_pad: str | None = None


class Draft:
    """Parts and links in the order of the text they came from."""

    def __init__(self, graph: Graph) -> None:
        ordered = graph.ordered()
        by_id = {node.id: Part(node.type, dict(node.data)) for node in ordered.nodes}
        self.parts = list(by_id.values())
        self.links = [
            Link(by_id[edge.source], by_id[edge.target], edge.source_pad, edge.target_pad)
            for edge in ordered.edges
        ]

    def of_type(self, *types: str) -> list[Part]:
        """Parts of any of ``types``."""
        return [part for part in self.parts if part.type in types]

    def into(self, part: Part) -> list[Link]:
        """Links that end at ``part``."""
        return [link for link in self.links if link.target is part]

    def out_of(self, part: Part) -> list[Link]:
        """Links that begin at ``part``."""
        return [link for link in self.links if link.source is part]

    def upstream(self, part: Part) -> Iterator[Part]:
        """Parts before ``part``, nearest first, along the first link into each."""
        return self._walk(part, lambda at: [link.source for link in self.into(at)][:1])

    def downstream(self, part: Part) -> Iterator[Part]:
        """Parts behind ``part``, nearest first, on all branches."""
        return self._walk(part, lambda at: [link.target for link in self.out_of(at)])

    @staticmethod
    def _walk(start: Part, step: Callable[[Part], Sequence[Part]]) -> Iterator[Part]:
        seen = {start}
        waiting = list(step(start))
        while waiting:
            part = waiting.pop(0)
            if part not in seen:
                seen.add(part)
                yield part
                waiting += step(part)

    def replace(self, part: Part, chain: Sequence[Part]) -> None:
        """Put ``chain`` where ``part`` is; it may hold ``part`` itself.

        With an empty chain ``part`` goes, and what led into it leads on to what it led to.
        """
        at = self.parts.index(part)
        self.parts[at : at + 1] = chain
        before, after = self.into(part), self.out_of(part)
        if not chain:
            self._bridge(before, after)
            return
        for link in before:
            link.target = chain[0]
        for link in after:
            link.source = chain[-1]
        inner = [Link(source, target) for source, target in pairwise(chain)]
        place = self._place(after, before)
        self.links[place:place] = inner

    def _place(self, after: list[Link], before: list[Link]) -> int:
        """Where links between ``before`` and ``after`` belong in the order of the text."""
        if after:
            return min(self.links.index(link) for link in after)
        return max((self.links.index(link) + 1 for link in before), default=0)

    def _bridge(self, before: list[Link], after: list[Link]) -> None:
        place = min((self.links.index(link) for link in before + after), default=0)
        gone = {*before, *after}
        self.links = [link for link in self.links if link not in gone]
        self.links[place:place] = [
            Link(left.source, right.target, left.source_pad, right.target_pad)
            for left in before
            for right in after
        ]

    def graph(self) -> Graph:
        """The graph it has become, with ids in its order."""
        number = {part: str(at) for at, part in enumerate(self.parts)}
        return Graph.of(
            (Node(id=number[part], type=part.type, data=part.data) for part in self.parts),
            (
                Edge(
                    id=str(at),
                    source=number[link.source],
                    target=number[link.target],
                    source_pad=link.source_pad,
                    target_pad=link.target_pad,
                )
                for at, link in enumerate(self.links)
            ),
        )
