"""Leases of devices, in one process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.workers import DeviceLease


@dataclass(slots=True)
class _Held:
    holder: str
    until: float
    yielded: set[str] = field(default_factory=set[str])


class MemoryDeviceLeases:
    """DeviceLeases. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], _Held] = {}

    def acquire(self, host: str, device: str, holder: str, ttl_s: float) -> bool:
        """See the port."""
        with self._lock:
            held = self._now().setdefault((host, device), _Held(holder, 0.0))
            if held.holder != holder:
                return False
            held.until = self._clock() + ttl_s
            return True

    def renew(self, host: str, device: str, holder: str, ttl_s: float) -> bool:
        """See the port."""
        with self._lock:
            held = self._now().get((host, device))
            if held is None or held.holder != holder:
                return False
            held.until = self._clock() + ttl_s
            return True

    def release(self, host: str, device: str, holder: str) -> None:
        """See the port."""
        with self._lock:
            held = self._now().get((host, device))
            if held is not None and held.holder == holder:
                del self._held[host, device]

    def yield_to(self, host: str, device: str, holder: str, worker: str) -> None:
        """See the port."""
        with self._lock:
            held = self._now().get((host, device))
            if held is not None and held.holder == holder:
                held.yielded.add(worker)

    def get(self, host: str, device: str) -> DeviceLease | None:
        """See the port."""
        return next((lease for lease in self.list() if (lease.host, lease.device) == (host, device)), None)

    def list(self) -> list[DeviceLease]:
        """See the port."""
        with self._lock:
            now = self._clock()
            return [
                DeviceLease(
                    host=host,
                    device=device,
                    holder=held.holder,
                    left_s=held.until - now,
                    yielded=frozenset(held.yielded),
                )
                for (host, device), held in sorted(self._now().items())
            ]

    def close(self) -> None:
        """Nothing to let go of."""

    def _now(self) -> dict[tuple[str, str], _Held]:
        now = self._clock()
        self._held = {place: held for place, held in self._held.items() if held.until > now}
        return self._held
