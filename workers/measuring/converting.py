"""Forms of a pipeline with fewer converters, or with other settings of them. Pure."""

from shared.graph.model import Graph
from shared.graph.rewrites.draft import Draft, Part

LOOKING = ("gvadetect", "gvaclassify", "gvainference")
"""Elements that look at frames with a model of the catalogue."""

CONVERTERS = ("videoconvert", "videoscale", "videoconvertscale")
SCALERS = ("videoscale", "videoconvertscale")
BOTH = "videoconvertscale"
"""Converts and scales in one pass."""

_OTHER = {"videoconvert": "videoscale", "videoscale": "videoconvert"}


def fewer_converters(graph: Graph) -> Graph:
    """Without converters before a model that no caps filter follows: models convert what they look at."""
    draft = Draft(graph)
    for part in draft.of_type(*CONVERTERS):
        if not (part.data.keys() - {"name"}) and _feeds_only_models(draft, part):
            draft.replace(part, [])
    return draft.graph()


def merged(graph: Graph) -> Graph:
    """With one element for each videoconvert and videoscale next to each other, whichever comes first."""
    draft = Draft(graph)
    for part in draft.of_type(*_OTHER):
        behind = draft.out_of(part)
        if part in draft.parts and len(behind) == 1 and _can_merge(draft, part, behind[0].target):
            other = behind[0].target
            draft.replace(part, [Part(BOTH, {**other.data, **part.data})])
            draft.replace(other, [])
    return draft.graph()


def _can_merge(draft: Draft, part: Part, other: Part) -> bool:
    """They are a pair, nothing else comes between, and they don't contradict each other."""
    if other.type != _OTHER[part.type] or len(draft.into(other)) != 1:
        return False
    shared = part.data.keys() & other.data.keys() - {"name"}
    return all(part.data[key] == other.data[key] for key in shared)


def _feeds_only_models(draft: Draft, part: Part) -> bool:
    """Whether nothing but queues stands between it and models, and something gives it raw frames."""
    before, behind = draft.into(part), draft.out_of(part)
    if len(before) != 1 or len(behind) != 1 or before[0].source.is_caps:
        return False
    target = behind[0].target
    while target.type == "queue" and len(draft.out_of(target)) == 1:
        target = draft.out_of(target)[0].target
    return target.type in LOOKING
