"""The lanes that live, read often and asked for seldom."""

import asyncio
import time

from shared.errors import DeviceUnavailable
from shared.ports import JobStore, WorkerDirectory
from shared.routing import Needs, Policy, Route, candidates_of, drain_s, free_of, route
from shared.settings import RoutingSettings
from shared.specs import CommonSpec, JobKind
from shared.workers import DeviceLease, LaneState, WorkerInfo, live_lanes


class Lanes:
    """Knows the live workers and lanes as they were at most ``ttl_s`` ago."""

    def __init__(
        self,
        directory: WorkerDirectory,
        store: JobStore,
        settings: RoutingSettings | None = None,
        ttl_s: float = 0.5,
    ) -> None:
        self.settings = settings or RoutingSettings()
        self._policy = Policy(self.settings.prefer, self.settings.close)
        self._directory = directory
        self._store = store
        self._ttl_s = ttl_s
        self._read_at = float("-inf")
        self._workers: list[WorkerInfo] = []
        self._lanes: list[LaneState] = []
        self._come: dict[str, int] = {}
        self._only: dict[tuple[JobKind, str, int, Needs], Route] = {}
        self._several: set[tuple[JobKind, str, int, Needs]] = set()
        self._reading = asyncio.Lock()

    async def route(self, kind: JobKind, spec: CommonSpec, needs: Needs) -> Route:
        """Where the job goes.

        Raises DeviceUnavailable or DeviceMemory naming the lanes that live, looked at anew before that.
        """
        await self._refresh(self._ttl_s)
        key = (kind, spec.device, spec.priority, needs)
        chosen = self._only.get(key)
        if chosen is None:
            self._settle()
            try:
                chosen = route(kind, spec, self._lanes, needs, self._policy)
            except DeviceUnavailable:
                await self._refresh(0.0)
                chosen = route(kind, spec, self._lanes, needs, self._policy)
            self._note(key, chosen)
        self._come[chosen.queue] = self._come.get(chosen.queue, 0) + 1
        return chosen

    def _note(self, key: tuple[JobKind, str, int, Needs], chosen: Route) -> None:
        """Where there is nothing to choose from, the next such job goes there too until lanes are read again."""
        if key in self._several:
            return
        kind, device, _, needs = key
        if len(free_of(candidates_of(kind, device, self._lanes, needs), needs)) == 1:
            self._only[key] = chosen
        else:
            self._several.add(key)

    def room_in_s(self, queue: str) -> float:
        """Seconds until a tenth of what waits in the lane will be done, as far as was read last; 1 … 60."""
        self._settle()
        wait_s = next((drain_s(lane) / 10 for lane in self._lanes if lane.name == queue), 0.0)
        return min(max(wait_s, 1.0), 60.0)

    async def now(self) -> tuple[list[WorkerInfo], list[LaneState]]:
        """Live workers and lanes, read just now."""
        await self._refresh(0.0)
        return self._workers, self._lanes

    async def leases(self) -> list[DeviceLease]:
        """Devices that a job has for itself, read just now."""
        return await self._directory.leases()

    async def _refresh(self, older_than_s: float) -> None:
        asked_at = time.monotonic()
        if asked_at - self._read_at < older_than_s:
            return
        async with self._reading:
            # Who waited for the lock finds what the one before has read.
            if self._read_at > asked_at:
                return
            begun = time.monotonic()
            workers, backlog = await asyncio.gather(self._directory.workers(), self._store.backlog())
            self._workers, self._lanes, self._read_at = workers, live_lanes(workers, backlog), begun
            self._only.clear()
            self._several.clear()
            self._come.clear()

    def _settle(self) -> None:
        """Count what was sent since the last reading, so that a burst doesn't go to one lane only."""
        for at, lane in enumerate(self._lanes):
            if come := self._come.get(lane.name):
                self._lanes[at] = lane.with_more(come)
        self._come.clear()
