"""What is asked of a host's hardware, and what is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from shared.devices import DeviceInfo, family_of


class Vendor(StrEnum):
    """Who made the device, as far as it decides how a process is bound to it."""

    NONE = "none"  #: a CPU
    NVIDIA = "nvidia"
    INTEL = "intel"


@dataclass(frozen=True, slots=True)
class Found:
    """A device that is there. ``info.id``: numbered within its family, ``GPU.0``, as this process may see them.

    ``runtime_id``: what binds a process to it: a UUID or number for CUDA, OpenVINO's name for Intel's.
    """

    info: DeviceInfo
    vendor: Vendor
    runtime_id: str


class Devices(Protocol):
    """A host's devices. None of its answers loads a driver into this process."""

    def found(self, family: str | None = None) -> Sequence[Found]:
        """Those of a family, or all: the CPU, GPUs (NVIDIA's first), an NPU. Takes a second or two."""
        ...

    def present(self, device: DeviceInfo) -> bool:
        """Whether this very piece of hardware is still there and its driver answers."""
        ...

    def free_bytes(self, device: DeviceInfo) -> int | None:
        """Memory that a model could have there now; None where nobody can tell."""
        ...


def numbered(family: str, count: int) -> list[str]:
    """Ids of so many devices: ``GPU.0``, ``GPU.1``, …; there is one CPU and one NPU."""
    return [family] if family_of(family) != "GPU" else [f"GPU.{index}" for index in range(count)]
