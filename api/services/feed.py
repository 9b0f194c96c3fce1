"""All jobs that match: first those that haven't ended, as they are, then what happens to any."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from api.hub import Follower, Heard, Note
from api.services.follow import END_OF, PING, End, Frame, lagged, snapshot_of
from shared.access import DEFAULT_TENANT
from shared.jobs import JobRecord
from shared.ports import JobQuery, JobStore
from shared.states import JobState

_FULL_PAGES = 5
"""At most that many pages of jobs are told as they are."""
_PAGES = 10
"""Pages read per state: the store looks at all jobs, and pages are short where most have ended."""


class Feed:
    """What one follower of many jobs is told.

    ``follower`` hears already what ``query`` wants; the query's limit is the size of a page. Jobs are numbered
    each for itself, so a feed can't be resumed: who comes back gets snapshots anew.
    """

    def __init__(self, store: JobStore, follower: Follower, query: JobQuery, ping_s: float) -> None:
        self._store = store
        self._follower = follower
        self._query = query
        self._ping_s = ping_s
        self._told: dict[str, int] = {}

    async def frames(self) -> AsyncGenerator[Frame | End]:
        """A snapshot of each of the newest unfinished jobs, newest first, then events; the last item is an End."""
        for record in await self._unfinished():
            self._told[record.id] = record.seq
            yield snapshot_of(record)
        while True:
            heard = await self._follower.next(self._ping_s)
            match heard:
                case Heard():
                    if self._is_news(heard):
                        yield Frame(heard.type, heard.raw, heard.seq)
                case Note.IDLE:
                    yield Frame("ping", PING)
                case Note.CLOSING | Note.LEFT:
                    yield END_OF[heard]
                    return
                case Note.LAGGED | Note.GAP:
                    # What was missed is of many jobs: new snapshots tell it.
                    yield lagged(None)
                    yield End.LAGGED
                    return

    async def _unfinished(self) -> list[JobRecord]:
        # A job claimed between the two readings is in both: the later one counts.
        found = {
            record.id: record
            for state in (JobState.PENDING, JobState.RUNNING)
            for record in await self._in_state(state)
        }
        newest = sorted(found.values(), key=lambda record: record.created_at, reverse=True)
        return newest[: _FULL_PAGES * self._query.limit]

    async def _in_state(self, state: JobState) -> list[JobRecord]:
        found: list[JobRecord] = []
        query = replace(self._query, state=state)
        for _ in range(_PAGES):
            page = await self._store.find(query)
            found += page.jobs
            if page.next_cursor is None or len(found) >= _FULL_PAGES * self._query.limit:
                break
            query = replace(query, cursor=page.next_cursor)
        return found

    def _is_news(self, heard: Heard) -> bool:
        job_id = heard.fields.get("job_id", "")
        if heard.seq <= self._told.get(job_id, 0):
            return False
        self._told.pop(job_id, None)  # those that follow have higher numbers still
        return True


def wanted(query: JobQuery) -> Callable[[Heard], bool]:
    """Whether an event is about a job that ``query`` finds, whatever its state."""

    def matches(heard: Heard) -> bool:
        event = heard.fields
        return (
            query.tenant in (None, event.get("tenant", DEFAULT_TENANT))
            and query.kind in (None, event.get("kind"))
            and query.device in (None, event.get("device"))
            and query.labels.items() <= event.get("labels", {}).items()
        )

    return matches
