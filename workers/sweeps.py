"""Makes a sweep job now and then. Every io worker asks; the store says whose turn it is."""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from uuid import uuid4

import structlog

from shared.devices import AUTO, Lane, LaneClass
from shared.ports import AttemptStore, JobQueue, JobStore, NewJob
from shared.routing import Route, task_name
from shared.specs import SweepSpec
from workers.loops import Loop

_LOOK_S = 60.0
_LONGEST_WAIT_S = 604_800.0

log = structlog.stdlib.get_logger()


class Sweeps:
    """One per io worker. ``front`` makes the face of the job store that takes jobs; it is used rarely, and closed.

    The first sweep is made a minute after the start at the earliest.
    """

    def __init__(
        self, store: AttemptStore, queue: JobQueue, front: Callable[[], JobStore], every_s: float
    ) -> None:
        self._store = store
        self._queue = queue
        self._front = front
        self._every_s = every_s
        self._rested = False
        self._owed: NewJob | None = None
        self._loop = Loop("sweeps", min(_LOOK_S, every_s), self.step)

    def start(self) -> None:
        """Begin to ask."""
        self._loop.start()

    def stop(self) -> None:
        """Leave it to the others."""
        self._loop.stop()

    def step(self) -> None:
        """Make a sweep if it is our turn. Raises StoreUnavailable; then it is made with the next step."""
        if not self._rested:
            self._rested = True
        elif self._owed or self._store.take_turn("sweep", self._every_s):
            self._owed = self._owed or self._new()
            asyncio.run(self._make(self._owed))
            log.info("sweep_made", job_id=self._owed.id)
            self._owed = None

    def _new(self) -> NewJob:
        # One that hasn't begun when the next is made isn't needed any more.
        task = SweepSpec(expires_s=min(self._every_s, _LONGEST_WAIT_S))
        job_id, lane = str(uuid4()), Lane.of(AUTO, LaneClass.IO).name
        return NewJob(
            id=job_id,
            task=task,
            lane=lane,
            fingerprint=sha256(task.model_dump_json().encode()).hexdigest(),
            # None where the broker is elsewhere: then the job is noted as not yet published, and upkeep sends it.
            message=self._queue.envelope(Route(task_name(task.kind), lane, task.priority), job_id, {}),
        )

    async def _make(self, new: NewJob) -> None:
        front = self._front()
        try:
            await front.create(new)
        finally:
            await front.close()
