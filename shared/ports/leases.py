"""The door to who has a device for itself."""

from typing import Protocol

from shared.workers import DeviceLease


class DeviceLeases(Protocol):
    """Exclusive leases of devices. Blocking.

    ``device`` is the ``key`` of a piece of hardware on ``host``. A lease that isn't renewed lapses after its time.
    """

    def acquire(self, host: str, device: str, holder: str, ttl_s: float) -> bool:
        """Take the device, or keep it if it is this holder's; False while it is another's.

        From now on its workers begin no job; those that run nothing are in the lease's ``yielded``.
        """
        ...

    def renew(self, host: str, device: str, holder: str, ttl_s: float) -> bool:
        """Keep it for longer, counted from now; False if it has lapsed: others may have used the device since."""
        ...

    def release(self, host: str, device: str, holder: str) -> None:
        """Give it back; nothing happens if it is another's by now."""
        ...

    def yield_to(self, host: str, device: str, holder: str, worker: str) -> None:
        """This worker runs nothing on the device and won't as long as ``holder`` has it. No-op if it hasn't."""
        ...

    def get(self, host: str, device: str) -> DeviceLease | None:
        """The lease of a device, if somebody has one."""
        ...

    def list(self) -> list[DeviceLease]:
        """All leases, by host and device."""
        ...
