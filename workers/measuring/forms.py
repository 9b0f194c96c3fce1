"""Forms of a pipeline that give the same in another way: properties of its models, and what is around them. Pure.

Models by names, as clients see them: a form that was found can be kept as a variant.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product, zip_longest

from shared.devices import AUTO
from shared.graph.model import Graph
from shared.graph.names import model_of, places, with_precision
from shared.graph.rewrites.draft import Draft, Part
from shared.measurements import SearchSpace
from shared.packing import PipelineTask

LOOKING = ("gvadetect", "gvaclassify", "gvainference")
"""Elements that look at frames with a model of the catalogue."""

_SKIPPING = ("gvadetect", "gvainference")
_BESIDE = ("gvatrack",)
_CONVERTERS = ("videoconvert", "videoscale", "videoconvertscale")
_DEFAULTS = {"batch-size": "1", "nireq": "0", "inference-interval": "1"}
_BEST_OF_EACH = 2
"""Values of a property that are combined with those of others."""


@dataclass(frozen=True, slots=True)
class Form:
    """``changes`` against the original, by what is searched; none: the original."""

    changes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, changes: Mapping[str, str]) -> "Form":
        """In the order of names, so that equal forms are equal."""
        return cls(tuple(sorted(changes.items())))

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.changes) or "the original"


ORIGINAL = Form()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is beside a pipeline. ``device``: the one that the job has; ``devices``: what can be searched.

    ``precisions``: those a model has variants of, by its name.
    """

    device: str
    devices: Sequence[str] = ()
    precisions: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


def options(space: SearchSpace, task: PipelineTask, around: Surroundings) -> dict[str, list[str]]:
    """Values that differ from the pipeline's own, by what is searched; nothing that makes no difference to it."""
    graph = task.graph
    models = _models(graph)
    isolation = [each for each in space.isolation if task.streams > 1 and each != task.isolation]
    if not models:
        return {"isolation": list(isolation)} if isolation else {}
    wanted: dict[str, Iterable[object]] = {
        "batch-size": space.batch_size,
        "inference-interval": space.inference_interval if _skipping(graph) else [],
        "nireq": space.nireq,
        "queues": ["yes"] if space.queues and not _is_queued(graph) else [],
        "converters": ["fewer"] if space.converters and fewer_converters(graph) != graph.ordered() else [],
        "precision": [p for p in space.precision if all(p in around.precisions.get(m, ()) for m in models)],
        "device": [each for each in space.device if each in around.devices and each != around.device],
        "pre-process-backend": space.pre_process_backend,
        "isolation": isolation,
    }
    found = {name: [str(each) for each in values] for name, values in wanted.items()}
    others = {name: [v for v in values if not _is_own(graph, name, v)] for name, values in found.items()}
    return {name: values for name, values in others.items() if values}


def singles(found: Mapping[str, Sequence[str]]) -> list[Form]:
    """One change each; the first values of all properties before the second ones, as time may be short."""
    rows = zip_longest(*([(name, value) for value in values] for name, values in found.items()))
    return [Form((change,)) for row in rows for change in row if change is not None]


def combined(ratios: Mapping[Form, float]) -> list[Form]:
    """Several changes at once, the most promising first.

    ``ratios``: rates of forms with one change, over the original's. Only changes that helped are combined, as if
    each did its part whatever the others do.
    """
    helped: dict[str, list[tuple[str, float]]] = {}
    for form, ratio in sorted(ratios.items(), key=lambda item: -item[1]):
        ((name, value),) = form.changes
        if ratio > 1 and len(helped.setdefault(name, [])) < _BEST_OF_EACH:
            helped[name].append((value, ratio))
    choices = [[None, *((name, value) for value, _ in values)] for name, values in helped.items()]
    picked = ([change for change in row if change is not None] for row in product(*choices))
    forms = [Form.of(dict(changes)) for changes in picked if len(changes) > 1]
    return sorted(forms, key=lambda form: -expected(form, ratios))


def expected(form: Form, ratios: Mapping[Form, float]) -> float:
    """Rate over the original's, if changes do as much together as each alone."""
    return math.prod(ratios[Form((change,))] for change in form.changes)


