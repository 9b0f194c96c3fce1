"""Cameras and live streams: what can't wait."""

from itertools import takewhile

from shared.graph.model import Graph
from shared.graph.rewrites.devices import MODELS
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.sources import LIVE

_TRUE = ("true", "1", "yes")
_QUEUES = ("queue", "queue2", "multiqueue")
_NEWEST = {"leaky": "downstream", "max-size-buffers": "2", "max-size-bytes": "0", "max-size-time": "0"}


def is_live(graph: Graph) -> bool:
    """Whether any source is a camera, or says that it is live. To be asked when names have become elements."""
    return any(node.type in LIVE or node.data.get("is-live", "").lower() in _TRUE for node in graph.nodes)


def newest_first(graph: Graph) -> Graph:
    """``graph`` with a queue before the first models behind each camera that drops the oldest of three frames.

    A model slower than its camera would fall behind by more and more. A queue that the client has put there stays.
    """
    draft = Draft(graph)
    for camera in draft.of_type(*LIVE):
        for model in [part for part in draft.downstream(camera) if part.type in MODELS]:
            between = list(takewhile(lambda part, camera=camera: part is not camera, draft.upstream(model)))
            is_first = not any(part.type in MODELS for part in between)
            if is_first and not (between and between[0].type in _QUEUES):
                draft.replace(model, [Part("queue", dict(_NEWEST)), model])
    return draft.graph()
