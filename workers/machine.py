"""What this worker's machine and device do, looked at now and then and told with its heartbeat."""

from collections.abc import Mapping

import psutil

from shared.devices import Device, DeviceInfo
from workers.loops import Loop
from workers.measuring.gauges import EngineGauge, Gauge, MemoryGauge, Reading, SensorGauge, counters
from workers.measuring.nvidia import NvidiaGauge


class _Processors:
    """Percent of all of them that were busy since the read before."""

    def __init__(self) -> None:
        psutil.cpu_percent()

    def read(self) -> Reading:
        memory = psutil.virtual_memory()
        return {"cpu_percent": psutil.cpu_percent(), "memory_total_bytes": float(memory.total)}


class MachineLook:
    """One per process. ``figures``: by names of ``shared.machine``; what isn't there is absent."""

    def __init__(self, device: DeviceInfo, every_s: float) -> None:
        self.figures: Mapping[str, float] = {}
        self._gauges = [_Processors(), MemoryGauge(), SensorGauge(), *counters(), *_of_device(device)]
        self._loop = Loop("machine", every_s, self.look, longest_pause_s=every_s)

    def start(self) -> None:
        """See Errand."""
        self._loop.start()

    def stop(self) -> None:
        """See Errand."""
        self._loop.stop()

    def look(self) -> None:
        """Once."""
        self.figures = {name: round(value, 3) for gauge in self._gauges for name, value in _read(gauge).items()}


def _read(gauge: Gauge) -> Reading:
    try:
        return gauge.read()
    except (OSError, ValueError):  # it was there at the start
        return {}


def _of_device(device: DeviceInfo) -> list[Gauge]:
    if device.family is not Device.GPU:
        return []
    try:
        return [NvidiaGauge(device.uuid or "")]
    except OSError:
        return [EngineGauge()]
