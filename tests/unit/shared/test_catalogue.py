"""The catalogue that ships, and the rules any has to keep."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.catalogue import Catalogue, load_catalogue

SHA = "0" * 64


def entry(name: str, **fields: object) -> dict[str, object]:
    return {
        "name": name,
        "display_name": name,
        "category": "gesture",
        "licence": "MIT",
        "architecture": "alphabet_mlp",
        "files": [{"name": "w", "sha256": SHA, "sources": [{"url": "https://models.test/w"}]}],
        "accepts": ["landmarks"],
        "runtimes": ["torch"],
        **fields,
    }


def test_what_ships_is_consistent():
    catalogue = load_catalogue()
    assert {"asl", "vgt", "lstm"} <= set(catalogue.by_name)
    for each in catalogue.root:
        assert each.files
        assert bool(each.labels) or each.category != "gesture"
        assert bool(each.model_proc) is (each.architecture == "network")
        assert len(set(each.labels)) == len(each.labels)
        assert set(each.requires) <= set(each.accepts)
        assert each.licence
        assert len({file.name for file in each.files}) == len(each.files)


def test_names_are_unique():
    with pytest.raises(ValidationError, match="unique"):
        Catalogue.model_validate([entry("a"), entry("a")])


def test_what_is_required_is_there():
    needy = entry("a", requires={"image": ["b"]})
    with pytest.raises(ValidationError, match="unknown"):
        Catalogue.model_validate([needy])
    assert Catalogue.model_validate([needy, entry("b")]).by_name["a"].requires == {"image": ["b"]}


@pytest.mark.parametrize(
    "file",
    [
        {"name": "w", "sha256": "0" * 63, "sources": [{"url": "https://models.test/w"}]},
        {"name": "w", "sha256": SHA.replace("0", "A"), "sources": [{"url": "https://models.test/w"}]},
        {"name": "w", "sha256": SHA, "sources": []},
        {"name": "w", "sha256": SHA, "sources": [{"url": "ftp://models.test/w"}]},
        {"name": "w", "sha256": SHA, "sources": [{"requirement": "package>=1", "member": "w"}]},
        {"name": "w", "sha256": SHA, "sources": [{"requirement": "package==1"}]},
        {"name": "w", "sha256": SHA, "sources": [{"url": "https://models.test/w", "also": 1}]},
    ],
)
def test_a_file_needs_a_digest_and_a_pinned_source(file: dict[str, object]):
    with pytest.raises(ValidationError):
        Catalogue.model_validate([entry("a", files=[file])])


def test_a_catalogue_of_one_s_own(tmp_path: Path):
    path = tmp_path / "models.yaml"
    path.write_text(
        f"- {{name: a, display_name: A, category: landmarks, licence: MIT, architecture: hand_landmarker, "
        f"files: [{{name: w, sha256: '{SHA}', sources: [{{url: 'https://models.test/w'}}]}}], accepts: [image], "
        "runtimes: [mediapipe]}\n"
    )
    assert list(load_catalogue(path).by_name) == ["a"]
