"""What the gateway answers beside jobs, as its callers read it: unknown fields are ignored."""

from typing import Literal

from pydantic import Field

from shared.benchmarks import BenchmarkSummary
from shared.inputs import Point, PosePoint
from shared.jobs import ArtifactRef, Job
from shared.pipelines import Pipeline
from shared.results import Answer, DetectedHand, InstalledMedium, InstalledModel, Score
from shared.suites import Suite
from shared.workers import WorkerInfo


class JobList(Answer):
    """A page, newest first. ``next_cursor`` is null at the end."""

    jobs: list[Job]
    next_cursor: str | None = None


class BenchmarkList(Answer):
    """A page, the latest first. ``next_cursor`` is null at the end."""

    benchmarks: list[BenchmarkSummary]
    next_cursor: str | None = None


class SuiteList(Answer):
    """Suites that ship."""

    suites: list[Suite]


class ArtifactList(Answer):
    """All files of a job."""

    artifacts: list[ArtifactRef]


class WorkerList(Answer):
    """Live workers."""

    workers: list[WorkerInfo]


class DeviceLeaseView(Answer):
    """A job (null: another tenant's) that has a device for itself, for ``left_s`` more seconds, or renews that."""

    job_id: str | None
    left_s: float


class DeviceView(Answer):
    """A device of a host, over all workers pinned to it. ``busy`` of ``slots`` work.

    ``unready``: why its workers take no jobs. ``service_ms``: means of what jobs took, by their work; ``*``: all.
    """

    id: str
    host: str
    family: str
    full_name: str
    memory_bytes: int | None
    cores: int | None
    runtimes: list[str]
    models: list[str]
    lanes: list[str]
    workers: int
    slots: int
    busy: int
    vendor: str | None = None
    uuid: str | None = None
    capabilities: list[str] = Field(default_factory=list[str])
    memory_free_bytes: int | None = None
    unready: str | None = None
    lease: DeviceLeaseView | None = None
    service_ms: dict[str, float] = Field(default_factory=dict[str, float])


class DeviceList(Answer):
    """Devices that somebody serves."""

    devices: list[DeviceView]


class ModelView(Answer):
    """A model of the catalogue. ``installed`` is null until a download has brought it.

    ``verified``: its files are checked against known sums; ``default``: worth having first.
    """

    name: str
    display_name: str
    category: str
    licence: str
    description: str
    labels: list[str] = Field(default_factory=list[str])
    default: bool = False
    verified: bool = True
    accepts: list[str]
    requires: dict[str, list[str]]
    runtimes: list[str]
    installed: InstalledModel | None


class ModelList(Answer):
    """The catalogue."""

    models: list[ModelView]


class LaneView(Answer):
    """A lane that somebody serves. ``depth``: jobs that wait in it."""

    name: str
    device: str
    depth: int
    oldest_wait_ms: float | None
    workers: int
    slots: int
    busy: int


class Status(Answer):
    """A gateway and the lanes behind it. ``phase``: starting, initializing, ready or shutdown."""

    phase: str
    version: str
    lanes: list[LaneView]
    workers: int
    warnings: list[str] = Field(default_factory=list[str])


class PipelineList(Answer):
    """What ships, then what users made."""

    pipelines: list[Pipeline]


class ImportedPipeline(Pipeline):
    """A pipeline made from a file. ``notes``: what was changed for that, or left out."""

    notes: list[str] = Field(default_factory=list[str])


class Timings(Answer):
    """Milliseconds. ``total_ms``: from acceptance to the end; the last four: inside the worker."""

    total_ms: float
    queue_wait_ms: float
    run_ms: float
    decode_ms: float
    landmarks_ms: float
    model_ms: float
    annotate_ms: float


class Answered(Answer):
    """What every answer given at once says of the job behind it."""

    model: str
    version: str
    runtime: str
    device: str
    job_id: str
    timings: Timings
    artifacts: list[ArtifactRef]


class GestureAnswer(Answered):
    """A gesture. ``prediction`` is null when the best class is below the wanted confidence.

    From a photo: the hand it was read from; ``handedness`` assumes an unmirrored photo.
    """

    prediction: str | None
    confidence: float | None
    top: list[Score]
    handedness: Literal["Left", "Right"] | None
    landmarks: list[Point] | None


class HandsAnswer(Answered):
    """Hands of a photo; ``landmarks``, ``handedness`` and ``score`` are of the first one."""

    landmarks: list[Point]
    handedness: Literal["Left", "Right"]
    score: float
    hands: list[DetectedHand]


class PoseAnswer(Answered):
    """A person in a photo, as one frame of a sequence. A part that wasn't seen is null."""

    pose: list[PosePoint] | None
    left_hand: list[Point] | None
    right_hand: list[Point] | None


class UploadView(Answer):
    """A file on its way. ``length`` is None until it is known; ``used_by``: the job that made something of it."""

    id: str
    filename: str
    length: int | None
    offset: int
    sha256: str
    complete: bool
    used_by: str


class MediumView(Answer):
    """A medium of the catalogue or the library. ``installed`` is None while it isn't in the library."""

    name: str
    kind: str
    description: str
    licence: str
    sha256: str
    installed: InstalledMedium | None
