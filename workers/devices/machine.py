"""The devices of this machine: drivers are asked in processes of their own, because drivers can crash."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.devices import DeviceInfo, family_of
from workers.devices import linux, nvml
from workers.devices.contract import Found, Vendor, numbered

_ASK_OPENVINO = """
import json
from openvino import Core
core = Core()
def said(device, what):
    try:
        return core.get_property(device, what)
    except Exception:
        return None
def pci(device):
    place = said(device, "DEVICE_PCI_INFO")
    return place and f"{place.domain:04x}:{place.bus:02x}:{place.device:02x}.{place.function}"
def number(value):
    return None if value is None else int(value)
print(json.dumps([
    {
        "id": device,
        "name": str(said(device, "FULL_DEVICE_NAME") or device),
        "memory": number(said(device, "GPU_DEVICE_TOTAL_MEM_SIZE") or said(device, "NPU_DEVICE_TOTAL_MEM_SIZE")),
        "free": None,
        "capabilities": [str(each) for each in said(device, "OPTIMIZATION_CAPABILITIES") or []],
        "uuid": str(said(device, "DEVICE_UUID") or "") or None,
        "pci": pci(device),
    }
    for device in core.available_devices
]))
"""
_TIMEOUT_S = 60.0
_AGAIN_S = 10.0
_HIDDEN = "CUDA_VISIBLE_DEVICES"

Said = dict[str, Any]


class Machine:
    """Devices of the machine that this process runs on. ``root``: of the file system."""

    def __init__(self, environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._root = root

    def found(self, family: str | None = None) -> Sequence[Found]:
        """See Devices."""
        if family == "CPU":
            return [self._cpu()]
        nodes = linux.nodes(self._root)
        intel = openvino_devices(self._environ) if nodes else []
        gpus = [*self._nvidia(nodes), *_intel("GPU", intel, nodes)]
        all_found = [self._cpu(), *_renumbered(gpus), *_intel("NPU", intel, nodes)[:1]]
        return [each for each in all_found if family in {None, each.info.family}]

    def present(self, device: DeviceInfo) -> bool:
        """See Devices."""
        if device.vendor == Vendor.NVIDIA:
            return device.uuid is None or any(card["uuid"] == device.uuid for card in nvidia_cards(_AGAIN_S))
        return device.node is None or linux.has_node(device.node, self._root)

    def free_bytes(self, device: DeviceInfo) -> int | None:
        """See Devices."""
        if family_of(device.id) == "CPU":
            return linux.free_memory(self._root)
        if device.vendor == Vendor.NVIDIA:
            return next((card["free"] for card in nvidia_cards(_AGAIN_S) if card["uuid"] == device.uuid), None)
        return None

    def _cpu(self) -> Found:
        return Found(linux.cpu(self._root), Vendor.NONE, "CPU")

    def _nvidia(self, nodes: Mapping[str, str]) -> list[Found]:
        cards = visible(nvidia_cards(_TIMEOUT_S), self._environ.get(_HIDDEN))
        return [_found("GPU", card, Vendor.NVIDIA, nodes, card["runtime_id"]) for card in cards]


def nvidia_cards(timeout_s: float) -> list[Said]:
    """What ``nvml.cards`` says, from a process of its own; nothing if that crashes or hangs."""
    return _asked([sys.executable, "-I", nvml.__file__], timeout_s, None)


def openvino_devices(environ: Mapping[str, str] | None = None) -> list[Said]:
    """Devices that OpenVINO lists; none where it isn't installed or doesn't answer."""
    return _asked([sys.executable, "-P", "-c", _ASK_OPENVINO], _TIMEOUT_S, environ)


def visible(cards: Sequence[Said], shown: str | None) -> list[Said]:
    """The cards that ``CUDA_VISIBLE_DEVICES`` (None: all) leaves, in its order, each with its ``runtime_id``.

    Numbers count in PCI order. What is neither a number nor the beginning of a UUID (a part of a card, say) stays.
    """
    if shown is None:
        return [{**card, "runtime_id": card["uuid"] or str(index)} for index, card in enumerate(cards)]
    return [_shown(cards, name.strip()) for name in shown.split(",") if name.strip()]


def _shown(cards: Sequence[Said], name: str) -> Said:
    if name.isdigit() and int(name) < len(cards):
        return {**cards[int(name)], "runtime_id": cards[int(name)]["uuid"] or name}
    of_uuid = next((card for card in cards if (card["uuid"] or "").startswith(name)), None)
    unknown: Said = {"name": f"CUDA device {name}", "uuid": None, "pci": None, "memory": None}
    return {**(of_uuid or unknown), "runtime_id": (of_uuid or {}).get("uuid") or name}


def _intel(family: str, listed: Iterable[Said], nodes: Mapping[str, str]) -> list[Found]:
    ours = [said for said in listed if family_of(said["id"]) == family and "nvidia" not in said["name"].lower()]
    return [_found(family, said, Vendor.INTEL, nodes, said["id"]) for said in ours]


def _found(family: str, said: Said, vendor: Vendor, nodes: Mapping[str, str], runtime_id: str) -> Found:
    capabilities = nvml.precisions(said.get("capability")) if vendor is Vendor.NVIDIA else said["capabilities"]
    info = DeviceInfo(
        id=family,
        family=family_of(family),
        full_name=said["name"],
        memory_bytes=said["memory"],
        vendor=str(vendor),
        uuid=said["uuid"],
        capabilities=capabilities,
        node=nodes.get(_pci(said["pci"])),
    )
    return Found(info, vendor, runtime_id)


def _pci(address: str | None) -> str:
    """NVML writes the domain with eight digits, sysfs with four."""
    domain, _, rest = (address or "").partition(":")
    return f"{domain[-4:]}:{rest}".lower()


def _renumbered(gpus: Sequence[Found]) -> list[Found]:
    ids = numbered("GPU", len(gpus))
    return [
        Found(gpu.info.model_copy(update={"id": each}), gpu.vendor, gpu.runtime_id)
        for each, gpu in zip(ids, gpus, strict=True)
    ]


def _asked(command: Sequence[str], timeout_s: float, environ: Mapping[str, str] | None) -> list[Said]:
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=True,
            env=None if environ is None else dict(environ),
        ).stdout
        return json.loads(answer)
    except (subprocess.SubprocessError, OSError, ValueError):
        return []
