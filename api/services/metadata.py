"""Following the records of a pipeline: read from the store, woken by the job's events.

A reader sets its own pace, since records wait in the store. What was dropped there before it came to it, it is told.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager

from api.hub import Follower, Heard, Hub, Note
from api.services.follow import GONE, PING, End, Frame
from shared.errors import JobNotFound, StoreUnavailable
from shared.jobs import JobRecord
from shared.ports import JobStore, NumberedRecord, RecordPage

_PAGE = 200
_STALE_S = 1.0
"""Who couldn't read the store comes back to it after this."""


class MetadataWatch:
    """What one reader of a job's records is told."""

    def __init__(
        self, store: JobStore, hub: Hub, job: JobRecord, page: RecordPage, after: int, stream: int | None
    ) -> None:
        self._store = store
        self._hub = hub
        self._job = job
        self._stream = stream
        # A number that wasn't reached yet can't be of this job.
        self._after = after if after <= page.last else 0
        self.told = job.terminal and after == page.last
        """Whether the reader knew everything already when it came."""

    async def frames(self, follower: Follower, anew: ExitStack, ping_s: float) -> AsyncGenerator[Frame | End]:
        """Records and what was missed, then the end."""
        while True:
            try:
                async for frame in self._catch_up():
                    yield frame
                if self._job.terminal:
                    yield Frame("end", f'{{"type":"end","state":"{self._job.state}"}}', self._after)
                    yield End.FINISHED
                    return
                note = await self._news(follower, ping_s)
            except StoreUnavailable:
                note = await follower.next(_STALE_S)
            except JobNotFound:
                yield Frame("gone", GONE)
                yield End.GONE
                return
            if note is Note.CLOSING:
                yield End.CLOSING
                return
            if note is Note.LAGGED:  # of events, which it only wakes up by
                anew.close()
                follower = anew.enter_context(self._hub.follow(self._job.id))
                self._job = await self._store.get(self._job.id)
            if note is Note.IDLE:
                yield Frame("ping", PING)

    async def _news(self, follower: Follower, ping_s: float) -> Heard | Note:
        """What makes another look at the records worth while; looks at the job if that may have ended."""
        while True:
            heard = await follower.next(ping_s)
            if isinstance(heard, Note) or heard.terminal:
                if heard not in {Note.IDLE, Note.CLOSING, Note.LAGGED}:
                    self._job = await self._store.get(self._job.id)
                    follower.knows(self._job.seq)
                return heard
            if heard.type == "figures" and heard.fields["records"] > self._after:
                return heard

    async def _catch_up(self) -> AsyncGenerator[Frame]:
        full = True
        while full:
            page = await self._store.records(self._job.id, self._after, self._stream, _PAGE)
            full = len(page.records) == _PAGE
            for frame in self._of(page):
                yield frame
            if not full:
                self._after = max(self._after, page.last)

    def _of(self, page: RecordPage) -> Iterator[Frame]:
        if page.first > self._after + 1:
            missed = f'{{"type":"missed","first":{self._after + 1},"last":{page.first - 1}}}'
            self._after = page.first - 1
            yield Frame("missed", missed, self._after)
        for record in page.records:
            self._after = record.number
            yield Frame("record", record_json(record), record.number)


class MetadataReaders:
    """Pages of records, and those who follow them."""

    def __init__(self, store: JobStore, hub: Hub, ping_s: float) -> None:
        self._store = store
        self._hub = hub
        self._ping_s = ping_s

    @asynccontextmanager
    async def watch(
        self, job_id: str, after: int, stream: int | None
    ) -> AsyncGenerator[tuple[MetadataWatch, AsyncGenerator[Frame | End]]]:
        """Follow the records of a job numbered higher than ``after``. Raises JobNotFound."""
        with ExitStack() as anew, self._hub.follow(job_id) as follower:
            job = await self._store.get(job_id)
            follower.knows(job.seq)
            page = await self._store.records(job_id, after, stream, 1)
            watch = MetadataWatch(self._store, self._hub, job, page, after, stream)
            yield watch, watch.frames(follower, anew, self._ping_s)

    async def page(self, job_id: str, after: int, stream: int | None, limit: int) -> str:
        """JSON of a ``MetadataPage``. Raises JobNotFound."""
        page = await self._store.records(job_id, after, stream, limit)
        full = len(page.records) == limit
        resume = page.records[-1].number if full else max(after, page.last)
        records = ",".join(map(record_json, page.records))
        return f'{{"records":[{records}],"first":{page.first},"last":{page.last},"next_after":{resume}}}'


def record_json(record: NumberedRecord) -> str:
    """A record as readers get it: what the pipeline wrote, with its number and stream."""
    return f'{{"number":{record.number},"stream":{record.stream},"record":{record.json}}}'
