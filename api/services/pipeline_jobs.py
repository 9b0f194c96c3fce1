"""From what a client wants to run to what a worker gets: a checked graph with names of models and media. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import get_args

from api.services.graphs import Graphs, below, within
from api.services.pipeline_sources import SourceRules, read_by
from shared.catalogue import CatalogueEntry
from shared.devices import AUTO, family_of
from shared.errors import InvalidSpec
from shared.graph.faults import Broken
from shared.graph.model import Graph
from shared.graph.names import CAMERA, Place, model_of, places
from shared.graph.rewrites.outputs import MAIN_SINK
from shared.needs import pipeline_models, pipelines_of
from shared.packing import AnyTask, PipelineTask, ValidateTask
from shared.pipeline_settings import PipelineSettings
from shared.pipelines import DescriptionSource, GraphSource, PipelineSource, VariantSource
from shared.specs import PipelineFields, PipelineSpec, VariantPrecision

_DIGITS = 16
_PRECISIONS = get_args(VariantPrecision)

Variants = Mapping[VariantSource, Graph | InvalidSpec]
"""The graphs of variants that a spec names, or why there is none; pointers begin at what names them."""


class PipelineRules:
    """Checks pipelines against one catalogue and the settings, and makes tasks of them."""

    def __init__(
        self, graphs: Graphs, entries: Mapping[str, CatalogueEntry], settings: PipelineSettings | None = None
    ) -> None:
        settings = settings or PipelineSettings()
        self._graphs = graphs
        self._entries = entries
        self._sources = SourceRules(settings.cameras)
        self._is_live_served = bool(settings.live_server.get_secret_value())

    def task(self, spec: PipelineSpec, variants: Variants) -> tuple[PipelineTask | None, list[Broken]]:
        """The task, or every rule that is broken."""
        try:
            graph = self.graph(spec.pipeline, variants)
        except InvalidSpec as error:
            return None, [*error.broken, *self._unserved(spec)]
        found = [*self._graphs.broken(graph), *self._models(spec, graph), *self._sources.of_graph(spec, graph)]
        of_job = [*self._sources.of_job(spec, graph), *_outputs(spec, graph), *self._unserved(spec)]
        broken = [*_placed(spec, graph, found), *of_job]
        if broken:
            return None, broken
        fields = {name: getattr(spec, name) for name in PipelineFields.model_fields}
        return PipelineTask(**fields, pipeline_id=pipeline_id(spec.pipeline), graph=graph), []

    def inputs_of(self, spec: PipelineSpec, graph: Graph) -> list[Broken]:
        """What is wrong with ``inputs`` alone, where the graph itself isn't."""
        return [] if self._graphs.broken(graph) else self._sources.of_job(spec, graph)

    def runnable(self, task: AnyTask) -> list[PipelineTask]:
        """The pipelines that a job runs. What a validation is going to refuse isn't one."""
        found = pipelines_of(task)
        if not isinstance(task, ValidateTask):
            return found
        return [each for each in found if not self._graphs.broken(each.graph)]

    def needs(self, pipelines: Sequence[PipelineTask]) -> list[str]:
        """Models that must be installed."""
        models = {name for each in pipelines for name in pipeline_models(each.graph)}
        return sorted(models & self._entries.keys())

    def graph(self, source: PipelineSource, variants: Variants) -> Graph:
        """Raises InvalidSpec with pointers from ``/pipeline`` on."""
        match source:
            case GraphSource(pipeline_graph=graph):
                return graph
            case DescriptionSource(pipeline_description=text):
                return self._graphs.read(text, "/pipeline/pipeline_description")
            case VariantSource():
                found = variants[source]
                if isinstance(found, InvalidSpec):
                    raise found
                return found

    def _unserved(self, spec: PipelineSpec) -> list[Broken]:
        if spec.output_mode != "live_stream" or self._is_live_served:
            return []
        says = "no server for live streams is set here (FRAMELANE_PIPELINES__LIVE_SERVER=rtsp://host:8554)"
        return [("/output_mode", f"{says}; use `file`, or follow the job's records")]

    def _models(self, spec: PipelineSpec, graph: Graph) -> list[Broken]:
        found = [place for place in places(graph) if place.named == "model"]
        return [broken for place in found for broken in self._model(spec, place)]

    def _model(self, spec: PipelineSpec, place: Place) -> list[Broken]:
        name, precision = model_of(place.value)
        entry = self._entries.get(name)
        if entry is None or entry.architecture != "network":
            known = ", ".join(name for name, each in self._entries.items() if each.architecture == "network")
            what = f"unknown model {name[:100]!r}" if name else "name a model"
            if entry is not None:
                what = f"model {name} isn't for pipelines"
            return [(place.pointer, f"{what}; there are {known or 'none yet'}")]
        if spec.device != AUTO and family_of(spec.device) not in entry.devices:
            return [(place.pointer, f"model {entry.name} runs on {', '.join(entry.devices)} only")]
        if "@" in place.value and precision not in _PRECISIONS:
            return [(place.pointer, f"there are variants in {', '.join(_PRECISIONS)}, not in {precision[:20]!r}")]
        return []


