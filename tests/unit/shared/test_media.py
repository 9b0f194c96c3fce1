"""The media that ship, and the rules any catalogue has to keep."""

import pytest
from pydantic import ValidationError

from shared.media import MediaCatalogue, load_media


def entry(name: str) -> dict[str, object]:
    file = {"name": "a.mp4", "sha256": "0" * 64, "sources": [{"url": "https://media.test/a.mp4"}]}
    return {"name": name, "licence": "MIT", "file": file}


def test_what_ships_is_consistent():
    media = load_media()
    assert {"bikes", "carphone", "astronaut", "coffee"} <= set(media.by_name)
    assert all(each.licence and each.description for each in media.root)


def test_names_are_unique():
    with pytest.raises(ValidationError, match="unique"):
        MediaCatalogue.model_validate([entry("a"), entry("a")])


@pytest.mark.parametrize("name", ["", "../a", "a b"])
def test_names_are_names(name):
    with pytest.raises(ValidationError):
        MediaCatalogue.model_validate([entry(name)])
