"""Watches what may keep this process from working: its device disappears, or a job has it for itself."""

import os
import signal
from collections.abc import Callable

import structlog

from shared.devices import Device, DeviceInfo
from shared.ports import DeviceLeases
from workers.devices.contract import Devices
from workers.exclusive import job_of
from workers.intake import Intake
from workers.loops import Loop

log = structlog.stdlib.get_logger()


def end_this_process() -> None:
    """Its warden starts another."""
    os.kill(os.getpid(), signal.SIGTERM)


class DeviceVigil:
    """Closes the intake while the device is gone.

    When it is there again the process ends (``restart``): whatever its libraries held there is lost.
    """

    def __init__(
        self,
        device: DeviceInfo,
        devices: Devices,
        intake: Intake,
        every_s: float,
        restart: Callable[[], None] = end_this_process,
    ) -> None:
        self._device = device
        self._devices = devices
        self._intake = intake
        self._restart = restart
        self._free: int | None = None
        self._loop = Loop("device", every_s, self.look, longest_pause_s=every_s)

    @property
    def free_bytes(self) -> int | None:
        """Free memory of the device, as of the latest look; the CPU's is of this moment."""
        return self._devices.free_bytes(self._device) if self._device.family is Device.CPU else self._free

    def start(self) -> None:
        """A CPU isn't looked at: it is there."""
        if self._device.family is not Device.CPU:
            self._loop.start()

    def stop(self) -> None:
        """See Errand."""
        self._loop.stop()

    def look(self) -> None:
        """Once."""
        present = self._devices.present(self._device)
        self._free = self._devices.free_bytes(self._device) if present else None
        if not present:
            self._intake.set_unready(f"{self._device.id} ({self._device.full_name}) has disappeared")
        elif self._intake.unready is not None:
            log.warning("device_is_back", device=self._device.id)
            self._restart()


class LeaseVigil:
    """Closes the intake while a job has the device for itself, and notes in the lease when nothing runs here."""

    def __init__(
        self, worker: str, host: str, device: DeviceInfo, leases: DeviceLeases, intake: Intake, every_s: float
    ) -> None:
        self._worker = worker
        self._place = (host, device.key)
        self._leases = leases
        self._intake = intake
        self._loop = Loop("device-lease", every_s, self.look, longest_pause_s=every_s)

    def start(self) -> None:
        """See Errand."""
        self._loop.start()

    def stop(self) -> None:
        """See Errand."""
        self._loop.stop()

    def look(self) -> None:
        """Once. Raises StoreUnavailable."""
        lease = self._leases.get(*self._place)
        self._intake.set_leased(None if lease is None else lease.holder)
        if lease is None or self._worker in lease.yielded:
            return
        # The job that has it may run in this very process.
        if self._intake.others_than(job_of(lease.holder)) == 0:
            self._leases.yield_to(*self._place, lease.holder, self._worker)
