"""The models in this process's memory: each is loaded once, by whoever needs it first, and kept."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import structlog
from pydantic import ValidationError

from shared.catalogue import Catalogue, CatalogueEntry
from shared.errors import ModelUnusable
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS
from shared.results import InstalledModel
from shared.specs import Runtime, VariantPrecision
from workers.model_store import ModelStore
from workers.runtimes import registry
from workers.runtimes.contract import GestureModel, HandFinder, Host, ImageNetwork, PoseFinder
from workers.vision.features import WORD_FRAMES, Floats, Lengths

Model = TypeVar("Model")


class Way(NamedTuple):
    """How a model is run: by which library and, with OpenVINO, in which precision; None: the most exact."""

    runtime: str
    precision: str | None = None


_MEDIAPIPE = Way("mediapipe")
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
        self, store: ModelStore, load: Callable[[CatalogueEntry, Path, Way], Model], most: int | None = None
    ) -> None:
        self._store = store
        self._load = load
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, Way], Loaded[Model]] = {}
        self._replaced: list[Model] = []  # a running job may still use them

    def get(self, entry: CatalogueEntry, way: Way = _MEDIAPIPE) -> Loaded[Model]:
        """The model, loaded if nobody did yet."""
        if self._most is None:
            return self._kept.get((entry.name, way)) or self.refresh(entry, way)
        with self._lock:  # the order in which they were used is known by their order in the dictionary
            kept = self._kept.pop((entry.name, way), None)
            if kept:
                self._kept[entry.name, way] = kept
        return kept or self.refresh(entry, way)

    def refresh(self, entry: CatalogueEntry, way: Way = _MEDIAPIPE) -> Loaded[Model]:
        """The model in its newest installed version."""
        installed = self._store.ensure(entry.name)
        with self._lock:
            kept = self._kept.get((entry.name, way))
            if kept and kept.version == installed.model.version:
                return kept
            fresh = Loaded(self._load(entry, installed.path, way), installed.model.version, way.runtime)
            self._kept[entry.name, way] = fresh
            if self._most is not None:  # networks end with the last job that uses them
                while len(self._kept) > self._most:
                    del self._kept[next(iter(self._kept))]
            elif kept:
                self._replaced.append(kept.model)
            return fresh

    def renewed(self, entry: CatalogueEntry, ways: Iterable[Way]) -> Iterator[Model]:
        """In the newest installed version. What that can't do is forgotten: who wants it again is told why."""
        for way in ways:
            try:
                yield self.refresh(entry, way).model
            except ModelUnusable as error:
                log.info("model_forgotten", model=entry.name, way=tuple(way), reason=error.detail)
                with self._lock:
                    self._kept.pop((entry.name, way), None)

    def names(self) -> set[str]:
        """Models that are here."""
        return {name for name, _ in tuple(self._kept)}

    def ways(self, name: str) -> list[Way]:
        """In which a model is here."""
        return [way for kept, way in tuple(self._kept) if kept == name]

    def drain(self) -> list[Model]:
        """Forget all models; what they were."""
        with self._lock:
            models = [*self._replaced, *(kept.model for kept in self._kept.values())]
            self._replaced.clear()
            self._kept.clear()
        return models


