"""What a job asks of the device that runs it, from its task and what is known of its models. Pure."""

import re
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from shared.catalogue import CatalogueEntry
from shared.devices import Device
from shared.errors import InvalidSpec
from shared.graph.model import Graph
from shared.graph.names import model_of, places
from shared.graph.parser import parse
from shared.graph.rewrites.devices import MODELS
from shared.measurements import ComparedModel
from shared.packing import (
    AnyTask,
    DensityTask,
    InferenceTask,
    OptimizeTask,
    PerformanceTask,
    PipelineTask,
    SuiteTask,
    ValidateTask,
)
from shared.pipelines import DescriptionSource, GraphSource
from shared.results import InstalledModel
from shared.routing import Needs
from shared.settings import RoutingSettings
from shared.specs import JobKind, ModelConvertSpec

RUN_PIPELINES: tuple[JobKind, ...] = ("pipeline", "performance", "density", "optimize", "validate", "suite")

_SUFFICIENT = {
    "INT8": frozenset({"INT8"}),
    "FP16": frozenset({"FP16", "FP32"}),
    "FP32": frozenset({"FP16", "FP32"}),
}
"""What a device must be capable of for a variant; floating point is computed in what it has of that."""

_FAMILY = re.compile(r"\b(?:CPU|GPU|NPU)\b")


def work_of(task: AnyTask) -> str:
    """The name under which the time of such jobs is measured: ``inference/asl``, ``pipeline``."""
    return f"{task.kind}/{task.model}" if isinstance(task, InferenceTask) else task.kind


def needs_of(
    task: AnyTask,
    entries: Mapping[str, CatalogueEntry],
    installed: Mapping[str, InstalledModel],
    settings: RoutingSettings,
) -> Needs:
    """Models that nobody knows are believed to run everywhere and to take no memory."""
    if isinstance(task, InferenceTask):
        entry = _entry(task.model, entries, installed)
        return Needs(
            families=frozenset(Device) if entry is None else frozenset(entry.devices),
            work=work_of(task),
            model=task.model,
            memory_bytes=estimated_bytes(installed.get(task.model), settings),
            precisions=_SUFFICIENT.get(task.options.precision or "", frozenset()),
            runtimes=_runtimes(task, entry),
        )
    if isinstance(task, ValidateTask) and task.model is not None:
        return _of_compared(task, task.model, entries, installed, settings)
    if isinstance(task, ModelConvertSpec):
        return Needs(families=frozenset({Device.CPU}), work=work_of(task))
    if isinstance(task, SuiteTask):  # its tests run one after the other
        each = [needs_of(test.task, entries, installed, settings) for test in task.tests]
        families = frozenset(Device).intersection(*(needs.families for needs in each))
        return Needs(families=families, work=work_of(task), memory_bytes=max(needs.memory_bytes for needs in each))
    families, memory_bytes = frozenset(Device), 0
    for pipeline in pipelines_of(task):
        models = pipeline_models(pipeline.graph)
        families &= pipeline_families(
            pipeline.graph, [entry for name in models if (entry := _entry(name, entries, installed))]
        )
        memory_bytes += sum(estimated_bytes(installed.get(name), settings) for name in models)
    return Needs(families=families, work=work_of(task), memory_bytes=memory_bytes)


def _of_compared(
    task: ValidateTask,
    model: ComparedModel,
    entries: Mapping[str, CatalogueEntry],
    installed: Mapping[str, InstalledModel],
    settings: RoutingSettings,
) -> Needs:
    entry = _entry(model.name, entries, installed)
    # Workers of long lanes tell no runtimes: a helper process has them.
    return Needs(
        families=frozenset(Device) if entry is None else frozenset(entry.devices),
        work=work_of(task),
        memory_bytes=2 * estimated_bytes(installed.get(model.name), settings),
        precisions=_SUFFICIENT.get(model.precision or "", frozenset()),
    )


def pipelines_of(task: AnyTask) -> list[PipelineTask]:
    """Those a job runs. A validation has none while its text can't be read."""
    match task:
        case PipelineTask():
            return [task]
        case PerformanceTask(specs=pipelines) | DensityTask(specs=pipelines):
            return pipelines
        case OptimizeTask(pipeline=pipeline):
            return [pipeline]
        case SuiteTask(tests=tests):
            return [pipeline for test in tests for pipeline in test.task.specs]
        case ValidateTask():
            graph = _to_validate(task)
            once = {"device": task.device, "inputs": task.inputs, "pipeline_id": task.pipeline_id}
            return [PipelineTask.model_validate({**once, "graph": graph})] if graph else []
        case _:
            return []


def _to_validate(task: ValidateTask) -> Graph | None:
    match task.pipeline:
        case GraphSource(pipeline_graph=graph):
            return graph
        case DescriptionSource(pipeline_description=text):
            try:
                return parse(text)
            except InvalidSpec:
                return None
        case _:
            return task.graph


def _entry(
    name: str, entries: Mapping[str, CatalogueEntry], installed: Mapping[str, InstalledModel]
) -> CatalogueEntry | None:
    """The catalogue's, or the one that an uploaded or converted model brought."""
    if name in entries or name not in installed:
        return entries.get(name)
    try:
        return CatalogueEntry.model_validate(installed[name].entry)
    except ValidationError:  # it has none, or one of a later version
        return None


def _runtimes(task: InferenceTask, entry: CatalogueEntry | None) -> frozenset[str]:
    if task.options.runtime != "auto":
        return frozenset([task.options.runtime])
    return frozenset() if entry is None else frozenset(entry.runtimes)


def estimated_bytes(model: InstalledModel | None, settings: RoutingSettings) -> int:
    """Memory that a loaded model takes, from the size of its largest file; 0 if it isn't known."""
    largest = max((file.size for file in model.files), default=0) if model else 0
    return round(largest * settings.memory_factor) + settings.memory_base_bytes if largest else 0


def pipeline_models(graph: Graph) -> list[str]:
    """Names of the models that a pipeline's elements run, in order."""
    return sorted({model_of(place.value)[0] for place in places(graph) if place.named == "model"})


def pipeline_families(graph: Graph, models: Iterable[CatalogueEntry]) -> frozenset[Device]:
    """Those its elements name, or all where they name none, as far as all its models run there."""
    named = {
        Device(family)
        for node in graph.nodes
        if node.type in MODELS
        for family in _FAMILY.findall(node.data.get("device", ""))
    }
    return frozenset(named or Device).intersection(*(each.devices for each in models))