def media_of(pipelines: Iterable[PipelineTask]) -> list[str]:
    """Names of the media that any of their streams reads."""
    read = {name for each in pipelines for name in read_by(each, each.graph)}
    return sorted(name for name in read if not name.startswith(CAMERA))


def pipeline_id(source: PipelineSource) -> str:
    """What results call the pipeline."""
    match source:
        case VariantSource(pipeline_id=pipeline, variant_id=variant):
            return f"/pipelines/{pipeline}/variants/{variant}"
        case GraphSource(pipeline_graph=graph, graph_id=given):
            return given or f"__graph-{_digest(json.dumps(graph.model_dump(mode='json'), sort_keys=True))}"
        case DescriptionSource(pipeline_description=text, description_id=given):
            return given or f"__description-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _outputs(spec: PipelineSpec, graph: Graph) -> list[Broken]:
    types = {node.type for node in graph.nodes}
    broken: list[Broken] = []
    if spec.metadata_mode == "file" and "gvametapublish" not in types:
        broken.append(("/metadata_mode", "records need gvametaconvert ! gvametapublish in the pipeline"))
    if spec.output_mode != "disabled" and "gvagenai" not in types and (says := _main_sink_missing(graph)):
        broken.append(("/output_mode", says))
    return broken


def _main_sink_missing(graph: Graph) -> str:
    sinks = [node for node in graph.nodes if node.type == "fakesink"]
    named = [node for node in sinks if node.name == MAIN_SINK]
    if len(named or sinks) == 1:
        return ""
    count = "no fakesink" if not sinks else f"{len(sinks)} fakesinks"
    return f"{count}: end the branch that is the output in fakesink name={MAIN_SINK}"


def _placed(spec: PipelineSpec, graph: Graph, broken: Sequence[Broken]) -> list[Broken]:
    match spec.pipeline:
        case GraphSource():
            return below("/pipeline/pipeline_graph", broken)
        case DescriptionSource():
            return within("/pipeline/pipeline_description", graph, broken)
        case VariantSource():
            return within("/pipeline/variant_id", graph, broken)


def missing_media(media: Iterable[str], installed: AbstractSet[str], known: AbstractSet[str]) -> str:
    """A sentence that says how to get the media that aren't there; empty if all are. ``known``: the catalogue."""
    missing = [name for name in media if name not in installed]
    if not missing:
        return ""
    says = f"not in the library: {', '.join(missing)}"
    if can := [name for name in missing if name in known]:
        remedy = json.dumps({"kind": "media_download", "media": can})
        says += f"; add {', '.join(can)} with POST /api/v1/jobs {remedy}"
    return says
