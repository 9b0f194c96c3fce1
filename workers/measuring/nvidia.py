"""One NVIDIA GPU as its driver's management library (NVML) tells of it."""

import ctypes

from workers.measuring.gauges import Reading

_TEMPERATURE_OF_GPU = 0
_CLOCK_OF_SM = 1


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class NvidiaGauge:
    """``uuid``: as NVML names it (``GPU-…``). Raises OSError where there is no NVML or no such GPU."""

    def __init__(self, uuid: str) -> None:
        self._nvml = ctypes.CDLL("libnvidia-ml.so.1")
        self._handle = ctypes.c_void_p()
        if self._nvml.nvmlInit_v2() or self._nvml.nvmlDeviceGetHandleByUUID(
            uuid.encode(), ctypes.byref(self._handle)
        ):
            msg = f"NVML knows no GPU {uuid}"
            raise OSError(msg)

    def read(self) -> Reading:
        """Load in percent of NVML's own last sampling period, watts, degrees Celsius, MHz, bytes."""
        nvml, handle, found = self._nvml, self._handle, dict[str, float]()
        load, memory, value = _Utilization(), _Memory(), ctypes.c_uint()
        if not nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(load)):
            found["gpu_percent"] = float(load.gpu)
        if not nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
            found["gpu_memory_used_bytes"] = float(memory.used)
        if not nvml.nvmlDeviceGetPowerUsage(handle, ctypes.byref(value)):
            found["gpu_power_w"] = value.value / 1_000
        if not nvml.nvmlDeviceGetTemperature(handle, _TEMPERATURE_OF_GPU, ctypes.byref(value)):
            found["gpu_temperature_c"] = float(value.value)
        if not nvml.nvmlDeviceGetClockInfo(handle, _CLOCK_OF_SM, ctypes.byref(value)):
            found["gpu_mhz"] = float(value.value)
        return found
