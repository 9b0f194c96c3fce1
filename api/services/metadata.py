"""Following the records of a pipeline: read from the store, woken by the job's events.

A reader sets its own pace, since records wait in the store. It is told what was dropped there before it came.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager

from api.hub import Follower, Heard, Hub, Note
from api.services.follow import END_OF, GONE, PING, End, Frame
from shared.errors import JobNotFound, StoreUnavailable
from shared.jobs import JobRecord
from shared.ports import JobStore, NumberedRecord, RecordPage

_PAGE = 200
_LAST: Mapping[str, End] = {"end": End.FINISHED, "gone": End.GONE}
"""Frames after which nothing comes."""
_STALE_S = 1.0
"""Who couldn't read the store comes back to it after this."""


class MetadataWatch:
    """What one reader of a job's records is told. ``follow``: gives a place among the job's followers, in lieu of
    an earlier one.
    """  # noqa: D205  one sentence

    def __init__(
        self, store: JobStore, follow: Callable[[], Follower], job: JobRecord, stream: int | None, ping_s: float
    ) -> None:
        self._store = store
        self._follow = follow
        self._follower = follow()
        self._job = job
        self._stream = stream
        self._ping_s = ping_s
        self._after = 0
        self._may_have_records = True
        self._may_have_ended = True

    async def begin(self, after: int) -> bool:
        """Go on after this number; False if the reader had everything already. Raises JobNotFound."""
        await self._look()
        newest = _newest(await self._store.records(self._job.id, after, self._stream, 1))
        # A number that wasn't reached yet can't be of this job.
        self._after = after if after <= newest else 0
        return not (self._job.terminal and after == newest)

    async def frames(self) -> AsyncGenerator[Frame | End]:
        """Records, what was missed and what is void, then the end; the last item is an End."""
        news: Frame | End | None = None
        while not isinstance(news, End):
            try:
                if self._may_have_ended:
                    await self._look()
                async for frame in self._catch_up():
                    yield frame
                news = _end(self._job, self._after) if self._job.terminal else await self._wait(self._ping_s)
            except StoreUnavailable:
                news = await self._wait(_STALE_S)
            except JobNotFound:
                news = Frame("gone", GONE)
            if news is not None:
                yield news
            if isinstance(news, Frame) and news.type in _LAST:
                news = _LAST[news.type]
                yield news

    async def _look(self) -> None:
        self._job = await self._store.get(self._job.id)
        self._follower.knows(self._job.seq)
        self._may_have_ended = False

    async def _wait(self, within_s: float) -> Frame | End | None:
        heard = await self._follower.next(within_s)
        match heard:
            case Note.CLOSING | Note.LEFT:
                return END_OF[heard]
            case Note.IDLE:
                return Frame("ping", PING)
            case Note.LAGGED:  # of events, which only wake it
                self._follower = self._follow()
                self._may_have_records = self._may_have_ended = True
            case Note.GAP:
                self._may_have_records = self._may_have_ended = True
            case Heard():
                self._may_have_ended |= heard.terminal
                self._may_have_records |= heard.type == "state" or _records_of(heard) > self._after
        return None

    async def _catch_up(self) -> AsyncGenerator[Frame]:
        full = self._may_have_records
        while full:
            page = await self._store.records(self._job.id, self._after, self._stream, _PAGE)
            full = len(page.records) == _PAGE
            for frame in self._of(page):
                yield frame
            if not full:
                self._after = max(self._after, page.last)
                self._may_have_records = False

    def _of(self, page: RecordPage) -> Iterator[Frame]:
        if page.restarted > self._after:
            void, self._after = self._after, page.restarted
            if void:
                yield Frame("restarted", f'{{"type":"restarted","number":{page.restarted}}}', page.restarted)
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
    async def watch(self, job_id: str, stream: int | None) -> AsyncGenerator[MetadataWatch]:
        """Follow the records of a job. Raises JobNotFound."""
        with ExitStack() as place:

            def follow() -> Follower:
                place.close()
                return place.enter_context(self._hub.follow(job_id))

            job = await self._store.get(job_id)
            yield MetadataWatch(self._store, follow, job, stream, self._ping_s)

    async def page(self, job_id: str, after: int, stream: int | None, limit: int) -> str:
        """JSON of a ``MetadataPage``. Raises JobNotFound."""
        page = await self._store.records(job_id, after, stream, limit)
        full = len(page.records) == limit
        resume = page.records[-1].number if full else max(after, _newest(page))
        records = ",".join(map(record_json, page.records))
        bounds = f'"first":{page.first},"last":{page.last},"restarted":{page.restarted}'
        return f'{{"records":[{records}],{bounds},"next_after":{resume}}}'


def record_json(record: NumberedRecord) -> str:
    """A record as readers get it: what the pipeline wrote, with its number and stream."""
    return f'{{"number":{record.number},"stream":{record.stream},"record":{record.json}}}'


def _end(job: JobRecord, number: int) -> Frame:
    return Frame("end", f'{{"type":"end","state":"{job.state}"}}', number)


def _newest(page: RecordPage) -> int:
    """The highest number that was given."""
    return max(page.last, page.restarted)


def _records_of(heard: Heard) -> int:
    """How many there are, as far as the event says."""
    return heard.fields["records"] if heard.type == "figures" else 0
