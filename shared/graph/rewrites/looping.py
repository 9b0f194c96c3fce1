"""Files that begin again at their end, so that a run lasts as long as it should."""

from collections.abc import Mapping

from shared.errors import InvalidSpec
from shared.graph.model import Graph
from shared.graph.rewrites.draft import Draft
from shared.graph.rewrites.sources import LIVE

_DEMUXERS = ("qtdemux", "matroskademux", "avidemux", "flvdemux")
_PART_NS = "10000000000"
_PARTS_KEPT = "100"


def looping(graph: Graph, transport_streams: Mapping[str, str]) -> Graph:
    """``graph`` with its files read again and again, without a gap.

    ``transport_streams``: MPEG-TS copies by the path of the file, since only such a stream can be appended to
    itself. Recordings are cut into parts of 10 s, of which the last 100 are kept. Raises InvalidSpec for a live
    source and for a file without a copy.
    """
    draft = Draft(graph)
    if live := draft.of_type(*LIVE):
        raise InvalidSpec(("", f"{live[0].type} is live: it can't begin again"))
    for part in draft.of_type("filesrc"):
        copy = transport_streams.get(part.data.get("location", ""))
        if copy is None:
            raise InvalidSpec(("", f"{part.data.get('location', '')!r} has no copy that can be looped"))
        part.type = "multifilesrc"
        part.data = {**part.data, "location": copy, "loop": "true"}
    for part in draft.of_type(*_DEMUXERS):
        part.type, part.data = "tsdemux", {key: value for key, value in part.data.items() if key == "name"}
    for part in draft.of_type("splitmuxsink"):
        part.data |= {"max-size-time": _PART_NS, "max-files": _PARTS_KEPT}
    return draft.graph()


def repeating_images(graph: Graph) -> Graph:
    """``graph`` with its image sets shown again and again; time in the pipeline runs on."""
    draft = Draft(graph)
    for part in draft.of_type("multifilesrc"):
        if "stop-index" in part.data:
            part.data["loop"] = "true"
    return draft.graph()


def repeats_itself(graph: Graph) -> bool:
    """Whether any of its sources begins again without being told to."""
    return any(node.type == "multifilesrc" and node.data.get("loop") == "true" for node in graph.nodes)
