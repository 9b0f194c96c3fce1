"""The media catalogue: videos that can be added to the library. Data: ``library/media.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from shared.sources import PinnedFile

SHIPPED = Path(__file__).parent / "library" / "media.yaml"


class MediaEntry(BaseModel):
    """A medium that can be added: one file, pinned as a model's is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
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
