"""Accepting a job: check, keep, queue, in this order, so that what was accepted is kept."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import UUID, uuid4

import structlog
from anyio import CapacityLimiter, to_thread

from api.errors import ModelInUse
from api.permissions import require_kind
from api.services.arriving import Arrivals, Arriving
from api.services.courier import Courier
from api.services.lanes import Lanes
from api.services.library_images import require_images
from api.services.measurement_jobs import variants_of
from api.services.model_use import ModelUse, require_files, require_versions
from api.services.models import InstalledModels
from api.services.pipeline_jobs import media_of, missing_media
from api.services.pipelines import Registry
from api.services.prepare import LookedUp, Prepared, Preparer, fingerprint
from api.services.questions import Questions
from api.services.uploads import Uploads
from shared.arrived import Blob
from shared.errors import (
    BrokerUnavailable,
    DeviceUnavailable,
    Full,
    IllegalTransition,
    InvalidSpec,
    JobNotFound,
    MediumNotInstalled,
    MediumRefused,
    ModelNotInstalled,
    StoreUnavailable,
    UploadError,
)
from shared.graph.model import Graph
from shared.jobs import Completed
from shared.measurements import OptimizeSpec
from shared.media_library import taken
from shared.needs import needs_of, work_of
from shared.packing import AnyTask, InferenceTask, ValidateTask
from shared.pipelines import VariantSource
from shared.ports import Created, Envelope, JobStore, NewJob, WorkerDirectory
from shared.ports.queue import ABOUT
from shared.results import InstalledModel, PipelineResult
from shared.routing import Needs, Route
from shared.settings import JobSettings
from shared.specs import (
    AnySpec,
    MediaUploadSpec,
    ModelConvertSpec,
    ModelDeleteSpec,
    ModelDownloadSpec,
    ModelUploadSpec,
)
from shared.states import JobState

SMALL_BYTES = 32 * 1024
"""Larger requests are checked in a thread, so that others aren't kept waiting."""

HUGE_BYTES = 2 * 1024 * 1024
"""Of larger ones one is checked at a time: as objects they are many times their size."""

_NOT_NOW = (
    ModelNotInstalled,
    ModelInUse,
    MediumNotInstalled,
    MediumRefused,
    UploadError,
    InvalidSpec,
    DeviceUnavailable,
)

_ADMISSIONS = 256

T = TypeVar("T")


@dataclass(slots=True)
class _Admission:
    """What a task was found to need, with the models that were ``installed`` then."""

    task: InferenceTask
    changes: int
    models: Sequence[str]
    needs: Needs | None = None
    installed: Mapping[str, InstalledModel] | None = None


_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Ticket:
    """What goes along with a request. ``job_id`` is for a new job, ``caller`` is who may have so many waiting."""

    job_id: str = field(default_factory=lambda: str(uuid4()))
    idempotency_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: str = ""
    retry_of: str | None = None


