"""Binds this process to its device. Libraries read most of this when they load, so it comes before any of them."""

import os
import re
from collections.abc import Mapping

from shared.devices import Lane, LaneClass, family_of
from workers.devices.contract import Found, Vendor
from workers.errors import CannotStart

OPENVINO_DEVICE = "FRAMELANE_OPENVINO_DEVICE"
"""Environment variable with the OpenVINO device id of this process; empty where OpenVINO can't use its device."""

TORCH_DEVICE = "FRAMELANE_TORCH_DEVICE"
"""Environment variable with torch's device: ``cpu``, or ``cuda:0``, the only one this process sees."""

_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?\Z")
_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GLOG_minloglevel": "2",
    "ABSL_MIN_LOG_LEVEL": "2",
    "OPENCV_LOG_LEVEL": "ERROR",
    "MPLBACKEND": "Agg",
}


def parse_cores(text: str) -> frozenset[int]:
    """The CPU numbers of ``0-3,6``; none for an empty text. Raises CannotStart."""
    cores: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _RANGE.match(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last:
            raise CannotStart(f"cores {text!r}: {part!r} is neither a number nor a range like 0-3")
        cores.update(range(first, last + 1))
    return frozenset(cores)


def pin_cores(text: str) -> int:
    """Restrict this process to these cores, if any are named; how many it may use then. Raises CannotStart."""
    cores, allowed = parse_cores(text), os.sched_getaffinity(0)
    if missing := cores - allowed:
        raise CannotStart(
            f"cores {sorted(missing)} don't exist or aren't this process's; it has {sorted(allowed)}"
        )
    if cores:
        os.sched_setaffinity(0, cores)
    return len(cores or allowed)


def pinned_environment(lane: Lane, found: Found, threads: int, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that bind a process of ``lane`` to a device.

    ``threads``: for the math libraries; a lane that does no maths gets one. Who sets the log levels of libraries
    in ``inherited`` keeps them.
    """
    count = "1" if lane.lane_class is LaneClass.IO else str(threads)
    pinned = dict.fromkeys(_THREAD_COUNTS, count)
    pinned |= {name: level for name, level in _QUIET.items() if name not in inherited}
    if found.vendor is Vendor.NVIDIA:
        cuda = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": found.runtime_id}
        return pinned | cuda | {TORCH_DEVICE: "cuda:0", OPENVINO_DEVICE: ""}
    return pinned | {"CUDA_VISIBLE_DEVICES": "", TORCH_DEVICE: "cpu", OPENVINO_DEVICE: found.runtime_id}


def gpu_index(device: str) -> int:
    """``GPU`` is the first."""
    return int(device.partition(".")[2] or 0)


def check_family(lane: Lane, device: str) -> None:
    """Raises CannotStart when ``device`` isn't of the lane's family: its jobs asked for another."""
    if family_of(device) is not family_of(lane.device):
        raise CannotStart(f"lane {lane.name} serves {family_of(lane.device)} jobs; device {device} is none")
