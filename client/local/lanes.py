"""Which lanes a system of this machine has unless others are asked for."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from shared.devices import Device, DeviceInfo, Lane, LaneClass

FAST_LANES = ("cpu", "io")
PIPELINES = "cpu.long"

_LOOK_S = 60.0
_DEVICES: TypeAdapter[list[DeviceInfo]] = TypeAdapter(list[DeviceInfo])
_SIGNS = ("dev/dri/renderD*", "dev/accel/accel*", "dev/nvidia[0-9]*", "proc/driver/nvidia/gpus/*", "dev/dxg")
"""Files below / that are there where there is a GPU or an NPU."""


def default_lanes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """One worker for each device found, and one for pipelines where GStreamer and its Python bindings are.

    Takes half a second; more the first time, when GStreamer looks at all its plugins, or where drivers are asked.
    """
    return lanes_of(accelerators(environ), pipelines=why_no_pipelines(environ) is None)


def lanes_of(devices: Iterable[DeviceInfo], *, pipelines: bool) -> tuple[str, ...]:
    """Fast lanes of all, the CPU's first; long ones of the CPU and of Intel's, whose models run in pipelines.

    An only GPU is ``gpu``, several are ``gpu.0``, ``gpu.1``, ….
    """
    others = [device for device in devices if device.family is not Device.CPU]
    gpus = sum(device.family is Device.GPU for device in others)
    named = [("GPU" if gpus == 1 and device.id == "GPU.0" else device.id, device) for device in others]
    long = [Lane.of(name, LaneClass.LONG).name for name, device in named if device.vendor == "intel"]
    fast = [Lane.of(name, LaneClass.FAST).name for name, _ in named]
    return (*FAST_LANES, *fast, *((PIPELINES, *long) if pipelines else ()))


def worker_options(lane: str) -> list[str]:
    """What ``framelane-worker`` is told to serve a lane."""
    place = Lane(lane)
    if place.lane_class is LaneClass.IO:
        return ["--class", "io"]
    return ["--device", place.device, "--class", str(place.lane_class)]


def accelerators(environ: Mapping[str, str], root: Path = Path("/")) -> Sequence[DeviceInfo]:
    """GPUs and NPUs of this machine; without asking a driver if nothing hints at one."""
    if not any(True for sign in _SIGNS for _ in root.glob(sign)):
        return []
    look = _look("workers.devices", environ)
    try:
        found = _DEVICES.validate_python(json.loads(look.stdout)) if look else []
    except (ValueError, ValidationError):
        return []  # it said why on its way out, if at all; the lanes of the CPU work without it
    return [device for device in found if device.family is not Device.CPU]


def why_no_pipelines(environ: Mapping[str, str]) -> str | None:
    """What is missing and what brings it; None if pipelines can run."""
    look = _look("workers.gst.available", environ)
    if look is None:
        return f"GStreamer doesn't list its elements within {_LOOK_S:.0f} s"
    if look.returncode == 0:
        return None
    return (look.stderr.strip().splitlines() or ["GStreamer can't be looked at"])[-1]


def _look(module: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str] | None:
    """The workers' own look, in a process that ends with it: a wing knows no other. None if it takes too long."""
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", module],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LOOK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