class Submitter:
    """Accepts jobs."""

    def __init__(
        self,
        store: JobStore,
        courier: Courier,
        preparer: Preparer,
        models: InstalledModels,
        registry: Registry,
        directory: WorkerDirectory,
        uploads: Uploads,
        lanes: Lanes,
        settings: JobSettings,
        threads: CapacityLimiter,
        arriving: int,
        counted: Callable[[str, str], None] = lambda _kind, _lane: None,
    ) -> None:
        """``counted``: called with kind and lane of every new job; ``arriving``: large files at a time."""
        self._counted = counted
        self._arrivals = Arrivals(store.staging, arriving)
        self._store = store
        self._courier = courier
        self._preparer = preparer
        self._questions = Questions(preparer)
        self._models = models
        self._registry = registry
        self._directory = directory
        self._uploads = uploads
        self._lanes = lanes
        self._use = ModelUse(store, registry)
        self._settings = settings
        self._threads = threads
        self._one_huge = CapacityLimiter(1)
        self._admissions: dict[int, _Admission] = {}
        self._forgetting: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def arriving(self, *, once: bool) -> AsyncGenerator[Arriving]:
        """For the large file of a request; what no job is made of in here doesn't stay in the store.

        ``once``: the request can't be asked for again, having neither a key nor an id of the client's.
        """
        arriving = Arriving(self._arrivals, once=once)
        try:
            yield arriving
        finally:
            self._forget(arriving)

    def _forget(self, arriving: Arriving) -> None:
        """What became a job's is the job's. Nobody waits for the rest to go."""
        if arriving.is_staged:
            task = asyncio.create_task(arriving.drop())
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def read(self, document: bytes, files: Mapping[str, Blob], size: int) -> Prepared:
        """What a request of ``size`` bytes asks for. Raises MalformedDocument, InvalidSpec, StoreUnavailable."""
        changes = self._models.changes
        try:
            return await self._read(document, files, size)
        except InvalidSpec:
            # It may name a model that was installed just now, by way of another gateway.
            if not await self._models.news_since(changes):
                raise
            return await self._read(document, files, size)

    async def _read(self, document: bytes, files: Mapping[str, Blob], size: int) -> Prepared:
        if size <= SMALL_BYTES and not files:
            found = self._small(document)
        else:
            found = await self.prepare(size, lambda preparer: preparer.from_document(document, files))
        if isinstance(found, Prepared):
            return found
        looked_up = await self._look_up(found)
        return await self.prepare(size, lambda preparer: preparer.from_spec(found, files, looked_up))

    def _small(self, document: bytes) -> Prepared | AnySpec:
        """As ``Preparer.from_document``: most are questions that differ in their numbers only."""
        found = self._questions.of_document(document, self._preparer.spec_of)
        return found if isinstance(found, Prepared) else self._preparer.unless_looked_up(found, {})

    async def _look_up(self, spec: AnySpec) -> LookedUp:
        variants: dict[VariantSource, Graph | InvalidSpec] = {}
        for each in variants_of(spec):
            try:
                variants[each] = await self._registry.graph_of(each.pipeline_id, each.variant_id)
            except InvalidSpec as error:
                variants[each] = error
        if not isinstance(spec, OptimizeSpec) or not spec.save_as or not isinstance(spec.pipeline, VariantSource):
            return LookedUp(variants)
        refused = await self._registry.variant_refused(spec.pipeline.pipeline_id, spec.save_as)
        return LookedUp(variants, [("/save_as", refused)] if refused else [])

    async def prepare(self, size: int, prepare: Callable[[Preparer], T]) -> T:
        """What ``prepare`` makes of a request of ``size`` bytes."""
        if size <= SMALL_BYTES:
            return prepare(self._preparer)
        limiter = self._threads if size <= HUGE_BYTES else self._one_huge
        return await to_thread.run_sync(prepare, self._preparer, limiter=limiter)

    async def accept(self, prepared: Prepared, ticket: Ticket) -> Created:
        """Keep and queue the job, or find the one that was asked for with the same id or key.

        Raises ModelNotInstalled, MediumNotInstalled, MediumRefused, UploadError, DeviceUnavailable, InvalidSpec,
        JobConflict, StoreUnavailable, QueueFull and CallerFull that say when there will be room;
        BrokerUnavailable after the half-made job was removed again; Forbidden for kinds above the caller's role.
        """
        require_kind(prepared.task.kind)
        try:
            route = await self._admit(prepared)
        except _NOT_NOW:
            # A job accepted earlier stays known when no worker lives any more.
            known = await self._store.known(ticket.job_id, prepared.fingerprint, ticket.idempotency_key)
            if known is None:
                raise
            return Created(known, fresh=False)
        # What failed before may take its worker along, and whoever runs with it.
        alone = ticket.retry_of is not None
        group, message = self._courier.message(prepared.task, route, ticket.job_id, ticket.headers, alone=alone)
        try:
            created = await self._create(prepared, ticket, route, group, message)
        except Full as error:
            error.retry_after_s = self._lanes.room_in_s(route.queue)
            raise
        if created.fresh and message is None:
            await self._publish(route, created.record.id, {**ticket.headers, ABOUT: work_of(prepared.task)})
        if created.fresh:
            self._counted(created.record.kind, route.queue)
        return created

    async def _create(
        self, prepared: Prepared, ticket: Ticket, route: Route, group: str, message: Envelope | None
    ) -> Created:
        return await self._store.create(
            NewJob(
                id=ticket.job_id,
                task=prepared.task,
                lane=route.queue,
                fingerprint=prepared.fingerprint,
                blobs=prepared.inputs,
                idempotency_key=ticket.idempotency_key,
                idempotency_ttl_s=self._settings.idempotency_ttl_s,
                retry_of=ticket.retry_of,
                message=message,
                staged=prepared.staged,
                group=group,
                headers=ticket.headers,
                caller=ticket.caller,
            )
        )

    async def retry(self, job_id: str, ticket: Ticket) -> Created:
        """A new job like a failed or cancelled one. Raises as ``accept``, IllegalTransition, InputsExpired.

        The same key again finds that new job; the key of the old one's own request is a JobConflict.
        """
        old = await self._store.get(job_id)
        if old.state not in {JobState.FAILED, JobState.CANCELLED}:
            msg = f"the job is {old.state}; only FAILED and CANCELLED ones can be tried again"
            raise IllegalTransition(msg)
        blobs = await self._store.blobs(job_id)
        prepared = Prepared(old.spec, blobs, fingerprint(old.spec, blobs, retry_of=job_id))
        return await self.accept(prepared, replace(ticket, retry_of=job_id))

    async def _admit(self, prepared: Prepared) -> Route:
        task = prepared.task
        if isinstance(task, InferenceTask):  # by far the most, and nothing below is about them
            needs = await self._admitted(task)
        else:
            await self._require_for_others(task)
            needs = needs_of(task, self._preparer.rules.entries, self._models.known, self._lanes.settings)
        return await self._lanes.route(task.kind, task, needs)

    async def _admitted(self, task: InferenceTask) -> Needs:
        rules, kept = self._preparer.rules, self._admissions.get(id(task))
        if kept is None or kept.task is not task or kept.changes != rules.entries.changes:
            kept = _Admission(task, rules.entries.changes, rules.needs(task))
            if len(task.inputs) == 1:  # as questions have, of which many are the very same task
                if len(self._admissions) >= _ADMISSIONS:
                    self._admissions.clear()
                self._admissions[id(task)] = kept
        await self._models.require(kept.models)
        if any(item.media for item in task.inputs):
            require_images(task, await self._directory.media())
        installed = self._models.known
        if kept.needs is None or kept.installed is not installed:
            kept.needs = needs_of(task, rules.entries, installed, self._lanes.settings)
            kept.installed = installed
        return kept.needs

    async def _require_for_others(self, task: AnyTask) -> None:
        await self._require_for_pipelines(task)
        if isinstance(task, MediaUploadSpec):
            await self._require_upload(task)
        if isinstance(task, ModelUploadSpec):
            ready = [await self._uploads.ready(file.upload) for file in task.model.files]
            require_files(task, ready, self._preparer.rules.pickles)
        if isinstance(task, ModelDownloadSpec) and any("@" in name for name in task.models):
            require_versions(task.models, await self._models.now())
        if isinstance(task, ModelConvertSpec):
            await self._require_library(task.calibration.media)
        if isinstance(task, ValidateTask) and task.model is not None:
            await self._require_library(task.model.media)
        if isinstance(task, ModelDeleteSpec) and not task.force:
            await self._use.require_unused(task.models)

    async def _require_for_pipelines(self, task: AnyTask) -> None:
        pipelines = self._preparer.pipelines.runnable(task)
        await self._models.require([*self._preparer.rules.needs(task), *self._preparer.pipelines.needs(pipelines)])
        media, known = media_of(pipelines), self._preparer.rules.media
        if isinstance(task, ValidateTask):
            await self._require_reference(task)
            media = [name for name in media if name in known]  # a name that nobody knows is part of the verdict
        if media and (says := missing_media(media, (await self._directory.media()).keys(), known)):
            raise MediumNotInstalled(says)

    async def _require_library(self, names: Sequence[str]) -> None:
        library = await self._directory.media()
        if missing := [name for name in names if name not in library]:
            raise MediumNotInstalled(f"not in the library: {', '.join(missing)}")

    async def _require_upload(self, task: MediaUploadSpec) -> None:
        await self._uploads.ready(task.upload)
        old = (await self._directory.media()).get(task.name)
        if old is not None and not task.replace:
            raise taken(old)

    async def _require_reference(self, task: ValidateTask) -> None:
        if (job_id := task.expect.reference_job) is None:
            return
        try:
            outcome = (await self._store.get(str(UUID(job_id)))).outcome
        except (JobNotFound, ValueError):
            outcome = None
        result = outcome.result if isinstance(outcome, Completed) else None
        if not (isinstance(result, PipelineResult) and result.metadata):
            says = "must be a COMPLETED pipeline job with `metadata_mode`: `file`, whose artifacts are still kept"
            raise InvalidSpec(("/expect/reference_job", says))

    async def _publish(self, route: Route, job_id: str, headers: Mapping[str, str]) -> None:
        try:
            await self._courier.send(route, job_id, headers)
        except BrokerUnavailable:
            await self._store.discard(job_id)
            raise
        try:
            await self._store.published(job_id)
        except StoreUnavailable as error:  # then it is sent once more
            _log.warning("a sent message couldn't be noted", job_id=job_id, reason=error.detail)
