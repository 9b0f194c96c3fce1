"""Results of measurements, made up but of the right shape."""

from datetime import UTC, datetime

from shared.benchmarks import (
    AnyMeasured,
    Benchmark,
    DensityResult,
    DensityStep,
    Environment,
    Failure,
    Figure,
    MachineFigure,
    MeasuredPipeline,
    MeasuredRun,
    MeasuredStream,
    ModelAgreement,
    OptimizeCandidate,
    OptimizeResult,
    PerformanceResult,
    StageOutcome,
    StreamsOfPipeline,
    SuiteResult,
    SuiteTestResult,
    ValidateResult,
)
from shared.figures import Drift
from shared.graph.parser import parse
from shared.results import Latency

ENVIRONMENT = Environment(
    fingerprint="0123456789abcdef",
    parts={"device": "A processor", "cores": "2", "kernel": "6.1.0"},
    models={"person-ssdlite": "7a" * 32},
)
TEXT = "videotestsrc ! fakesink"


def figure(median: float, half: float | None = 1.0, runs: int = 3) -> Figure:
    """Centred, or of one run."""
    low, high = (None, None) if half is None else (median - half, median + half)
    return Figure(median=median, low=low, high=high, spread=0.02, runs=runs)


def run(*fps: list[float], disturbed: str | None = None) -> MeasuredRun:
    """One run of 5 s."""
    load = {"cpu_percent": 80.0, "cpu_foreign_percent": 3.0, "memory_used_bytes": 4e9}
    return MeasuredRun(
        fps=list(fps),
        window_s=5.0,
        disturbed=disturbed,
        machine={name: MachineFigure(mean=value, most=value + 5) for name, value in load.items()},
        moments=[{"at": 0.5 * tick, **load, "cpu_percent": 78.0 + tick % 5} for tick in range(1, 10)],
    )


def density(*, fails: bool = False) -> DensityResult:
    """Six streams keep 15 fps; ``fails``: 14 can't be run."""
    failed = DensityStep(
        streams=14,
        streams_per_pipeline=[14],
        slowest_fps=Figure(median=0.0, low=0.0, high=0.0, spread=0.0, runs=0),
        total_fps=0.0,
        judgement="misses",
        failed="the pipeline's process was killed <by the kernel>\nmore of it",
    )
    rates = {1: 60.0, 3: 31.0, 9: 10.5, 6: 15.9, 7: 13.6}
    return DensityResult(
        benchmark_id="b1",
        fps_floor=15.0,
        n_streams=6,
        at_most=6,
        ended="found",
        streams_per_pipeline=[StreamsOfPipeline(pipeline_id="/pipelines/people/variants/cpu", streams=6)],
        slowest_fps=figure(15.9, 0.5),
        steps=[
            DensityStep(
                streams=streams,
                streams_per_pipeline=[streams],
                slowest_fps=figure(fps, 0.5 if streams in {6, 7} else None),
                total_fps=fps * streams,
                judgement="keeps" if fps > 15 else "misses",
            )
            for streams, fps in rates.items()
        ]
        + [failed] * fails,
        runs=[run([fps] * streams) for streams, fps in rates.items()],
        trusted=True,
        environment=ENVIRONMENT,
        report=["report.html"],
    )


def performance() -> PerformanceResult:
    """Two pipelines, three streams; one run was disturbed."""
    latency = Latency(avg_ms=21.0, min_ms=12.0, max_ms=48.0, p50_ms=20.0, p90_ms=30.0, p99_ms=44.0)
    return PerformanceResult(
        benchmark_id="b2",
        pipelines=[
            MeasuredPipeline(
                pipeline_id=f"/pipelines/{name}/variants/cpu",
                graph_sha256="ab" * 32,
                total_fps=figure(29.0 * count),
                slowest_fps=figure(29.0),
                streams=[
                    MeasuredStream(stream=number, fps=figure(29.0 + number), latency=latency)
                    for number in range(count)
                ],
            )
            for name, count in (("people", 2), ("text <&>", 1))
        ],
        total_fps=figure(87.0),
        slowest_fps=figure(29.0),
        slowest="/pipelines/people/variants/cpu#0",
        runs=[run([29.0, 30.0], [29.0]), run([28.0, 30.5], [29.2], disturbed="other programs used 30 %")],
        trusted=False,
        environment=ENVIRONMENT,
        report=[],
    )


