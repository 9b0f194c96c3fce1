"""What a kind of job means. One module per kind, named here as a string so that a worker loads only its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from shared.catalogue import Catalogue, CatalogueEntry
from shared.devices import DeviceInfo, Lane, LaneClass
from shared.media import MediaCatalogue
from shared.ports import ArtifactStore, AttemptStore, BenchmarkWriter, UploadStore, VariantWriter, WorkerBeacon
from shared.results import AnyResult, InstalledModel
from shared.settings import Settings
from shared.specs import LANE_CLASSES, JobKind
from workers.context import JobContext
from workers.exclusive import Exclusive
from workers.media_store import MediaStore
from workers.model_store import ModelStore

HANDLERS: Mapping[JobKind, str] = {
    "density": "workers.handlers.density:build",
    "inference": "workers.handlers.inference:build",
    "media_download": "workers.handlers.media_download:build",
    "media_upload": "workers.handlers.media_upload:build",
    "model_convert": "workers.handlers.model_convert:build",
    "model_delete": "workers.handlers.model_delete:build",
    "model_download": "workers.handlers.model_download:build",
    "model_upload": "workers.handlers.model_upload:build",
    "optimize": "workers.handlers.optimize:build",
    "performance": "workers.handlers.performance:build",
    "pipeline": "workers.handlers.pipeline:build",
    "suite": "workers.handlers.suite:build",
    "sweep": "workers.handlers.sweep:build",
    "validate": "workers.handlers.validate:build",
}
"""Kind to ``module:factory``; a factory takes a WorkerEnvironment and gives a Handler."""


@dataclass(frozen=True, slots=True)
class WorkerEnvironment:
    """What a handler may use of its process. ``device``: the one this process is pinned to."""

    settings: Settings
    device: DeviceInfo
    lane: Lane
    catalogue: Catalogue
    media: MediaCatalogue
    model_store: ModelStore
    media_store: MediaStore
    artifacts: ArtifactStore
    beacon: WorkerBeacon
    attempts: AttemptStore
    uploads: UploadStore
    exclusive: Exclusive
    benchmarks: BenchmarkWriter
    variants: VariantWriter

    def entry(self, name: str) -> CatalogueEntry | None:
        """Of the catalogue, else of an installed model that isn't in it. Asks the registry for that."""
        shipped = self.catalogue.by_name.get(name)
        if shipped is not None:
            return shipped
        model = self.beacon.models().get(name)
        return None if model is None or model.entry is None else CatalogueEntry.model_validate(model.entry)


class Handler(Protocol):
    """Does the work of one kind. Made once per process; its methods are called from several threads at once."""

    def run(self, context: JobContext) -> AnyResult:
        """Do the job. A FramelaneError fails it, or is tried again if retryable; anything else is ``internal``."""
        ...

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Load these models so that no job waits for it: all at start, later those newly installed.

        A model that can't be loaded is logged, not raised. Called from one thread, beside running jobs.
        """
        ...

    def loaded(self) -> list[str]:
        """Names of the models that are warm now."""
        ...

    def runtimes(self) -> list[str]:
        """Names of the runtimes that work in this process."""
        ...

    def close(self) -> None:
        """Let go of what it holds. No job runs any more."""
        ...


def kinds_of(lane_class: LaneClass) -> tuple[JobKind, ...]:
    """The kinds that lanes of this class carry."""
    return tuple(kind for kind, carried_by in LANE_CLASSES.items() if carried_by is lane_class)


def build_handlers(environment: WorkerEnvironment) -> dict[JobKind, Handler]:
    """Import and make the handlers of the environment's lane, and no others."""
    return {kind: _build(HANDLERS[kind], environment) for kind in kinds_of(environment.lane.lane_class)}


def _build(target: str, environment: WorkerEnvironment) -> Handler:
    module, _, name = target.partition(":")
    factory = cast("Callable[[WorkerEnvironment], Handler]", getattr(import_module(module), name))
    return factory(environment)
