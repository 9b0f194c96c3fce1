"""The one device that a worker is for, among those that the host has."""

from collections.abc import Sequence

from shared.devices import family_of
from workers.devices.contract import Devices, Found
from workers.errors import CannotStart
from workers.pinning import gpu_index


def detect(device: str, devices: Devices) -> Found:
    """The device with this id. Raises CannotStart, saying what would help, when it isn't there."""
    return choose(device, devices.found(family_of(device)))


def choose(device: str, found: Sequence[Found]) -> Found:
    """``GPU`` is the first of ``found``, ``GPU.1`` the second; it has that id from now on. Raises CannotStart."""
    index = gpu_index(device)
    if index >= len(found):
        names = ", ".join(one.info.full_name for one in found) or "none"
        remedy = "install its driver (and OpenVINO for Intel devices), or start another lane, such as --lane cpu"
        raise CannotStart(f"there is no {device} here; found: {names}. To go on, {remedy}")
    chosen = found[index]
    return Found(chosen.info.model_copy(update={"id": device}), chosen.vendor, chosen.runtime_id)
