import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.catalogue import Catalogue, load_catalogue
from tests.support.models import SHARED_DATA, model_folder, photo
from tests.support.workplace import Workplace
from workers.runtimes import registry
from workers.runtimes.contract import HandFinder, Host, PoseFinder
from workers.vision.features import Floats
from workers.vision.images import Pixels, decode


def _photo_files() -> list[Path]:
    """Three photos of a package; where the real test data is, people who show a hand too."""
    return [photo(name) for name in ("nocurl", "halfcurl", "fullcurl")] + sorted(SHARED_DATA.glob("hands/*.jpg"))


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def photos() -> list[Pixels]:
    return [decode(path.read_bytes(), path.name) for path in _photo_files()]


@pytest.fixture(scope="session")
def hand_finder() -> Iterator[HandFinder]:
    finder = registry.load_hands(model_folder("hand_landmarker"), Host(slots=2))
    yield finder
    finder.close()


@pytest.fixture(scope="session")
def pose_finder() -> Iterator[PoseFinder]:
    finder = registry.load_pose(model_folder("pose_landmarker"), Host())
    yield finder
    finder.close()


@pytest.fixture(scope="session")
def real_hands(photos: list[Pixels], hand_finder: HandFinder) -> Floats:
    """[N, 63] of the hands in the photos, and of a public table of gestures where it is at hand."""
    found = [hand.points.reshape(1, 63) for image in photos for hand in hand_finder.find(image)]
    return np.concatenate(found + _table())


def _table() -> list[Floats]:
    path = SHARED_DATA / "gestures" / "keypoint.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = np.array([line[1:] for line in csv.reader(file)][::10], np.float32).reshape(-1, 21, 2)
    return [np.concatenate([rows, np.zeros((len(rows), 21, 1), np.float32)], axis=2).reshape(-1, 63)]


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Iterator[Workplace]:
    place = Workplace(tmp_path_factory.mktemp("worker"), catalogue)
    place.install()
    yield place
    place.handler.close()
