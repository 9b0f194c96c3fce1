"""Whether a form of a model answers as the model itself does."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.benchmarks import ValidateResult
from shared.measurements import Tolerance
from tests.integration.workers.test_model_conversions import photographed
from tests.support.model_jobs import TABLE, ModelRoom
from tests.support.models import install_into
from tests.support.onnx import colours
from workers.comparison import ComparisonRequest
from workers.measuring.verdicts import MODEL_STAGES, Report, alike
from workers.runtimes import compare
from workers.runtimes.convert import network_of, save


@pytest.fixture
def room(tmp_path: Path) -> ModelRoom:
    return ModelRoom(tmp_path)


async def verdict(room: ModelRoom, name: str, **model: Any) -> ValidateResult:
    found = await room.run(kind="validate", model={"name": name, **model})
    assert isinstance(found, ValidateResult)
    assert [stage.stage for stage in found.stages] == ["load", "run", "match"]
    (_, kept) = room.benchmarks.kept[found.benchmark_id]
    assert (kept.score, kept.unit, kept.models, kept.pipelines) == (float(found.valid), "valid", [name], [])
    return found


async def test_a_variant_of_a_network_is_held_against_it(room: ModelRoom) -> None:
    photographed(room, "meadow")
    await room.upload()
    await room.run(kind="model_convert", model="colours", precisions=["FP16"], samples=3)
    half = await verdict(room, "colours", precision="FP16", media=["meadow"])
    assert (half.valid, half.failed_stage) == (True, None)
    assert half.model is not None
    assert (half.model.original, half.model.variant) == ("OpenVINO FP32 on CPU", "OpenVINO FP16 on CPU")
    assert half.model.drift is not None
    assert (half.model.drift.top1_agreement, half.model.drift.inputs) == (1, "1 pictures of meadow")
    assert half.report == ["report.html", "figures.csv", "result.json"]

    missing = await verdict(room, "colours", precision="INT8")
    assert (missing.failed_stage, missing.model and missing.model.drift) == ("load", None)
    assert "no INT8 variant; make one with" in missing.stages[0].detail
    assert [stage.ok for stage in missing.stages] == [False, None, None]

    entry = room.environment.entry("colours")
    assert entry is not None
    folder = room.shop.scratch_root / "mixed"
    shutil.copytree(room.environment.model_store.ensure("colours").path, folder)
    (folder / "others.onnx").write_bytes(colours(np.roll(TABLE, 1, axis=1)))
    save(network_of(folder / "others.onnx"), folder, "FP16", lambda _path: None)
    asked = ComparisonRequest(
        entry=entry, folder=folder, runtime="openvino", precision="FP16", device="CPU", threads=1, samples=8
    )
    found, report = compare.run(asked), Report(order=MODEL_STAGES)
    assert found.drift is not None
    alike(found.drift, Tolerance(max_abs=1e-9), report)
    assert report.failed == "match"
    assert "equal classes" in report.known["match"].detail
    assert "a number differs by" in report.known["match"].detail


@pytest.mark.models
async def test_gesture_models_are_compared_with_torch(room: ModelRoom) -> None:
    install_into(room.artifacts, room.beacon, ["asl"])
    found = await verdict(room, "asl", samples=200, tolerance={"max_abs": 1e-3})
    assert found.valid, found.stages
    assert found.model is not None
    assert (found.model.original, found.model.variant) == ("torch FP32 on CPU", "OpenVINO FP32 on CPU")
    assert found.model.drift is not None
    assert found.model.drift.samples == 200
