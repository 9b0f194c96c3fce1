"""Which runtime runs a model. Runtimes are known by name; a library is imported when it is first chosen."""

from collections.abc import Collection, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import ModelUnusable
from shared.specs import Runtime
from workers.runtimes.contract import (
    PRECISIONS,
    WEIGHTS,
    GestureModel,
    HandFinder,
    Host,
    ImageNetwork,
    PoseFinder,
    variant,
)

_CLASSIFIERS: Mapping[str, str] = {"torch": "workers.runtimes.torch", "openvino": "workers.runtimes.openvino"}
"""In the order in which ``auto`` tries them."""

_NETWORKS: Mapping[str, str] = {"openvino": "workers.runtimes.openvino_networks"}

_FILES: Mapping[str, frozenset[str]] = {
    "torch": frozenset({WEIGHTS}),
    "openvino": frozenset(map(variant, PRECISIONS)),
}
"""Each needs one of these."""

_MEDIAPIPE = "workers.runtimes.mediapipe"


class _ClassifierModule(Protocol):
    def supports(self, device: str) -> bool: ...
    def load(self, entry: CatalogueEntry, folder: Path, host: Host) -> GestureModel: ...


class _NetworkModule(Protocol):
    def load(self, entry: CatalogueEntry, folder: Path, host: Host) -> ImageNetwork: ...


class _LandmarkModule(Protocol):
    def MediaPipeHands(self, folder: Path, host: Host) -> HandFinder: ...  # noqa: N802 - the class of the module
    def MediaPipePose(self, folder: Path, host: Host) -> PoseFinder: ...  # noqa: N802 - the class of the module


def installed() -> list[str]:
    """Runtimes whose library is installed here."""
    return [name for name in (*_CLASSIFIERS, "mediapipe") if find_spec(name)]


@cache
def working(device: str) -> list[str]:
    """Of these, the ones that can use the device; MediaPipe runs on the CPU beside any."""
    if family_of(device) is Device.CPU:
        return installed()  # without loading them
    return [name for name in installed() if name not in _CLASSIFIERS or _classifier(name).supports(device)]


def choose(entry: CatalogueEntry, runtime: Runtime, device: str) -> str:
    """The runtime for ``entry`` on a device; ``auto`` takes PyTorch where it can run, else OpenVINO.

    Raises ModelUnusable, saying of each why not.
    """
    reasons: list[str] = []
    for name in _CLASSIFIERS if runtime == "auto" else (runtime,):
        reason = _obstacle(entry, name, device)
        if reason is None:
            return name
        reasons.append(reason)
    msg = f"{entry.name} can't run on {device}: {'; '.join(reasons)}"
    raise ModelUnusable(msg)


def runnable(entry: CatalogueEntry, files: Collection[str], device: str) -> list[str]:
    """Runtimes that can answer with these files of a gesture model on a device, in ``auto``'s order."""
    return [
        name
        for name in _CLASSIFIERS
        if not _FILES[name].isdisjoint(files) and _obstacle(entry, name, device) is None
    ]


def _obstacle(entry: CatalogueEntry, name: str, device: str) -> str | None:
    if name not in entry.runtimes:
        return f"{name} doesn't run it (it runs on {', '.join(entry.runtimes)})"
    if not find_spec(name):
        return f"{name} isn't installed on this worker (pip install 'framelane[{name}]')"
    if not _classifier(name).supports(device):
        return f"{name} finds no {device} here"
    return None


def load_classifier(entry: CatalogueEntry, folder: Path, runtime: str, host: Host) -> GestureModel:
    """A gesture model, ready to answer, on a runtime that ``choose`` named. Raises ModelUnusable."""
    return _classifier(runtime).load(entry, folder, host)


def load_network(entry: CatalogueEntry, folder: Path, runtime: str, host: Host) -> ImageNetwork:
    """A network, ready to look at pictures, on a runtime that ``choose`` named. Raises ModelUnusable."""
    if runtime not in _NETWORKS:
        msg = f"{entry.name} can't run on {runtime}: networks of pictures run on {', '.join(_NETWORKS)}"
        raise ModelUnusable(msg)
    return cast("_NetworkModule", import_module(_NETWORKS[runtime])).load(entry, folder, host)


def load_hands(folder: Path, host: Host) -> HandFinder:
    """The hand landmarker. Raises ModelUnusable."""
    return _landmarks().MediaPipeHands(folder, host)


def load_pose(folder: Path, host: Host) -> PoseFinder:
    """The pose landmarker. Raises ModelUnusable."""
    return _landmarks().MediaPipePose(folder, host)


def _classifier(name: str) -> _ClassifierModule:
    return cast("_ClassifierModule", import_module(_CLASSIFIERS[name]))


def _landmarks() -> _LandmarkModule:
    if not find_spec("mediapipe"):
        msg = "mediapipe isn't installed on this worker (pip install 'framelane[mediapipe]')"
        raise ModelUnusable(msg)
    return cast("_LandmarkModule", import_module(_MEDIAPIPE))
