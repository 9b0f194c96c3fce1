"""One subscription per process, many followers.

Events stay the JSON they are; they are looked into only when somebody follows. A follower has a bounded queue: who
is too slow loses the place and is told, and nobody else notices.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog
from pydantic_core import from_json

from shared.errors import StoreUnavailable
from shared.ports import EventBus, Published
from shared.states import TERMINAL

_RECONNECT_S = 0.5

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Heard:
    """An event: its JSON, and what a follower decides by."""

    raw: str
    seq: int
    type: str
    terminal: bool
    fields: dict[str, Any]

    @classmethod
    def of(cls, raw: str) -> "Heard":
        """Raises ValueError for what isn't an event."""
        fields: dict[str, Any] = from_json(raw)
        try:
            terminal = fields["type"] == "state" and fields["state"] in TERMINAL
            return cls(raw, fields["seq"], fields["type"], terminal, fields)
        except (KeyError, TypeError) as error:
            msg = "not an event"
            raise ValueError(msg) from error


_ENDS = tuple(f'"state":"{state}"' for state in sorted(TERMINAL))


def _may_end(event: str) -> bool:
    """Whether it can be the last event of its job: quicker than reading it, and never wrong about the last."""
    return any(end in event for end in _ENDS)


class Note(Enum):
    """What a follower can be told instead of an event."""

    IDLE = "idle"  #: nothing happened for as long as it wanted to wait
    GAP = "gap"  #: events may be missing: read the job anew
    LAGGED = "lagged"  #: it was too slow and hears nothing any more
    CLOSING = "closing"  #: the process stops
    LEFT = "left"  #: its reader is gone: nobody wants to be told anything


