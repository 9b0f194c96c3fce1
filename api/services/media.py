"""The library of media as callers see it: what there is, who uses it, and away with it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from api.callers import caller
from api.errors import MediumInUse, MediumNotFound
from api.services.library_images import images_of
from api.services.pipeline_jobs import media_of
from api.services.pipelines import Registry
from shared.access import Role
from shared.errors import MediumNotInstalled
from shared.graph.names import places
from shared.measurements import ComparedModel
from shared.media import MediaEntry, content_key, thumbnail_key
from shared.media_library import MediaLibrary, patient
from shared.needs import pipelines_of
from shared.packing import AnyTask, InferenceTask, ValidateTask
from shared.ports import ArtifactStore, JobQuery, JobStore, WorkerDirectory
from shared.results import InstalledMedium
from shared.specs import ModelConvertSpec
from shared.states import JobState

_PATIENCE_S = 2.0
_LIVE = (JobState.PENDING, JobState.RUNNING)
_PAGE = 200
_USERS_TOLD = 5


@dataclass(frozen=True, slots=True)
class Medium:
    """``entry``: of the catalogue; ``installed``: in the library. At least one of them is there."""

    name: str
    entry: MediaEntry | None
    installed: InstalledMedium | None

    @property
    def kind(self) -> str:
        """What is in the library decides."""
        return self.installed.kind if self.installed else self.entry.kind if self.entry else ""


class MediaShelf:
    """Media by name, of the catalogue and of the library."""

    def __init__(
        self,
        catalogue: Mapping[str, MediaEntry],
        directory: WorkerDirectory,
        store: JobStore,
        registry: Registry,
        artifacts: ArtifactStore,
        library: MediaLibrary,
        threads: CapacityLimiter,
    ) -> None:
        self._catalogue = catalogue
        self._directory = directory
        self._store = store
        self._registry = registry
        self._artifacts = artifacts
        self._library = library
        self._threads = threads

    async def page(self, kinds: Collection[str], limit: int, after: str) -> tuple[list[Medium], str | None]:
        """In the order of their names, and the last name if there are more."""
        library = await self._directory.media()
        names = sorted({*library, *self._catalogue})
        media = [Medium(name, self._catalogue.get(name), library.get(name)) for name in names if name > after]
        found = [each for each in media if each.kind in kinds]
        return found[:limit], found[limit - 1].name if len(found) > limit else None

    async def get(self, name: str, kinds: Collection[str]) -> Medium:
        """Raises MediumNotFound."""
        library = await self._directory.media()
        found = Medium(name, self._catalogue.get(name), library.get(name))
        if found.kind not in kinds:
            msg = f"there is no {' or '.join(sorted(kinds))} {name[:100]!r}"
            raise MediumNotFound(msg)
        return found

    async def link(self, name: str, kinds: Collection[str], ttl_s: int, *, thumbnail: bool) -> str:
        """A short-lived URL (or a path below our root). Raises MediumNotFound, MediumNotInstalled."""
        medium = (await self.get(name, kinds)).installed
        if medium is None or (thumbnail and medium.thumbnail is None):
            msg = f"{name} isn't in the library; a media_download job brings it"
            raise MediumNotInstalled(msg)
        sha256 = medium.file.sha256
        key = thumbnail_key(sha256) if thumbnail else content_key(sha256)
        filename = f"{name}.jpg" if thumbnail else medium.file.name
        return await to_thread.run_sync(self._artifacts.link, key, ttl_s, filename, limiter=self._threads)

    async def delete(self, name: str, kinds: Collection[str], *, force: bool) -> None:
        """From the library; the catalogue stays. Raises MediumNotFound, MediumInUse unless ``force``."""
        medium = await self.get(name, kinds)
        if medium.installed is None:
            msg = f"{name} isn't in the library"
            raise MediumNotFound(msg)
        if medium.installed.origin == "catalogue":
            caller().must_be(Role.OPERATOR)  # everybody has it
        if not force and (users := await self.users(name)):
            told = ", ".join(users[:_USERS_TOLD]) + (", …" if len(users) > _USERS_TOLD else "")
            raise MediumInUse(f"{name} is used by {told}; delete them first, or say force=true")
        await to_thread.run_sync(self._library.remove, name, patient(_PATIENCE_S), limiter=self._threads)

    async def users(self, name: str) -> Sequence[str]:
        """Pipelines that name it, and jobs that wait or run with it."""
        users: list[str] = []
        for pipeline in await self._registry.all():
            graphs = [variant.pipeline_graph for variant in pipeline.variants]
            if any(place.value == name for graph in graphs for place in places(graph) if place.named == "media"):
                users.append(f"pipeline {pipeline.id}")
        return [*users, *[f"job {job_id}" for job_id in await self._jobs(name)]]

    async def _jobs(self, name: str) -> list[str]:
        found: list[str] = []
        for state in _LIVE:
            cursor: str | None = None
            while len(found) <= _USERS_TOLD:
                page = await self._store.find(JobQuery(state=state, limit=_PAGE, cursor=cursor))
                found += [job.id for job in page.jobs if name in _read(job.spec)]
                if (cursor := page.next_cursor) is None:
                    break
        return found


def _read(task: AnyTask) -> Collection[str]:
    """Media that a job reads."""
    match task:
        case InferenceTask():
            return images_of(task)
        case ModelConvertSpec():
            return task.calibration.media
        case ValidateTask(model=ComparedModel() as model):
            return model.media
        case _:
            return media_of(pipelines_of(task))
