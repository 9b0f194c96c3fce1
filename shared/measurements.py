"""What can be measured: specs of benchmarks, searches and validations."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from shared.common import CommonSpec, Label, Name, SourceInput
from shared.devices import DeviceRequest
from shared.inputs import Wire
from shared.pipelines import PipelineSource, Slug

MOST_STREAMS = 256

Sources = Annotated[
    list[SourceInput],
    Field(max_length=64, description="media in place of those the pipeline names, one for each of its sources"),
]
Streams = Annotated[int, Field(strict=True, ge=1, le=MOST_STREAMS)]
Seconds = Annotated[FiniteFloat, Field(strict=True, ge=1, le=3_600)]
WarmUp = Annotated[
    FiniteFloat, Field(strict=True, ge=0, le=600, description="after the last stream's first frame, left out")
]
Precision = Annotated[
    FiniteFloat,
    Field(
        strict=True,
        gt=0,
        le=1,
        description="half of the rate's 95 % interval, relative, at which it is enough after 5 runs or more; "
        "`repeats` are the most then",
    ),
]
Isolation = Annotated[Literal["pipeline", "stream"], Field(description="what gets a process of its own")]
PerProcess = Annotated[int, Field(strict=True, ge=1, le=MOST_STREAMS)]
Threads = Annotated[int, Field(strict=True, ge=1, le=64)]


class NamedFields(Wire):
    """``name``: what lists of results call the result; default: made from its pipelines."""

    name: Label = ""


class ProcessFields(Wire):
    """How the streams of a pipeline are divided among processes."""

    isolation: Isolation = "pipeline"
    streams_per_process: Annotated[
        PerProcess | None,
        Field(description="streams of a pipeline that share a process, at most; default: as `isolation` says"),
    ] = None

    @model_validator(mode="after")
    def _divided(self) -> "ProcessFields":
        if self.isolation == "stream" and (self.streams_per_process or 1) > 1:
            raise PydanticCustomError(
                "processes", "`streams_per_process` above 1 and `isolation` `stream` exclude each other: give one"
            )
        return self

    def most_per_process(self, streams: int) -> int:
        """How many of so many streams share a process at most."""
        return 1 if self.isolation == "stream" else min(self.streams_per_process or streams, streams)


class RunFields(ProcessFields):
    """How runs are made."""

    warmup_s: WarmUp = 2.0


class MeasuredFields(RunFields, NamedFields, CommonSpec):
    """What every measurement has."""


class LoadFields(Wire):
    """Streams of one pipeline among others."""

    streams: Streams = 1
    inputs: Sources = Field(default_factory=list[str | list[str]])


class Load(LoadFields):
    """A pipeline and how many streams of it run."""

    pipeline: PipelineSource


class PerformanceTerms(RunFields):
    """How a performance test is made."""

    kind: Literal["performance"] = "performance"
    duration_s: Annotated[Seconds, Field(description="measured part of a run, after the warm-up")] = 10.0
    repeats: Annotated[int, Field(strict=True, ge=1, le=50, description="undisturbed runs wanted")] = 3
    precision: Precision | None = None
    latency_metrics: Annotated[bool, Field(strict=True)] = False


class PerformanceFields(PerformanceTerms, MeasuredFields):
    """What a performance test has beside its pipelines."""


class Loads(Wire):
    """Pipelines that run at once."""

    specs: Annotated[list[Load], Field(min_length=1, max_length=16)]


class PerformanceSpec(Loads, PerformanceFields):
    """Run several pipelines at once, and tell the rate of every stream."""


class ShareFields(Wire):
    """``stream_rate``: percent of the streams; or ``streams``: as many, whatever the others have."""

    stream_rate: Annotated[int | None, Field(strict=True, ge=0, le=100)] = None
    streams: Streams | None = None
    inputs: Sources = Field(default_factory=list[str | list[str]])

    @model_validator(mode="after")
    def _one(self) -> "ShareFields":
        if (self.stream_rate is None) == (self.streams is None):
            raise PydanticCustomError("share", "give either `stream_rate` (percent) or `streams` (pinned)")
        return self


class Share(ShareFields):
    """A pipeline and its part of the streams."""

    pipeline: PipelineSource


class DensityTerms(RunFields):
    """How density is searched."""

    kind: Literal["density"] = "density"
    fps_floor: Annotated[FiniteFloat, Field(strict=True, gt=0, le=10_000)]
    max_streams: Streams = 64
    repeats: Annotated[
        int, Field(strict=True, ge=1, le=50, description="runs of numbers near the floor, and of the answer")
    ] = 3
    duration_s: Annotated[Seconds, Field(description="measured part of a run, after the warm-up")] = 5.0
    budget_s: Annotated[
        FiniteFloat,
        Field(strict=True, gt=0, le=86_400, description="no run begins that would end later than this"),
    ] = 1_800.0

    @model_validator(mode="after")
    def _affordable(self) -> "DensityTerms":
        if self.budget_s < self.warmup_s + self.duration_s:
            needed = f"{self.warmup_s + self.duration_s:g}"
            raise PydanticCustomError(
                "budget", "`budget_s` is too small for one run: {needed} s are needed at least", {"needed": needed}
            )
        return self


class DensityFields(DensityTerms, MeasuredFields):
    """What a search for density has beside its pipelines."""


class Shares(Wire):
    """Pipelines that divide the streams.

    Rates of the specs that have them sum to 100; specs that give ``streams`` run beside, at least one must grow.
    """

    specs: Annotated[list[Share], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _whole(self) -> "Shares":
        rates = [each.stream_rate for each in self.specs if each.stream_rate is not None]
        if not rates:
            raise PydanticCustomError("rates", "every pipeline is pinned: give one a `stream_rate` of 100")
        if sum(rates) != 100:  # noqa: PLR2004 - percent
            raise PydanticCustomError("rates", "`stream_rate`s sum to {sum}, not to 100", {"sum": sum(rates)})
        return self


class DensitySpec(Shares, DensityFields):
    """Find the largest number of streams whose slowest one keeps a floor."""


class SearchSpace(Wire):
    """What is tried beside the pipeline's own values; an empty list leaves a property as it is."""

    device: Annotated[list[DeviceRequest], Field(max_length=8)] = Field(default_factory=list[str])
    batch_size: Annotated[list[Annotated[int, Field(strict=True, ge=1, le=64)]], Field(max_length=8)] = Field(
        default=[1, 2, 4]
    )
    nireq: Annotated[list[Annotated[int, Field(strict=True, ge=0, le=64)]], Field(max_length=8)] = Field(
        default=[1, 2, 4]
    )
    inference_interval: Annotated[list[Annotated[int, Field(strict=True, ge=1, le=60)]], Field(max_length=8)] = (
        Field(default=[1, 2, 3])
    )
    precision: Annotated[list[Literal["FP32", "FP16", "INT8"]], Field(max_length=3)] = Field(
        default_factory=list[Literal["FP32", "FP16", "INT8"]]
    )
    pre_process_backend: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,40}$")]], Field(max_length=4)
    ] = Field(default_factory=list[str])
    queues: Annotated[
        bool, Field(strict=True, description="a queue before and behind each model: threads of their own")
    ] = True
    converters: Annotated[
        bool, Field(strict=True, description="leave out converters of what models convert themselves")
    ] = True
    decoders: Annotated[
        bool, Field(strict=True, description="other decoders of the same codec that the worker's machine has")
    ] = True
    decode_threads: Annotated[
        list[Threads], Field(max_length=4, description="of each decoder that can be told how many")
    ] = Field(default=[1])
    merge_converters: Annotated[
        bool, Field(strict=True, description="videoconvert next to videoscale becomes one videoconvertscale")
    ] = True
    convert_threads: Annotated[
        list[Threads], Field(max_length=4, description="of videoconvert, videoscale and videoconvertscale")
    ] = Field(default=[2])
    scale_method: Annotated[
        list[Literal["nearest-neighbour", "bilinear", "4-tap", "lanczos"]],
        Field(
            max_length=4, description="of videoscale and videoconvertscale, where a model looks at the pictures"
        ),
    ] = Field(default_factory=list[Literal["nearest-neighbour", "bilinear", "4-tap", "lanczos"]])
    isolation: Annotated[list[Isolation], Field(max_length=2)] = Field(
        default_factory=list[Literal["pipeline", "stream"]]
    )
    streams_per_process: Annotated[
        list[PerProcess],
        Field(max_length=8, description="1: as many processes as streams; in place of `isolation`"),
    ] = Field(default_factory=list[int])

    @model_validator(mode="after")
    def _divided(self) -> "SearchSpace":
        if self.isolation and self.streams_per_process:
            raise PydanticCustomError(
                "processes", "`streams_per_process` says what `isolation` does: leave `isolation` out"
            )
        return self


