"""The blocking face of the job store. One round trip per call; safe to share between threads."""

from collections.abc import Collection, Sequence

from shared.adapters.redis_connection import BlockingRedis
from shared.adapters.redis_jobs import calls
from shared.adapters.redis_jobs.codec import report_newer
from shared.adapters.redis_jobs.scripts import load_scripts
from shared.adapters.redis_jobs.upkeep import RedisUpkeep
from shared.errors import StoreUnavailable
from shared.jobs import ArtifactRef, Cancelled, Completed, ErrorInfo, Failed, Progress
from shared.ports import Claim, Record
from shared.results import StreamFigures
from shared.settings import Settings
from shared.states import JobState


class RedisAttemptStore(RedisUpkeep):
    """AttemptStore over the records of RedisJobStore."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)
        self._scripts = load_scripts(settings)

    def claim(self, job_id: str, worker: str, lease_s: float, lanes: Collection[str] = ()) -> Claim | None:
        """See the port."""
        arguments = calls.claim_arguments(worker, lease_s, lanes)
        reply = self._redis.run(self._scripts.claim, self._prefix, job_id, *arguments)
        if reply == calls.NEWER:
            report_newer(job_id)
            return None
        try:
            return calls.read_claim(worker, reply)
        except StoreUnavailable as error:
            self.give_up(job_id, calls.fence_of(reply), worker, calls.broken(error))
            return None

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """See the port."""
        arguments = (claim.fence, calls.micros(lease_s))
        return calls.read_flag(claim, self._redis.run(self._scripts.renew, self._prefix, claim.job_id, *arguments))

    def report(self, claim: Claim, progress: Progress) -> bool:
        """See the port."""
        arguments = calls.report_arguments(claim, progress)
        return calls.read_flag(
            claim, self._redis.run(self._scripts.report, self._prefix, claim.job_id, *arguments)
        )

    def measure(self, claim: Claim, streams: Sequence[StreamFigures], records: Sequence[Record] = ()) -> bool:
        """See the port. Raises StoreUnavailable too when the server's memory is full."""
        arguments = calls.measure_arguments(claim, streams, records)
        return calls.read_flag(
            claim, self._redis.run(self._scripts.measure, self._prefix, claim.job_id, *arguments)
        )

    def checkpoint(self, claim: Claim, keep: str = "") -> str:
        """See the port. Raises StoreUnavailable too when the server's memory is full."""
        return calls.read_checkpoint(
            claim, self._redis.run(self._scripts.checkpoint, self._prefix, claim.job_id, claim.fence, keep)
        )

    def settle(
        self,
        claim: Claim,
        outcome: Completed | Failed | Cancelled,
        artifacts: Sequence[ArtifactRef] = (),
    ) -> JobState:
        """See the port."""
        arguments = calls.settle_arguments(claim, outcome, artifacts)
        reply = self._redis.run(self._scripts.settle, self._prefix, claim.job_id, *arguments)
        return calls.read_state(claim.job_id, claim.fence, reply)

    def give_up(
        self,
        job_id: str,
        fence: int,
        worker: str,
        error: ErrorInfo,
        *,
        final: ErrorInfo | None = None,
        costs: bool = True,
    ) -> JobState:
        """See the port."""
        arguments = calls.give_up_arguments(fence, worker, error, final, costs)
        return calls.read_state(
            job_id, fence, self._redis.run(self._scripts.give_up, self._prefix, job_id, *arguments)
        )

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()
