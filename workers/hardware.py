"""Looks for devices without loading a heavy library into this process."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from shared.devices import DeviceInfo, family_of
from workers.errors import CannotStart
from workers.pinning import Vendor, gpu_index, needs_hardware

# In a process of its own: listing GPUs loads drivers, and drivers can crash.
_ASK_OPENVINO = """
import json
from openvino import Core
core = Core()
def bytes_of(device):
    try:
        return int(core.get_property(device, "GPU_DEVICE_TOTAL_MEM_SIZE"))
    except Exception:
        return None
print(json.dumps([[d, core.get_property(d, "FULL_DEVICE_NAME"), bytes_of(d)] for d in core.available_devices]))
"""
_PROBE_TIMEOUT_S = 60.0
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Found:
    """A device that is there. ``id`` is OpenVINO's name for it."""

    id: str
    full_name: str
    memory_bytes: int | None
    vendor: Vendor


def detect(device: str) -> tuple[DeviceInfo, Vendor]:
    """The device with this id. Raises CannotStart, saying what would help, when it isn't there."""
    if not needs_hardware(device):
        return cpu_info(), Vendor.NONE
    family = family_of(device)
    nvidia = nvidia_gpus() if family == "GPU" else []
    found = nvidia or [gpu for gpu in openvino_devices() if family_of(gpu.id) is family]
    return choose(device, found)


def choose(device: str, found: list[Found]) -> tuple[DeviceInfo, Vendor]:
    """``GPU`` is the first of ``found``, ``GPU.1`` the second. Raises CannotStart."""
    index = gpu_index(device)
    if index >= len(found):
        names = ", ".join(one.full_name for one in found) or "none"
        remedy = "install its driver (and OpenVINO for Intel devices), or start another lane, such as --lane cpu"
        raise CannotStart(f"there is no {device} here; found: {names}. To go on, {remedy}")
    chosen = found[index]
    info = DeviceInfo(
        id=device,
        family=family_of(device),
        full_name=chosen.full_name,
        memory_bytes=chosen.memory_bytes,
    )
    return info, chosen.vendor


def cpu_info() -> DeviceInfo:
    """The CPU, with the cores this process may use."""
    return DeviceInfo(
        id="CPU",
        family=family_of("CPU"),
        full_name=cpu_name(_CPUINFO.read_text("utf-8").splitlines() if _CPUINFO.exists() else []),
        memory_bytes=psutil.virtual_memory().total,
        cores=len(os.sched_getaffinity(0)),
    )


def cpu_name(cpuinfo: Iterable[str]) -> str:
    """The model's name from the lines of ``/proc/cpuinfo``; the architecture where there is none."""
    for line in cpuinfo:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return f"CPU ({os.uname().machine})"


def nvidia_gpus() -> list[Found]:
    """NVIDIA GPUs as the driver's management library counts them, in PCI order; none without that library."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return [_nvidia_gpu(nvml, index) for index in range(count.value)]
    finally:
        nvml.nvmlShutdown()


class _NvmlMemory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def _nvidia_gpu(nvml: ctypes.CDLL, index: int) -> Found:
    handle, memory = ctypes.c_void_p(), _NvmlMemory()
    name = ctypes.create_string_buffer(96)
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    nvml.nvmlDeviceGetName(handle, name, len(name))
    known = nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
    return Found(
        id=f"GPU.{index}",
        full_name=name.value.decode("utf-8", "replace") or f"NVIDIA GPU {index}",
        memory_bytes=memory.total if known else None,
        vendor=Vendor.NVIDIA,
    )


def openvino_devices() -> list[Found]:
    """Devices that OpenVINO lists; none where it isn't installed or doesn't answer."""
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _ASK_OPENVINO],
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return []
    listed: list[tuple[str, str, int | None]] = json.loads(answer)
    return [Found(id=id_, full_name=name, memory_bytes=size, vendor=_vendor(name)) for id_, name, size in listed]


def _vendor(name: str) -> Vendor:
    return Vendor.NVIDIA if "nvidia" in name.lower() else Vendor.INTEL
