"""What a model asked for by its sources may name: rules that hold before anything is fetched."""

from collections import Counter
from collections.abc import Collection
from pathlib import PurePosixPath

from shared.settings import Settings
from shared.sources import WantedFile, form_of, source_refused
from shared.specs import SourceModel

Broken = list[tuple[str, str]]

PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
"""Endings of files that may hold any program."""


def source_rules(model: SourceModel, taken: Collection[str], settings: Settings) -> Broken:
    """Every rule the model breaks, by JSON pointer. ``taken``: names of the catalogue."""
    broken: Broken = []
    if model.name in taken:
        said = f"{model.name} is a model of the catalogue: ask for it in `models`, or choose another name"
        broken.append(("/source/name", said))
    names = Counter(file.name for file in model.files)
    for number, file in enumerate(model.files):
        place = f"/source/files/{number}"
        if names[file.name] > 1:
            broken.append((f"{place}/name", f"more than one file would be called {file.name}"))
        broken += _of_file(file, place, settings)
    return broken


def _of_file(file: WantedFile, place: str, settings: Settings) -> Broken:
    broken = _of_format(file, place, settings)
    for number, source in enumerate(file.sources):
        if refused := source_refused(source, settings.sources):
            broken.append((f"{place}/sources/{number}/{form_of(source)}", refused))
    return broken


def _of_format(file: WantedFile, place: str, settings: Settings) -> Broken:
    if PurePosixPath(file.name).suffix.lower() not in PICKLES:
        return []
    if not settings.models.pickles:
        said = (
            f"{file.name} would be a pickle, which may hold any program: give ONNX, OpenVINO IR, TFLite or "
            "safetensors; to take it all the same the operator sets FRAMELANE_MODELS__PICKLES"
        )
        return [(f"{place}/name", said)]
    return [] if file.sha256 else [(f"{place}/sha256", "is required for a pickle, which may hold any program")]
