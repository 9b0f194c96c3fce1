"""What ships, read once per process: to read it takes longer than most tests."""

from functools import cache

from shared.catalogue import Catalogue, load_catalogue
from shared.media import MediaCatalogue, load_media


@cache
def models() -> Catalogue:
    """It can't be changed."""
    return load_catalogue()


@cache
def media() -> MediaCatalogue:
    """It can't be changed."""
    return load_media()
