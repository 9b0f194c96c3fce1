"""Handing in a job and, if the client wants that, waiting for its end."""

from collections.abc import Awaitable
from dataclasses import dataclass

from api.hub import Hub
from api.services.follow import Followers
from api.services.prepare import Prepared
from api.services.submit import Submitter, Ticket
from shared.ports import Created, Seen


@dataclass(frozen=True, slots=True)
class Taken:
    """The job as it was last seen, and whether this request made it."""

    seen: Seen
    fresh: bool


@dataclass(frozen=True, slots=True)
class Intake:
    """The way in for every route that makes jobs."""

    hub: Hub
    submitter: Submitter
    followers: Followers

    async def accept(self, prepared: Prepared, ticket: Ticket, wait_s: float = 0, *, brief: bool = False) -> Taken:
        """Raises as ``Submitter.accept`` does. ``brief``: as for ``Followers.await_end``."""
        return await self._wait(ticket, wait_s, self.submitter.accept(prepared, ticket), brief=brief)

    async def retry(self, job_id: str, ticket: Ticket, wait_s: float = 0) -> Taken:
        """Raises as ``Submitter.retry`` does."""
        return await self._wait(ticket, wait_s, self.submitter.retry(job_id, ticket))

    async def _wait(
        self, ticket: Ticket, wait_s: float, accepting: Awaitable[Created], *, brief: bool = False
    ) -> Taken:
        if not wait_s:
            created = await accepting
            return Taken(Seen(created.record), created.fresh)
        # Followed before it exists: its end can't be missed, and it needn't be read to be sure.
        with self.hub.follow(ticket.job_id, to_its_end=True) as follower:
            created = await accepting
            if created.fresh:
                seen = await self.followers.await_end(follower, Seen(created.record), wait_s, brief=brief)
                return Taken(seen, fresh=True)
        return Taken(await self.followers.end_of(created.record.id, wait_s), fresh=False)
