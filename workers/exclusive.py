"""A device for one job alone, so that nothing else distorts what it measures."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import structlog

from shared.devices import DeviceInfo
from shared.errors import DeviceLeased
from shared.ports import DeviceLeases, WorkerBeacon
from workers.context import JobContext
from workers.loops import Loop

TTL_S = 15.0
_LOOK_S = 0.1

log = structlog.stdlib.get_logger()


def holder_of(context: JobContext) -> str:
    """What a lease calls an attempt."""
    return f"{context.job.id}/{context.claim.fence}"


def job_of(holder: str) -> str:
    """The id of the job that has a lease."""
    return holder.partition("/")[0]


class Exclusive:
    """Takes devices of this host for a job, whichever worker serves them."""

    def __init__(self, host: str, leases: DeviceLeases, beacon: WorkerBeacon, ttl_s: float = TTL_S) -> None:
        self._host = host
        self._leases = leases
        self._beacon = beacon
        self._ttl_s = ttl_s

    @property
    def host(self) -> str:
        """As workers and leases name it."""
        return self._host

    @contextmanager
    def hold(self, context: JobContext, device: DeviceInfo) -> Generator[None]:
        """Inside, no other job runs on the device, in any lane. Waits for those that run; none begins meanwhile.

        Raises DeviceLeased if another job has the device: the attempt costs nothing and is made again. A lease
        that is lost stops the job with DeviceLeased too: what it measured since may be wrong.
        """
        place, holder = (self._host, device.key), holder_of(context)
        if not self._leases.acquire(*place, holder, self._ttl_s):
            raise DeviceLeased(f"another job has {device.id} of {self._host} for itself")
        keeping = Loop("keep-device", self._ttl_s / 3, lambda: self._keep(context, place), self._ttl_s / 3)
        keeping.start()
        try:
            self._await_others(context, place)
            log.info("device_taken", device=device.id)
            yield
        finally:
            keeping.stop()
            log.info("device_given_back", device=device.id)
            self._leases.release(*place, holder)

    def _keep(self, context: JobContext, place: tuple[str, str]) -> None:
        if not self._leases.renew(*place, holder_of(context), self._ttl_s):
            context.stop(DeviceLeased("the lease of the device lapsed while the job used it"))

    def _await_others(self, context: JobContext, place: tuple[str, str]) -> None:
        pause = threading.Event()
        while True:
            context.check()
            lease = self._leases.get(*place)
            crew = {
                worker.id
                for worker in self._beacon.workers()
                if (worker.host, worker.device.key) == place and worker.unready is None
            }
            if lease is not None and crew <= lease.yielded:
                return
            pause.wait(_LOOK_S)
