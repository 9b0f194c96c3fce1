"""Everything a request can need, put together once per process."""

import asyncio
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from anyio import CapacityLimiter

from api.hub import Hub
from api.images import image_check
from api.meters import Meters
from api.owned import owned
from api.parts import Parts
from api.services.chores import Chores
from api.services.courier import Courier
from api.services.dead import DeadJobs
from api.services.entries import Entries
from api.services.files import JobFiles
from api.services.follow import Followers
from api.services.gate import Gate, Tokens
from api.services.graphs import Graphs
from api.services.guests import Guests
from api.services.health import OK, Health, Phase
from api.services.intake import Intake
from api.services.keys import Keys
from api.services.lanes import Lanes
from api.services.levels import Levels
from api.services.lookout import Lookout
from api.services.measurement_jobs import MeasurementRules
from api.services.media import MediaShelf
from api.services.metadata import MetadataReaders
from api.services.models import InstalledModels
from api.services.overview import Overview
from api.services.pipeline_files import Files
from api.services.pipeline_jobs import PipelineRules
from api.services.pipelines import Registry
from api.services.prepare import Preparer
from api.services.questions import Questions
from api.services.recorder import Recorder
from api.services.rules import Rules
from api.services.session_records import SessionRecords
from api.services.sessions import Sessions
from api.services.submit import Submitter
from api.services.uploads import Uploads
from shared.media_library import MediaLibrary
from shared.settings import Settings
from shared.upkeep import Upkeep

_FIRST_LOOK_S = 3.0
_LOOK_AGAIN_S = 1.0
_COUNT_S = 2.0


def _tokens(settings: Settings) -> Tokens | None:
    """None where they aren't taken: their libraries are 8 MB of every process."""
    if settings.auth.mode not in {"jwt", "both"}:
        return None
    from api.services.tokens import tokens

    return tokens(settings)


