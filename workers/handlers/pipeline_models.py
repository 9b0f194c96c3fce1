"""The models of a pipeline as files on this machine."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import ModelUnusable
from shared.graph.names import ModelFiles
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

    Raises ModelUnusable for one that no element can read, and as the store does.
    """
    found = FoundModels()
    for name in names:
        model = store.ensure(name)
        entry = entry_of(name)
        if entry is None or entry.architecture != "network":
            msg = f"{name} can't be used in pipelines: no element knows its input and output"
            raise ModelUnusable(msg)
        found.held.append(model)
        found.files[name] = ModelFiles(str(_file(model, entry, device)), _proc(entry, folder))
    return found


def _file(found: InstalledModelDir, entry: CatalogueEntry, device: str) -> Path:
    """Half precision is for accelerators: on a CPU it saves nothing."""
    order = ("FP32", "FP16", "INT8") if family_of(device) is Device.CPU else ("FP16", "FP32", "INT8")
    made = [variant_name(each) for each in order if variant_name(each) in found.model.variants]
    return found.path / (f"{made[0]}.xml" if made else entry.files[0].name)


def _proc(entry: CatalogueEntry, folder: Path) -> str | None:
    if entry.proc is None:
        return None
    proc = folder / f"{entry.name}.model-proc.json"
    proc.write_text(json.dumps(entry.proc), "utf-8")
    return str(proc)
