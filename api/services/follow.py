"""Following a job: subscribe first, read second, then only what is newer, so that nothing is lost in between."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum

from pydantic import TypeAdapter

from api.hub import Follower, Heard, Hub, Note
from api.services.records import bare_job
from shared.errors import JobNotFound, StoreUnavailable
from shared.jobs import OUTCOME, ArtifactRef, JobRecord, from_micros
from shared.ports import JobStore, Seen
from shared.states import JobState

_STALE_S = 1.0
"""A follower that couldn't read the record comes back to it after this."""
_TOLD_AT_THE_END = ("attempt", "queue_wait_ms", "run_ms", "seq")
_ARTIFACTS: TypeAdapter[list[ArtifactRef]] = TypeAdapter(list[ArtifactRef])
_PAGE = 1_000

PING = '{"type":"ping"}'
GONE = '{"type":"gone"}'


class End(Enum):
    """Why a stream of frames is over."""

    FINISHED = "finished"  #: the job has ended and everything was told
    LAGGED = "lagged"  #: the reader was too slow
    CLOSING = "closing"  #: the process stops
    GONE = "gone"  #: the job isn't kept any more
    LEFT = "left"  #: the reader is gone


END_OF = {Note.CLOSING: End.CLOSING, Note.LEFT: End.LEFT}


@dataclass(frozen=True, slots=True)
class Frame:
    """One message to a follower. ``seq`` is None for pings and the like."""

    type: str
    raw: str
    seq: int | None = None


class Watch:
    """What one follower of a job is told."""

    def __init__(
        self, store: JobStore, follower: Follower, record: JobRecord, after_seq: int | None, ping_s: float
    ) -> None:
        self.record = record
        self._store = store
        self._follower = follower
        self._ping_s = ping_s
        # A number that wasn't reached yet can't be of this job.
        self._seq = None if after_seq is None or after_seq > record.seq else after_seq
        self._finished = False
        follower.knows(record.seq)

    @property
    def told(self) -> bool:
        """Whether the reader knew everything already when it came."""
        return self.record.terminal and self._seq == self.record.seq

    def hang_up(self) -> None:
        """The reader is gone: end the frames."""
        self._follower.hang_up()

    async def frames(self) -> AsyncGenerator[Frame | End]:
        """A snapshot (or, after a seq, what was missed), then events; the last item is an End."""
        for frame in await self._catch_up():
            yield frame
        stale = False
        while not self._finished:
            heard = await self._follower.next(_STALE_S if stale else self._ping_s)
            if stale and heard is Note.IDLE:
                heard = Note.GAP  # the record couldn't be read a moment ago
            try:
                for item in await self._told_by(heard):
                    yield item
                    if isinstance(item, End):
                        return
                stale = False
            except StoreUnavailable:
                stale = True
            except JobNotFound:
                yield Frame("gone", GONE)
                yield End.GONE
                return
        yield End.FINISHED

    async def _told_by(self, heard: Heard | Note) -> Sequence[Frame | End]:
        known = self._seq or 0
        match heard:
            case Note.CLOSING | Note.LEFT:
                return [END_OF[heard]]
            case Note.LAGGED:
                return [lagged(self._seq), End.LAGGED]
            case Note.IDLE:
                return [Frame("ping", PING)]
            case Note.GAP:
                return await self._catch_up(anew=True)
            case Heard():
                if heard.seq <= known:
                    return []
                return [self._tell(heard)] if heard.seq == known + 1 else await self._catch_up(anew=True)

    async def _catch_up(self, *, anew: bool = False) -> list[Frame]:
        """Everything newer than what was told; a snapshot where the events in between aren't kept any more."""
        if anew:
            self.record = await self._store.get(self.record.id)
            self._follower.knows(self.record.seq)
        if self._seq is None or self.record.seq < self._seq:
            # A number that went back is another job's of the same id, made since that one was deleted or lost.
            self._follower.latest = self.record.seq
            return [self._snapshot()]
        frames: list[Frame] = []
        while self._seq < self.record.seq:
            events = [Heard.of(raw) for raw in await self._store.events(self.record.id, self._seq, _PAGE)]
            if not events or not await self._goes_on_with(events[0]):
                return [*frames, self._snapshot()]
            frames += [self._tell(event) for event in events]
        self._finished = self._finished or self.told
        return frames

    async def _goes_on_with(self, event: Heard) -> bool:
        """Whether nothing but progress and figures, which have newer ones, lies between what was told and this."""
        following = (self._seq or 0) + 1
        if event.seq == following:
            return True
        oldest = await self._store.events(self.record.id, 0, 1)
        return bool(oldest) and Heard.of(oldest[0]).seq <= following

    def _tell(self, heard: Heard) -> Frame:
        self._seq = heard.seq
        self._finished = heard.terminal
        return Frame(heard.type, heard.raw, heard.seq)

    def _snapshot(self) -> Frame:
        record = self.record
        self._seq = record.seq
        self._finished = record.terminal
        return snapshot_of(record)


