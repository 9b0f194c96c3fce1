"""What a figure was measured on and with: two figures with one fingerprint may be compared as they are."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from shared.devices import DeviceInfo
from shared.graph.emitter import emit
from shared.graph.model import Graph

_LIBRARIES = ("framelane", "openvino", "torch", "mediapipe", "numpy")
_NVIDIA = Path("/sys/module/nvidia/version")
"""Other drivers come with the kernel."""
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def environment(device: DeviceInfo, libraries: Mapping[str, str]) -> dict[str, str]:
    """Hardware, kernel and versions by name; ``libraries``: versions that aren't Python packages' (GStreamer)."""
    found = {
        "device": device.full_name,
        "cpu": platform.processor() or platform.machine(),
        "cores": str(psutil.cpu_count(logical=True) or ""),
        "memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
        "kernel": platform.release(),
        "os": _os(),
        "python": platform.python_version(),
        "governor": _line(_GOVERNOR),
        "driver": _line(_NVIDIA) if (device.uuid or "").startswith("GPU-") else "",
        **{name: known for name in _LIBRARIES if (known := _version(name))},
        **libraries,
    }
    return {name: value for name, value in found.items() if value}


def graph_hash(graph: Graph) -> str:
    """sha256 of the canonical text of a pipeline, whatever its graph's ids are."""
    return hashlib.sha256(emit(graph).encode()).hexdigest()


def fingerprint(parts: Mapping[str, str]) -> str:
    """16 hexadecimal digits that are the same for the same parts."""
    return hashlib.sha256(json.dumps(dict(sorted(parts.items()))).encode()).hexdigest()[:16]


def _os() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.system()


def _line(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
