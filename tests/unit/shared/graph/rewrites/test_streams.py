"""Streams side by side, and what holds for every rewrite."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from shared.graph.checks import invalid
from shared.graph.elements import shipped
from shared.graph.emitter import emit
from shared.graph.model import Graph
from shared.graph.parser import parse
from shared.graph.rewrites.codecs import decoding
from shared.graph.rewrites.devices import on_device, sharing_models
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.outputs import Nothing, with_metadata, with_output
from shared.graph.rewrites.sources import (
    redacted,
    source_of,
)
from shared.graph.rewrites.streams import joined, renamed_sources, stream
from tests.support.graphs import INTEL, PLAIN, corpus


def test_streams_run_side_by_side_and_share_their_model():
    text = "filesrc location=a name=in ! decodebin3 ! tee name=t ! gvadetect model=yolo ! fakesink t. ! fakesink name=main"
    streams = [
        stream(renamed_sources(sharing_models(parse(text)), [medium]), 0, number, "main")
        for number, medium in enumerate(["film", "usb"])
    ]
    assert [each.id for each in streams] == ["src_p0_s0__sink_p0_s0", "src_p0_s1__sink_p0_s1"]
    graph = joined(each.graph for each in streams)
    assert emit(graph) == (
        "filesrc name=src_p0_s0 location=film ! decodebin3 ! tee name=t_0_0 ! "
        "gvadetect model=yolo model-instance-id=cpu_yolo ! fakesink t_0_0. ! fakesink name=sink_p0_s0 "
        "filesrc name=src_p0_s1 location=usb ! decodebin3 ! tee name=t_0_1 ! "
        "gvadetect model=yolo model-instance-id=cpu_yolo ! fakesink t_0_1. ! fakesink name=sink_p0_s1"
    )
    assert invalid(graph, shipped().shapes) == []


def test_without_a_main_sink_the_last_counts():
    graph = stream(parse("videotestsrc ! tee name=t ! fakesink t. ! fakesink"), 2, 3).graph
    assert graph.nodes[-1].data == {"name": "sink_p2_s3"}
    assert graph.nodes[2].data == {}


def test_a_draft_keeps_the_order_of_the_text():
    draft = Draft(parse("a ! b ! c name=c d ! c."))
    (b,) = draft.of_type("b")
    draft.replace(b, [Part("x"), b, Part("y")])
    assert emit(draft.graph()) == "a ! x ! b ! y ! c name=c d ! c."
    for each in draft.of_type("x", "b", "y"):
        draft.replace(each, [])
    assert emit(draft.graph()) == "a ! c name=c d ! c."
    draft.replace(draft.of_type("a")[0], [])
    assert emit(draft.graph()) == "c name=c d ! c."


def test_a_draft_keeps_pads():
    draft = Draft(parse("a .src_1 ! b ! .sink_2 c"))
    draft.replace(draft.of_type("b")[0], [])
    assert emit(draft.graph()) == "a .src_1 ! .sink_2 c"


def test_a_circle_has_no_source():
    draft = Draft(parse("a name=a ! b ! a."))
    assert source_of(draft, draft.parts[0]) is None


ALL: list[Callable[[Graph], Graph]] = [
    lambda graph: on_device(graph, "GPU", INTEL),
    lambda graph: decoding(graph, {"a.mp4": "h264", "person-walk.mp4": "h265"}, "GPU", INTEL),
    lambda graph: with_output(graph, Nothing(), "CPU", PLAIN),
    lambda graph: with_metadata(graph, None),
    lambda graph: stream(graph, 0, 7).graph,
    lambda graph: joined([stream(graph, 0, 0).graph, stream(graph, 0, 1).graph]),
    sharing_models,
    redacted,
]


@given(st.sampled_from(sorted(corpus())), st.lists(st.sampled_from(ALL), max_size=4))
def test_a_pipeline_stays_a_pipeline(title: str, steps: list[Callable[[Graph], Graph]]):
    graph = parse(corpus()[title])
    for step in steps:
        graph = step(graph)
    assert invalid(graph, shipped().shapes) == []
    assert parse(emit(graph)) == graph
