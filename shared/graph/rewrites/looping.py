"""Files that begin again at their end, so that a run lasts as long as it should."""

from collections.abc import Mapping

from shared.errors import InvalidSpec
from shared.graph.model import Graph
from shared.graph.rewrites.draft import Draft

_DEMUXERS = ("qtdemux", "matroskademux", "avidemux", "flvdemux")
_LIVE = ("rtspsrc", "v4l2src")
_PART_NS = "10000000000"
_PARTS_KEPT = "100"


def looping(graph: Graph, transport_streams: Mapping[str, str]) -> Graph:
    """``graph`` with its files read again and again, without a gap.

    ``transport_streams``: MPEG-TS copies by the path of the file, since only such a stream can be appended to
    itself. Recordings are cut into parts of 10 s, of which the last 100 are kept. Raises InvalidSpec for a live
    source and for a file without a copy.
    """
    draft = Draft(graph)
    if live := draft.of_type(*_LIVE):
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
