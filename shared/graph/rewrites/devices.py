"""Which device the models of a pipeline run on."""

import re
from collections.abc import Set as AbstractSet

from shared.devices import Device, family_of
from shared.graph.model import Graph
from shared.graph.rewrites.draft import Draft, Part
from shared.graph.rewrites.memory import Memory, memory_at

MODELS = {
    "gvadetect": "model",
    "gvaclassify": "model",
    "gvainference": "model",
    "gvaaudiodetect": "model",
    "gvagenai": "model-path",
}
"""Elements that run a model, and the property that names it."""

_SHARING = ("gvadetect", "gvaclassify", "gvainference")
_PER_STREAM = {
    "name",
    "object-class",
    "inference-region",
    "inference-interval",
    "threshold",
    "reclassify-interval",
}
_BACKENDS = {Device.GPU: "va-surface-sharing", Device.NPU: "va"}


def on_device(graph: Graph, device: str, available: AbstractSet[str]) -> Graph:
    """``graph`` with its models on ``device``, a device id.

    Pre-processing goes where the frames are: on the GPU when they are, or will be, in its memory, else on the CPU.
    ``available``: elements that are installed.
    """
    draft = Draft(graph)
    for part in draft.of_type(*MODELS):
        part.data["device"] = device
        if part.type in _SHARING:
            _set_backend(draft, part, family_of(device), available)
    return draft.graph()


def _set_backend(draft: Draft, part: Part, family: Device, available: AbstractSet[str]) -> None:
    was = part.data.get("pre-process-backend")
    memory = memory_at(draft, part)
    in_va = memory is Memory.VA or (
        memory is Memory.OPEN and family is not Device.CPU and "vapostproc" in available
    )
    if in_va:
        part.data["pre-process-backend"] = _BACKENDS.get(family, "va")
    elif was and was.startswith("va"):
        part.data["pre-process-backend"] = "opencv"


def sharing_models(graph: Graph) -> Graph:
    """``graph`` with a ``model-instance-id`` on every model that has none: equal ones share what they load.

    Elements share it when device, model and all that shapes the inference are equal; copies of a stream do.
    """
    draft = Draft(graph)
    ids: dict[str, list[dict[str, str]]] = {}
    for part in draft.of_type(*_SHARING):
        if "model-instance-id" in part.data or not part.data.get("model"):
            continue
        shaping = {"type": part.type} | {key: part.data[key] for key in part.data.keys() - _PER_STREAM}
        base = f"{slug(part.data.get('device', 'CPU'))}_{slug(part.data['model'])}"
        known = ids.setdefault(base, [])
        if shaping not in known:
            known.append(shaping)
        number = known.index(shaping)
        part.data["model-instance-id"] = base if number == 0 else f"{base}_{number + 1}"
    return draft.graph()


def slug(text: str) -> str:
    """Lower-case letters and digits, everything else as single dashes; of a path only the file's name."""
    name = text.rpartition("/")[2].removesuffix(".xml")
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
