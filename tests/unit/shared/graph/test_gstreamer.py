"""GStreamer reads what we write as we meant it."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.graph.emitter import emit
from shared.graph.model import Edge, Graph, Node
from shared.graph.parser import parse
from shared.graph.rewrites.outputs import MAIN_SINK, ToFile, with_output
from shared.graph.rewrites.streams import joined, stream
from shared.graph.values import is_writable
from tests.support.graphs import PLAIN, corpus, raw_values

READER = Path(__file__).parents[3] / "support" / "gst_reader.py"
SYNTAX, NO_ELEMENT, NO_PROPERTY, LINK = range(4)

# Elements whose pads come and go: their links are made when the pipeline runs.
LATE = ("decodebin", "demux", "parsebin", "rtspsrc", "urisourcebin", "multiqueue")


@cache
def interpreter() -> str:
    """One that has GStreamer's bindings; empty if there is none."""
    probe = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst"
    for each in (sys.executable, "/usr/bin/python3"):
        if (
            Path(each).exists()
            and subprocess.run([each, "-c", probe], capture_output=True, check=False).returncode == 0
        ):
            return each
    return ""


def read(texts: list[str]) -> list[dict[str, Any]]:
    if not interpreter():
        pytest.skip("no interpreter here has GStreamer's bindings (Debian: gir1.2-gstreamer-1.0 python3-gi)")
    done = subprocess.run(
        [interpreter(), READER], input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def named(graph: Graph) -> Graph:
    """Every element has a name, so that links can be compared."""
    nodes = [
        node
        if node.is_caps or node.name
        else node.model_copy(update={"data": {"name": f"n_{node.id}", **node.data}})
        for node in graph.nodes
    ]
    return Graph.of(nodes, graph.edges)


def links(graph: Graph) -> list[tuple[str, str]]:
    """By name, past caps filters."""
    by_id = {node.id: node for node in graph.nodes}
    after = {edge.source: edge.target for edge in graph.edges}

    def target(node: str) -> str | None:
        while by_id[node].is_caps:
            if node not in after:
                return None
            node = after[node]
        return by_id[node].name

    found = ((by_id[edge.source], target(edge.target)) for edge in graph.edges)
    return sorted((source.name, to) for source, to in found if source.name and to)


def test_corpus() -> None:
    graphs = {title: named(parse(text)) for title, text in corpus().items()}
    answers = dict(zip(graphs, read([emit(graph) for graph in graphs.values()]), strict=True))
    missing = [title for title, answer in answers.items() if answer.get("code") in {NO_ELEMENT, NO_PROPERTY}]
    refused = {title: a["says"] for title, a in answers.items() if "code" in a and title not in missing}
    assert not refused
    compared = 0
    for title, graph in graphs.items():
        if title in missing:
            continue
        elements = {node.name: node.type for node in graph.nodes if node.name}
        assert answers[title]["elements"] == elements, title
        made = sorted(map(tuple, answers[title]["links"]))
        if any(late in node.type for late in LATE for node in graph.nodes):
            assert set(made) <= set(links(graph)), title
        else:
            assert made == links(graph), title
        compared += 1
    assert compared >= 20


@st.composite
def webs(draw: st.DrawFn) -> Graph:
    """Tees and funnels with queues between them, numbered in any order."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=6))
    types = ["tee"] * 3 + ["funnel"] * 3 + ["queue"] * len(pairs)
    ids = draw(st.permutations([str(number) for number in range(len(types))]))
    nodes = [Node(id=each, type=kind, data={"name": f"e{each}"}) for each, kind in zip(ids, types, strict=True)]
    ends = [
        end
        for queue, (tee, funnel) in enumerate(pairs, 6)
        for end in ((ids[tee], ids[queue]), (ids[queue], ids[3 + funnel]))
    ]
    order = draw(st.permutations(range(len(ends))))
    edges = [Edge(id=str(at), source=ends[each][0], target=ends[each][1]) for at, each in enumerate(order)]
    return Graph(nodes=nodes, edges=edges)


def test_webs_of_tees_and_funnels() -> None:
    """Linked in every way the writer knows: inline, by reference, before and after."""
    made: list[Graph] = []

    @settings(max_examples=80, database=None)
    @given(webs())
    def draw(graph: Graph) -> None:
        made.append(graph)

    draw()
    for graph, answer in zip(made, read([emit(graph) for graph in made]), strict=True):
        assert answer.get("code") is None, (emit(graph), answer)
        assert sorted(map(tuple, answer["links"])) == links(graph)


def test_values() -> None:
    """Values survive, but for those that GStreamer reads on: ``NULL``, and a string in double quotes."""
    values: list[str] = []

    @settings(max_examples=300, database=None)
    @given(raw_values)
    def draw(value: str) -> None:
        if is_writable("location", value) and not value.startswith('"') and value != "NULL":
            values.append(value)

    draw()
    texts = [
        emit(
            Graph(
                nodes=[
                    Node(id="0", type="fakesrc"),
                    Node(id="1", type="filesink", data={"location": value, "name": "s"}),
                    Node(id="2", type="filesink", data={"location": 'a "quote" after it', "name": "t"}),
                ],
                edges=[Edge(id="0", source="0", target="1")],
            )
        )
        for value in values
    ]
    for value, text, answer in zip(values, texts, read(texts), strict=True):
        assert answer.get("values") == {"s": value, "t": 'a "quote" after it'}, text


def test_what_a_worker_runs() -> None:
    """Rewritten for a machine without accelerators, two streams side by side."""
    text = (
        "videotestsrc ! decodebin3 ! tee name=t ! queue ! fakesink name=default_output_sink t. ! queue ! fakesink"
    )
    streams = [
        stream(with_output(parse(text), ToFile(f"/tmp/{number}.mp4"), "CPU", PLAIN), 0, number, MAIN_SINK).graph
        for number in range(2)
    ]
    graph = named(joined(streams))
    (answer,) = read([emit(graph)])
    if answer.get("code") == NO_ELEMENT:
        pytest.skip(f"GStreamer here has too few plugins: {answer['says']}")
    assert answer["elements"] == {node.name: node.type for node in graph.nodes}
    assert answer["values"] == {f"sink_p0_s{number}": f"/tmp/{number}.mp4" for number in range(2)}
    assert set(map(tuple, answer["links"])) <= set(links(graph))
