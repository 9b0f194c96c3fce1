"""Jobs that named no device don't stay where nobody serves them: they are moved to lanes that live."""

import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from shared.catalogue import CatalogueEntry
from shared.errors import DeviceUnavailable
from shared.jobs import JobRecord
from shared.needs import needs_of
from shared.ports import AttemptStore
from shared.results import InstalledModel
from shared.routing import Policy, route
from shared.settings import RoutingSettings
from shared.workers import LaneState, WorkerInfo, live_lanes

EVERY_S = 1.0

_BATCH = 100

log = structlog.stdlib.get_logger()


class Movers:
    """One per worker: who could take the jobs of a dead lane lives, so somebody looks.

    A lane counts as dead when no worker of it has taken jobs for ``move_after_s``. The store moves a job in one
    step, and only if it waits as it was read: a worker that comes back at that moment has it, or hasn't.
    """

    def __init__(
        self,
        store: AttemptStore,
        workers: Callable[[], Sequence[WorkerInfo]],
        models: Callable[[], Mapping[str, InstalledModel]],
        entries: Mapping[str, CatalogueEntry],
        settings: RoutingSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._workers = workers
        self._models = models
        self._entries = entries
        self._settings = settings
        self._policy = Policy(settings.prefer, settings.close)
        self._clock = clock
        self._dead_since: dict[str, float] = {}

    def round(self) -> None:
        """Look, unless another worker did so within EVERY_S. Raises StoreUnavailable."""
        if self._store.take_turn("moving", EVERY_S):
            self.look()

    def look(self) -> int:
        """Move what has to be moved; how many jobs. Raises StoreUnavailable."""
        backlog = self._store.backlog()
        lanes = live_lanes(self._workers(), backlog)
        served = {lane.name for lane in lanes if lane.ready}
        now = self._clock()
        waiting = {name for name, each in backlog.items() if each.depth and name not in served}
        self._dead_since = {name: self._dead_since.get(name, now) for name in sorted(waiting)}
        dead = [name for name, since in self._dead_since.items() if now - since >= self._settings.move_after_s]
        return sum(self._empty(name, lanes) for name in dead)

    def _empty(self, dead: str, lanes: list[LaneState]) -> int:
        moved = 0
        records, models = self._store.movable(dead, _BATCH), self._models()
        for record in records:
            target = self._target(record, lanes, models)
            if target is not None and self._store.move(record, target):
                log.warning("job_moved", job_id=record.id, lane=dead, to=target)
                _count(lanes, target)
                moved += 1
        return moved

    def _target(
        self, record: JobRecord, lanes: Sequence[LaneState], models: Mapping[str, InstalledModel]
    ) -> str | None:
        needs = needs_of(record.spec, self._entries, models, self._settings)
        try:
            return route(record.kind, record.spec, lanes, needs, self._policy).queue
        except DeviceUnavailable:
            return None  # it waits for its lane


def _count(lanes: list[LaneState], name: str) -> None:
    """The next job sees this one in its lane, so that not all go to one."""
    for at, lane in enumerate(lanes):
        if lane.name == name:
            lanes[at] = lane.with_more(1)