def _on(host: Host, way: Way) -> Host:
    return replace(host, precision=way.precision)


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
            store, lambda entry, folder, way: registry.load_classifier(entry, folder, way.runtime, _on(host, way))
        )
        self._hands = _Shelf[HandFinder](store, lambda _entry, folder, _way: registry.load_hands(folder, host))
        self._poses = _Shelf[PoseFinder](store, lambda _entry, folder, _way: registry.load_pose(folder, host))

        self._networks = _Shelf[ImageNetwork](
            store,
            lambda entry, folder, way: registry.load_network(entry, folder, way.runtime, _on(host, way)),
            networks,
        )

    def classifier(
        self, entry: CatalogueEntry, runtime: Runtime, precision: VariantPrecision | None = None
    ) -> Loaded[GestureModel]:
        """A gesture model on the runtime asked for; ``precision`` is of an OpenVINO variant."""
        return self._classifiers.get(entry, self._choose(entry, runtime, precision))

    def network(
        self, entry: CatalogueEntry, runtime: Runtime, precision: VariantPrecision | None = None
    ) -> Loaded[ImageNetwork]:
        """A network that looks at pictures, as for classifiers."""
        return self._networks.get(entry, self._choose(entry, runtime, precision))

    def text_reader(self, entry: CatalogueEntry) -> Loaded[ImageNetwork] | None:
        """What reads the lines of text that ``entry`` finds, if it names a model for that."""
        required = [self._entries[name] for name in entry.requires.get("image", [])]
        reader = next((one for one in required if one.category == "ocr"), None)
        return None if reader is None else self.network(reader, "auto")

    def _choose(self, entry: CatalogueEntry, runtime: Runtime, precision: VariantPrecision | None) -> Way:
        asked = "openvino" if precision else runtime
        chosen = self._chosen.get((entry.name, asked))
        if chosen is None:
            chosen = self._chosen[entry.name, asked] = registry.choose(entry, asked, self._device)
        return Way(chosen, precision)

    def hands(self, entry: CatalogueEntry) -> Loaded[HandFinder]:
        """A hand landmarker: ``entry``, or the one it requires for photos."""
        return self._hands.get(self._required(entry, "hand_landmarker"))

    def pose(self, entry: CatalogueEntry) -> Loaded[PoseFinder]:
        """A pose landmarker: ``entry``, or the one it requires for photos."""
        return self._poses.get(self._required(entry, "pose_landmarker"))

    def _required(self, entry: CatalogueEntry, architecture: str) -> CatalogueEntry:
        others = (self._entries[name] for name in entry.requires.get("image", []))
        found = next((one for one in (entry, *others) if one.architecture == architecture), None)
        if found is None:
            msg = f"the catalogue names no {architecture} for photos of {entry.name}"
            raise ModelUnusable(msg)
        return found

    def warm(self, models: Iterable[InstalledModel]) -> None:
        """Load these, or their newer versions, and let each answer once; what fails is logged."""
        order = list(self._entries)
        found = [(entry, model) for model in models if (entry := self._entry_of(model)) and self._is_ours(entry)]
        for entry, model in sorted(found, key=lambda one: [*order, one[0].name].index(one[0].name)):
            try:
                self._warm(entry, {file.name for file in model.files})
            except Exception as error:  # noqa: BLE001 - a broken model must not keep the others from being served
                log.warning("model_not_loaded", model=model.name, reason=str(error))
            else:
                log.info("model_loaded", model=model.name, version=model.version)

    def _entry_of(self, model: InstalledModel) -> CatalogueEntry | None:
        shipped = self._entries.get(model.name)
        if shipped is not None or model.entry is None:
            return shipped
        try:
            return CatalogueEntry.model_validate(model.entry)
        except ValidationError as error:  # of a newer release
            log.warning("model_not_understood", model=model.name, reason=str(error))
            return None

    def _is_ours(self, entry: CatalogueEntry) -> bool:
        # Networks are many and large: each is loaded by the first job that wants it.
        return entry.architecture != "network" or entry.name in self._networks.names()

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
                for network in self._networks.renewed(entry, self._networks.ways(entry.name)):
                    network.look(_BLANK)

    def _warm_classifier(
        self, entry: CatalogueEntry, files: set[str], rows: Floats, lengths: Lengths | None = None
    ) -> None:
        always = [Way(runtime) for runtime in registry.runnable(entry, files, self._device)]
        for way in always:
            self._classifiers.refresh(entry, way).model.predict(rows, lengths)
        asked_for = [way for way in self._classifiers.ways(entry.name) if way not in always]
        for model in self._classifiers.renewed(entry, asked_for):
            model.predict(rows, lengths)

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
