"""Devices and lanes: which hardware, and which queue in front of it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

_DEVICE = re.compile(r"(CPU|NPU|GPU(\.\d{1,2})?)\Z")
_LANE = re.compile(r"(?:(?P<family>cpu|gpu|npu)(?:\.(?P<index>\d{1,2}))?(?P<long>\.long)?|io)\Z")

AUTO = "AUTO"


class Device(StrEnum):
    """A family of hardware."""

    CPU = "CPU"
    GPU = "GPU"
    NPU = "NPU"


def _device_id(value: str) -> str:
    if not _DEVICE.match(value):
        raise PydanticCustomError("device", "unknown device; use CPU, GPU, GPU.<number> or NPU", {"given": value})
    return value


def _device_request(value: str) -> str:
    if value != AUTO and not _DEVICE.match(value):
        raise PydanticCustomError(
            "device", "unknown device; use AUTO, CPU, GPU, GPU.<number> or NPU", {"given": value}
        )
    return value


DeviceId = Annotated[str, AfterValidator(_device_id)]
"""One device of a host: ``CPU``, ``GPU`` (the only or first), ``GPU.1``, ``NPU``; OpenVINO's spelling."""

DeviceRequest = Annotated[str, AfterValidator(_device_request)]
"""A device id, or ``AUTO``: the live lane with the least expected wait."""


def family_of(device: str) -> Device:
    """``GPU.1`` is of the family GPU."""
    return Device(device.partition(".")[0])


class LaneClass(StrEnum):
    """What kind of work a lane carries."""

    FAST = "fast"  #: sub-second inference: warm models, threads
    LONG = "long"  #: minutes of pipelines and measurements: subprocesses
    IO = "io"  #: downloads and discovery: bound to no device


@dataclass(frozen=True, slots=True)
class Lane:
    """One queue in front of one device (or of any, for ``io``)."""

    name: str

    def __post_init__(self) -> None:
        if not _LANE.match(self.name):
            msg = f"unknown lane {self.name!r}; use cpu, gpu, gpu.<number>, npu, each also with .long, or io"
            raise ValueError(msg)

    @classmethod
    def of(cls, device: str, lane_class: LaneClass) -> Self:
        """The lane of a device id: ``GPU.1`` and LONG make ``gpu.1.long``; IO makes ``io``."""
        if lane_class is LaneClass.IO:
            return cls("io")
        return cls(device.lower() + (".long" if lane_class is LaneClass.LONG else ""))

    @property
    def lane_class(self) -> LaneClass:
        """FAST unless the name says otherwise."""
        if self.name == "io":
            return LaneClass.IO
        return LaneClass.LONG if self.name.endswith(".long") else LaneClass.FAST

    @property
    def device(self) -> str:
        """The device id this lane is pinned to; ``io`` work runs on the CPU."""
        return "CPU" if self.name == "io" else self.name.removesuffix(".long").upper()

    @property
    def queues(self) -> tuple[str, ...]:
        """Queues a worker of this lane reads: ``gpu.1`` also serves whoever asked for any ``gpu``."""
        shared = self.of(family_of(self.device), self.lane_class).name
        return (self.name,) if shared == self.name else (self.name, shared)


@lru_cache(maxsize=256)
def lane_of(name: str) -> Lane:
    """The lane of that name, read once. Raises ValueError for what isn't one."""
    return Lane(name)


class DeviceInfo(BaseModel):
    """A device as its worker sees it.

    ``capabilities``: precisions and the like as its runtime names them (``FP16``, ``INT8``, ``sm_90``); empty
    where nobody could tell. ``features``: instruction sets of a CPU that inference profits from. ``node``: its
    device file.
    """

    model_config = ConfigDict(frozen=True)

    id: DeviceId
    family: Device
    full_name: str
    memory_bytes: int | None = None
    cores: int | None = None
    vendor: str | None = None
    uuid: str | None = None
    capabilities: list[str] = []
    features: list[str] = []
    numa_nodes: int | None = None
    node: str | None = None

    @property
    def key(self) -> str:
        """The same for every lane of one piece of hardware on a host: ``GPU`` and ``GPU.0`` are one card."""
        return self.uuid or self.node or self.id
