"""From what a client wants to run to what a worker gets: a checked graph with names of models and media. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from api.services.graphs import Graphs, below, within
from shared.catalogue import CatalogueEntry
from shared.devices import AUTO, Device, family_of
from shared.graph.faults import Broken, PipelineUnreadable
from shared.graph.model import Graph, Node
from shared.graph.names import Place, places
from shared.graph.rewrites.devices import MODELS
from shared.graph.rewrites.outputs import MAIN_SINK
from shared.graph.rewrites.sources import NAMING
from shared.packing import PipelineTask
from shared.pipelines import DescriptionSource, GraphSource, VariantSource
from shared.specs import PipelineFields, PipelineSpec

_DIGITS = 16
_LIVE = {"rtspsrc": "", "v4l2src": "", "source": "camera"}
"""Elements that read a camera; ``source`` does if its kind says so."""
_FAMILY = re.compile(r"\b(?:CPU|GPU|NPU)\b")


class PipelineRules:
    """Checks pipelines against one catalogue and makes tasks of them."""

    def __init__(self, graphs: Graphs, entries: Mapping[str, CatalogueEntry]) -> None:
        self._graphs = graphs
        self._entries = entries

    def task(self, spec: PipelineSpec, variant: Graph | None) -> tuple[PipelineTask | None, list[Broken]]:
        """The task, or every rule that is broken. ``variant``: the graph of a variant that ``spec`` names."""
        try:
            graph = self._graph(spec, variant)
        except PipelineUnreadable as error:
            return None, [*error.broken, *_unlikely(spec)]
        found = [*self._graphs.broken(graph), *self._models(spec, graph), *_sources(spec, graph)]
        broken = [*_placed(spec, graph, found), *_counts(spec, graph), *_outputs(spec, graph), *_unlikely(spec)]
        if broken:
            return None, broken
        fields = {name: getattr(spec, name) for name in PipelineFields.model_fields}
        return PipelineTask(**fields, pipeline_id=pipeline_id(spec), graph=graph), []

    def needs(self, task: PipelineTask) -> list[str]:
        """Models that must be installed."""
        return sorted({place.value for place in places(task.graph) if place.named == "model"})

    def families(self, task: PipelineTask) -> tuple[Device, ...]:
        """Where ``AUTO`` may send it: to the devices its elements name, if all its models run there."""
        named = set[str]()
        for node in task.graph.nodes:
            if node.type in MODELS:
                named.update(_FAMILY.findall(node.data.get("device", "")))
        allowed = [set(self._entries[name].devices) for name in self.needs(task) if name in self._entries]
        return tuple(
            family
            for family in Device
            if (not named or family in named) and all(family in each for each in allowed)
        )

    def _graph(self, spec: PipelineSpec, variant: Graph | None) -> Graph:
        match spec.pipeline:
            case GraphSource(pipeline_graph=graph):
                return graph
            case DescriptionSource(pipeline_description=text):
                return self._graphs.read(text, "/pipeline/pipeline_description")
            case VariantSource():
                assert variant is not None  # noqa: S101  who calls looks it up
                return variant

    def _models(self, spec: PipelineSpec, graph: Graph) -> list[Broken]:
        found = [place for place in places(graph) if place.named == "model"]
        return [broken for place in found for broken in self._model(spec, place)]

    def _model(self, spec: PipelineSpec, place: Place) -> list[Broken]:
        entry = self._entries.get(place.value)
        if entry is None or entry.architecture != "network":
            known = ", ".join(name for name, each in self._entries.items() if each.architecture == "network")
            what = f"unknown model {place.value[:100]!r}" if place.value else "name a model"
            if entry is not None:
                what = f"model {place.value} isn't for pipelines"
            return [(place.pointer, f"{what}; there are {known or 'none yet'}")]
        if spec.device != AUTO and family_of(spec.device) not in entry.devices:
            return [(place.pointer, f"model {entry.name} runs on {', '.join(entry.devices)} only")]
        return []


def media_of(task: PipelineTask) -> list[str]:
    """Names of the media it reads."""
    return sorted(set(task.inputs or [node.data[NAMING[node.type]] for _, node in _naming(task.graph)]))


def pipeline_id(spec: PipelineSpec) -> str:
    """What results call the pipeline."""
    match spec.pipeline:
        case VariantSource(pipeline_id=pipeline, variant_id=variant):
            return f"/pipelines/{pipeline}/variants/{variant}"
        case GraphSource(pipeline_graph=graph, graph_id=given):
            return given or f"__graph-{_digest(json.dumps(graph.model_dump(mode='json'), sort_keys=True))}"
        case DescriptionSource(pipeline_description=text, description_id=given):
            return given or f"__description-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _naming(graph: Graph) -> list[tuple[int, Node]]:
    """Sources that name what they read, with their place in the list, in the order of the pipeline."""
    numbers = {id(node): number for number, node in enumerate(graph.nodes)}
    return [(numbers[id(node)], node) for node in graph.ordered().nodes if node.type in NAMING]


def _sources(spec: PipelineSpec, graph: Graph) -> list[Broken]:
    """Sources that would read nothing. What the caller puts in their place isn't asked here."""
    broken: list[Broken] = []
    for number, node in [] if spec.inputs else _naming(graph):
        key = NAMING[node.type]
        name = node.data.get(key, "")
        if _is_live(node):
            broken.append(
                (f"/nodes/{number}/data/{key}", f"there is no camera {name[:100]!r}: none is known here")
            )
        elif not name:
            broken.append((f"/nodes/{number}/data/{key}", "name a medium, or give `inputs`"))
    return broken