class Search(Wire):
    """How long is searched, and what."""

    duration_s: Annotated[FiniteFloat, Field(strict=True, ge=10, le=86_400, description="of the whole search")] = (
        300.0
    )
    sample_s: Annotated[Seconds, Field(description="least measured part of a form's first run")] = 3.0
    space: SearchSpace = SearchSpace()


class OptimizeFields(MeasuredFields):
    """What an optimisation has beside its pipeline.

    ``tolerance``: least F1 of a form's objects against the original's, frame by frame, boxes of one label at an
    intersection over union of 0.5. ``save_as``: the id of the variant that the best form becomes.
    """

    kind: Literal["optimize"] = "optimize"
    streams: Streams = 1
    inputs: Sources = Field(default_factory=list[str | list[str]])
    search: Search = Search()
    repeats: Annotated[int, Field(strict=True, ge=2, le=20, description="runs of the best and the original")] = 3
    tolerance: Annotated[FiniteFloat, Field(strict=True, ge=0, le=1)] = 0.95
    save_as: Slug | None = None


class OptimizeSpec(OptimizeFields):
    """Search the fastest form of a pipeline that finds the same objects."""

    pipeline: PipelineSource


class Expectation(Wire):
    """What the pipeline has to give.

    ``labels``: each must be found, at least so often. ``reference_job``: a pipeline job whose records are the
    truth; objects must agree with it by ``agreement`` (F1, intersection over union of 0.5).
    """

    frames: Annotated[int | None, Field(strict=True, ge=1, description="at least, of every stream")] = None
    labels: Annotated[dict[Name, Annotated[int, Field(strict=True, ge=1)]], Field(max_length=100)] = Field(
        default_factory=dict[str, int]
    )
    reference_job: Annotated[str | None, Field(pattern=r"^[0-9a-fA-F-]{32,36}$")] = None
    agreement: Annotated[FiniteFloat, Field(strict=True, ge=0, le=1)] = 0.95


