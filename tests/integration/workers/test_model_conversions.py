"""Variants of installed models: made, looked at, registered beside one another, chosen by jobs."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.errors import MediumNotInstalled, ModelNotInstalled, ModelUnusable
from shared.media import content_key
from shared.results import InstalledFile, InstalledMedium
from tests.support.model_jobs import TABLE, ModelRoom
from tests.support.onnx import colours
from workers.handlers import model_convert
from workers.installation import Installation
from workers.runtimes.contract import Host
from workers.runtimes.loaded import LoadedModels

PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[..., 1] = 200


@pytest.fixture
def room(tmp_path: Path) -> ModelRoom:
    return ModelRoom(tmp_path)


def photographed(room: ModelRoom, name: str) -> None:
    """A photo of the library."""
    content = cv2.imencode(".png", PICTURE)[1].tobytes()
    sha256 = hashlib.sha256(content).hexdigest()
    room.artifacts.put_bytes(content_key(sha256), content, "image/png")
    file = InstalledFile(name=f"{name}.png", size=len(content), sha256=sha256)
    room.beacon.add_medium(
        InstalledMedium.model_validate(
            {
                "name": name,
                "version": sha256[:16],
                "kind": "photo",
                "file": file,
                "container": "png",
                "codec": "png",
                "width": 60,
                "height": 40,
                "fps": 0,
                "frames": 1,
                "duration_s": 0,
                "licence": "",
                "installed_at": "",
            }
        )
    )


def label(room: ModelRoom, precision: str | None) -> str:
    models = LoadedModels(room.environment.catalogue, room.environment.model_store, Host(), 4)
    entry = room.environment.entry("colours")
    assert entry is not None
    network = models.network(entry, "auto", precision)  # type: ignore[arg-type]
    outputs, _ = network.model.look(PICTURE)
    return str(network.model.reader.tensors(outputs)[0].label)


async def test_variants_are_registered_with_what_is_known_of_them(room: ModelRoom):
    photographed(room, "meadow")
    uploaded = await room.upload()
    asked = {
        "model": "colours",
        "precisions": ["FP16", "INT8"],
        "calibration": {"media": ["meadow"], "samples": 5},
    }
    result = await room.run(kind="model_convert", samples=3, **asked)

    assert set(result.variants) == {"openvino-FP16", "openvino-INT8"}
    small = result.variants["openvino-INT8"]
    assert small.calibration == "1 pictures of meadow"
    assert (small.drift.samples, small.drift.inputs) == (1, "1 pictures of meadow")
    assert 0 <= small.drift.mean_abs <= small.drift.max_abs < 0.2
    assert small.drift.top1_agreement == 1
    model = room.beacon.models()["colours"]
    assert model == result.model
    assert model.variants == ["openvino-FP16", "openvino-FP32", "openvino-INT8"]
    assert model.details.keys() == set(model.variants)
    assert [each.version for each in model.older] == [uploaded.version]
    assert model.entry == uploaded.entry
    assert [label(room, precision) for precision in (None, "FP16", "INT8")] == ["green"] * 3


async def test_a_variant_that_is_not_there_is_told_with_the_remedy(room: ModelRoom):
    await room.upload()
    with pytest.raises(ModelUnusable, match=r'no INT8 variant.*"model_convert".*"INT8"'):
        label(room, "INT8")


async def test_what_there_is_not_is_told_before_anything_starts(room: ModelRoom):
    with pytest.raises(ModelNotInstalled):
        await room.run(kind="model_convert", model="asl", precisions=["FP16"])
    await room.upload()
    with pytest.raises(MediumNotInstalled):
        await room.run(
            kind="model_convert", model="colours", precisions=["INT8"], calibration={"media": ["meadow"]}
        )


def meanwhile(monkeypatch: pytest.MonkeyPatch, act) -> None:
    """``act`` is done once, when a conversion is about to register what it made."""
    register, done = Installation.register, []

    def registering(self, check, expecting=None):
        if expecting and not done:
            done.append(True)
            act()
        return register(self, check, expecting)

    monkeypatch.setattr(Installation, "register", registering)


async def test_two_conversions_at_once_keep_both_variants(room: ModelRoom, monkeypatch: pytest.MonkeyPatch):
    await room.upload()
    base = room.environment.model_store.ensure("colours")

    def other() -> None:
        folder = room.shop.scratch_root.parent / "other"
        folder.mkdir()
        for file in base.model.files:
            (folder / file.name).write_bytes((base.path / file.name).read_bytes())
        for end in ("xml", "bin"):
            (folder / f"openvino-FP16.{end}").write_bytes((base.path / f"openvino-FP32.{end}").read_bytes())
        with Installation(room.artifacts, room.beacon) as job:
            job.upload(
                model_convert.stage("colours", folder, "x", lambda: None, entry=base.model.entry), lambda: None
            )
            job.register(lambda: None)

    meanwhile(monkeypatch, other)
    result = await room.run(kind="model_convert", model="colours", precisions=["FP32"], samples=1)
    assert result.model.variants == ["openvino-FP16", "openvino-FP32"]
    assert result.model.entry == base.model.entry


async def test_a_model_that_became_another_one_is_left_alone(room: ModelRoom, monkeypatch: pytest.MonkeyPatch):
    await room.upload()
    base = room.beacon.models()["colours"]
    newer = base.model_copy(update={"version": "f" * 16, "files": [base.files[1]]})

    def other() -> None:
        for file in newer.files:
            content = b"".join(room.artifacts.read(f"models/colours/{base.version}/{file.name}"))
            room.artifacts.put_bytes(f"models/colours/{newer.version}/{file.name}", content, "x/y")
        room.beacon.install(newer)

    meanwhile(monkeypatch, other)
    with pytest.raises(ModelUnusable, match="was replaced while it was converted"):
        await room.run(kind="model_convert", model="colours", precisions=["FP32"], samples=1)
    assert room.beacon.models()["colours"] == newer


async def test_removed_models_are_gone_with_their_versions(room: ModelRoom):
    first = await room.upload()
    await room.upload("colours", room.uploaded("c.onnx", colours(TABLE * 2)), labels=["r", "g", "b"])
    assert {key.split("/")[2] for key in room.artifacts.keys("models/")} > {first.version}
    result = await room.run(kind="model_delete", models=["colours", "asl"])
    assert result.models == ["colours"]
    assert result.freed_bytes > 0
    assert room.stored() == []
    assert room.environment.entry("colours") is None
    assert room.beacon.hold_models("next", 60), "nobody keeps the right"
