"""Text and graph are two faces of one thing."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidSpec
from shared.graph.emitter import emit
from shared.graph.faults import MOST_FAULTS, PipelineUnreadable
from shared.graph.model import Edge, Graph, Node
from shared.graph.parser import parse
from tests.support.graphs import corpus, graphs, meaning, shuffled, texts

CORPUS = corpus()
many = settings(max_examples=150)


def assert_fixpoint(text: str) -> None:
    graph = parse(text)
    written = emit(graph)
    assert parse(written) == graph
    assert emit(parse(written)) == written


@pytest.mark.parametrize("title", CORPUS)
def test_real_texts_come_back(title: str):
    assert_fixpoint(CORPUS[title])


@many
@given(texts())
def test_any_text_comes_back(text: str):
    assert_fixpoint(text)


@many
@given(graphs())
def test_any_graph_comes_back_but_for_ids_and_names(graph: Graph):
    written = emit(graph)
    assert meaning(parse(written)) == meaning(graph)
    assert_fixpoint(written)


@given(st.data())
def test_the_order_of_the_lists_says_nothing(data: st.DataObject):
    graph = data.draw(graphs())
    assert emit(data.draw(shuffled(graph))) == emit(graph)


@pytest.mark.parametrize("title", CORPUS)
def test_json_keeps_everything(title: str):
    graph = parse(CORPUS[title])
    assert Graph.model_validate_json(graph.model_dump_json()) == graph
    assert "null" not in graph.model_dump_json()


def test_ids_count_in_the_order_of_the_text():
    graph = parse("videotestsrc ! video/x-raw,width=320 ! tee name=t t. ! fakesink t. ! queue ! fakesink")
    assert [(node.id, node.type) for node in graph.nodes] == [
        ("0", "videotestsrc"),
        ("1", "video/x-raw"),
        ("2", "tee"),
        ("3", "fakesink"),
        ("4", "queue"),
        ("5", "fakesink"),
    ]
    assert [(edge.id, edge.source, edge.target) for edge in graph.edges] == [
        ("0", "0", "1"),
        ("1", "1", "2"),
        ("2", "2", "3"),
        ("3", "2", "4"),
        ("4", "4", "5"),
    ]


def test_ten_comes_after_two():
    types = [f"e{number}" for number in range(12)]
    graph = Graph(
        nodes=[Node(id=str(at), type=name) for at, name in enumerate(types)],
        edges=[Edge(id=str(at), source=str(at), target=str(at + 1)) for at in range(11)],
    )
    assert emit(graph) == " ! ".join(types)


def test_an_element_put_in_the_middle_by_an_editor_needs_no_name():
    graph = Graph(
        nodes=[Node(id=each, type=f"e{each}") for each in ("0", "1", "2", "17")],
        edges=[
            Edge(id="0", source="0", target="1"),
            Edge(id="20", source="1", target="17"),
            Edge(id="21", source="17", target="2"),
        ],
    )
    assert emit(graph) == "e0 ! e1 ! e17 ! e2"


def test_a_branching_element_gets_a_name_nobody_has():
    graph = Graph(
        nodes=[
            Node(id="0", type="tee"),
            Node(id="1", type="fakesink", data={"name": "tee_0"}),
            Node(id="2", type="fakesink"),
        ],
        edges=[Edge(id="0", source="0", target="1"), Edge(id="1", source="0", target="2")],
    )
    assert emit(graph) == "tee name=tee_1 ! fakesink name=tee_0 tee_1. ! fakesink"


def test_links_to_one_muxer_keep_their_order():
    text = "b name=b a name=a b. ! mux. a. ! mux. mux name=mux"
    assert [edge.source for edge in parse(text).edges] == ["0", "1"]
    other = Graph(
        nodes=[Node(id="0", type="a"), Node(id="1", type="b"), Node(id="2", type="mux")],
        edges=[Edge(id="0", source="1", target="2"), Edge(id="1", source="0", target="2")],
    )
    again = parse(emit(other))
    into = [edge for edge in again.edges if again.nodes[int(edge.target)].type == "mux"]
    assert [again.nodes[int(edge.source)].type for edge in into] == ["b", "a"]


@pytest.mark.parametrize(
    ("node", "pointer"),
    [
        (Node(id="0", type="fakesrc ! filesink location=/x"), "/nodes/0/type"),
        (Node(id="0", type="video/x-raw ! filesink"), "/nodes/0/type"),
        (Node(id="0", type="video/x-raw(a"), "/nodes/0/type"),
        (Node(id="0", type="video/x-raw", data={"format": "NV12 ! filesink"}), "/nodes/0/data/format"),
        (Node(id="0", type="video/x-raw", data={"format": "NV12,width=3"}), "/nodes/0/data/format"),
        (Node(id="0", type="video/x-raw", data={"format": "NV12;image/jpeg"}), "/nodes/0/data/format"),
        (Node(id="0", type="video/x-raw", data={"format": ""}), "/nodes/0/data/format"),
        (Node(id="0", type="video/x-raw", data={"a=b,c": "1"}), "/nodes/0/data/a=b,c"),
        (Node(id="0", type="fakesrc", data={"a b": "1"}), "/nodes/0/data/a b"),
        (Node(id="0", type="fakesrc", data={"a/~b": "1"}), "/nodes/0/data/a~1~0b"),
        (Node(id="0", type="fakesrc", data={"a": "x\0"}), "/nodes/0/data/a"),
        (Node(id="0", type="fakesrc", data={"a": "x\n\\"}), "/nodes/0/data/a"),
        (Node(id="0", type="x264enc", data={"@preset": ""}), "/nodes/0/data/@preset"),
    ],
)
def test_nothing_is_smuggled_into_the_text(node: Node, pointer: str):
    with pytest.raises(InvalidSpec) as refused:
        emit(Graph(nodes=[node]))
    assert [where for where, _ in refused.value.broken] == [pointer]


def test_a_name_that_cannot_be_referred_to_is_told():
    nodes = [Node(id=str(at), type="tee", data={"name": f"my tee {at}"}) for at in range(3)]
    assert parse(emit(Graph(nodes=nodes))).nodes == nodes
    with pytest.raises(InvalidSpec) as refused:
        emit(
            Graph(nodes=nodes, edges=[Edge(id="0", source="0", target="1"), Edge(id="1", source="0", target="2")])
        )
    assert [where for where, _ in refused.value.broken] == ["/nodes/0/data/name"]


def test_marks_of_other_clients_are_dropped():
    node = Node(id="0", type="video/x-raw", data={"__node_kind": "caps", "width": "3"})
    assert node.data == {"width": "3"}


@settings(max_examples=500)
@given(
    st.one_of(
        st.text(max_size=200),
        st.text("ab.!()=,;\"'\\/#{}[]<>:@% \n", max_size=80),
        st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")),
        st.text(st.characters(), max_size=20),
    )
)
def test_anything_is_read_or_refused_with_places(text: str):
    read_or_refused(text)


@many
@given(st.sampled_from(list(CORPUS.values())), st.integers(), st.integers(1, 6))
def test_damaged_texts_are_read_or_refused(text: str, seed: int, times: int):
    rng = random.Random(seed)
    for _ in range(times):
        at, until = sorted(rng.choices(range(len(text) + 1), k=2))
        until = min(until, at + 20)
        filling = rng.choice(
            ["", "!", '"', "'", "\\", "(", ")", ",", "=", ".", " ", "\n", "#", text[at:until] * 2]
        )
        text = text[:at] + filling + text[until:]
    read_or_refused(text)


def read_or_refused(text: str) -> None:
    try:
        graph = parse(text)
    except PipelineUnreadable as refused:
        faults = refused.faults
    else:
        assert parse(emit(graph)) == graph
        return
    lines = text.split("\n")
    assert 1 <= len(faults) <= MOST_FAULTS
    for fault in faults:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
    places = [(fault.line, fault.column) for fault in faults]
    assert places == sorted(set(places))
