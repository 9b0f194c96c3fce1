"""Workers that stand still while jobs pile up, and jobs made as the gateway makes them but without HTTP."""

import asyncio
import signal
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from uuid import uuid4

from benchmarks.processes import tree
from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_jobs import RedisJobStore
from shared.inputs import LANDMARK_COLUMNS
from shared.packing import InferenceTask, PackedInput, floats
from shared.ports import Created, NewJob
from shared.routing import BATCH_TASK, Route, place_of, task_name
from shared.settings import Settings

HOLDING: Mapping[str, str] = {
    "FRAMELANE_WORKER__HEARTBEAT_S": "300",
    "FRAMELANE_WORKER__LEASE_S": "900",
    "FRAMELANE_JOBS__RESEND_S": "900",
}
"""Settings with which nobody misses a worker that stands still for some minutes."""

_LANE = "cpu"
_TOGETHER = 256


@contextmanager
def held(pid: int) -> Generator[None]:
    """The process and its descendants stand still."""
    _tell(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell(pid, signal.SIGCONT)


@contextmanager
def moving(pid: int) -> Generator[None]:
    """A process that is held moves meanwhile."""
    _tell(pid, signal.SIGCONT)
    try:
        yield
    finally:
        _tell(pid, signal.SIGSTOP)


def _tell(pid: int, number: signal.Signals) -> None:
    for process in tree(pid):
        process.send_signal(number)


class Maker:
    """Inference jobs of one row, in a group of their own or, without ``group``, each with a message."""

    def __init__(self, url: str, group: str = "inference:asl") -> None:
        settings = Settings.model_validate({"redis_url": url, "redis": {"answer_s": 5}})
        self.store = RedisJobStore(settings)
        self._queue = CeleryJobQueue(settings)
        self._group = group
        self._task = InferenceTask(model="asl", inputs=[PackedInput(kind="landmarks", blob=0, rows=1)])
        self._blobs = [floats(0.3 + 0.01 * number for number in range(LANDMARK_COLUMNS))]

    async def one(self) -> Created:
        """A job."""
        job_id, task = str(uuid4()), self._task
        if self._group:
            route, asked = Route(BATCH_TASK, _LANE, task.priority), place_of(task.priority, _LANE, self._group)
        else:
            route, asked = Route(task_name(task.kind), _LANE, task.priority), job_id
        message = self._queue.envelope(route, asked, {})
        return await self.store.create(
            NewJob(job_id, task, _LANE, job_id, self._blobs, message=message, group=self._group)
        )

    async def many(self, count: int) -> list[str]:
        """Ids of that many."""
        made: list[str] = []
        for size in _parts(count):
            made += [each.record.id for each in await asyncio.gather(*(self.one() for _ in range(size)))]
        return made

    async def waiting(self) -> int:
        """Jobs that wait."""
        backlog = await self.store.backlog()
        return backlog[_LANE].depth if _LANE in backlog else 0

    async def close(self) -> None:
        """Let go of connections."""
        await self.store.close()
        self._queue.close()


def _parts(count: int) -> Iterable[int]:
    return (min(_TOGETHER, count - first) for first in range(0, count, _TOGETHER))
