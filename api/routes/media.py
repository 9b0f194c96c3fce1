"""Media: what can be added to the library, and what is in it."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Here
from api.reference import problems
from shared.media import MediaEntry
from shared.results import InstalledMedium
from shared.sources import describe

router = APIRouter(tags=["media"])


class VideoView(BaseModel):
    """A video of the catalogue. ``installed`` is null until a `media_download` job has brought it."""

    name: str
    description: str
    licence: str
    sha256: str
    sources: list[str]
    installed: InstalledMedium | None

    @classmethod
    def of(cls, entry: MediaEntry, installed: InstalledMedium | None) -> "VideoView":
        """The entry, and what the library has of it."""
        return cls(
            name=entry.name,
            description=entry.description,
            licence=entry.licence,
            sha256=entry.file.sha256,
            sources=[describe(each) for each in entry.file.sources],
            installed=installed,
        )


class VideoList(BaseModel):
    """All of them."""

    videos: list[VideoView]


@router.get("/videos", responses=problems(503))
async def list_videos(here: Here) -> VideoList:
    """Videos of the catalogue, and what of it is in the library."""
    library = await here.parts.directory.media()
    return VideoList(
        videos=[VideoView.of(entry, library.get(name)) for name, entry in here.parts.media.by_name.items()]
    )