class Tolerance(Wire):
    """Least agreement of a model's variant with the original; what can't be told of a model isn't judged.

    ``similarity`` is judged where neither classes nor boxes are.
    """

    top1: Annotated[FiniteFloat, Field(strict=True, ge=0, le=1, description="share of equal classes")] = 0.98
    boxes: Annotated[FiniteFloat, Field(strict=True, ge=0, le=1, description="share of boxes both find")] = 0.95
    similarity: Annotated[FiniteFloat, Field(strict=True, ge=0, le=1, description="cosine of all numbers")] = 0.99
    max_abs: Annotated[
        FiniteFloat | None, Field(strict=True, ge=0, description="largest difference of a number; default: any")
    ] = None


class ComparedModel(Wire):
    """A form of a model, held against the original in full precision on the CPU. The job's device runs it."""

    name: Name
    precision: Annotated[
        Literal["FP32", "FP16", "INT8"] | None,
        Field(description="of its OpenVINO variant; default: the most exact there is"),
    ] = None
    runtime: Annotated[
        Literal["torch", "openvino"], Field(description="torch: of gesture models, on another device")
    ] = "openvino"
    media: Annotated[
        list[Name], Field(max_length=50, description="videos, photos and image sets it sees; none: made-up inputs")
    ] = Field(default_factory=list[str])
    samples: Annotated[int, Field(strict=True, ge=1, le=1_000, description="at most")] = 64
    tolerance: Tolerance = Tolerance()


class ValidateFields(CommonSpec):
    """What a validation has beside its pipeline."""

    kind: Literal["validate"] = "validate"
    name: Label = ""
    inputs: Sources = Field(default_factory=list[str | list[str]])
    max_runtime_s: Annotated[FiniteFloat, Field(strict=True, gt=0, le=3_600)] = 10.0
    expect: Expectation = Expectation()


class ValidateSpec(ValidateFields):
    """Tell whether a pipeline parses, is allowed, links, negotiates, runs and produces what is expected.

    Or, with `model` in place of `pipeline`, whether a variant of a model answers as the original does.
    """

    pipeline: PipelineSource | None = None
    model: ComparedModel | None = None

    @model_validator(mode="after")
    def _one(self) -> "ValidateSpec":
        if (self.pipeline is None) == (self.model is None):
            raise PydanticCustomError("subject", "give either `pipeline` or `model`")
        fields = type(self).model_fields
        odd = [
            name
            for name in ("inputs", "max_runtime_s", "expect")
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        ]
        if self.model is not None and odd:
            raise PydanticCustomError(
                "model", "`{odd}` belongs to pipelines; a model has `media` and `tolerance`", {"odd": odd[0]}
            )
        return self
