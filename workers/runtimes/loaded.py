"""The models in this process's memory: each is loaded once, by whoever needs it first, and kept."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import structlog

from shared.catalogue import Catalogue, CatalogueEntry
from shared.errors import ModelUnusable
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS
from shared.results import InstalledModel
from shared.specs import Runtime
from workers.model_store import ModelStore
from workers.runtimes import registry
from workers.runtimes.contract import GestureModel, HandFinder, Host, ImageNetwork, PoseFinder
from workers.vision.features import WORD_FRAMES, Floats, Lengths

Model = TypeVar("Model")

_MEDIAPIPE = "mediapipe"
_BLANK = np.zeros((64, 64, 3), np.uint8)

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Model]):
    """A model, the version of its files, and the library it runs on."""

    model: Model
    version: str
    runtime: str


class _Shelf(Generic[Model]):
    """Models of one sort, at most ``most`` of them. Taking one that is there waits for nothing."""

    def __init__(
        self, store: ModelStore, load: Callable[[CatalogueEntry, Path, str], Model], most: int | None = None
    ) -> None:
        self._store = store
        self._load = load
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], Loaded[Model]] = {}
        self._replaced: list[Model] = []  # a running job may still use them

    def get(self, entry: CatalogueEntry, runtime: str = _MEDIAPIPE) -> Loaded[Model]:
        """The model, loaded if nobody did yet."""
        if self._most is None:
            return self._kept.get((entry.name, runtime)) or self.refresh(entry, runtime)
        with self._lock:  # the order in which they were used is known by their order in the dictionary
            kept = self._kept.pop((entry.name, runtime), None)
            if kept:
                self._kept[entry.name, runtime] = kept
        return kept or self.refresh(entry, runtime)

    def refresh(self, entry: CatalogueEntry, runtime: str = _MEDIAPIPE) -> Loaded[Model]:
        """The model in its newest installed version."""
        installed = self._store.ensure(entry.name)
        with self._lock:
            kept = self._kept.get((entry.name, runtime))
            if kept and kept.version == installed.model.version:
                return kept
            fresh = Loaded(self._load(entry, installed.path, runtime), installed.model.version, runtime)
            self._kept[entry.name, runtime] = fresh
            if self._most is not None:  # networks end with the last job that uses them
                while len(self._kept) > self._most:
                    del self._kept[next(iter(self._kept))]
            elif kept:
                self._replaced.append(kept.model)
            return fresh

    def names(self) -> set[str]:
        """Models that are here."""
        return {name for name, _ in tuple(self._kept)}

    def runtimes(self, name: str) -> list[str]:
        """On which a model is here."""
        return [runtime for kept, runtime in tuple(self._kept) if kept == name]

    def drain(self) -> list[Model]:
        """Forget all models; what they were."""
        with self._lock:
            models = [*self._replaced, *(kept.model for kept in self._kept.values())]
            self._replaced.clear()
            self._kept.clear()
        return models


class LoadedModels:
    """Gives handlers their models. Safe to use from several threads.

    What loads a model raises ModelNotInstalled, ModelUnusable, OutOfSpace or StoreUnavailable.
    """

    def __init__(self, catalogue: Catalogue, store: ModelStore, host: Host, networks: int) -> None:
        """``networks``: kept at most; the one that wasn't used for longest goes."""
        self._entries = catalogue.by_name
        self._device = host.device
        self._chosen: dict[tuple[str, Runtime], str] = {}
        self._classifiers = _Shelf[GestureModel](
            store, lambda entry, folder, runtime: registry.load_classifier(entry, folder, runtime, host)
        )
        self._hands = _Shelf[HandFinder](store, lambda _entry, folder, _runtime: registry.load_hands(folder, host))
        self._poses = _Shelf[PoseFinder](store, lambda _entry, folder, _runtime: registry.load_pose(folder, host))

        self._networks = _Shelf[ImageNetwork](
            store, lambda entry, folder, runtime: registry.load_network(entry, folder, runtime, host), networks
        )

    def classifier(self, entry: CatalogueEntry, runtime: Runtime) -> Loaded[GestureModel]:
        """A gesture model on the runtime asked for."""
        return self._classifiers.get(entry, self._choose(entry, runtime))

    def network(self, entry: CatalogueEntry, runtime: Runtime) -> Loaded[ImageNetwork]:
        """A network that looks at pictures, on the runtime asked for."""
        return self._networks.get(entry, self._choose(entry, runtime))

    def text_reader(self, entry: CatalogueEntry) -> Loaded[ImageNetwork] | None:
        """What reads the lines of text that ``entry`` finds, if it names a model for that."""
        required = [self._entries[name] for name in entry.requires.get("image", [])]
        reader = next((one for one in required if one.category == "ocr"), None)
        return None if reader is None else self.network(reader, "auto")

    def _choose(self, entry: CatalogueEntry, runtime: Runtime) -> str:
        chosen = self._chosen.get((entry.name, runtime))
        if chosen is None:
            chosen = self._chosen[entry.name, runtime] = registry.choose(entry, runtime, self._device)
        return chosen

    def hands(self, entry: CatalogueEntry) -> Loaded[HandFinder]:
        """A hand landmarker: ``entry``, or the one it requires for photos."""
        return self._hands.get(self._required(entry, "hand_landmarker"))

    def pose(self, entry: CatalogueEntry) -> Loaded[PoseFinder]:
        """A pose landmarker: ``entry``, or the one it requires for photos."""
        return self._poses.get(self._required(entry, "pose_landmarker"))

    def _required(self, entry: CatalogueEntry, architecture: str) -> CatalogueEntry:
        names = [entry.name, *entry.requires.get("image", [])]
        found = next((name for name in names if self._entries[name].architecture == architecture), None)
        if found is None:
            msg = f"the catalogue names no {architecture} for photos of {entry.name}"
            raise ModelUnusable(msg)
        return self._entries[found]

    def warm(self, models: Iterable[InstalledModel]) -> None:
        """Load these, or their newer versions, and let each answer once; what fails is logged."""
        order = list(self._entries)
        for model in sorted((m for m in models if self._is_ours(m.name)), key=lambda m: order.index(m.name)):
            try:
                self._warm(self._entries[model.name], {file.name for file in model.files})
            except Exception as error:  # noqa: BLE001 - a broken model must not keep the others from being served
                log.warning("model_not_loaded", model=model.name, reason=str(error))
            else:
                log.info("model_loaded", model=model.name, version=model.version)

    def _is_ours(self, name: str) -> bool:
        entry = self._entries.get(name)
        # Networks are many and large: each is loaded by the first job that wants it.
        return entry is not None and (entry.architecture != "network" or name in self._networks.names())

    def _warm(self, entry: CatalogueEntry, files: set[str]) -> None:
        match entry.architecture:
            case "hand_landmarker":
                self._hands.refresh(entry).model.find(_BLANK)
            case "pose_landmarker":
                self._poses.refresh(entry).model.find(_BLANK)
            case "alphabet_mlp":
                self._warm_classifier(entry, files, np.zeros((1, LANDMARK_COLUMNS), np.float32))
            case "word_lstm":
                frames = np.zeros((1, WORD_FRAMES, FRAME_COLUMNS), np.float32)
                self._warm_classifier(entry, files, frames, np.array([WORD_FRAMES], np.int64))
            case "network":
                for runtime in self._networks.runtimes(entry.name):
                    self._networks.refresh(entry, runtime).model.look(_BLANK)

    def _warm_classifier(
        self, entry: CatalogueEntry, files: set[str], rows: Floats, lengths: Lengths | None = None
    ) -> None:
        for runtime in registry.runnable(entry, files, self._device):
            self._classifiers.refresh(entry, runtime).model.predict(rows, lengths)

    def names(self) -> list[str]:
        """Models that are in memory."""
        shelves = (self._classifiers, self._hands, self._poses, self._networks)
        return sorted(name for shelf in shelves for name in shelf.names())

    def close(self) -> None:
        """Let go of them. Nobody uses them any more."""
        self._classifiers.drain()
        self._networks.drain()
        for finder in (*self._hands.drain(), *self._poses.drain()):
            finder.close()
