"""Reading, showing and judging pipelines, as this system is set. Pure."""

from collections.abc import Iterable

from shared.errors import InvalidSpec
from shared.graph.checks import invalid
from shared.graph.faults import Broken, PipelineUnreadable
from shared.graph.model import Graph
from shared.graph.parser import parse
from shared.graph.policy import Policy, Refusal
from shared.graph.simple import View
from shared.pipeline_settings import PipelineSettings


class Graphs:
    """Knows the policy and the simple view."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._policy = Policy.shipped(settings.allow)
        self._view = View(settings.simple_visible, settings.simple_omitted)

    def read(self, text: str, pointer: str) -> Graph:
        """The graph of a text that stands at ``pointer``. Raises PipelineUnreadable."""
        try:
            return parse(text)
        except PipelineUnreadable as error:
            error.broken = tuple((pointer, message) for _, message in error.broken)
            raise

    def broken(self, graph: Graph) -> list[Broken]:
        """Why ``graph`` may be neither saved nor run; pointers lead into it."""
        return [
            *invalid(graph, self._policy.elements.shapes),
            *(refusal.broken for refusal in self.refusals(graph)),
        ]

    def refusals(self, graph: Graph) -> list[Refusal]:
        """What the policy says against it."""
        return self._policy.refusals(graph)

    def simple(self, graph: Graph, pointer: str = "") -> Graph:
        """The simple view. Raises InvalidSpec for edges that lead nowhere, and for a graph too branched."""
        ids = {node.id for node in graph.nodes}
        lost = [
            (f"{pointer}/edges/{number}/{end}", f"there is no node {node!r}")
            for number, edge in enumerate(graph.edges)
            for end, node in (("source", edge.source), ("target", edge.target))
            if node not in ids
        ]
        if lost:
            raise InvalidSpec(*lost)
        try:
            return self._view.of(graph)
        except InvalidSpec as error:
            raise InvalidSpec(*below(pointer, error.broken)) from None

    def merged(self, graph: Graph, edited: Graph, pointer: str = "") -> Graph:
        """``graph`` with the properties of its edited simple view. Raises InvalidSpec for all other edits."""
        try:
            return self._view.merged(graph, edited)
        except InvalidSpec as error:
            raise InvalidSpec(*below(pointer, error.broken)) from None


def below(pointer: str, broken: Iterable[Broken]) -> list[Broken]:
    """What is wrong with a graph that stands at ``pointer``."""
    return [(pointer + inner, message) for inner, message in broken]


def within(pointer: str, graph: Graph, broken: Iterable[Broken]) -> list[Broken]:
    """The same where the caller doesn't have the graph before them, but a text or a name of it."""
    return [(pointer, f"{_place(graph, inner)}{message}") for inner, message in broken]


def _place(graph: Graph, pointer: str) -> str:
    _, _, rest = pointer.partition("/nodes/")
    number = rest.partition("/")[0]
    if not number.isdecimal():
        return ""
    return f"element {int(number) + 1}, {graph.nodes[int(number)].type}: "
