"""Who is alive and what is installed, in one process."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from shared.adapters.memory.leases import MemoryDeviceLeases
from shared.log_levels import LogLevels, NewLogLevels
from shared.results import InstalledMedium, InstalledModel
from shared.workers import DeviceLease, WorkerInfo


class MemoryWorkers:
    """What both faces share. ``clock`` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.until: dict[str, float] = {}
        self.infos: dict[str, WorkerInfo] = {}
        self.installed: dict[str, InstalledModel] = {}
        self.library: dict[str, InstalledMedium] = {}
        self.used: dict[str, float] = {}
        self.holders: dict[str, tuple[str, float]] = {}
        self.leases = MemoryDeviceLeases(clock)
        self.levels = LogLevels()

    def alive(self) -> dict[str, WorkerInfo]:
        """By id, in order; forgets who is gone. Call with the lock held."""
        now = self.clock()
        self.infos = {each: info for each, info in sorted(self.infos.items()) if self.until[each] > now}
        return dict(self.infos)

    def log_levels(self) -> LogLevels:
        """Those that hold now."""
        with self.lock:
            until = self.levels.until
            if until is not None and until.timestamp() <= self.clock():
                self.levels = LogLevels()
            return self.levels

    def models(self) -> dict[str, InstalledModel]:
        """By name, in order."""
        with self.lock:
            return dict(sorted(self.installed.items()))

    def media(self) -> dict[str, InstalledMedium]:
        """By name, in order."""
        with self.lock:
            return dict(sorted(self.library.items()))


class MemoryWorkerDirectory:
    """WorkerDirectory."""

    def __init__(self, shared: MemoryWorkers) -> None:
        self._shared = shared

    async def leases(self) -> list[DeviceLease]:
        """See the port."""
        return self._shared.leases.list()

    async def workers(self) -> list[WorkerInfo]:
        """See the port."""
        with self._shared.lock:
            return list(self._shared.alive().values())

    async def models(self) -> dict[str, InstalledModel]:
        """See the port."""
        return self._shared.models()

    async def media(self) -> dict[str, InstalledMedium]:
        """See the port."""
        return self._shared.media()

    async def log_levels(self) -> LogLevels:
        """See the port."""
        return self._shared.log_levels()

    async def set_log_levels(self, wanted: NewLogLevels) -> LogLevels:
        """See the port."""
        with self._shared.lock:
            self._shared.levels = wanted.made(datetime.fromtimestamp(self._shared.clock(), UTC))
            return self._shared.levels

    async def close(self) -> None:
        """Nothing to let go of."""


class MemoryWorkerBeacon:
    """WorkerBeacon."""

    def __init__(self, shared: MemoryWorkers) -> None:
        self._shared = shared

    def announce(self, info: WorkerInfo, ttl_s: float) -> None:
        """See the port."""
        with self._shared.lock:
            now = self._shared.clock()
            before = self._shared.alive().get(info.id)
            started = before.started_at if before else now
            self._shared.infos[info.id] = info.model_copy(update={"started_at": started, "seen_at": now})
            self._shared.until[info.id] = now + ttl_s

    def withdraw(self, worker_id: str) -> None:
        """See the port."""
        with self._shared.lock:
            self._shared.infos.pop(worker_id, None)

    def workers(self) -> list[WorkerInfo]:
        """See the port."""
        with self._shared.lock:
            return list(self._shared.alive().values())

    def models(self) -> dict[str, InstalledModel]:
        """See the port."""
        return self._shared.models()

    def log_levels(self) -> LogLevels:
        """See the port."""
        return self._shared.log_levels()

    def install(self, model: InstalledModel) -> None:
        """See the port."""
        with self._shared.lock:
            self._shared.installed[model.name] = model

    def uninstall(self, name: str) -> None:
        """See the port."""
        with self._shared.lock:
            self._shared.installed.pop(name, None)

    def media(self) -> dict[str, InstalledMedium]:
        """See the port."""
        return self._shared.media()

    def add_medium(self, medium: InstalledMedium) -> None:
        """See the port."""
        with self._shared.lock:
            self._shared.library[medium.name] = medium
            self._shared.used[medium.name] = self._shared.clock()

    def use_medium(self, name: str) -> None:
        """See the port."""
        with self._shared.lock:
            if name in self._shared.used:
                self._shared.used[name] = self._shared.clock()

    def unused_media(self, older_than_s: float) -> list[str]:
        """See the port."""
        with self._shared.lock:
            latest = self._shared.clock() - older_than_s
            return [name for name, at in self._shared.used.items() if at <= latest]

    def remove_medium(self, name: str) -> None:
        """See the port."""
        with self._shared.lock:
            self._shared.library.pop(name, None)
            self._shared.used.pop(name, None)

    def hold(self, what: str, token: str, ttl_s: float) -> bool:
        """See the port."""
        return self._hold(f"held:{what}", token, ttl_s)

    def release(self, what: str, token: str) -> None:
        """See the port."""
        self._release(f"held:{what}", token)

    def hold_models(self, token: str, ttl_s: float) -> bool:
        """See the port."""
        return self._hold("models", token, ttl_s)

    def release_models(self, token: str) -> None:
        """See the port."""
        self._release("models", token)

    def _hold(self, key: str, token: str, ttl_s: float) -> bool:
        with self._shared.lock:
            now = self._shared.clock()
            holder, until = self._shared.holders.get(key, ("", 0.0))
            if holder != token and until > now:
                return False
            self._shared.holders[key] = (token, now + ttl_s)
            return True

    def _release(self, key: str, token: str) -> None:
        with self._shared.lock:
            if self._shared.holders.get(key, ("", 0.0))[0] == token:
                del self._shared.holders[key]

    def close(self) -> None:
        """Nothing to let go of."""