class Gateway:
    """The services of one process. Runs from ``start`` to ``stop``."""

    def __init__(self, settings: Settings, parts: Parts, meters: Meters | None = None) -> None:
        limits, parts = settings.limits, owned(parts)
        self.settings = settings
        self.parts = parts
        self.gate = Gate(parts.keys, settings.auth, _tokens(settings))
        self.guests = Guests(self.gate, settings.auth.open_recheck_s)
        self.keys = Keys(parts.keys)
        self.levels = Levels(parts.directory, settings.log)
        self.meters = meters or Meters()
        self.version, self.phase = own_version(), Phase.STARTING
        self.threads = CapacityLimiter(limits.threads)
        self.hub = Hub(parts.bus, limits.follower_queue)
        self.overview = Overview(parts.directory, parts.store, parts.queue)
        self.lanes = Lanes(parts.directory, parts.store, settings.routing)
        self.entries = Entries(parts.catalogue.by_name)
        self.models = InstalledModels(parts.directory, self.entries)
        self.followers = Followers(parts.store, self.hub, limits.ping_s)
        self.metadata = MetadataReaders(parts.store, self.hub, limits.ping_s)
        self.lookout = Lookout(parts.store, self.hub, limits.recheck_s)
        self.health = Health(parts, self.hub.connected.is_set)
        self.files = JobFiles(parts.store, parts.artifacts, self.threads, settings.artifacts.link_ttl_s)
        self.uploads = Uploads(parts.uploads, parts.artifacts, self.threads, settings.uploads)
        self.rules = Rules(self.entries, parts.media, settings)
        self.graphs = Graphs(settings.pipelines)
        self.pipelines = Registry(parts.pipelines, self.graphs, _pipeline_files(self.graphs, parts), self.threads)
        self._courier = Courier(parts.queue, self.threads, settings.redis.answer_s, settings.batching)
        of_pipelines = PipelineRules(self.graphs, self.rules.entries, settings.pipelines)
        measured = MeasurementRules(of_pipelines)
        preparer = Preparer(self.rules, of_pipelines, measured, image_check(limits), limits.rows)
        self.questions = Questions(preparer)
        self.submitter = Submitter(
            parts.store,
            self._courier,
            preparer,
            self.models,
            self.pipelines,
            parts.directory,
            self.uploads,
            self.lanes,
            settings.jobs,
            self.threads,
            limits.arriving,
            self.meters.accepted,
        )
        self.media = MediaShelf(
            parts.media.by_name,
            parts.directory,
            parts.store,
            self.pipelines,
            parts.artifacts,
            MediaLibrary(parts.artifacts, parts.beacon),
            self.threads,
        )
        self.sessions, self.session_records = self._sessions(), self._session_records()
        self.dead = DeadJobs(parts.store, self.submitter)
        self.intake = Intake(self.hub, self.submitter, self.followers)
        self._chores = self._upkeep()
        self.recorder = Recorder(parts.audit, settings.audit.waiting)
        self._leaving = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def _upkeep(self) -> Chores:
        return Chores(
            Upkeep(
                self.parts.attempts,
                self.parts.queue,
                resend_s=self.settings.jobs.resend_s,
                retry_base_s=self.settings.worker.retry_base_s,
                ageing_s=self.settings.queue.ageing_s,
                on_lost=self.meters.lost,
            )
        )

    def _sessions(self) -> Sessions:
        settings, parts = self.settings, self.parts
        known = (self.lanes, self.models, self.rules)
        check = image_check(settings.limits)
        return Sessions(parts.sessions, parts.queue, self._courier, *known, settings.sessions, check)

    def _session_records(self) -> SessionRecords:
        part_lines, link_ttl_s = self.settings.sessions.part_lines, self.settings.artifacts.link_ttl_s
        return SessionRecords(self.parts.sessions, self.parts.artifacts, self.threads, part_lines, link_ttl_s)

    async def start(self) -> None:
        """Begin to hear events and look for the parts; what isn't there within 3 s is looked for in background."""
        self.phase = Phase.INITIALIZING
        looking = asyncio.create_task(self._look_for_parts())
        going_on = (
            self.hub.run(),
            self.lookout.run(),
            self._chores.run(),
            self._keep_counting(),
            self.guests.run(),
            self.levels.run(),
        )
        of_sessions = (
            self.sessions.hear(),
            self.sessions.watch(),
            self.session_records.run(),
            self.recorder.run(),
        )
        self._tasks = [*map(asyncio.create_task, (*going_on, *of_sessions)), looking]
        await asyncio.wait([looking], timeout=_FIRST_LOOK_S)

    def count(self) -> None:
        """What is open in this process, for its meters."""
        self.meters.look(self.hub.followers, self.sessions.open)

    async def stays(self, seconds: float) -> bool:
        """Wait so long, or until the gateway lets go of its followers: then False."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        return not self._leaving.is_set()

    async def _keep_counting(self) -> None:
        # Another process of this gateway may be the one that Prometheus asks.
        while True:
            self.count()
            await asyncio.sleep(_COUNT_S)

    async def leave(self, within_s: float) -> None:
        """Let go of followers and waiters: they are told, and have that long to leave."""
        self.phase = Phase.SHUTDOWN
        self._leaving.set()
        await asyncio.gather(self.sessions.close(within_s), self.hub.close(within_s))

    async def stop(self) -> None:
        """End what was begun."""
        self.phase = Phase.SHUTDOWN
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._courier.close()

    async def _look_for_parts(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK_S / 2):
                await self.hub.connected.wait()
        while any(told != OK for told in (await self.health.check()).values()):
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._leaving.wait()
                    return
        if self.phase is Phase.INITIALIZING:
            self.phase = Phase.READY


def _pipeline_files(graphs: Graphs, parts: Parts) -> Files:
    models = {
        f"{name}/{file.name}": name for name, entry in parts.catalogue.by_name.items() for file in entry.files
    }
    return Files(graphs, models, {entry.file.name: name for name, entry in parts.media.by_name.items()})


def own_version() -> str:
    """The installed version of Framelane."""
    try:
        return version("framelane")
    except PackageNotFoundError:
        return "0"