def optimize() -> OptimizeResult:
    """Batches of 4 are 30 % faster; leaving frames out finds other objects."""
    return OptimizeResult(
        benchmark_id="b3",
        pipeline_id="/pipelines/people/variants/cpu",
        pipeline_graph=parse(TEXT),
        pipeline_description=TEXT,
        changes={"batch-size": "4"},
        original_fps=figure(30.0),
        fps=figure(39.0),
        gain=0.3,
        gain_low=0.22,
        gain_high=0.38,
        candidates=[
            OptimizeCandidate(changes={}, fps=30.0, latency_ms=20.0, cpu_percent=80.0, rounds=3, agreement=1.0),
            OptimizeCandidate(
                changes={"batch-size": "4"},
                fps=39.0,
                latency_ms=60.0,
                cpu_percent=91.0,
                rounds=3,
                agreement=1.0,
                pareto=True,
            ),
            OptimizeCandidate(
                changes={"inference-interval": "5"},
                fps=88.0,
                latency_ms=None,
                cpu_percent=60.0,
                rounds=1,
                agreement=0.41,
                refused="finds other objects",
            ),
        ],
        environment=ENVIRONMENT,
        report=[],
    )


def validate() -> ValidateResult:
    """It doesn't link."""
    return ValidateResult(
        benchmark_id="b4",
        valid=False,
        failed_stage="link",
        stages=[
            StageOutcome(stage="parse", ok=True),
            StageOutcome(stage="link", ok=False, detail="could not link <a> & b"),
            StageOutcome(stage="run", ok=None),
        ],
        frames=0,
    )


def validate_model() -> ValidateResult:
    """An INT8 variant that finds other boxes."""
    drift = Drift(samples=20, inputs="20 pictures of bikes", max_abs=0.4, mean_abs=0.01, boxes_agreement=0.81)
    return ValidateResult(
        benchmark_id="b6",
        valid=False,
        failed_stage="match",
        stages=[
            StageOutcome(stage="load", ok=True),
            StageOutcome(stage="run", ok=True),
            StageOutcome(stage="match", ok=False, detail="boxes both find 0.81, not 0.95"),
        ],
        frames=0,
        model=ModelAgreement(
            model="person-ssdlite",
            version="7a" * 8,
            original="OpenVINO FP32 on CPU",
            variant="OpenVINO INT8 on CPU",
            drift=drift,
        ),
    )


def suite(*, fails: bool = False) -> SuiteResult:
    """A rate of twice the reference, streams of half of it; ``fails``: and a test that couldn't be run."""
    tests = [
        SuiteTestResult(
            name="entrance",
            kind="performance",
            weight=2.0,
            reference=30.0,
            benchmark_id="b5.1",
            figure=60.0,
            low=58.0,
            high=62.0,
            ratio=2.0,
            spread=0.02,
            runs=3,
        ),
        SuiteTestResult(
            name="shelves",
            kind="density",
            weight=1.0,
            reference=8.0,
            benchmark_id="b5.2",
            figure=4.0,
            low=4.0,
            high=5.0,
            ratio=0.5,
        ),
    ]
    if fails:
        error = Failure(code="pipeline-failed", detail="no frame came <&>")
        tests.append(SuiteTestResult(name="till", kind="performance", weight=1.0, reference=9.0, error=error))
    points = {} if fails else {"score": 125.99, "low": 121.0, "high": 141.0}
    return SuiteResult.model_validate(
        {
            "benchmark_id": "b5",
            "suite": "retail",
            "score": None,
            "low": None,
            "high": None,
            "tests": tests,
            "missing": ["till"] if fails else [],
            "trusted": True,
            "environment": ENVIRONMENT,
            "report": [],
            **points,
        }
    )


def benchmark(result: AnyMeasured) -> Benchmark:
    """The record of a result."""
    return Benchmark(
        id=result.benchmark_id,
        job_id="00000000-0000-0000-0000-000000000000",
        kind=result.kind,
        name=f"A {result.kind} <test>",
        created_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        device="CPU",
        host="host-1",
        hardware="A processor",
        pipelines=["/pipelines/people/variants/cpu"],
        models=["person-ssdlite"],
        score=6.0,
        unit="streams",
        spec={},
        result=result,
    )
