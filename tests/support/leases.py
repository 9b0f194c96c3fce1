"""Leases of devices for handlers that are made by hand."""

from shared.adapters.memory import MemoryDeviceLeases, MemoryWorkerBeacon, MemoryWorkers
from workers.exclusive import Exclusive


def no_lease() -> Exclusive:
    """On a host without other workers."""
    return Exclusive("here", MemoryDeviceLeases(), MemoryWorkerBeacon(MemoryWorkers()))
