"""Where models come from: an https address, or a wheel of the Python package index."""

from pathlib import Path
from typing import Protocol, TypeVar

from shared.sources import PackageSource, UrlSource

FILE_LIMIT = 4 << 30
"""Bytes; a source that offers a larger file is none."""

Source_contra = TypeVar("Source_contra", UrlSource, PackageSource, contravariant=True)


class Meter(Protocol):
    """Is told how a transfer goes."""

    def transferred(self, done: int, total: int | None) -> None:
        """Bytes of the current transfer so far, and of all of it where that is known.

        Called with every piece that comes, and where possible while none does (with the same numbers): what it
        raises ends the transfer.
        """
        ...


class Hub(Protocol[Source_contra]):
    """Reads one kind of source."""

    def fetch(self, source: Source_contra, target: Path, meter: Meter) -> None:
        """Write the file to ``target``. Raises SourceUnavailable; OSError when ``target`` can't be written."""
        ...
