"""Which models a download is about, and what of them is there already. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.catalogue import Catalogue, CatalogueEntry
from shared.errors import InvalidSpec
from shared.results import InstalledModel
from shared.specs import ModelDownloadSpec, SourceModel
from workers.conversion import variant_name


def apart(task: ModelDownloadSpec) -> tuple[ModelDownloadSpec, list[tuple[str, str]]]:
    """What is to be downloaded, and names with kept versions that are to be installed again."""
    versions = [name.split("@") for name in dict.fromkeys(task.models) if "@" in name]
    names = [name for name in task.models if "@" not in name]
    return task.model_copy(update={"models": names}), [(name, version) for name, version in versions]


def wanted(catalogue: Catalogue, task: ModelDownloadSpec) -> list[CatalogueEntry]:
    """The entries of the task's models and of all they require, required ones first, each once.

    Raises InvalidSpec for names that aren't in the catalogue, and for a source's name that is.
    """
    known = catalogue.by_name
    broken = [
        (f"/models/{i}", f"unknown model {name!r}") for i, name in enumerate(task.models) if name not in known
    ]
    if task.source and task.source.name in known:
        broken.append(("/source/name", f"{task.source.name!r} is a model of the catalogue"))
    if broken:
        raise InvalidSpec(*broken)
    found: dict[str, CatalogueEntry] = {}
    for name in task.models:
        _collect(known, name, found, frozenset())
    return [*found.values(), *([entry_of(task.source)] if task.source else [])]


def entry_of(model: SourceModel) -> CatalogueEntry:
    """What the catalogue would say of it."""
    return CatalogueEntry(
        name=model.name,
        display_name=model.display_name or model.name,
        category=model.category,
        licence=model.licence,
        architecture="network",
        files=list(model.files),
        labels=model.labels,
        model_proc=model.model_proc,
        accepts=["image"],
        runtimes=["openvino"],
    )


def _collect(
    known: Mapping[str, CatalogueEntry], name: str, found: dict[str, CatalogueEntry], above: frozenset[str]
) -> None:
    if name in found or name in above:
        return
    for needed in known[name].requires.values():
        for other in needed:
            _collect(known, other, found, above | {name})
    found[name] = known[name]


def is_current(entry: CatalogueEntry, model: InstalledModel, precisions: Sequence[str]) -> bool:
    """Whether the installed model has the entry's files, and the variants asked for."""
    has = {file.name: file.sha256 for file in model.files}
    files = all(file.name in has and has[file.name] == (file.sha256 or has[file.name]) for file in entry.files)
    asked = {variant_name(precision) for precision in precisions} if makes_variants(entry) else set[str]()
    return files and asked <= set(model.variants)


def makes_variants(entry: CatalogueEntry) -> bool:
    """Whether a download makes OpenVINO variants of it; networks come in the form that is run."""
    return "openvino" in entry.runtimes and entry.architecture != "network"


def precisions_of(entry: CatalogueEntry, task: ModelDownloadSpec, model: InstalledModel | None) -> list[str]:
    """Variants to make: what is asked for, and what an installed version would lose."""
    if not makes_variants(entry):
        return []
    kept = model.variants if model else []
    return [one for one in ("FP32", "FP16") if one in task.precisions or variant_name(one) in kept]


def inside(folder: Path, name: str) -> Path:
    """The file of a catalogue's entry in ``folder``. Raises ValueError for a name with folders."""
    if name != Path(name).name or name in {"", ".", ".."}:
        msg = f"the catalogue names a file {name!r}; a name without folders is needed"
        raise ValueError(msg)
    return folder / name
