"""The shipped catalogue against the packages it takes models from."""

import json

import pytest

from shared.catalogue import Catalogue
from shared.devices import Device
from tests.support.models import obtainable, oracle_path, staged_models

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("asl", "alphabet/asl_model/data/classes.json"),
        ("vgt", "alphabet/vgt_model/data/classes.json"),
        ("lstm", "gestures/lstm_model/data/gesture_map.json"),
    ],
)
def test_labels_are_the_packages_in_its_order(catalogue: Catalogue, name: str, file: str) -> None:
    told = json.loads((oracle_path() / "smart_gestures" / file).read_text())
    expected = sorted(told, key=told.get) if isinstance(told, dict) else told
    assert catalogue.by_name[name].labels == expected


def test_what_packages_have_is_what_is_pinned(catalogue: Catalogue) -> None:
    there = obtainable()
    assert len(there) >= 15
    for staged, entry in zip(staged_models([entry.name for entry in there]), there, strict=True):
        sums = {file.name: file.sha256 for file in staged.record.files}
        assert {file.name: file.sha256 for file in entry.files}.items() <= sums.items()
        assert bool(staged.record.variants) == ("openvino" in entry.runtimes and entry.architecture != "network")


def test_landmarks_are_found_on_the_cpu_alone(catalogue: Catalogue) -> None:
    for entry in catalogue.root:
        expected = [Device.CPU] if entry.category == "landmarks" else list(Device)
        assert entry.devices == expected
