"""NVIDIA GPUs, asked of the driver's management library. Run as a script, so that a driver crashes nobody else.

Stdlib only. Prints a JSON list in PCI order; an empty one without driver or cards.
"""

import ctypes
import json
import sys
from typing import Any

LIBRARY = "libnvidia-ml.so.1"

_TEXT = 96
_BFLOAT, _EIGHT_BIT = (8, 0), (6, 1)


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Pci(ctypes.Structure):
    _fields_ = (
        ("old_bus_id", ctypes.c_char * 16),
        ("domain", ctypes.c_uint),
        ("bus", ctypes.c_uint),
        ("device", ctypes.c_uint),
        ("pci_device_id", ctypes.c_uint),
        ("pci_subsystem_id", ctypes.c_uint),
        ("bus_id", ctypes.c_char * 32),
    )


def cards(library: str = LIBRARY) -> list[dict[str, Any]]:
    """Each with ``name``, ``uuid``, ``pci``, ``memory``, ``free`` (bytes) and ``capability``, null if not told."""
    try:
        nvml = ctypes.CDLL(library)
    except OSError:
        return []
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        found = (_card(nvml, index) for index in range(count.value))
        return [card for card in found if card is not None]
    finally:
        nvml.nvmlShutdown()


def _card(nvml: ctypes.CDLL, index: int) -> dict[str, Any] | None:
    handle = ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
        return None  # it fell off the bus
    memory, pci = _Memory(), _Pci()
    has_memory = nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
    has_pci = nvml.nvmlDeviceGetPciInfo_v3(handle, ctypes.byref(pci)) == 0
    major, minor = ctypes.c_int(), ctypes.c_int()
    answer = nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor))
    return {
        "name": _text(nvml.nvmlDeviceGetName, handle) or f"NVIDIA GPU {index}",
        "uuid": _text(nvml.nvmlDeviceGetUUID, handle),
        "pci": pci.bus_id.decode("ascii", "replace").lower() if has_pci else None,
        "memory": memory.total if has_memory else None,
        "free": memory.free if has_memory else None,
        "capability": [major.value, minor.value] if answer == 0 else None,
    }


def _text(ask: Any, handle: ctypes.c_void_p) -> str | None:
    text = ctypes.create_string_buffer(_TEXT)
    return text.value.decode("utf-8", "replace") if ask(handle, text, _TEXT) == 0 else None


def precisions(capability: list[int] | None) -> list[str]:
    """What a card of this compute capability computes in, and its architecture's name."""
    if capability is None:
        return []
    version = (capability[0], capability[1])
    names = [
        "FP32",
        "FP16",
        *(["INT8"] if version >= _EIGHT_BIT else []),
        *(["BF16"] if version >= _BFLOAT else []),
    ]
    return [*names, f"sm_{version[0]}{version[1]}"]


if __name__ == "__main__":
    json.dump(cards(*sys.argv[1:2]), sys.stdout)
