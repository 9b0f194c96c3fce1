"""What measurements answer, and the record of one that is kept beyond its job."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.access import DEFAULT_TENANT, is_default
from shared.figures import Drift, Figure, Latency, MachineFigure
from shared.graph.model import Graph
from shared.measure.compare import Verdict
from shared.predictions import Answer

MeasuredKind = Literal["performance", "density", "optimize", "validate", "suite"]


class MeasuredStream(Answer):
    """One stream of a pipeline; ``latency`` is of the last run that told it.

    ``dropped``: frames that its sink left out because they came too late, in all runs that count.
    """

    stream: int
    fps: Figure
    latency: Latency | None = None
    dropped: int = 0


class MeasuredPipeline(Answer):
    """One pipeline and its streams. ``graph_sha256``: of its text with names of models and media."""

    pipeline_id: str
    graph_sha256: str
    total_fps: Figure
    slowest_fps: Figure
    streams: list[MeasuredStream]


class MeasuredRun(Answer):
    """One run. ``fps``, ``dropped``: by pipeline that had streams, then by stream, in the order of the specs.

    ``disturbed``: why it isn't trusted; it was repeated if the job's limits let it. ``machine``: processors in
    percent of all of them; what the machine doesn't tell is absent. ``moments``: the same over time, ``at``
    seconds after the measured part began.
    """

    fps: list[list[float]]
    window_s: float
    dropped: list[list[int]] = Field(default_factory=list[list[int]])
    disturbed: str | None = None
    machine: dict[str, MachineFigure] = Field(default_factory=dict[str, MachineFigure])
    moments: list[dict[str, float]] = Field(default_factory=list[dict[str, float]])


class Environment(Answer):
    """What was measured on and with: the same fingerprint means the same of all ``parts``.

    ``models``: sha256 of the files of each model that took part, by the model's name.
    """

    fingerprint: str
    parts: dict[str, str]
    models: dict[str, str] = Field(default_factory=dict[str, str])


class PerformanceResult(Answer):
    """Pipelines side by side. ``slowest``: ``<pipeline_id>#<stream>`` of the lowest median.

    ``trusted`` is false where too few runs were undisturbed.
    """

    kind: Literal["performance"] = "performance"
    benchmark_id: str
    pipelines: list[MeasuredPipeline]
    total_fps: Figure
    slowest_fps: Figure
    slowest: str
    runs: list[MeasuredRun]
    trusted: bool
    environment: Environment
    report: list[str]


class DensityStep(Answer):
    """One number of streams. ``judgement``: against the floor, in the sense of the interval of ``slowest_fps``.

    ``total_fps``: of the streams that are divided, without pinned ones. ``failed``: why so many couldn't be run;
    the figures are of the runs that could, or 0 of 0 runs.
    """

    streams: int
    streams_per_pipeline: list[int]
    slowest_fps: Figure
    total_fps: float
    judgement: Literal["keeps", "misses", "open"]
    failed: str | None = None


class StreamsOfPipeline(Answer):
    """How many streams of a pipeline the answer has."""

    pipeline_id: str
    streams: int


class DensityResult(Answer):
    """The largest number of streams whose slowest one keeps the floor.

    ``n_streams`` is 0 where not even one does. ``at_most``: more miss it for sure; between the two it can't be
    told. ``ended``: ``found``, ``max_streams`` (more weren't tried), ``budget`` (the time was over first) or
    ``cancelled`` (what was known then; the job itself has no result).
    """

    kind: Literal["density"] = "density"
    benchmark_id: str
    fps_floor: float
    n_streams: int
    at_most: int
    ended: Literal["found", "max_streams", "budget", "cancelled"]
    streams_per_pipeline: list[StreamsOfPipeline]
    slowest_fps: Figure | None
    steps: list[DensityStep]
    runs: list[MeasuredRun]
    trusted: bool
    environment: Environment
    report: list[str]


class OptimizeCandidate(Answer):
    """One form that was measured. ``changes``: against the original, by what was searched.

    ``fps``: of its longest round. ``agreement``: F1 of its objects against the original's; null if not checked.
    """

    changes: dict[str, str]
    fps: float
    latency_ms: float | None
    cpu_percent: float | None
    rounds: int
    agreement: float | None = None
    refused: str | None = None
    pareto: bool = False


class OptimizeResult(Answer):
    """The fastest form that finds the same objects. ``gain``: of its rate against the original's, relative.

    ``changes`` is empty, and the gain 0, where nothing was faster. ``notes``: what wasn't tried or done, and why.
    ``trusted`` is false where too few runs of the two were undisturbed.
    """

    kind: Literal["optimize"] = "optimize"
    benchmark_id: str
    pipeline_id: str
    pipeline_graph: Graph
    pipeline_description: str
    changes: dict[str, str]
    original_fps: Figure
    fps: Figure
    gain: float
    gain_low: float
    gain_high: float
    candidates: list[OptimizeCandidate]
    saved_as: str | None = None
    notes: list[str] = Field(default_factory=list[str])
    trusted: bool = True
    environment: Environment
    report: list[str]


Stage = Literal["load", "parse", "policy", "link", "negotiate", "run", "produce", "match"]
"""A pipeline goes through all but the first; a model is loaded, run and matched."""


class StageOutcome(Answer):
    """``ok`` is null for a stage that wasn't reached or asked for."""

    stage: Stage
    ok: bool | None
    detail: str = ""


class ModelAgreement(Answer):
    """A form of a model beside the original. ``original`` and ``variant``: runtime, precision and device of each.

    ``drift`` is null where the form couldn't be loaded or run.
    """

    model: str
    version: str
    original: str
    variant: str
    drift: Drift | None = None


class ValidateResult(Answer):
    """Whether a pipeline does what is expected, or a model's variant answers as the original does.

    ``failed_stage``: the first that didn't hold. ``frames`` and what follows are of pipelines, ``model`` of
    models.
    """

    kind: Literal["validate"] = "validate"
    benchmark_id: str
    valid: bool
    failed_stage: Stage | None
    stages: list[StageOutcome]
    frames: int
    labels: dict[str, int] = Field(default_factory=dict[str, int])
    agreement: float | None = None
    model: ModelAgreement | None = None
    report: list[str] = Field(default_factory=list[str])


class Failure(Answer):
    """Why something has no result."""

    code: str
    detail: str


class SuiteTestResult(Answer):
    """One test of a suite; the whole of it is the benchmark ``benchmark_id``.

    ``figure``: frames a second of all streams, or streams. ``low`` to ``high``: its 95 % interval, or the numbers
    of streams it may be; null after one run alone, the upper one where a search was cut short. ``ratio``: to the
    reference. ``spread``, ``runs``: of repeats, 0 for streams. A test that failed has an ``error`` and no figure.
    """

    name: str
    kind: Literal["performance", "density"]
    weight: float
    reference: float
    benchmark_id: str | None = None
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    spread: float = 0.0
    runs: int = 0
    trusted: bool = True
    error: Failure | None = None


class SuiteResult(Answer):
    """Several tests and their score: 100 points are those of the reference figures.

    ``score`` is the weighted geometric mean of the ratios times 100, ``low`` to ``high`` its 95 % interval (null
    where that of a test is). All are null where a test has no result: ``missing`` names it. ``suite``: of one that
    ships.
    """

    kind: Literal["suite"] = "suite"
    benchmark_id: str
    suite: str | None = None
    score: float | None
    low: float | None
    high: float | None
    tests: list[SuiteTestResult]
    missing: list[str]
    trusted: bool
    environment: Environment
    report: list[str]


AnyMeasured = Annotated[
    PerformanceResult | DensityResult | OptimizeResult | ValidateResult | SuiteResult, Field(discriminator="kind")
]


class BenchmarkSummary(Answer):
    """What lists tell of a result that is kept until somebody deletes it.

    ``score``: the figure to know it by, in ``unit``; of a gain 0.3 is 30 %, of a verdict 1 is valid; null for a
    suite with a test that failed. ``parent``: the suite's benchmark that this is a test of.
    """

    id: str
    job_id: str
    kind: MeasuredKind
    name: str
    created_at: datetime
    device: str
    host: str
    hardware: str
    pipelines: list[str]
    models: list[str]
    score: float | None
    unit: Literal["fps", "streams", "gain", "valid", "points"]
    parent: str | None = None


class Benchmark(BenchmarkSummary):
    """All of it. ``spec`` is what was asked for, as accepted."""

    spec: dict[str, Any]
    result: AnyMeasured
    tenant: Annotated[str, Field(exclude_if=is_default, description="whose it is; left out for `default`")] = (
        DEFAULT_TENANT
    )

    def summary(self) -> BenchmarkSummary:
        """Without the spec and the result."""
        return BenchmarkSummary(**{name: getattr(self, name) for name in BenchmarkSummary.model_fields})


class Difference(Answer):
    """Of b against a: relative, with its 95 % interval; above 0 is faster, or more streams.

    Numbers are null where they can't be told; ``reason`` says why, and why the verdict is ``cannot_tell``.
    """

    verdict: Verdict
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


class PipelineDifference(Difference):
    """Of the rate of one pipeline that both have at the same place."""

    pipeline_id: str


class SuiteTestDifference(Difference):
    """Of the figure of one test that both suites have."""

    name: str


class Changed(Answer):
    """Something that isn't the same in both; ``name``: ``kernel``, ``model person-ssdlite``, ``spec streams``."""

    name: str
    a: str
    b: str


class BenchmarkComparison(Difference):
    """Two results of one kind. ``environment``: on and with what they were measured; ``asked``: of their specs.

    ``compared``: which figure. ``doubts``: what makes the verdict less sure than it looks.
    """

    a: BenchmarkSummary
    b: BenchmarkSummary
    compared: Literal["total_fps", "streams", "fps", "score"]
    pipelines: list[PipelineDifference]
    tests: list[SuiteTestDifference] = Field(default_factory=list[SuiteTestDifference])
    environment: list[Changed]
    asked: list[Changed]
    doubts: list[str]