class Followers:
    """Watches jobs and waits for their ends."""

    def __init__(self, store: JobStore, hub: Hub, ping_s: float) -> None:
        self._store = store
        self._hub = hub
        self._ping_s = ping_s

    @asynccontextmanager
    async def watch(self, job_id: str, after_seq: int | None) -> AsyncGenerator[Watch]:
        """Follow a job from its snapshot, or from ``after_seq``, on. Raises JobNotFound."""
        with self._hub.follow(job_id) as follower:
            record = await self._store.get(job_id)
            yield Watch(self._store, follower, record, after_seq, self._ping_s)

    async def end_of(self, job_id: str, within_s: float) -> Seen:
        """The job when it has ended, or as it is after ``within_s`` seconds, or when this process stops."""
        with self._hub.follow(job_id, to_its_end=True) as follower:
            return await self.await_end(follower, await self._store.look(job_id), within_s)

    async def await_end(self, follower: Follower, seen: Seen, within_s: float, *, brief: bool = False) -> Seen:
        """The same for somebody who followed the job before it was seen like this.

        ``brief``: without another look at the store where the last event says enough. Such a record lacks the
        history of its attempts.
        """
        give_up_at, pause_s = time.monotonic() + within_s, within_s
        follower.knows(seen.record.seq)
        with ExitStack() as anew:
            while not (record := seen.record).terminal and (left_s := give_up_at - time.monotonic()) > 0:
                heard = await follower.next(min(left_s, pause_s))
                if heard is Note.CLOSING:
                    break
                if heard is Note.LAGGED:  # it hears nothing any more, and would say so at once for ever
                    anew.close()
                    follower = anew.enter_context(self._hub.follow(record.id, to_its_end=True))
                    follower.knows(record.seq)
                if brief and isinstance(heard, Heard) and (ended := concluded(record, heard)):
                    return Seen(ended)
                if isinstance(heard, Note) or heard.terminal:
                    seen, pause_s = await self._look(follower, seen, within_s)
        return seen

    async def _look(self, follower: Follower, seen: Seen, wait_s: float) -> tuple[Seen, float]:
        """The job as it is now, or as it was known, and the seconds until the next look if nothing is heard."""
        try:
            seen = await self._store.look(seen.record.id)
        except StoreUnavailable:
            return seen, _STALE_S  # the job is accepted whether or not we can see it now
        follower.knows(seen.record.seq)
        return seen, wait_s


def concluded(record: JobRecord, heard: Heard) -> JobRecord | None:
    """``record`` with what its last event says; None if that isn't the last one, or leaves the outcome out."""
    if not heard.terminal or heard.fields.get("outcome_omitted"):
        return None
    told = heard.fields  # read already; what is no plain value is checked once more
    return record.model_copy(
        update={
            **{name: told[name] for name in _TOLD_AT_THE_END},
            "state": JobState(told["state"]),
            "outcome": OUTCOME.validate_python(told["outcome"]),
            "artifacts": _ARTIFACTS.validate_python(told["artifacts"]),
            "finished_at": from_micros(told["at_ms"] * 1_000),
        }
    )


def snapshot_of(record: JobRecord) -> Frame:
    """The job as it is."""
    return Frame("snapshot", f'{{"type":"snapshot","seq":{record.seq},"job":{bare_job(record)}}}', record.seq)


def lagged(seq: int | None) -> Frame:
    """Told to who is too slow."""
    return Frame("lagged", f'{{"type":"lagged","resume_after":{"null" if seq is None else seq}}}')
