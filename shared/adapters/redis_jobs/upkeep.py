"""The half of the blocking face that isn't about an attempt of one's own."""

from collections.abc import Collection, Sequence
from typing import Any

from shared.adapters.records import SCAN_LIMIT
from shared.adapters.redis_connection import Argument, BlockingRedis, Script
from shared.adapters.redis_jobs import calls
from shared.adapters.redis_jobs.calls import micros
from shared.adapters.redis_jobs.codec import readable
from shared.adapters.redis_jobs.scripts import Scripts
from shared.jobs import JobRecord
from shared.ports import Callback, Lapsed
from shared.workers import LaneBacklog


class RedisUpkeep:
    """What lapsed, was lost, is due or outlived."""

    _prefix: str
    _redis: BlockingRedis
    _scripts: Scripts

    def lapsed(self, limit: int = 100) -> list[Lapsed]:
        """See the port."""
        return calls.read_lapsed(self._about_many(self._scripts.leases, "", limit))

    def held_by(self, worker: str) -> list[Lapsed]:
        """See the port."""
        return calls.read_lapsed(self._about_many(self._scripts.leases, worker, -1))

    def expire(self, limit: int = 100) -> list[str]:
        """See the port."""
        return _ids(self._about_many(self._scripts.expire, *calls.expire_arguments(limit)))

    def note_lost(self, empty: Collection[str], after_s: float, limit: int = 100) -> int:
        """See the port."""
        arguments = calls.note_lost_arguments(empty, after_s, limit)
        return self._about_many(self._scripts.note_lost, *arguments)

    def waiting_lanes(self, after_s: float) -> list[str]:
        """See the port."""
        return sorted(_ids(self._about_many(self._scripts.waiting_lanes, micros(after_s))))

    def unpublished(self, older_than_s: float, limit: int = 100) -> list[JobRecord]:
        """See the port. Records that can't be read don't count: they would keep the others from being seen."""
        found: list[JobRecord] = []
        seen = 0
        while len(found) < limit:
            page = self._about_many(self._scripts.unpublished, micros(older_than_s), limit, seen)
            found += readable(page)
            seen += len(page)
            if len(page) < limit:
                break
        return found[:limit]

    def published(self, job_id: str, fence: int = 0) -> None:
        """See the port."""
        self._redis.run(self._scripts.published, self._prefix, job_id, fence)

    def due_callbacks(self, hold_s: float, limit: int = 20) -> list[Callback]:
        """See the port."""
        return calls.read_callbacks(self._about_many(self._scripts.due_callbacks, micros(hold_s), limit))

    def callback_tried(self, job_id: str, error: str | None, again_in_s: float | None) -> None:
        """See the port."""
        arguments = calls.callback_tried_arguments(error, again_in_s)
        self._redis.run(self._scripts.callback_tried, self._prefix, job_id, *arguments)

    def outlived(self, limit: int = 100) -> list[str]:
        """See the port."""
        return _ids(self._about_many(self._scripts.outlived, limit))

    def remove(self, job_id: str) -> bool:
        """See the port."""
        return self._redis.run(self._scripts.delete, self._prefix, job_id)[0] == 1

    def holdings(self, job_ids: Sequence[str]) -> dict[str, int]:
        """See the port."""
        return calls.read_picked(job_ids, self._about_many(self._scripts.pick, "fence", *job_ids))

    def backlog(self) -> dict[str, LaneBacklog]:
        """See the port."""
        return calls.read_backlog(self._about_many(self._scripts.backlog))

    def movable(self, lane: str, limit: int = 100) -> list[JobRecord]:
        """See the port."""
        return readable(self._about_many(self._scripts.movable, lane, limit, SCAN_LIMIT))

    def move(self, record: JobRecord, lane: str) -> bool:
        """See the port."""
        arguments = calls.move_arguments(record, lane)
        return self._redis.run(self._scripts.move, self._prefix, record.id, *arguments) == 1

    def list_older(self, limit: int = 1_000) -> int:
        """See the port."""
        return self._about_many(self._scripts.list_older, limit)

    def take_turn(self, what: str, period_s: float) -> bool:
        """See the port."""
        return self._about_many(self._scripts.take_turn, what, micros(period_s)) == 1

    def _about_many(self, script: Script, *arguments: Argument) -> Any:
        return self._redis.run(script, self._prefix, "", *arguments)


def _ids(reply: Sequence[bytes]) -> list[str]:
    return [job_id.decode() for job_id in reply]
