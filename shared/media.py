"""The media catalogue: videos that can be added to the library. Data: ``library/media.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from shared.sources import PinnedFile

MEDIA = "media/"
"""Where all contents are in the artifact store."""

SHIPPED = Path(__file__).parent / "library" / "media.yaml"


MediumKind = Literal["video", "photo", "image_set"]


class MediaEntry(BaseModel):
    """A medium that can be added: one file, pinned as a model's is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    kind: Literal["video", "photo"] = "video"
    description: str = ""
    licence: str
    file: PinnedFile


class MediaCatalogue(RootModel[list[MediaEntry]]):
    """All entries; names are unique."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _unique(self) -> "MediaCatalogue":
        if len(self.by_name) != len(self.root):
            msg = "names of media must be unique"
            raise ValueError(msg)
        return self

    @property
    def by_name(self) -> Mapping[str, MediaEntry]:
        """Entries by their name, in the file's order."""
        return {entry.name: entry for entry in self.root}


def load_media(path: Path | None = None) -> MediaCatalogue:
    """Read a media catalogue; the shipped one by default. Raises pydantic.ValidationError."""
    return MediaCatalogue.model_validate(yaml.safe_load((path or SHIPPED).read_text("utf-8")))


def content_key(sha256: str) -> str:
    """Where a content is in the artifact store."""
    return f"{MEDIA}{sha256}/content"


def thumbnail_key(sha256: str) -> str:
    """Where the small picture of a content is in the artifact store."""
    return f"{MEDIA}{sha256}/thumbnail.jpg"


def sha256_of(key: str) -> str:
    """Of the content that is under a key of these, or whose picture is."""
    return key.removeprefix(MEDIA).partition("/")[0]
