"""Who uses a model, and which files may become one."""

from collections.abc import Iterable, Mapping, Sequence

from api.errors import ModelInUse
from api.services.pipelines import Registry
from shared import model_files
from shared.errors import InvalidSpec
from shared.measurements import ComparedModel
from shared.needs import RUN_PIPELINES, pipeline_models, pipelines_of
from shared.packing import AnyTask, InferenceTask, ValidateTask
from shared.ports import JobQuery, JobStore
from shared.results import InstalledModel
from shared.specs import JobKind, ModelConvertSpec, ModelUploadSpec
from shared.states import JobState
from shared.uploads import Upload

_LIVE = (JobState.RUNNING, JobState.PENDING)
_KINDS: tuple[JobKind, ...] = ("inference", *RUN_PIPELINES, "model_convert")
_PAGE = 200
_TOLD = 5


class ModelUse:
    """Looks through pipelines and live jobs."""

    def __init__(self, store: JobStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    async def require_unused(self, names: Sequence[str]) -> None:
        """Raises ModelInUse, naming some of those who use one of them."""
        pipelines = await self._registry.models()
        users = [f"pipeline {each}" for name in names for each in pipelines.get(name, [])]
        users += [f"job {each}" for each in await self._jobs(frozenset(names), _TOLD + 1 - len(users))]
        if users:
            told = ", ".join(users[:_TOLD]) + (", …" if len(users) > _TOLD else "")
            raise ModelInUse(f"{', '.join(names)}: used by {told}; end that first, or say force=true")

    async def _jobs(self, names: frozenset[str], most: int) -> list[str]:
        found: list[str] = []
        for kind in _KINDS:
            for state in _LIVE:
                cursor: str | None = None
                while len(found) < most:
                    page = await self._store.find(JobQuery(kind=kind, state=state, limit=_PAGE, cursor=cursor))
                    found += [job.id for job in page.jobs if not names.isdisjoint(models_of(job.spec))]
                    if (cursor := page.next_cursor) is None:
                        break
        return found[: max(most, 0)]


def models_of(task: AnyTask) -> Iterable[str]:
    """Names of the models that a job works with."""
    match task:
        case InferenceTask() | ModelConvertSpec():
            return [task.model]
        case ValidateTask(model=ComparedModel() as model):
            return [model.name]
        case _ if task.kind in RUN_PIPELINES:
            return sorted({name for each in pipelines_of(task) for name in pipeline_models(each.graph)})
        case _:
            return []


def require_versions(names: Sequence[str], installed: Mapping[str, InstalledModel]) -> None:
    """Raises InvalidSpec for a ``name@version`` that isn't kept."""
    broken: list[tuple[str, str]] = []
    for number, (name, _, version) in enumerate(each.partition("@") for each in names):
        model = installed.get(name)
        known = [each.version for each in (model, *model.older)] if model else []
        if version and version not in known:
            broken.append(
                (f"/models/{number}", f"{name} has no such version; there are: {', '.join(known) or 'none'}")
            )
    if broken:
        raise InvalidSpec(*broken)


def require_files(task: ModelUploadSpec, uploads: Sequence[Upload], pickles: bool) -> None:
    """Raises InvalidSpec for files that no model consists of, or that only an operator may let in."""
    told = [
        (file.name or upload.filename, file.sha256) for file, upload in zip(task.model.files, uploads, strict=True)
    ]
    broken = [
        (f"/model/files/{number}", why)
        for number, (name, sha256) in enumerate(told)
        if (why := model_files.refused(name, sha256, pickles=pickles))
    ]
    if broken:
        raise InvalidSpec(*broken)