class Follower:
    """One reader's place; one task at a time waits at it.

    There are thousands: lists, which are empty most of the time, take a tenth of what deques and sets do, and one
    alarm serves all waits in a row, since most of them end by an event long before.
    """

    __slots__ = ("_alarm", "_due", "_heard", "_notes", "_size", "_waiter", "latest", "to_its_end")

    def __init__(self, size: int, *, to_its_end: bool = False) -> None:
        self.to_its_end = to_its_end
        self.latest = 0
        """The highest seq that came, read or not, or that it knows from the record."""
        self._size = size
        self._heard: list[Heard] = []
        self._notes: list[Note] = []
        self._waiter: asyncio.Future[bool] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._due = 0.0

    def offer(self, heard: Heard) -> bool:
        """Queue the event; False when the follower is too far behind and has lost its place."""
        self.latest = max(self.latest, heard.seq)
        if len(self._heard) >= self._size:
            self._heard.clear()
            self.tell(Note.LAGGED)
            return False
        self._heard.append(heard)
        self._wake(something=True)
        return True

    def knows(self, seq: int) -> None:
        """It has read the record as it was at ``seq``."""
        self.latest = max(self.latest, seq)

    def tell(self, note: Note) -> None:
        """Queue the note, before every event."""
        if note not in self._notes:
            self._notes.append(note)
        self._wake(something=True)

    async def next(self, timeout_s: float) -> Heard | Note:
        """What comes next, IDLE after ``timeout_s`` seconds without anything."""
        if not self._heard and not self._notes and not await self._something(timeout_s):
            return Note.IDLE
        return self._take_note() if self._notes else self._heard.pop(0)

    def hang_up(self) -> None:
        """Its reader is gone."""
        self.tell(Note.LEFT)

    def leave(self) -> None:
        """Nobody will wait here any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def _something(self, within_s: float) -> bool:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + within_s
        if self._alarm is None or self._alarm.when() > self._due:
            self.leave()
            self._alarm = loop.call_later(within_s, self._ring)
        self._waiter = loop.create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _wake(self, *, something: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(something)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        loop = asyncio.get_running_loop()
        left_s = self._due - loop.time()
        if left_s > 0:  # it was told something since, and waits anew
            self._alarm = loop.call_later(left_s, self._ring)
        else:
            self._wake(something=False)

    def _take_note(self) -> Note:
        for lasting in (Note.LEFT, Note.CLOSING, Note.LAGGED):
            if lasting in self._notes:
                return lasting
        return self._notes.pop(0)


class Hub:
    """Gives what the bus tells to those who follow. ``queue_size``: events a follower may be behind."""

    def __init__(self, bus: EventBus, queue_size: int) -> None:
        self.connected = asyncio.Event()
        self._bus = bus
        self._queue_size = queue_size
        self._by_job: dict[str, set[Follower]] = {}
        self._feeds: dict[Follower, Callable[[Heard], bool]] = {}
        self._closing = False
        self._changed = asyncio.Event()

    @property
    def followers(self) -> int:
        """How many follow something."""
        return len(self._feeds) + sum(map(len, self._by_job.values()))

    def known(self) -> dict[str, int]:
        """The jobs that are followed, each with what its furthest follower knows."""
        return {
            job_id: max(each.latest for each in followers)
            for job_id, followers in self._by_job.items()
            if followers
        }

    def mend(self, job_id: str, seq: int) -> int:
        """Tell GAP to followers of the job that know less than ``seq``; to how many."""
        behind = [each for each in self._by_job.get(job_id, ()) if each.latest < seq]
        for each in behind:
            each.tell(Note.GAP)
        return len(behind)

    @contextmanager
    def follow(self, job_id: str, *, to_its_end: bool = False) -> Generator[Follower]:
        """Hear every event of one job from now on; ``to_its_end``: those that may be the last alone."""
        follower = self._new(to_its_end=to_its_end)
        self._by_job.setdefault(job_id, set()).add(follower)
        try:
            yield follower
        finally:
            follower.leave()
            self._forget(job_id, follower)

    @contextmanager
    def follow_all(self, wanted: Callable[[Heard], bool]) -> Generator[Follower]:
        """Hear the events of all jobs that are ``wanted``."""
        follower = self._new()
        self._feeds[follower] = wanted
        try:
            yield follower
        finally:
            follower.leave()
            self._feeds.pop(follower, None)
            self._changed.set()

    async def run(self) -> None:
        """Pass on what the bus tells, until cancelled."""
        while True:
            try:
                async with self._bus.listen(self._is_followed) as told:
                    self.connected.set()
                    self._tell_all(Note.GAP)
                    async for each in told:
                        self._pass_on(each)
            except StoreUnavailable as error:
                _log.warning("events can't be heard", reason=error.detail)
            except Exception:  # noqa: BLE001  without this task every follower of this process would be deaf
                _log.exception("unexpected error while hearing events")
            self.connected.clear()
            await asyncio.sleep(_RECONNECT_S)

    def _is_followed(self, job_id: str) -> bool:
        return bool(self._feeds) or job_id in self._by_job

    async def until(self, enough: Callable[[int], bool]) -> None:
        """Return once ``enough`` holds for the number of followers."""
        while not enough(self.followers):
            self._changed.clear()
            await self._changed.wait()

    async def idle(self) -> None:
        """Return once nobody follows anything."""
        await self.until(lambda followers: followers == 0)

    async def close(self, within_s: float) -> None:
        """Tell everyone that the process stops, and wait that long for them to leave."""
        self._closing = True
        self._tell_all(Note.CLOSING)
        try:
            async with asyncio.timeout(within_s):
                await self.idle()
        except TimeoutError:
            _log.warning("followers didn't leave in time", followers=self.followers)

    def _new(self, *, to_its_end: bool = False) -> Follower:
        follower = Follower(self._queue_size, to_its_end=to_its_end)
        if self._closing:
            follower.tell(Note.CLOSING)
        self._changed.set()  # who waits runs after the follower has its place
        return follower

    def _forget(self, job_id: str, follower: Follower) -> None:
        followers = self._by_job.get(job_id, set())
        followers.discard(follower)
        if not followers:
            self._by_job.pop(job_id, None)
        self._changed.set()

    def _tell_all(self, note: Note) -> None:
        for followers in (self._feeds, *self._by_job.values()):
            for follower in followers:
                follower.tell(note)

    def _pass_on(self, told: Published | None) -> None:
        if told is None:
            self._tell_all(Note.GAP)
            return
        followers = self._by_job.get(told.job_id)
        if not followers and not self._feeds:
            return
        if not self._feeds and not _may_end(told.event) and all(each.to_its_end for each in followers or ()):
            return
        try:
            heard = Heard.of(told.event)
        except ValueError:
            _log.warning("heard something that isn't an event", job_id=told.job_id)
            return
        # Who lags is taken out at once, so that an abandoned reader costs nothing while it finds out.
        for follower in [each for each in followers or () if not each.offer(heard)]:
            self._forget(told.job_id, follower)
        late = [each for each, wanted in self._feeds.items() if wanted(heard) and not each.offer(heard)]
        for follower in late:
            del self._feeds[follower]
            self._changed.set()
