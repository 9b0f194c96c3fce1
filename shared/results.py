"""What a finished job answers, typed per kind."""

from typing import Annotated, Any, Literal

from pydantic import Field

from shared.access import DEFAULT_TENANT, is_default
from shared.benchmarks import DensityResult, OptimizeResult, PerformanceResult, SuiteResult, ValidateResult
from shared.figures import Drift, Latency
from shared.predictions import (
    Answer,
    Attribute,
    BatchPrediction,
    ClassificationPrediction,
    DetectedHand,
    DetectedObject,
    DetectionPrediction,
    FractionBox,
    GesturePrediction,
    Keypoint,
    KeypointsPrediction,
    PixelBox,
    Pose,
    PosePrediction,
    Prediction,
    RawPrediction,
    RawTensor,
    Score,
    TextLine,
    TextPrediction,
)

__all__ = [
    "Attribute",
    "BatchPrediction",
    "ClassificationPrediction",
    "DetectedHand",
    "DetectedObject",
    "DetectionPrediction",
    "FractionBox",
    "GesturePrediction",
    "Keypoint",
    "KeypointsPrediction",
    "PixelBox",
    "Pose",
    "PosePrediction",
    "Prediction",
    "RawPrediction",
    "RawTensor",
    "Score",
    "TextLine",
    "TextPrediction",
]
"""Of predictions; what is defined here is public too."""


class InferenceTimings(Answer):
    """Milliseconds spent inside the worker, summed over the job's inputs."""

    decode_ms: float = 0.0
    landmarks_ms: float = 0.0
    model_ms: float = 0.0
    annotate_ms: float = 0.0


class InferenceResult(Answer):
    """One prediction per input, in the order of the inputs."""

    kind: Literal["inference"] = "inference"
    model: str
    version: str
    runtime: str
    device: str
    predictions: list[Prediction]
    timings: InferenceTimings


class InstalledFile(Answer):
    """A file of an installed model."""

    name: str
    size: int
    sha256: str


class VariantDetails(Answer):
    """A converted form of a model. ``calibration`` says what an INT8 one was calibrated with."""

    precision: str
    drift: Drift | None = None
    calibration: str | None = None
    made_at: str | None = None


class InstalledModel(Answer):
    """A model in the store.

    ``version`` names its content: the first 16 hexadecimal digits of a sha256 over its files' sha256. ``details``
    are of ``variants``, where they were looked at. ``entry`` is the catalogue's for a model that isn't in it.
    ``older``: versions that are kept, the newest first; they have none themselves.
    """

    name: str
    version: str
    files: list[InstalledFile]
    variants: list[str]
    source: str
    installed_at: str
    details: dict[str, VariantDetails] = Field(default_factory=dict[str, VariantDetails])
    entry: dict[str, Any] | None = None
    older: list["InstalledModel"] = Field(default_factory=list["InstalledModel"])


class DownloadTimings(Answer):
    """Milliseconds: transfers with their checksums, making variants, storing and registering.

    ``check_ms``: what the checksums alone took, summed over files, some of which came at the same time.
    """

    fetch_ms: float = 0.0
    check_ms: float = 0.0
    convert_ms: float = 0.0
    store_ms: float = 0.0


class DownloadResult(Answer):
    """The models the job installed, or found installed already.

    ``downloaded_bytes``: by the attempt that succeeded; what an earlier one had brought already doesn't count.
    """

    kind: Literal["model_download"] = "model_download"
    models: list[InstalledModel]
    downloaded_bytes: int
    timings: DownloadTimings = DownloadTimings()


class ConvertResult(Answer):
    """The model with its new variants, and what was found out about each by its name."""

    kind: Literal["model_convert"] = "model_convert"
    model: InstalledModel
    variants: dict[str, VariantDetails]


class ModelUploadResult(Answer):
    """The model the job installed."""

    kind: Literal["model_upload"] = "model_upload"
    model: InstalledModel


class ModelDeleteResult(Answer):
    """The models the job removed; those that weren't there any more are left out."""

    kind: Literal["model_delete"] = "model_delete"
    models: list[str]
    freed_bytes: int


class StreamFigures(Answer):
    """One stream. ``fps``: of the latest interval while it runs, of the whole run at the end.

    ``stream`` counts from 0 within the job. ``live_url``: where it can be watched while it runs.
    """

    stream: int
    frames: int
    fps: float
    latency: Latency | None = None
    live_url: str | None = None


class PipelineResult(Answer):
    """``ended``: all files came to their end, the run time was over, or the caller's limit.

    ``total_fps`` is the sum over streams; ``slowest_fps`` the least. ``outputs`` and ``metadata``: names of
    artifacts, by stream. ``records`` counts metadata records.
    """

    kind: Literal["pipeline"] = "pipeline"
    pipeline_id: str
    ended: Literal["eos", "max_runtime"]
    streams: list[StreamFigures]
    total_fps: float
    slowest_fps: float
    run_s: float
    first_frame_ms: float | None
    outputs: list[str]
    metadata: list[str]
    records: int
    warnings: list[str]


class InstalledMedium(Answer):
    """A medium of the library. Its content is in the artifact store, under its sha256.

    ``version``: the first 16 hexadecimal digits of that. ``fps`` is 0 where it isn't constant, or there is none.
    ``file`` of an image set: a tar of ``frames`` images, numbered from 1. ``thumbnail``: a JPEG.
    """

    name: str
    version: str
    kind: Literal["video", "photo", "image_set"]
    file: InstalledFile
    container: str
    codec: str
    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    licence: str
    installed_at: str
    thumbnail: InstalledFile | None = None
    origin: Literal["catalogue", "upload"] = "catalogue"
    tenant: Annotated[str, Field(exclude_if=is_default, description="whose upload; left out for `default`")] = (
        DEFAULT_TENANT
    )

    def is_for(self, tenant: str) -> bool:
        """Whether the tenant may see it: what isn't of the catalogue is its uploader's."""
        return self.origin == "catalogue" or self.tenant == tenant


class MediaUploadResult(Answer):
    """The medium that the upload became. ``known``: the library had this content already."""

    kind: Literal["media_upload"] = "media_upload"
    medium: InstalledMedium
    known: bool = False


class MediaResult(Answer):
    """The media the job installed, or found installed already."""

    kind: Literal["media_download"] = "media_download"
    media: list[InstalledMedium]
    downloaded_bytes: int


class SweepResult(Answer):
    """What was removed.

    ``orphans`` (files) belonged to nothing, ``uploads`` were abandoned; ``media`` nobody had read for long.
    ``freed_bytes``: of all files.
    """

    kind: Literal["sweep"] = "sweep"
    jobs: int
    artifacts: int
    orphans: int
    uploads: int
    freed_bytes: int
    media: int = 0


AnyResult = (
    InferenceResult
    | DownloadResult
    | ConvertResult
    | ModelUploadResult
    | ModelDeleteResult
    | MediaResult
    | MediaUploadResult
    | PipelineResult
    | PerformanceResult
    | DensityResult
    | OptimizeResult
    | ValidateResult
    | SuiteResult
    | SweepResult
)

Result = Annotated[AnyResult, Field(discriminator="kind")]
