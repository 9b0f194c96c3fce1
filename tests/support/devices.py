"""Hardware that isn't here: what a host with other devices would tell, behind the same port as the real one."""

from collections.abc import Sequence

from shared.devices import DeviceInfo, family_of
from workers.devices import linux
from workers.devices.contract import Found, Vendor, numbered

GIB = 1024**3


def gpu(name: str, vendor: Vendor, uuid: str | None = None, memory: int = 16 * GIB, **said: object) -> Found:
    """Not numbered yet."""
    fields = {"capabilities": ["FP32", "FP16", "INT8"], **said}
    info = DeviceInfo(
        id="GPU", family="GPU", full_name=name, memory_bytes=memory, vendor=str(vendor), uuid=uuid, **fields
    )  # type: ignore[arg-type]
    return Found(info, vendor, uuid or "GPU")


def npu(name: str = "Intel(R) AI Boost") -> Found:
    info = DeviceInfo(
        id="NPU",
        family="NPU",
        full_name=name,
        vendor=str(Vendor.INTEL),
        capabilities=["FP16", "INT8"],
        node="/dev/accel/accel0",
    )
    return Found(info, Vendor.INTEL, "NPU")


class FakeDevices:
    """Devices of a host. ``gone``: ids that have disappeared; ``free``: free memory by id."""

    def __init__(self, *accelerators: Found) -> None:
        gpus = [each for each in accelerators if each.info.family == "GPU"]
        others = [each for each in accelerators if each.info.family != "GPU"]
        ids = numbered("GPU", len(gpus))
        self._all = [
            Found(linux.cpu(), Vendor.NONE, "CPU"),
            *(
                Found(each.info.model_copy(update={"id": name}), each.vendor, _runtime_id(each, name))
                for each, name in zip(gpus, ids, strict=True)
            ),
            *others,
        ]
        self.gone: set[str] = set()
        self.free: dict[str, int] = {}

    def found(self, family: str | None = None) -> Sequence[Found]:
        return [
            each for each in self._all if family in {None, each.info.family} and each.info.key not in self.gone
        ]

    def present(self, device: DeviceInfo) -> bool:
        return device.key not in self.gone

    def free_bytes(self, device: DeviceInfo) -> int | None:
        if family_of(device.id) == "CPU":
            return linux.free_memory()
        return self.free.get(device.key, device.memory_bytes)


def _runtime_id(each: Found, name: str) -> str:
    return each.runtime_id if each.vendor is Vendor.NVIDIA else name


H200 = gpu("NVIDIA H200", Vendor.NVIDIA, uuid="GPU-5f3a", memory=140 * GIB)
ARC = gpu("Intel(R) Arc(TM) A770", Vendor.INTEL, node="/dev/dri/renderD128")
UHD = gpu("Intel(R) UHD Graphics", Vendor.INTEL, memory=8 * GIB, node="/dev/dri/renderD129")
