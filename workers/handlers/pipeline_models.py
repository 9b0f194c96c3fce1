"""The models of a pipeline as files on this machine."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import ModelUnusable
from shared.graph.names import ModelFiles, model_of
from workers.conversion import variant_name
from workers.model_store import InstalledModelDir, ModelStore


@dataclass(slots=True)
class FoundModels:
    """By name. ``held``: keeps the files where they are."""

    files: dict[str, ModelFiles] = field(default_factory=dict[str, ModelFiles])
    held: list[InstalledModelDir] = field(default_factory=list[InstalledModelDir])


def find_models(
    names: Iterable[str], folder: Path, store: ModelStore, catalogue: Mapping[str, CatalogueEntry], device: str
) -> FoundModels:
    """All of them, fetched if need be; what elements must know of them is written into ``folder``.

    Raises ModelUnusable for one that no element can read, for a variant that wasn't made, and as the store does.
    """
    found = FoundModels()
    for value in names:
        name, precision = model_of(value)
        model = store.ensure(name)
        entry = catalogue.get(name)
        if entry is None or entry.architecture != "network":
            msg = f"{name} can't be used in pipelines: no element knows its input and output"
            raise ModelUnusable(msg)
        found.held.append(model)
        found.files[value] = ModelFiles(str(_file(model, entry, device, precision)), _proc(entry, folder))
    return found


def _file(found: InstalledModelDir, entry: CatalogueEntry, device: str, precision: str) -> Path:
    """Half precision is for accelerators: on a CPU it saves nothing."""
    if precision and variant_name(precision) not in found.model.variants:
        raise ModelUnusable(
            f"{entry.name} has no variant in {precision}; make it by a job of kind `model_convert`"
        )
    order = ("FP32", "FP16") if family_of(device) is Device.CPU else ("FP16", "FP32")
    order = (precision,) if precision else order
    made = [variant_name(each) for each in order if variant_name(each) in found.model.variants]
    return found.path / (f"{made[0]}.xml" if made else entry.files[0].name)


def _proc(entry: CatalogueEntry, folder: Path) -> str | None:
    if entry.proc is None:
        return None
    proc = folder / f"{entry.name}.model-proc.json"
    proc.write_text(json.dumps(entry.proc), "utf-8")
    return str(proc)