def _is_live(node: Node) -> bool:
    kind = _LIVE.get(node.type)
    return kind is not None and kind in {"", node.data.get("kind")}


def _counts(spec: PipelineSpec, graph: Graph) -> list[Broken]:
    sources = _naming(graph)
    broken: list[Broken] = []
    if spec.inputs and len(spec.inputs) != len(sources):
        says = f"the pipeline has {len(sources)} source{'s'[: len(sources) != 1]} that can read another medium"
        broken.append(("/inputs", f"{says}, not {len(spec.inputs)}; every stream reads the same"))
    live = [node.type for _, node in sources if _is_live(node)]
    if spec.max_runtime_s and live and not spec.inputs:
        broken.append(("/max_runtime_s", f"{live[0]} is live: it can't begin again"))
    return broken


def _outputs(spec: PipelineSpec, graph: Graph) -> list[Broken]:
    types = {node.type for node in graph.nodes}
    broken: list[Broken] = []
    if spec.metadata_mode == "file" and "gvametapublish" not in types:
        broken.append(("/metadata_mode", "records need gvametaconvert ! gvametapublish in the pipeline"))
    if spec.output_mode == "file" and "gvagenai" not in types and (says := _main_sink_missing(graph)):
        broken.append(("/output_mode", says))
    return broken


def _main_sink_missing(graph: Graph) -> str:
    sinks = [node for node in graph.nodes if node.type == "fakesink"]
    named = [node for node in sinks if node.name == MAIN_SINK]
    if len(named or sinks) == 1:
        return ""
    count = "no fakesink" if not sinks else f"{len(sinks)} fakesinks"
    return f"{count}: end the branch that is the output in fakesink name={MAIN_SINK}"


def _unlikely(spec: PipelineSpec) -> list[Broken]:
    if spec.output_mode == "live_stream":
        return [("/output_mode", "live streams aren't served here yet; use `file`, or follow the job's records")]
    return []


def _placed(spec: PipelineSpec, graph: Graph, broken: Sequence[Broken]) -> list[Broken]:
    match spec.pipeline:
        case GraphSource():
            return below("/pipeline/pipeline_graph", broken)
        case DescriptionSource():
            return within("/pipeline/pipeline_description", graph, broken)
        case VariantSource():
            return within("/pipeline/variant_id", graph, broken)


def missing_media(task: PipelineTask, installed: AbstractSet[str], known: AbstractSet[str]) -> str:
    """A sentence that says how to get the media that aren't there; empty if all are. ``known``: the catalogue."""
    missing = [name for name in media_of(task) if name not in installed]
    if not missing:
        return ""
    says = f"not in the library: {', '.join(missing)}"
    if can := [name for name in missing if name in known]:
        remedy = json.dumps({"kind": "media_download", "media": can})
        says += f"; add {', '.join(can)} with POST /api/v1/jobs {remedy}"
    return says