def applied(task: PipelineTask, form: Form) -> PipelineTask:
    """The pipeline in this form."""
    changes = dict(form.changes)
    graph = task.graph
    for name, change in _REWRITES.items():
        if name in changes:
            graph = change(graph, changes[name])
    fields: dict[str, object] = {"graph": graph}
    if "device" in changes:
        fields["device"] = AUTO  # where it runs is in the graph
    if "isolation" in changes:
        fields["isolation"] = changes["isolation"]
    return task.model_copy(update=fields)


def fewer_converters(graph: Graph) -> Graph:
    """Without converters before a model that no caps filter follows: models convert what they look at."""
    draft = Draft(graph)
    for part in draft.of_type(*_CONVERTERS):
        if not (part.data.keys() - {"name"}) and _feeds_only_models(draft, part):
            draft.replace(part, [])
    return draft.graph()


def _feeds_only_models(draft: Draft, part: Part) -> bool:
    """Whether nothing but queues stands between it and models, and something gives it raw frames."""
    before, behind = draft.into(part), draft.out_of(part)
    if len(before) != 1 or len(behind) != 1 or before[0].source.is_caps:
        return False
    target = behind[0].target
    while target.type == "queue" and len(draft.out_of(target)) == 1:
        target = draft.out_of(target)[0].target
    return target.type in LOOKING


def _set(key: str, elements: Sequence[str]) -> Callable[[Graph, str], Graph]:
    def change(graph: Graph, value: str) -> Graph:
        draft = Draft(graph)
        for part in draft.of_type(*elements):
            part.data[key] = value
        return draft.graph()

    return change


def _queued(graph: Graph, _yes: str) -> Graph:
    """With a queue before and behind each model, so that each works in a thread of its own."""
    draft = Draft(graph)
    for part in draft.of_type(*LOOKING):
        before = draft.into(part)
        if before and not any(link.source.type == "queue" for link in before):
            draft.replace(part, [Part("queue"), part])
        if not any(link.target.type == "queue" for link in draft.out_of(part)):
            draft.replace(part, [part, Part("queue")])
    return draft.graph()


def _is_queued(graph: Graph) -> bool:
    return len(_queued(graph, "yes").nodes) == len(graph.nodes)


_REWRITES: Mapping[str, Callable[[Graph, str], Graph]] = {
    "converters": lambda graph, _fewer: fewer_converters(graph),
    "queues": _queued,
    "device": _set("device", LOOKING),
    "batch-size": _set("batch-size", LOOKING),
    "nireq": _set("nireq", LOOKING),
    "inference-interval": _set("inference-interval", _SKIPPING),
    "pre-process-backend": _set("pre-process-backend", LOOKING),
    "precision": with_precision,
}
"""What changes the graph, in the order in which it is done."""


def _is_own(graph: Graph, name: str, value: str) -> bool:
    """Whether all elements that ``name`` is about have the value already."""
    elements = _SKIPPING if name == "inference-interval" else LOOKING
    if name == "precision":
        return all(model_of(place.value)[1] == value for place in places(graph) if place.named == "model")
    if name not in {*_DEFAULTS, "pre-process-backend"}:
        return False
    own = {node.data.get(name, _DEFAULTS.get(name, "")) for node in graph.nodes if node.type in elements}
    return own == {value}


def _models(graph: Graph) -> list[str]:
    """Names of the models that are looked with."""
    looking = {node.id for node in graph.nodes if node.type in LOOKING}
    found = [place for place in places(graph) if place.named == "model" and place.node in looking]
    return [model_of(place.value)[0] for place in found]


def _skipping(graph: Graph) -> bool:
    return any(node.type in _SKIPPING for node in graph.nodes)


def recorded(graph: Graph) -> Graph:
    """With a record of every frame behind the last that look at it, empty ones too, and no other records.

    A graph in which nothing looks stays as it is.
    """
    draft = Draft(graph)
    lookers = draft.of_type(*LOOKING, *_BESIDE)
    if not lookers:
        return graph
    for part in draft.of_type("gvametaconvert", "gvametapublish"):
        draft.replace(part, [])
    for part in lookers:
        if not any(behind.type in (*LOOKING, *_BESIDE) for behind in draft.downstream(part)):
            convert = Part("gvametaconvert", {"add-empty-results": "true"})
            draft.replace(part, [part, convert, Part("gvametapublish", {"method": "file"})])
    return draft.graph()


def looks(graph: Graph) -> bool:
    """Whether anything in it finds objects."""
    return any(node.type in (*LOOKING, *_BESIDE) for node in graph.nodes)
