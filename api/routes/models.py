"""Models: what can be installed, and what is."""

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Here
from api.errors import ModelNotFound
from api.gateway import Gateway
from api.reference import problems
from shared.catalogue import CatalogueEntry
from shared.packing import PackedKind
from shared.results import InstalledModel
from shared.sources import describe

router = APIRouter(tags=["models"])


class ModelView(BaseModel):
    """A model of the catalogue. ``installed`` is null until a `model_download` job has brought it.

    ``accepts``: kinds of input; ``requires``: models that must be installed for some of them; ``sha256``: of each
    file, null where it couldn't be pinned. ``sources`` are tried in order. ``used_by_pipelines``: ids of
    the registry.
    """

    name: str
    display_name: str
    category: str
    licence: str
    architecture: str
    description: str
    accepts: list[PackedKind]
    requires: dict[PackedKind, list[str]]
    devices: list[str]
    runtimes: list[str]
    classes: int
    sha256: dict[str, str | None]
    sources: list[str]
    installed: InstalledModel | None
    used_by_pipelines: list[str]

    @classmethod
    def of(cls, entry: CatalogueEntry, installed: InstalledModel | None, users: Sequence[str] = ()) -> "ModelView":
        """The entry, what the store has of it, and which pipelines name it."""
        return cls(
            name=entry.name,
            display_name=entry.display_name,
            category=entry.category,
            licence=entry.licence,
            architecture=entry.architecture,
            description=entry.description,
            accepts=entry.accepts,
            requires=entry.requires,
            devices=list(entry.devices),
            runtimes=list(entry.runtimes),
            classes=len(entry.labels),
            sha256={file.name: file.sha256 for file in entry.files},
            sources=list(dict.fromkeys(describe(source) for file in entry.files for source in file.sources)),
            installed=installed,
            used_by_pipelines=list(users),
        )


class ModelList(BaseModel):
    """The catalogue."""

    models: list[ModelView]


@router.get("/models", responses=problems(503))
async def list_models(here: Here) -> ModelList:
    """The catalogue, and what of it is installed."""
    return ModelList(models=await catalogue(here))


@router.get("/models/{name}", responses=problems(404, 503))
async def get_model(here: Here, name: str) -> ModelView:
    """One model of the catalogue."""
    entry = entry_of(here, name)
    users = (await here.pipelines.models()).get(name, [])
    return ModelView.of(entry, (await here.models.now()).get(name), users)


async def catalogue(here: Gateway, category: str | None = None) -> list[ModelView]:
    """Every entry (of one category), with what is installed."""
    installed, users = await here.models.now(), await here.pipelines.models()
    return [
        ModelView.of(entry, installed.get(name), users.get(name, ()))
        for name, entry in here.rules.entries.items()
        if category in {None, entry.category}
    ]


def entry_of(here: Gateway, name: str, category: str | None = None) -> CatalogueEntry:
    """The catalogue's entry. Raises ModelNotFound, naming those there are."""
    fitting = {each.name: each for each in here.rules.entries.values() if category in {None, each.category}}
    if name not in fitting:
        msg = f"there is no {category or ''} model {name[:100]!r}; there are {', '.join(fitting)}".replace(
            "  ", " "
        )
        raise ModelNotFound(msg)
    return fitting[name]
