"""Several streams of one pipeline, and several pipelines, as one graph."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.graph.model import Graph
from shared.graph.names import CAMERA
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.sources import LIVE, NAMING

_ENDS = ("fakesink", "filesink", "rtspclientsink", "splitmuxsink")


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream's graph. ``id`` is what the latency tracer calls it: names of its source and its sink."""

    graph: Graph
    id: str


def stream(graph: Graph, pipeline: int, number: int, main_sink: str | None = None) -> Stream:
    """Stream ``number`` of the ``pipeline``-th pipeline: its source and sink are ``src_p<P>_s<S>`` and
    ``sink_p<P>_s<S>``, every other name ends in ``_<P>_<S>``, so that many fit into one graph.

    ``main_sink``: name of the sink that is meant if there are several; default: the last.
    """  # noqa: D205  one sentence
    draft = Draft(graph)
    source = next((part for part in draft.parts if not draft.into(part)), draft.parts[0])
    sinks = [part for part in draft.parts if part.type in _ENDS and not draft.out_of(part)]
    named = [part for part in sinks if main_sink is not None and part.data.get("name") == main_sink]
    sink = (named or sinks or draft.parts)[-1]
    for part in draft.parts:
        if not part.is_caps and "name" in part.data:
            part.data["name"] += f"_{pipeline}_{number}"
    names = f"src_p{pipeline}_s{number}", f"sink_p{pipeline}_s{number}"
    for part, name in zip((source, sink), names, strict=True):
        _rename(part, name)
    return Stream(draft.graph(), "__".join(names))


def _rename(part: Part, name: str) -> None:
    if not part.is_caps:
        part.data = {"name": name, **{key: value for key, value in part.data.items() if key != "name"}}


def joined(graphs: Iterable[Graph]) -> Graph:
    """All graphs as one, which runs in one process. Their names must differ; their ids need not."""
    drafts = [Draft(graph) for graph in graphs]
    whole = Draft(Graph.of([], []))
    for draft in drafts:
        whole.parts += draft.parts
        whole.links += draft.links
    return whole.graph()


def renamed_sources(graph: Graph, names: Iterable[str]) -> Graph:
    """``graph`` with other media or cameras in the place of those it names: one name a source, in their order.

    A camera's name begins with CAMERA. Too few names: the remaining sources keep theirs.
    """
    draft = Draft(graph)
    for part, name in zip(draft.of_type(*NAMING), names, strict=False):
        if part.type in (*LIVE, "source") and not name.startswith(CAMERA):
            kept = {"name": part.data["name"]} if "name" in part.data else {}
            part.type, part.data = "source", {**kept, "kind": "video"}
        part.data[NAMING[part.type]] = name
    return draft.graph()
