"""What the gateway answers beside jobs, as its callers read it: unknown fields are ignored."""

from shared.jobs import ArtifactRef, Job
from shared.results import Answer
from shared.workers import WorkerInfo


class JobList(Answer):
    """A page, newest first. ``next_cursor`` is null at the end."""

    jobs: list[Job]
    next_cursor: str | None = None


class ArtifactList(Answer):
    artifacts: list[ArtifactRef]


class WorkerList(Answer):
    workers: list[WorkerInfo]


class DeviceView(Answer):
    id: str


class DeviceList(Answer):
    devices: list[DeviceView]


class ModelView(Answer):
    name: str


class ModelList(Answer):
    models: list[ModelView]


class GestureAnswer(Answer):
    prediction: str | None


class KeypointsAnswer(Answer):
    pass


class Status(Answer):
    phase: str
