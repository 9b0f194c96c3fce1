"""What Linux tells of the hardware without any driver's library: files below /proc, /sys and /dev."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

from shared.devices import DeviceInfo, family_of

_FEATURES = re.compile(r"(sse4_2|avx|avx2|fma|f16c|avx_vnni\w*|avx512\w*|amx_\w+|asimd\w*|sve\w*|i8mm|bf16)\Z")
_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory/memory.usage_in_bytes")


def cpu(root: Path = Path("/")) -> DeviceInfo:
    """The CPU, with the cores this process may use and the memory its container may."""
    lines = _lines(root / "proc/cpuinfo")
    total, limit = psutil.virtual_memory().total, _number(root, _LIMITS)
    features = cpu_features(lines)
    return DeviceInfo(
        id="CPU",
        family=family_of("CPU"),
        full_name=cpu_name(lines),
        memory_bytes=total if limit is None else min(total, limit),
        cores=len(os.sched_getaffinity(0)),
        capabilities=cpu_precisions(features),
        features=features,
        numa_nodes=len(list((root / "sys/devices/system/node").glob("node[0-9]*"))) or None,
    )


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that this process could still have: of the machine's, and of its container's if that has a limit."""
    available = psutil.virtual_memory().available
    limit, used = _number(root, _LIMITS), _number(root, _USED)
    return available if limit is None or used is None else max(0, min(available, limit - used))


def cpu_name(cpuinfo: Iterable[str]) -> str:
    """The model's name from the lines of ``/proc/cpuinfo``; the architecture where there is none."""
    return _said(cpuinfo, "model name") or f"CPU ({os.uname().machine})"


def cpu_features(cpuinfo: Iterable[str]) -> list[str]:
    """Instruction sets that inference profits from, by the kernel's names."""
    lines = list(cpuinfo)
    flags = (_said(lines, "flags") or _said(lines, "Features") or "").split()
    return sorted({flag for flag in flags if _FEATURES.match(flag)})


def cpu_precisions(features: Iterable[str]) -> list[str]:
    """Precisions that OpenVINO's CPU plugin computes in on such a CPU."""
    has = set(features)
    half = ["FP16"] if has & {"avx512_fp16", "amx_fp16", "asimdhp"} else []
    brain = ["BF16"] if has & {"avx512bw", "avx512_bf16", "amx_bf16", "bf16"} else []
    return ["FP32", *half, *brain, "INT8"]


def nodes(root: Path = Path("/")) -> dict[str, str]:
    """Device files of render nodes and NPUs, by the PCI address of their hardware in lower case."""
    found: dict[str, str] = {}
    for kind, folder in (("drm/renderD*", "dev/dri"), ("accel/accel*", "dev/accel")):
        for entry in sorted((root / "sys/class").glob(kind)):
            file = root / folder / entry.name
            if file.exists():
                found[(entry / "device").resolve().name.lower()] = f"/{folder}/{entry.name}"
    return found


def has_node(node: str, root: Path = Path("/")) -> bool:
    """Whether the device file is still there."""
    return (root / node.lstrip("/")).exists()


def _said(lines: Iterable[str], what: str) -> str | None:
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == what:
            return value.strip()
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _number(root: Path, names: Iterable[str]) -> int | None:
    for name in names:
        text = "".join(_lines(root / name))
        if text.isdigit():
            return int(text)
    return None
