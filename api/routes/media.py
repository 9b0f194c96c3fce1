"""Media: what can be added to the library, and what is in it."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from api.dependencies import Here
from api.gateway import Gateway
from api.reference import REDIRECT, problems
from api.services.media import Medium
from api.services.media_names import KINDS, Family
from api.views import PREFIX, base_url
from shared.media import MediumKind
from shared.results import Answer, InstalledMedium
from shared.sources import describe

router = APIRouter(tags=["media"])

Name = Annotated[str, Path(max_length=100)]
Limit = Annotated[int, Query(ge=1, description="cut to the gateway's limit")]
Cursor = Annotated[str, Query(max_length=100, description="`next_cursor` of the page before")]
Force = Annotated[bool, Query(description="even while pipelines name it, or jobs wait or run with it")]


class MediumLinks(Answer):
    """Where to go from a medium. ``content`` and ``thumbnail`` redirect to links that are good for minutes."""

    self: str
    content: str
    thumbnail: str


class MediumView(Answer):
    """A medium. ``installed`` is null until a `media_download` job has brought it from the catalogue.

    ``sources`` are the catalogue's; what was uploaded has none.
    """

    name: str
    kind: MediumKind
    description: str
    licence: str
    sha256: str
    sources: list[str]
    installed: InstalledMedium | None
    links: MediumLinks

    @classmethod
    def of(cls, medium: Medium, base: str) -> "MediumView":
        """``base``: the URL of all of its kind."""
        entry, installed = medium.entry, medium.installed
        url = f"{base}/{quote(medium.name)}"
        return cls.model_validate(
            {
                "name": medium.name,
                "kind": medium.kind,
                "description": entry.description if entry else "",
                "licence": installed.licence if installed else entry.licence if entry else "",
                "sha256": installed.file.sha256 if installed else entry.file.sha256 if entry else "",
                "sources": [describe(each) for each in entry.file.sources] if entry else [],
                "installed": installed,
                "links": {"self": url, "content": f"{url}/content", "thumbnail": f"{url}/thumbnail"},
            }
        )


class VideoList(Answer):
    """In the order of their names. ``next_cursor`` is null at the end."""

    videos: list[MediumView]
    next_cursor: str | None = Field(default=None)


class ImageList(Answer):
    """Photos and image sets, in the order of their names. ``next_cursor`` is null at the end."""

    images: list[MediumView]
    next_cursor: str | None = Field(default=None)


@router.get("/videos", responses=problems(422, 503))
async def list_videos(request: Request, here: Here, limit: Limit = 100, cursor: Cursor = "") -> VideoList:
    """Videos of the catalogue and of the library."""
    found, following = await _page(request, here, "videos", limit, cursor)
    return VideoList(videos=found, next_cursor=following)


@router.get("/images", responses=problems(422, 503))
async def list_images(request: Request, here: Here, limit: Limit = 100, cursor: Cursor = "") -> ImageList:
    """Photos and image sets of the catalogue and of the library."""
    found, following = await _page(request, here, "images", limit, cursor)
    return ImageList(images=found, next_cursor=following)


@router.get("/videos/{name}", responses=problems(404, 503))
async def get_video(request: Request, here: Here, name: Name) -> MediumView:
    """One video, with what is in it."""
    return MediumView.of(await here.media.get(name, KINDS["videos"]), _base(request, "videos"))


@router.get("/images/{name}", responses=problems(404, 503))
async def get_image(request: Request, here: Here, name: Name) -> MediumView:
    """One photo or image set, with what is in it."""
    return MediumView.of(await here.media.get(name, KINDS["images"]), _base(request, "images"))


@router.delete("/videos/{name}", status_code=204, responses=problems(404, 409, 503))
async def delete_video(here: Here, name: Name, force: Force = False) -> Response:
    """Remove a video from the library. 409 while it is used."""
    await here.media.delete(name, KINDS["videos"], force=force)
    return Response(status_code=204)


@router.delete("/images/{name}", status_code=204, responses=problems(404, 409, 503))
async def delete_image(here: Here, name: Name, force: Force = False) -> Response:
    """Remove a photo or image set from the library. 409 while it is used."""
    await here.media.delete(name, KINDS["images"], force=force)
    return Response(status_code=204)


_LINKED = REDIRECT | problems(404, 409, 503)


@router.get("/videos/{name}/content", status_code=307, response_class=RedirectResponse, responses=_LINKED)
async def get_video_content(request: Request, here: Here, name: Name) -> Response:
    """Redirect to a link that gives anyone this one video, for a short time."""
    return await _redirect(request, here, "videos", name, thumbnail=False)


@router.get("/videos/{name}/thumbnail", status_code=307, response_class=RedirectResponse, responses=_LINKED)
async def get_video_thumbnail(request: Request, here: Here, name: Name) -> Response:
    """Redirect to a small JPEG of one of its frames."""
    return await _redirect(request, here, "videos", name, thumbnail=True)


@router.get("/images/{name}/content", status_code=307, response_class=RedirectResponse, responses=_LINKED)
async def get_image_content(request: Request, here: Here, name: Name) -> Response:
    """Redirect to the photo, or to a tar of the set's images."""
    return await _redirect(request, here, "images", name, thumbnail=False)


@router.get("/images/{name}/thumbnail", status_code=307, response_class=RedirectResponse, responses=_LINKED)
async def get_image_thumbnail(request: Request, here: Here, name: Name) -> Response:
    """Redirect to a small JPEG of it, or of the set's first image."""
    return await _redirect(request, here, "images", name, thumbnail=True)


async def _page(
    request: Request, here: Gateway, family: Family, limit: int, cursor: str
) -> tuple[list[MediumView], str | None]:
    most = min(limit, here.settings.limits.page)
    found, following = await here.media.page(KINDS[family], most, cursor)
    return [MediumView.of(each, _base(request, family)) for each in found], following


async def _redirect(request: Request, here: Gateway, family: Family, name: str, *, thumbnail: bool) -> Response:
    ttl_s = here.settings.artifacts.link_ttl_s
    link = await here.media.link(name, KINDS[family], ttl_s, thumbnail=thumbnail)
    return RedirectResponse(f"{base_url(request)}{link}" if link.startswith("/") else link)


def _base(request: Request, family: Family) -> str:
    return f"{base_url(request)}{PREFIX}/{family}"
