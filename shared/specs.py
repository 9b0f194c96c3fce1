"""What can be asked for: one spec per kind of job, a union tagged by ``kind``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, TypeAdapter, field_validator, model_validator
from pydantic_core import PydanticCustomError

from shared.common import CommonSpec, Label, ModelName, Name, SourceInput, UploadId, no_accelerator
from shared.devices import LaneClass
from shared.inputs import MAX_INPUTS, InferenceInput, Wire
from shared.measurements import (
    MOST_STREAMS,
    DensitySpec,
    OptimizeSpec,
    PerformanceSpec,
    ProcessFields,
    ValidateSpec,
)
from shared.pipelines import PipelineSource
from shared.sources import Category, Sha256, WantedFile
from shared.suites import SuiteSpec

Runtime = Literal["auto", "torch", "openvino"]
Precision = Literal["FP32", "FP16"]
VariantPrecision = Literal["FP32", "FP16", "INT8"]


class InferenceOptions(Wire):
    """How an input is read and what is answered."""

    top_k: Annotated[
        int | None,
        Field(
            strict=True, ge=1, le=50, description="labels of a class (default 3) or objects (default all) at most"
        ),
    ] = None
    min_confidence: Annotated[
        FiniteFloat | None,
        Field(
            strict=True,
            ge=0,
            le=1,
            description="labels, objects and texts below it are left out; default: 0, detectors: the model's own",
        ),
    ] = None
    mirror: Annotated[
        bool,
        Field(
            strict=True,
            description="flip left and right first; places, handedness and drawing are the mirror image's",
        ),
    ] = False
    annotate: Annotated[bool, Field(strict=True, description="keep a drawing of the result as an artifact")] = (
        False
    )
    runtime: Runtime = "auto"
    precision: Annotated[
        VariantPrecision | None,
        Field(description="of the OpenVINO variant that answers; default: the most exact there is"),
    ] = None


class InferenceFields(CommonSpec):
    """What an inference job has beside its inputs."""

    kind: Literal["inference"] = "inference"
    model: Name
    options: InferenceOptions = InferenceOptions()


class InferenceSpec(InferenceFields):
    """Run a model on one input or a batch."""

    inputs: Annotated[list[InferenceInput], Field(min_length=1, max_length=MAX_INPUTS)]


class SourceModel(Wire):
    """A model that isn't in the catalogue. ``model_proc``: how its input is prepared and its output read."""

    name: Name
    category: Category
    files: Annotated[
        list[WantedFile], Field(min_length=1, max_length=32, description="the first is the model itself")
    ]
    display_name: Label = ""
    licence: Label = "unknown"
    labels: Annotated[list[Label], Field(max_length=10_000)] = Field(default_factory=list[str])
    model_proc: dict[str, Any] | None = None


class ModelDownloadSpec(CommonSpec):
    """Fetch models, check them, make their variants and install them."""

    kind: Literal["model_download"] = "model_download"
    models: Annotated[
        list[ModelName],
        Field(max_length=50, description="of the catalogue; `name@version` is a kept version of an installed one"),
    ] = Field(default_factory=list[str])
    source: Annotated[SourceModel | None, Field(description="a model that isn't in the catalogue")] = None
    precisions: Annotated[
        list[Precision], Field(max_length=2, description="OpenVINO variants to make, where the model has one")
    ] = Field(default=["FP32"])
    force: Annotated[bool, Field(strict=True, description="fetch again what is installed already")] = False

    _device = field_validator("device")(no_accelerator)

    @model_validator(mode="after")
    def _something(self) -> "ModelDownloadSpec":
        if not self.models and self.source is None:
            raise PydanticCustomError("nothing", "name models of the catalogue in `models`, or give a `source`")
        return self


class Calibration(Wire):
    """What INT8 variants are calibrated with: pictures of the library, or made-up inputs where none is named."""

    media: Annotated[list[Name], Field(max_length=50, description="videos and image sets")] = Field(
        default_factory=list[str]
    )
    samples: Annotated[int, Field(strict=True, ge=1, le=5_000, description="at most")] = 300


class ModelConvertSpec(CommonSpec):
    """Make OpenVINO variants of an installed model, and tell how far each is from it."""

    kind: Literal["model_convert"] = "model_convert"
    model: Name
    precisions: Annotated[list[VariantPrecision], Field(min_length=1, max_length=3)]
    calibration: Calibration = Calibration()
    samples: Annotated[
        int, Field(strict=True, ge=1, le=1_000, description="inputs that variants are compared with the model on")
    ] = 64

    _device = field_validator("device")(no_accelerator)


class UploadedFile(Wire):
    """A finished upload. ``name``: what the file is called in the model; default: as when it was uploaded."""

    upload: UploadId
    name: Name | None = None
    sha256: Annotated[Sha256 | None, Field(description="needed for pickled weights")] = None


class UploadedModel(Wire):
    """A model that comes as files: OpenVINO IR, ONNX, TFLite, a frozen graph, safetensors, or a zip of them.

    ``model_proc``: how its input is prepared and its output read.
    """

    name: Name
    category: Category
    files: Annotated[list[UploadedFile], Field(min_length=1, max_length=16)]
    display_name: Label = ""
    description: Annotated[str, Field(max_length=2_000)] = ""
    licence: Label = "unknown"
    architecture: Annotated[
        Literal["network", "alphabet_mlp", "word_lstm"],
        Field(description="what reads its tensors; weights without a graph are of one of the latter two"),
    ] = "network"
    labels: Annotated[list[Label], Field(max_length=10_000, description="default: the file's")] = Field(
        default_factory=list[str]
    )
    model_proc: dict[str, Any] | None = None


