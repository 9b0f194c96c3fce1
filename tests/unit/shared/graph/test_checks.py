"""Graphs no pipeline can be, each fault with its pointer."""

import pytest
from hypothesis import given

from shared.graph.checks import MANY, Shape, invalid, unwritable
from shared.graph.elements import shipped
from shared.graph.model import MAX_EDGES, MAX_NODES, Edge, Graph, Node
from shared.graph.parser import parse
from tests.support.graphs import corpus, graphs

SHAPES = {
    "src": Shape(0, 1),
    "sink": Shape(1, 0),
    "queue": Shape(1, 1),
    "tee": Shape(1, MANY),
    "mux": Shape(MANY, 1),
}


def graph(nodes: str, *edges: str) -> Graph:
    """``graph("a:tee b:queue", "a>b", "a.src_0>b.sink")``; the ids of edges count."""
    parts = [node.split(":") for node in nodes.split()]
    ends = [[end.partition(".") for end in edge.split(">")] for edge in edges]
    return Graph(
        nodes=[Node(id=each, type=kind) for each, kind in parts],
        edges=[
            Edge(id=str(at), source=s[0], target=t[0], source_pad=s[2] or None, target_pad=t[2] or None)
            for at, (s, t) in enumerate(ends)
        ],
    )


@pytest.mark.parametrize(
    ("given_graph", "pointers"),
    [
        (graph("a:src b:queue c:sink", "a>b", "b>c"), []),
        (graph("a:src t:tee b:sink c:sink", "a>t", "t>b", "t>c"), []),
        (graph("a:src b:src m:mux c:sink", "a>m", "b>m", "m>c"), []),
        (graph("a:what b:what", "a>b", "a>b"), []),
        (graph("a:tee b:mux", "a.src_%u>b.sink_%u", "a.src_%u>b.sink_%u"), []),
        (graph(""), ["/nodes"]),
        (graph("a:src", "a>b"), ["/edges/0/target"]),
        (graph("a:src", "c>b"), ["/edges/0/source", "/edges/0/target"]),
        (graph("a:src a:sink"), ["/nodes/1/id"]),
        (graph("a:src b:queue c:sink", "a>b", "a>c"), ["/edges/1/source"]),
        (graph("a:src b:sink c:sink", "b>c"), ["/edges/0/source"]),
        (graph("a:src b:src", "a>b"), ["/edges/0/target"]),
        (graph("a:src b:src c:sink", "a>c", "b>c"), ["/edges/1/target"]),
        (graph("a:src b:video/x-raw c:sink d:sink", "a>b", "b>c", "b>d"), ["/edges/2/source"]),
        (
            graph("a:tee b:mux", "a.src_0>b.sink_0", "a.src_0>b.sink_0"),
            ["/edges/1/source_pad", "/edges/1/target_pad"],
        ),
        (graph("a:tee b:mux", "a>b", "b>a"), ["/edges/1"]),
        (graph("a:what", "a>a"), ["/edges/0"]),
        (graph("a:tee b:what c:what d:what", "a>b", "b>c", "c>d", "d>b", "c>a"), ["/edges/3", "/edges/4"]),
        (
            graph("a:src b:tee c:sink", "b>x", "b>b", "c>b"),
            ["/edges/0/target", "/edges/2/source", "/edges/2/target", "/edges/1"],
        ),
        (graph("a:src b:sink", "a.s p>b.x!y"), ["/edges/0/source_pad", "/edges/0/target_pad"]),
    ],
)
def test_every_fault_has_its_pointer(given_graph: Graph, pointers: list[str]):
    assert [pointer for pointer, _ in invalid(given_graph, SHAPES)] == pointers


def test_names_and_edge_ids_are_unique():
    node = Node(id="a", type="tee", data={"name": "t"})
    twice = Graph(
        nodes=[node, node.model_copy(update={"id": "b"})], edges=[Edge(id="0", source="a", target="b")] * 2
    )
    assert unwritable(twice) == [
        ("/nodes/1/data/name", "'t' is taken by /nodes/0"),
        ("/edges/1/id", "'0' is taken by /edges/0"),
    ]


def test_a_field_called_name_is_no_name():
    caps = Node(id="a", type="a/b", data={"name": "t"})
    assert unwritable(Graph(nodes=[caps, Node(id="b", type="tee", data={"name": "t"})])) == []


@given(graphs())
def test_what_was_made_up_can_be_written(made: Graph):
    assert unwritable(made) == []


@pytest.mark.parametrize("title", corpus())
def test_real_texts_are_pipelines(title: str):
    assert invalid(parse(corpus()[title]), shipped().shapes) == []


def test_a_long_chain_is_no_trouble():
    ids = [str(at) for at in range(MAX_NODES)]
    nodes = [Node(id=each, type="what") for each in ids]
    edges = [Edge(id=str(at), source=str(at), target=str((at + 1) % MAX_NODES)) for at in range(MAX_NODES)]
    assert [pointer for pointer, _ in invalid(Graph(nodes=nodes, edges=edges), SHAPES)] == [
        f"/edges/{MAX_NODES - 1}"
    ]


def test_a_client_sends_no_endless_lists():
    with pytest.raises(ValueError, match="at most"):
        Graph(nodes=[Node(id="a", type="b")] * (MAX_NODES + 1))
    with pytest.raises(ValueError, match="at most"):
        Graph(nodes=[], edges=[Edge(id="a", source="b", target="c")] * (MAX_EDGES + 1))
