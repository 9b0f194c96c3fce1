"""The models of a pipeline as files on this machine."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import ModelUnusable
from shared.graph.names import ModelFiles, model_of
from shared.results import InstalledModel
from workers.conversion import variant_name
from workers.model_store import InstalledModelDir, ModelStore


@dataclass(slots=True)
class FoundModels:
    """By name. ``held``: keeps the files where they are."""

    files: dict[str, ModelFiles] = field(default_factory=dict[str, ModelFiles])
    held: list[InstalledModelDir] = field(default_factory=list[InstalledModelDir])


def find_models(
    names: Iterable[str],
    folder: Path,
    store: ModelStore,
    entry_of: Callable[[str], CatalogueEntry | None],
    device: str,
) -> FoundModels:
    """All of them, fetched if need be; what elements must know of them is written into ``folder``.

    Raises ModelUnusable for one that no element can read, for a variant that wasn't made, and as the store does.
    """
    found = FoundModels()
    for value in names:
        name, precision = model_of(value)
        model = store.ensure(name)
        entry = entry_of(name)
        if entry is None or entry.architecture != "network":
            msg = f"{name} can't be used in pipelines: no element knows its input and output"
            raise ModelUnusable(msg)
        found.held.append(model)
        found.files[value] = ModelFiles(str(_file(model, entry, device, precision)), _proc(entry, folder))
    return found


def precisions_of(model: InstalledModel, device: str) -> list[str]:
    """Those there are variants in; the first is taken if none is named.

    Half precision is for accelerators: on a CPU it saves nothing.
    """
    on_cpu = family_of(device) is Device.CPU
    order = ("FP32", "FP16", "INT8") if on_cpu else ("FP16", "FP32", "INT8")
    return [each for each in order if variant_name(each) in model.variants]


def _file(found: InstalledModelDir, entry: CatalogueEntry, device: str, precision: str) -> Path:
    made = precisions_of(found.model, device)
    if precision and precision not in made:
        says = f"{entry.name} has no variant in {precision}; a job of kind `model_convert` makes it"
        raise ModelUnusable(says)
    chosen = precision or (made[0] if made else "")
    return found.path / (f"{variant_name(chosen)}.xml" if chosen else entry.files[0].name)


def _proc(entry: CatalogueEntry, folder: Path) -> str | None:
    if entry.proc is None:
        return None
    proc = folder / f"{entry.name}.model-proc.json"
    proc.write_text(json.dumps(entry.proc), "utf-8")
    return str(proc)
