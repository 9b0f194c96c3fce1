"""What a person edits, and how the edits come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidSpec
from shared.graph.model import Edge, Graph, Node
from shared.graph.parser import parse
from shared.graph.simple import View
from shared.settings import PipelineSettings
from tests.support.graphs import corpus

DEFAULTS = PipelineSettings()
VIEW = View(DEFAULTS.simple_visible, DEFAULTS.simple_omitted)
TEXT = (
    "filesrc location=a.mp4 num-buffers=9 name=in ! decodebin3 ! video/x-raw ! gvadetect model=yolo threshold=0.5 ! "
    "queue ! tee name=t t. ! queue ! gvawatermark ! gvafpscounter ! fakesink name=out "
    "t. ! queue ! gvaclassify model=age ! gvametaconvert ! gvametapublish ! fakesink"
)


def edited(graph: Graph, node_id: str, **data: str) -> Graph:
    nodes = [
        node.model_copy(update={"data": {**node.data, **data}}) if node.id == node_id else node
        for node in graph.nodes
    ]
    return Graph(nodes=nodes, edges=graph.edges)


def node(graph: Graph, node_id: str) -> Node:
    return next(each for each in graph.nodes if each.id == node_id)


def test_only_what_a_person_edits_is_shown():
    shown = VIEW.of(parse(TEXT))
    assert [(each.id, each.type) for each in shown.nodes] == [
        ("0", "source"),
        ("3", "gvadetect"),
        ("9", "fakesink"),
        ("11", "gvaclassify"),
        ("14", "fakesink"),
    ]
    assert node(shown, "0").data == {"kind": "video", "source": "a.mp4"}
    assert [(each.id, each.source, each.target) for each in shown.edges] == [
        ("0", "0", "3"),
        ("1", "3", "9"),
        ("2", "3", "11"),
        ("3", "11", "14"),
    ]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("rtspsrc location=front latency=5", {"kind": "camera", "source": "front"}),
        ("v4l2src device=usb", {"kind": "camera", "source": "usb"}),
        ("multifilesrc location=parts index=1", {"kind": "image_set", "source": "parts"}),
        ("filesrc", {"kind": "video", "source": ""}),
        ("source kind=camera source=front", {"kind": "camera", "source": "front"}),
    ],
)
def test_sources_look_alike(text: str, data: dict[str, str]):
    (source,) = VIEW.of(parse(f"{text} ! fakesink")).nodes[:1]
    assert (source.type, source.data) == ("source", data)


@pytest.mark.parametrize("title", corpus())
def test_no_edit_changes_nothing(title: str):
    graph = parse(corpus()[title])
    assert VIEW.merged(graph, VIEW.of(graph)) == graph


@given(st.sampled_from(list(corpus().values())), st.data())
def test_an_edit_is_seen_in_the_view(text: str, data: st.DataObject):
    graph = parse(text)
    before = VIEW.of(graph)
    editable = [each for each in before.nodes if each.type != "source"]
    if not editable:
        return
    chosen = data.draw(st.sampled_from(editable))
    after = edited(before, chosen.id, threshold="0.7")
    merged = VIEW.merged(graph, after)
    assert VIEW.of(merged) == after
    untouched = [each for each in merged.nodes if each.id != chosen.id]
    assert untouched == [each for each in graph.nodes if each.id != chosen.id]
    assert merged.edges == graph.edges


def test_a_property_can_be_removed():
    graph = parse(TEXT)
    view = VIEW.of(graph)
    nodes = [
        each.model_copy(update={"data": {"model": "yolo"}}) if each.id == "3" else each for each in view.nodes
    ]
    merged = VIEW.merged(graph, Graph(nodes=nodes, edges=view.edges))
    assert node(merged, "3").data == {"model": "yolo"}


def test_another_medium_keeps_what_the_view_hides():
    graph = parse(TEXT)
    merged = VIEW.merged(graph, edited(VIEW.of(graph), "0", source="b.mp4"))
    assert node(merged, "0") == Node(
        id="0", type="filesrc", data={"location": "b.mp4", "num-buffers": "9", "name": "in"}
    )


def test_another_kind_of_source_is_settled_by_the_worker():
    graph = parse(TEXT)
    merged = VIEW.merged(graph, edited(VIEW.of(graph), "0", kind="camera", source="front"))
    assert node(merged, "0") == Node(
        id="0", type="source", data={"name": "in", "kind": "camera", "source": "front"}
    )
    again = VIEW.merged(merged, edited(VIEW.of(merged), "0", source="back"))
    assert node(again, "0").data == {"name": "in", "kind": "camera", "source": "back"}


def test_the_order_of_lists_and_ids_of_edges_say_nothing():
    graph = parse(TEXT)
    view = VIEW.of(graph)
    edges = [each.model_copy(update={"id": f"e{each.id}"}) for each in reversed(view.edges)]
    turned = Graph(nodes=list(reversed(edited(view, "3", threshold="0.9").nodes)), edges=edges)
    assert node(VIEW.merged(graph, turned), "3").data["threshold"] == "0.9"


def test_nothing_but_properties_can_be_edited_and_all_of_it_is_told():
    graph = parse(TEXT)
    view = VIEW.of(graph)
    nodes = [each for each in view.nodes if each.id != "11"]
    nodes[1] = nodes[1].model_copy(update={"type": "gvainference"})
    nodes.append(Node(id="99", type="fakesink"))
    nodes.append(nodes[0])
    edges = [*view.edges[:2], Edge(id="9", source="0", target="99"), view.edges[0], view.edges[3]]
    with pytest.raises(InvalidSpec) as refused:
        VIEW.merged(graph, Graph(nodes=nodes, edges=edges))
    assert [pointer for pointer, _ in refused.value.broken] == [
        "/nodes/1/type",
        "/nodes/4",
        "/nodes",
        "/edges/2",
        "/edges",
        "/nodes/5",
        "/edges/3",
    ]


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        ({"kind": "radio", "source": "x"}, ["/nodes/0/data/kind"]),
        ({"kind": "video"}, ["/nodes/0/data/source"]),
        ({}, ["/nodes/0/data/kind", "/nodes/0/data/source"]),
        ({"kind": "video", "source": "x", "location": "/etc/passwd"}, ["/nodes/0/data/location"]),
    ],
)
def test_a_source_is_a_kind_and_a_name(data: dict[str, str], pointers: list[str]):
    graph = parse("filesrc ! fakesink")
    view = VIEW.of(graph)
    nodes = [view.nodes[0].model_copy(update={"data": data}), *view.nodes[1:]]
    with pytest.raises(InvalidSpec) as refused:
        VIEW.merged(graph, Graph(nodes=nodes, edges=view.edges))
    assert [pointer for pointer, _ in refused.value.broken] == pointers


def test_a_web_that_nobody_could_look_at_is_refused():
    sources = " ".join(["fakesrc ! f."] * 80)
    sinks = " ".join(["t. ! fakesink"] * 80)
    with pytest.raises(InvalidSpec, match="too branched"):
        VIEW.of(parse(f"{sources} funnel name=f ! tee name=t {sinks}"))
