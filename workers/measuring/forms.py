"""Forms of a pipeline that give the same in another way: properties of its models, and what is around them. Pure.

Models by names, as clients see them: a form that was found can be kept as a variant.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import product, zip_longest

from shared.devices import AUTO
from shared.graph.model import Graph
from shared.graph.names import model_of, places, with_precision
from shared.graph.policy import Policy
from shared.graph.rewrites.codecs import decoder_named
from shared.graph.rewrites.draft import Draft, Part
from shared.measurements import SearchSpace
from shared.packing import PipelineTask
from workers.measuring.converting import BOTH, CONVERTERS, LOOKING, SCALERS, fewer_converters, merged
from workers.measuring.decoding import Machine, choices, decoded_by, decoders_of, other_bins

_SKIPPING = ("gvadetect", "gvainference")
_BESIDE = ("gvatrack",)
_BEST_OF_EACH = 2
"""Values of a property that are combined with those of others."""
_MOST_COMBINED = 6
"""Properties, those that helped most: all forms of many would be too many to look through."""


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

    ``precisions``: those a model has variants of, by its name; ``codecs``: of the media that are read.
    ``policy``: what a pipeline may have in it.
    """

    device: str
    devices: Sequence[str] = ()
    precisions: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    codecs: AbstractSet[str] = frozenset()
    machine: Machine = field(default_factory=Machine)
    policy: Policy = field(default_factory=Policy.shipped)


def options(space: SearchSpace, task: PipelineTask, around: Surroundings) -> dict[str, list[str]]:
    """Values that differ from the pipeline's own, by what is searched; nothing that makes no difference to it."""
    wanted: dict[str, Iterable[object]] = {
        **_of_models(space, task, around),
        "decoder": _decoders(space, task.graph, around),
        **_of_converters(space, task.graph, around),
        "isolation": [each for each in space.isolation if task.streams > 1 and each != task.isolation],
        "streams-per-process": _per_process(space, task),
    }
    found = {name: [str(each) for each in values] for name, values in wanted.items()}
    others = {
        name: [each for each in values if not _is_own(task.graph, name, each) and _may(task, name, each, around)]
        for name, values in found.items()
    }
    return {name: values for name, values in others.items() if values}


def _of_models(space: SearchSpace, task: PipelineTask, around: Surroundings) -> dict[str, Iterable[object]]:
    """What models can be told; nothing where nothing looks."""
    graph = task.graph
    models = _models(graph)
    if not models:
        return {}
    return {
        "batch-size": space.batch_size,
        "inference-interval": space.inference_interval if _skipping(graph) else [],
        "nireq": space.nireq,
        "queues": ["yes"] if space.queues and not _is_queued(graph) else [],
        "converters": ["fewer"] if space.converters and fewer_converters(graph) != graph.ordered() else [],
        "precision": [p for p in space.precision if all(p in around.precisions.get(m, ()) for m in models)],
        "device": [each for each in space.device if each in around.devices and each != around.device],
        "pre-process-backend": space.pre_process_backend,
    }


def _decoders(space: SearchSpace, graph: Graph, around: Surroundings) -> Iterable[object]:
    elements = around.machine.elements
    known = decoders_of(graph, around.codecs, around.device, elements)
    if not known:
        return other_bins(graph, around.codecs, elements) if space.decoders else []
    return choices(known if space.decoders else known[:1], graph, around.machine, space.decode_threads)


def _of_converters(space: SearchSpace, graph: Graph, around: Surroundings) -> dict[str, Iterable[object]]:
    """What converters can be told; a way to scale only where somebody looks whether it finds the same."""
    machine, types = around.machine, {node.type for node in graph.nodes}
    converters = types & {*CONVERTERS}
    merges = space.merge_converters and BOTH in machine.elements and merged(graph) != graph.ordered()
    told = bool(converters) and all(machine.has(each, "n-threads") for each in converters)
    return {
        "converters-merged": ["yes"] if merges else [],
        "convert-threads": space.convert_threads if told else [],
        "scale-method": space.scale_method if types & {*SCALERS} and _models(graph) else [],
    }


def _per_process(space: SearchSpace, task: PipelineTask) -> Iterable[object]:
    """Values that lead to different numbers of processes."""
    streams = task.streams
    processes = {-(-streams // task.most_per_process(streams))}
    for each in space.streams_per_process:
        if (count := -(-streams // min(each, streams))) not in processes:
            processes.add(count)
            yield each


def _may(task: PipelineTask, name: str, value: str, around: Surroundings) -> bool:
    """Whether the policy has nothing against it that it hasn't against the pipeline itself."""
    before, after = (
        {(each.element, each.key) for each in around.policy.refusals(graph)}
        for graph in (task.graph, applied(task, Form(((name, value),))).graph)
    )
    return after <= before


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
    most = list(helped.items())[:_MOST_COMBINED]
    changes = [[None, *((name, value) for value, _ in values)] for name, values in most]
    picked = ([change for change in row if change is not None] for row in product(*changes))
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
        fields |= {"isolation": changes["isolation"], "streams_per_process": None}
    if "streams-per-process" in changes:
        fields |= {"isolation": "pipeline", "streams_per_process": int(changes["streams-per-process"])}
    return task.model_copy(update=fields)


def conditions(original: PipelineTask, made: PipelineTask) -> list[str]:
    """What the text of a form doesn't say, but its rate hangs on."""
    notes: list[str] = []
    most = made.most_per_process(made.streams)
    if most != original.most_per_process(original.streams):
        notes.append(f"run it with `streams_per_process` {most}: that is no part of the pipeline")
    own = {node.type for node in original.graph.nodes}
    decoders = {node.type: found for node in made.graph.nodes if (found := decoder_named(node.type))}
    if own & {"decodebin", "decodebin3"} and (new := decoders.keys() - own):
        (first, *_) = sorted(new)
        notes.append(f"{first} reads {decoders[first].codec} only, the original whatever it is given")
    return notes


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
    "decoder": decoded_by,
    "converters": lambda graph, _fewer: fewer_converters(graph),
    "converters-merged": lambda graph, _yes: merged(graph),
    "convert-threads": _set("n-threads", CONVERTERS),
    "scale-method": _set("method", SCALERS),
    "queues": _queued,
    "device": _set("device", LOOKING),
    "batch-size": _set("batch-size", LOOKING),
    "nireq": _set("nireq", LOOKING),
    "inference-interval": _set("inference-interval", _SKIPPING),
    "pre-process-backend": _set("pre-process-backend", LOOKING),
    "precision": with_precision,
}
"""What changes the graph, in the order in which it is done."""


_SETTINGS: Mapping[str, tuple[str, Sequence[str], str]] = {
    "batch-size": ("batch-size", LOOKING, "1"),
    "nireq": ("nireq", LOOKING, "0"),
    "inference-interval": ("inference-interval", _SKIPPING, "1"),
    "pre-process-backend": ("pre-process-backend", LOOKING, ""),
    "convert-threads": ("n-threads", CONVERTERS, "1"),
    "scale-method": ("method", SCALERS, "bilinear"),
}
"""What is searched that is a property: of which elements, and what it is if it isn't set."""


def _is_own(graph: Graph, name: str, value: str) -> bool:
    """Whether all elements that ``name`` is about have the value already."""
    if name == "precision":
        return all(model_of(place.value)[1] == value for place in places(graph) if place.named == "model")
    if name not in _SETTINGS:
        return False
    key, elements, default = _SETTINGS[name]
    return {node.data.get(key, default) for node in graph.nodes if node.type in elements} == {value}


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
