"""From what a client wants to measure to what a worker gets: each pipeline as a job of its own has it. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from api.services.graphs import below
from api.services.pipeline_jobs import PipelineRules, Variants, pipeline_id
from api.services.pipeline_sources import read_by
from shared.errors import InvalidSpec
from shared.graph.faults import Broken
from shared.graph.names import CAMERA
from shared.measurements import (
    MOST_STREAMS,
    DensityFields,
    DensitySpec,
    Load,
    OptimizeFields,
    OptimizeSpec,
    PerformanceFields,
    PerformanceSpec,
    RunFields,
    Share,
    ShareFields,
    ValidateFields,
    ValidateSpec,
)
from shared.packing import (
    DensityTask,
    OptimizeTask,
    PerformanceTask,
    PipelineTask,
    SuiteTask,
    SuiteTaskTest,
    ValidateTask,
)
from shared.pipelines import PipelineSource, VariantSource
from shared.specs import AnySpec, PipelineSpec
from shared.suites import (
    PerformanceOfSuite,
    SuiteFields,
    SuiteSpec,
    SuiteTest,
    SuiteTestFields,
    shipped_suites,
    tests_of,
)

MeasurementSpec = PerformanceSpec | DensitySpec | OptimizeSpec | ValidateSpec | SuiteSpec
MeasurementTask = PerformanceTask | DensityTask | OptimizeTask | ValidateTask | SuiteTask

_REPEATED_S = 86_400.0
"""Files begin again when they end: a run is as long as its measurement."""

_LONGEST_NAME = 200

_NO_CAMERAS = "a camera gives each run other pictures, and its own rate: measure with media of the library"


def _fine(_task: PipelineTask) -> list[Broken]:
    return []


class MeasurementRules:
    """Checks measurements, and makes tasks of them."""

    def __init__(self, pipelines: PipelineRules) -> None:
        self._pipelines = pipelines

    def task(self, spec: MeasurementSpec, variants: Variants) -> tuple[MeasurementTask | None, list[Broken]]:
        """The task, or every rule that is broken."""
        match spec:
            case PerformanceSpec():
                return self._performance(spec, variants)
            case DensitySpec():
                return self._density(spec, variants)
            case OptimizeSpec():
                return self._optimize(spec, variants)
            case ValidateSpec():
                return self._validate(spec, variants)
            case SuiteSpec():
                return self._suite(spec, variants)

    def _performance(
        self, spec: PerformanceSpec, variants: Variants
    ) -> tuple[PerformanceTask | None, list[Broken]]:
        singles = [_single(spec, each, each.streams) for each in spec.specs]
        tasks, broken = self._all(singles, variants)
        broken += _too_many(sum(each.streams for each in spec.specs), "/specs")
        if broken:
            return None, broken
        fields = {name: getattr(spec, name) for name in PerformanceFields.model_fields}
        return PerformanceTask(**fields, specs=tasks), []

    def _density(self, spec: DensitySpec, variants: Variants) -> tuple[DensityTask | None, list[Broken]]:
        # Rules of streams are asked with the most that there may be.
        singles = [_single(spec, each, each.streams or spec.max_streams) for each in spec.specs]
        tasks, broken = self._all(singles, variants, _cameras)
        broken += _too_few(spec)
        if broken:
            return None, broken
        shares = [
            ShareFields(**{name: getattr(each, name) for name in ShareFields.model_fields}) for each in spec.specs
        ]
        begun = [
            task.model_copy(update={"streams": share.streams or 1})
            for task, share in zip(tasks, shares, strict=True)
        ]
        fields = {name: getattr(spec, name) for name in DensityFields.model_fields}
        return DensityTask(**fields, specs=begun, shares=shares), []

    def _optimize(self, spec: OptimizeSpec, variants: Variants) -> tuple[OptimizeTask | None, list[Broken]]:
        task, broken = self._pipelines.task(_single(spec, spec, spec.streams), variants)
        if task is not None:
            broken += _cameras(task)
        broken += _unsearchable(spec)
        if task is None or broken:
            return None, broken
        fields = {name: getattr(spec, name) for name in OptimizeFields.model_fields}
        return OptimizeTask(**fields, pipeline=task), []

    def _validate(self, spec: ValidateSpec, variants: Variants) -> tuple[ValidateTask | None, list[Broken]]:
        fields = {name: getattr(spec, name) for name in ValidateFields.model_fields}
        if spec.pipeline is None:  # its model is checked with all models
            return ValidateTask(**fields, model=spec.model), []
        named = isinstance(spec.pipeline, VariantSource)
        try:
            graph = self._pipelines.graph(spec.pipeline, variants)
        except InvalidSpec as error:
            if named:
                return None, list(error.broken)
            graph = None  # that it can't be read is the verdict
        once = PipelineSpec(pipeline=spec.pipeline, inputs=spec.inputs, max_runtime_s=spec.max_runtime_s)
        if graph is not None and (broken := self._pipelines.inputs_of(once, graph)):
            return None, broken
        called = pipeline_id(spec.pipeline)
        return ValidateTask(
            **fields, pipeline_id=called, pipeline=spec.pipeline, graph=graph if named else None
        ), []

    def _suite(self, spec: SuiteSpec, variants: Variants) -> tuple[SuiteTask | None, list[Broken]]:
        known = shipped_suites()
        if spec.suite is not None and spec.suite not in known:
            return None, [("/suite", f"there is no suite {spec.suite!r}; there are {', '.join(known)}")]
        title = spec.name or (known[spec.suite].title if spec.suite else "")
        made: list[SuiteTaskTest] = []
        broken: list[Broken] = []
        for number, test in enumerate(tests_of(spec)):
            task, found = self._test(spec, test, title or "suite", variants)
            if task is not None:
                made.append(SuiteTaskTest(name=test.name, weight=test.weight, reference=test.reference, task=task))
            broken += below(f"/tests/{number}", found) if spec.suite is None else _of_shipped(test, found)
        if broken:
            return None, broken
        fields = {name: getattr(spec, name) for name in SuiteFields.model_fields if name != "name"}
        return SuiteTask(**fields, name=title, tests=made), []

    def _test(
        self, spec: SuiteSpec, test: SuiteTest, title: str, variants: Variants
    ) -> tuple[PerformanceTask | DensityTask | None, list[Broken]]:
        """As a job of its own would have it."""
        own = type(test).model_fields.keys() - SuiteTestFields.model_fields.keys() | RunFields.model_fields.keys()
        fields: dict[str, Any] = {name: getattr(test, name) for name in own}
        fields |= {"name": f"{title}: {test.name}"[:_LONGEST_NAME], "device": spec.device}
        if isinstance(test, PerformanceOfSuite):
            return self._performance(PerformanceSpec(**fields), variants)
        return self._density(DensitySpec(**fields), variants)

    def _all(
        self,
        singles: Sequence[PipelineSpec],
        variants: Variants,
        more: Callable[[PipelineTask], list[Broken]] = _fine,
    ) -> tuple[list[PipelineTask], list[Broken]]:
        """The task of each, in their order, if nothing is broken; ``more``: another rule for each."""
        tasks: list[PipelineTask] = []
        broken: list[Broken] = []
        for number, single in enumerate(singles):
            task, found = self._pipelines.task(single, variants)
            if task is not None:
                tasks.append(task)
                found = more(task)
            broken += below(f"/specs/{number}", found)
        return tasks, broken


def variants_of(spec: AnySpec) -> list[VariantSource]:
    """The variants that a spec names, each once."""
    return list(dict.fromkeys(source for source in _sources(spec) if isinstance(source, VariantSource)))


def _sources(spec: AnySpec) -> list[PipelineSource]:
    match spec:
        case PipelineSpec() | OptimizeSpec():
            return [spec.pipeline]
        case ValidateSpec():
            return [] if spec.pipeline is None else [spec.pipeline]
        case PerformanceSpec() | DensitySpec():
            return [each.pipeline for each in spec.specs]
        case SuiteSpec():
            return [each.pipeline for test in tests_of(spec) for each in test.specs]
        case _:
            return []


def _of_shipped(test: SuiteTest, found: Sequence[Broken]) -> list[Broken]:
    """The caller has written no test: the suite is what is wrong here."""
    return [("/suite", f"its test {test.name}: {says}") for _, says in found]


def _single(
    spec: PerformanceSpec | DensitySpec | OptimizeSpec, part: Load | Share | OptimizeSpec, streams: int
) -> PipelineSpec:
    """One pipeline of a measurement as if it were asked for alone."""
    return PipelineSpec(
        pipeline=part.pipeline,
        streams=streams,
        inputs=part.inputs,
        device=spec.device,
        isolation=spec.isolation,
        streams_per_process=spec.streams_per_process,
        latency_metrics=not isinstance(spec, DensitySpec) and _tells_latency(spec),
        max_runtime_s=_REPEATED_S,
    )


def _tells_latency(spec: PerformanceSpec | OptimizeSpec) -> bool:
    """Forms of a pipeline are always compared by it too."""
    return isinstance(spec, OptimizeSpec) or spec.latency_metrics


def _cameras(task: PipelineTask) -> list[Broken]:
    if not any(name.startswith(CAMERA) for name in read_by(task, task.graph)):
        return []
    return [("/inputs" if task.inputs else "/pipeline", _NO_CAMERAS)]


def _too_many(streams: int, pointer: str) -> list[Broken]:
    if streams <= MOST_STREAMS:
        return []
    return [(pointer, f"{streams} streams in all; a measurement has at most {MOST_STREAMS}")]


def _too_few(spec: DensitySpec) -> Iterator[Broken]:
    growing = sum(1 for each in spec.specs if each.stream_rate)
    if spec.max_streams < growing:
        yield "/max_streams", f"{growing} pipelines share the streams: allow at least {growing}"
    pinned = sum(each.streams or 0 for each in spec.specs)
    yield from _too_many(pinned + spec.max_streams, "/max_streams")


def _unsearchable(spec: OptimizeSpec) -> Iterator[Broken]:
    needed = 2 * (spec.warmup_s + spec.search.sample_s)
    if spec.search.duration_s < needed:
        says = f"is too little for the original and one other form: {needed:g} s are needed at least"
        yield "/search/duration_s", says
    if spec.save_as and not isinstance(spec.pipeline, VariantSource):
        yield "/save_as", "what is saved is a variant of a pipeline: name one by `source`: `variant`"
