"""The blocking face of the job store. One round trip per call; safe to share between threads."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from shared.adapters.redis_connection import BlockingRedis
from shared.adapters.redis_jobs import attempt_calls, calls
from shared.adapters.redis_jobs.codec import report_newer
from shared.adapters.redis_jobs.scripts import load_scripts
from shared.adapters.redis_jobs.staging import PIECE, counts_of
from shared.adapters.redis_jobs.upkeep import RedisUpkeep
from shared.errors import StaleClaim, StoreUnavailable
from shared.jobs import ArtifactRef, Cancelled, Completed, ErrorInfo, Failed, Progress
from shared.ports import Claim, Ending, Record
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
        arguments = attempt_calls.claim_arguments(worker, lease_s, lanes)
        reply = self._redis.run(self._scripts.claim, self._prefix, job_id, *arguments)
        return next(self._claims(worker, reply), None)

    def claim_ready(
        self, place: str, worker: str, lease_s: float, lanes: Collection[str] = (), limit: int = 64
    ) -> list[Claim]:
        """See the port."""
        arguments = attempt_calls.claim_arguments(worker, lease_s, lanes, place, limit)
        return list(self._claims(worker, self._about_many(self._scripts.claim, *arguments)))

    def _claims(self, worker: str, replies: Iterable[list[Any]]) -> Iterator[Claim]:
        """Those that can be run."""
        for reply in replies:
            job_id = reply[0].decode()
            if len(reply) == 1:
                report_newer(job_id)
                continue
            if told := attempt_calls.pieces(reply):
                key = f"{self._prefix}:job:{job_id}:blobs"
                reply[12] = self._redis.joined(key, counts_of(told), PIECE)
            try:
                yield attempt_calls.read_claim(worker, reply)
            except StoreUnavailable as error:
                self.give_up(job_id, reply[1], worker, calls.broken(error))

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """See the port."""
        (renewed,) = self.renew_many([claim], lease_s)
        if isinstance(renewed, StaleClaim):
            raise renewed
        return renewed

    def renew_many(self, claims: Sequence[Claim], lease_s: float) -> list[bool | StaleClaim]:
        """See the port."""
        if not claims:
            return []
        reply = self._about_many(self._scripts.renew, *attempt_calls.renew_arguments(claims, lease_s))
        return attempt_calls.read_flags(claims, reply)

    def report(self, claim: Claim, progress: Progress) -> bool:
        """See the port."""
        arguments = calls.report_arguments(claim, progress)
        return attempt_calls.read_flag(
            claim, self._redis.run(self._scripts.report, self._prefix, claim.job_id, *arguments)
        )

    def measure(self, claim: Claim, streams: Sequence[StreamFigures], records: Sequence[Record] = ()) -> bool:
        """See the port. Raises StoreUnavailable too when the server's memory is full."""
        arguments = calls.measure_arguments(claim, streams, records)
        return attempt_calls.read_flag(
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
        (state,) = self.settle_many([Ending(claim, outcome, artifacts)])
        if isinstance(state, StaleClaim):
            raise state
        return state

    def settle_many(self, ends: Sequence[Ending]) -> list[JobState | StaleClaim]:
        """See the port."""
        if not ends:
            return []
        reply = self._about_many(self._scripts.settle, *attempt_calls.settle_arguments(ends))
        return attempt_calls.read_states(ends, reply)

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
