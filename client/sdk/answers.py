"""What the gateway answers beside jobs, as its callers read it: unknown fields are ignored."""

from shared.inputs import Point
from shared.jobs import ArtifactRef, Job
from shared.results import Answer, InstalledModel, Score
from shared.workers import WorkerInfo


class JobList(Answer):
    """A page, newest first. ``next_cursor`` is null at the end."""

    jobs: list[Job]
    next_cursor: str | None = None


class ArtifactList(Answer):
    """All files of a job."""

    artifacts: list[ArtifactRef]


class WorkerList(Answer):
    """Live workers."""

    workers: list[WorkerInfo]


class DeviceView(Answer):
    """A device of a host, over all workers pinned to it. ``busy`` of ``slots`` work."""

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


class DeviceList(Answer):
    """Devices that somebody serves."""

    devices: list[DeviceView]


class ModelView(Answer):
    """A model of the catalogue. ``installed`` is null until a download has brought it."""

    name: str
    display_name: str
    category: str
    licence: str
    description: str
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


class GestureAnswer(Answer):
    """A gesture at once. ``prediction`` is null when the best class is below the wanted confidence."""

    prediction: str | None
    confidence: float | None
    top: list[Score]
    handedness: str | None = None
    landmarks: list[Point] | None = None
    model: str
    device: str
    job_id: str


class KeypointsAnswer(Answer):
    """Landmarks of a photo."""

    job_id: str