class ModelUploadSpec(CommonSpec):
    """Install a model from uploaded files. The same name again makes a newer version of it."""

    kind: Literal["model_upload"] = "model_upload"
    model: UploadedModel

    _device = field_validator("device")(no_accelerator)


class ModelDeleteSpec(CommonSpec):
    """Remove installed models with all their versions and variants."""

    kind: Literal["model_delete"] = "model_delete"
    models: Annotated[list[Name], Field(min_length=1, max_length=50)]
    force: Annotated[bool, Field(strict=True, description="even those that pipelines or jobs use")] = False

    _device = field_validator("device")(no_accelerator)


class SweepSpec(CommonSpec):
    """Remove what nobody needs any more: outlived jobs, artifacts without a job, leavings of crashed uploads."""

    kind: Literal["sweep"] = "sweep"
    orphan_s: Annotated[
        FiniteFloat | None,
        Field(
            strict=True, ge=0, le=31_536_000, description="age from which orphans are removed; default: a setting"
        ),
    ] = None

    _device = field_validator("device")(no_accelerator)


class MediaDownloadSpec(CommonSpec):
    """Fetch media of the catalogue, check them and add them to the library."""

    kind: Literal["media_download"] = "media_download"
    media: Annotated[list[Name], Field(min_length=1, max_length=50)]

    _device = field_validator("device")(no_accelerator)


class MediaUploadSpec(CommonSpec):
    """Look into an uploaded file, and add it to the library."""

    kind: Literal["media_upload"] = "media_upload"
    upload: UploadId
    name: Name
    medium: Annotated[
        Literal["video", "photo", "image_set"], Field(description="image_set: a zip, tar or tar.gz of images")
    ] = "video"
    licence: Annotated[str, Field(max_length=200)] = ""
    replace: Annotated[bool, Field(strict=True, description="a medium of this name gives way")] = False

    _device = field_validator("device")(no_accelerator)


class PipelineFields(ProcessFields, CommonSpec):
    """What a pipeline job has beside its pipeline."""

    kind: Literal["pipeline"] = "pipeline"
    streams: Annotated[int, Field(strict=True, ge=1, le=MOST_STREAMS, description="copies that run at once")] = 1
    inputs: Annotated[
        list[SourceInput],
        Field(
            max_length=64,
            description="media, or cameras as `camera:<name>`, in place of those the pipeline names, one for each "
            "of its sources; a list: stream n reads its entry n, beginning again at its end",
        ),
    ] = Field(default_factory=list[str | list[str]])
    output_mode: Annotated[
        Literal["disabled", "file", "live_stream"],
        Field(description="what becomes of the frames at the main sink: dropped, an mp4 artifact, published"),
    ] = "disabled"
    metadata_mode: Annotated[
        Literal["disabled", "file"],
        Field(description="file: records as an artifact, and live under `/jobs/{id}/metadata`"),
    ] = "disabled"
    max_runtime_s: Annotated[
        FiniteFloat,
        Field(
            strict=True,
            ge=0,
            le=86_400,
            description="files are repeated and cameras read until then; 0: files once, cameras until cancelled",
        ),
    ] = 0.0
    latency_metrics: Annotated[bool, Field(strict=True)] = False

    def inputs_of(self, stream: int) -> list[str]:
        """What stands for each source of this stream; empty: what the pipeline names."""
        return [each if isinstance(each, str) else each[stream % len(each)] for each in self.inputs]


class PipelineSpec(PipelineFields):
    """Run a media pipeline."""

    pipeline: PipelineSource


AnySpec = (
    InferenceSpec
    | ModelDownloadSpec
    | ModelConvertSpec
    | ModelUploadSpec
    | ModelDeleteSpec
    | MediaDownloadSpec
    | MediaUploadSpec
    | PipelineSpec
    | PerformanceSpec
    | DensitySpec
    | OptimizeSpec
    | ValidateSpec
    | SuiteSpec
    | SweepSpec
)

JobSpec = Annotated[AnySpec, Field(discriminator="kind")]
"""What a client posts."""

JobKind = Literal[
    "inference",
    "model_download",
    "model_convert",
    "model_upload",
    "model_delete",
    "media_download",
    "media_upload",
    "pipeline",
    "performance",
    "density",
    "optimize",
    "validate",
    "suite",
    "sweep",
]

JOB_SPEC: TypeAdapter[AnySpec] = TypeAdapter(JobSpec)

LANE_CLASSES: Mapping[JobKind, LaneClass] = {
    "inference": LaneClass.FAST,
    "model_download": LaneClass.IO,
    "model_convert": LaneClass.LONG,
    "model_upload": LaneClass.IO,
    "model_delete": LaneClass.IO,
    "media_download": LaneClass.IO,
    "media_upload": LaneClass.IO,
    "pipeline": LaneClass.LONG,
    "performance": LaneClass.LONG,
    "density": LaneClass.LONG,
    "optimize": LaneClass.LONG,
    "validate": LaneClass.LONG,
    "suite": LaneClass.LONG,
    "sweep": LaneClass.IO,
}
