"""Jobs that died: what is left of them can be tried once more, each as one new job however often that is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from api.services.submit import Submitter, Ticket
from shared.errors import (
    BrokerUnavailable,
    FramelaneError,
    IllegalTransition,
    JobConflict,
    JobNotFound,
    StoreUnavailable,
)
from shared.jobs import ErrorInfo, JobRecord
from shared.ports import Created, JobStore
from shared.states import JobState


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of one page of the dead: the new job of each, or why it has none."""

    jobs: dict[str, str] = field(default_factory=dict[str, str])
    refused: dict[str, ErrorInfo] = field(default_factory=dict[str, ErrorInfo])
    next_cursor: str | None = None


class DeadJobs:
    """Brings them back."""

    def __init__(self, store: JobStore, submitter: Submitter) -> None:
        self._store = store
        self._submitter = submitter

    async def requeue(self, job_id: str, headers: Mapping[str, str]) -> Created:
        """The one new job of a FAILED one, which is not among the dead any more.

        Raises as ``Submitter.retry`` does.
        """
        old = await self._store.get(job_id)
        if old.state is not JobState.FAILED:
            msg = f"the job is {old.state}; only FAILED ones can be requeued"
            raise IllegalTransition(msg)
        created = await self._successor(old, headers)
        await self._store.revived(old.id)
        return created

    async def requeue_page(
        self, limit: int, cursor: str | None, wanted: Callable[[JobRecord], bool], headers: Mapping[str, str]
    ) -> Requeued:
        """The same for those of ``limit`` dead jobs that are ``wanted``.

        Raises StoreUnavailable or BrokerUnavailable: asked again, those that were requeued aren't found any more.
        """
        page = await self._store.dead(limit, cursor)
        done = Requeued(next_cursor=page.next_cursor)
        for record in filter(wanted, page.jobs):
            try:
                done.jobs[record.id] = (await self.requeue(record.id, headers)).record.id
            except (StoreUnavailable, BrokerUnavailable):
                raise
            except FramelaneError as error:
                done.refused[record.id] = ErrorInfo.of(error)
        return done

    async def _successor(self, old: JobRecord, headers: Mapping[str, str]) -> Created:
        ticket = Ticket(job_id=str(uuid5(UUID(old.id), str(old.fence))), headers=headers)
        try:
            # Looked for first: the inputs of the old one needn't be kept as long.
            known = await self._store.get(ticket.job_id)
        except JobNotFound:
            return await self._submitter.retry(old.id, ticket)
        if known.retry_of != old.id:
            msg = f"job {known.id} isn't what job {old.id} was requeued as"
            raise JobConflict(msg)
        return Created(known, fresh=False)
