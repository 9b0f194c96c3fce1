"""Models: what can be installed, and what is."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import Response

from api.dependencies import Here, Prefer, caller_of, preferred_wait, travelling_headers
from api.errors import ModelNotFound
from api.gateway import Gateway
from api.reference import ACCEPTED, problems
from api.routes.submit import answer
from api.services.documents import validated
from api.services.submit import Ticket
from shared.catalogue import CatalogueEntry, TensorContract
from shared.inputs import Wire
from shared.packing import PackedKind
from shared.results import InstalledModel
from shared.sources import Category, describe
from shared.specs import ModelDeleteSpec

router = APIRouter(tags=["models"])

Name = Annotated[str, Path(max_length=100)]
Force = Annotated[bool, Query(description="even while pipelines name it, or jobs wait or run with it")]

_DELETE: TypeAdapter[ModelDeleteSpec] = TypeAdapter(ModelDeleteSpec)


class ModelView(BaseModel):
    """A model of the catalogue, or an installed one that isn't in it.

    ``installed`` is null until a `model_download` job has brought it; it tells of variants with their drift
    (``details``) and of ``older`` versions that are kept. ``origin``: `custom` for uploads, and for downloads from
    sources of the caller's. ``accepts``: kinds of input; ``requires``: models that must be installed for some of
    them; ``sha256``: of each file, null where it couldn't be pinned; ``verified``: all are pinned. ``sources`` are
    tried in order. ``labels`` and ``points`` name what it tells, in the order of its outputs; ``inputs`` and
    ``outputs`` are the network's own tensors; ``precisions``: of its files. ``default``: worth having first.
    ``used_by_pipelines``: ids of the registry.
    """

    name: str
    display_name: str
    origin: Literal["catalogue", "custom"]
    category: str
    licence: str
    architecture: str
    description: str
    accepts: list[PackedKind]
    requires: dict[PackedKind, list[str]]
    devices: list[str]
    runtimes: list[str]
    classes: int
    labels: list[str]
    points: list[str]
    precisions: list[str]
    inputs: list[TensorContract]
    outputs: list[TensorContract]
    default: bool
    verified: bool
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
            origin="catalogue" if installed is None or installed.entry is None else "custom",
            category=entry.category,
            licence=entry.licence,
            architecture=entry.architecture,
            description=entry.description,
            accepts=entry.accepts,
            requires=entry.requires,
            devices=list(entry.devices),
            runtimes=list(entry.runtimes),
            classes=len(entry.labels),
            labels=entry.labels,
            points=entry.points,
            precisions=list(entry.precisions),
            inputs=entry.inputs,
            outputs=entry.outputs,
            default=entry.default,
            verified=entry.verified,
            sha256={file.name: file.sha256 for file in entry.files},
            sources=list(dict.fromkeys(describe(source) for file in entry.files for source in file.sources)),
            installed=installed,
            used_by_pipelines=list(users),
        )


class ModelList(BaseModel):
    """The catalogue."""

    models: list[ModelView]


class Choice(Wire):
    """Which models a list has."""

    category: Category | None = None
    installed: Annotated[bool | None, Field(description="only those that are, or aren't")] = None
    default: Annotated[bool | None, Field(description="only those worth having first, or the others")] = None


@router.get("/models", responses=problems(422, 503))
async def list_models(here: Here, choice: Annotated[Choice, Query()]) -> ModelList:
    """The catalogue with what of it is installed, and installed models that aren't in it."""
    found = [
        model
        for model in await catalogue(here, choice.category)
        if choice.installed in {None, model.installed is not None} and choice.default in {None, model.default}
    ]
    return ModelList(models=found)


@router.get("/models/{name}", responses=problems(404, 503))
async def get_model(here: Here, name: str) -> ModelView:
    """One model of the catalogue."""
    installed = (await here.models.now()).get(name)
    users = (await here.pipelines.models()).get(name, [])
    return ModelView.of(await entry_of(here, name), installed, users)


@router.delete("/models/{name}", status_code=202, responses=ACCEPTED | problems(404, 409, 429, 503))
async def delete_model(
    request: Request, here: Here, name: Name, force: Force = False, prefer: Prefer = None
) -> Response:
    """Accept a job that removes an installed model with its versions and variants. 409 while it is used."""
    if name not in await here.models.now():
        raise ModelNotFound(f"{name[:100]!r} isn't installed")
    spec = validated(_DELETE, {"models": [name], "force": force})
    prepared = await here.submitter.prepare(0, lambda preparer: preparer.from_spec(spec, {}))
    wait_s = preferred_wait(prefer, here.settings.limits.wait_s)
    ticket = Ticket(headers=travelling_headers(request), caller=caller_of(request))
    return answer(request, await here.intake.accept(prepared, ticket, wait_s or 0), wait_s)


async def catalogue(here: Gateway, category: str | None = None) -> list[ModelView]:
    """Every entry (of one category), with what is installed."""
    installed, users = await here.models.now(), await here.pipelines.models()
    return [
        ModelView.of(entry, installed.get(name), users.get(name, ()))
        for name, entry in here.rules.entries.items()
        if category in {None, entry.category}
    ]


async def entry_of(here: Gateway, name: str, category: str | None = None) -> CatalogueEntry:
    """The catalogue's entry, or that of an installed model. Raises ModelNotFound, naming those there are."""
    if name not in here.rules.entries:
        await here.models.now()
    found = here.rules.entries.get(name)
    if found is not None and category in {None, found.category}:
        return found
    fitting = [each.name for each in here.rules.entries.values() if category in {None, each.category}]
    kind = f"{category} model" if category else "model"
    raise ModelNotFound(f"there is no {kind} {name[:100]!r}; there are {', '.join(fitting)}")
