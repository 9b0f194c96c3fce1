"""The runtimes behind their contract, with the real weights."""

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from shared.catalogue import Catalogue, CatalogueEntry
from shared.errors import ModelUnusable
from shared.results import VariantDetails
from tests.support.models import model_folder
from workers.conversion import ConversionRequest, make_variants
from workers.runtimes import openvino as openvino_runtime
from workers.runtimes import registry, samples
from workers.runtimes.contract import GestureModel, HandFinder, Host, PoseFinder
from workers.vision.features import WORD_FRAMES, Floats, Lengths
from workers.vision.images import Pixels

pytestmark = pytest.mark.models

RUNTIMES = ["torch", "openvino"]


def _features(entry: CatalogueEntry, rows: int, frames: int = 23) -> tuple[Floats, Lengths | None]:
    generator = np.random.default_rng(rows)
    if entry.architecture == "alphabet_mlp":
        return generator.normal(size=(rows, 63)).astype(np.float32), None
    values = generator.normal(size=(rows, frames, 258)).astype(np.float32)
    return values, generator.integers(1, frames + 1, rows)


def _model(catalogue: Catalogue, name: str, runtime: str) -> tuple[CatalogueEntry, GestureModel]:
    entry = catalogue.by_name[name]
    return entry, registry.load_classifier(entry, model_folder(name), runtime, Host())


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["asl", "vgt", "lstm"])
def test_probabilities_of_many_rows_are_those_of_each(catalogue: Catalogue, name: str, runtime: str) -> None:
    entry, model = _model(catalogue, name, runtime)
    rows, lengths = _features(entry, 33)
    together = model.predict(rows, lengths)
    assert together.shape == (33, len(entry.labels))
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for number in range(33):
        one = None if lengths is None else lengths[number : number + 1]
        np.testing.assert_allclose(model.predict(rows[number : number + 1], one)[0], together[number], atol=1e-5)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_behind_the_last_valid_frame_does_not_matter(catalogue: Catalogue, runtime: str) -> None:
    entry, model = _model(catalogue, "lstm", runtime)
    rows, _ = _features(entry, 4, frames=WORD_FRAMES)
    lengths = np.array([1, 7, 39, 40])
    noisy = rows.copy()
    for number, length in enumerate(lengths):
        noisy[number, length:] = 9
    np.testing.assert_allclose(model.predict(noisy, lengths), model.predict(rows, lengths), atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_many_threads_get_their_own_answers(catalogue: Catalogue, runtime: str) -> None:
    entry, model = _model(catalogue, "asl", runtime)
    batches = [_features(entry, rows)[0] for rows in range(1, 30)]
    expected = [model.predict(rows) for rows in batches]
    with ThreadPoolExecutor(4) as pool:
        for answer, right in zip(pool.map(model.predict, batches * 10), expected * 10, strict=True):
            np.testing.assert_allclose(answer, right, atol=1e-5)


@pytest.mark.parametrize("name", ["asl", "lstm"])
def test_a_device_without_dynamic_shapes_answers_the_same(catalogue: Catalogue, name: str) -> None:
    """The path of an NPU, compiled for the CPU."""
    entry, model = _model(catalogue, name, "openvino")
    core = openvino_runtime.core()
    graph = openvino_runtime.fixed(core.read_model(model_folder(name) / "openvino-FP32.xml"))
    assert not any(port.partial_shape.is_dynamic for port in graph.inputs)
    compiled = core.compile_model(graph, "CPU", openvino_runtime.config(Host()))
    static = openvino_runtime.OpenVinoModel(compiled, openvino_runtime.STATIC_ROWS)
    for rows in (1, 64, 65, 150):
        features, lengths = _features(entry, rows)
        np.testing.assert_allclose(static.predict(features, lengths), model.predict(features, lengths), atol=1e-5)


def test_compile_options_per_device() -> None:
    assert openvino_runtime.config(Host("CPU", threads=3)) == {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": 3,
        "ENABLE_CPU_PINNING": False,
    }
    assert openvino_runtime.config(Host("GPU.1")) == {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    assert openvino_runtime.config(Host("NPU")) == {"PERFORMANCE_HINT": "LATENCY"}


def test_a_process_bound_to_another_vendor_leaves_openvino_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert openvino_runtime.supports("CPU")
    monkeypatch.setenv("FRAMELANE_OPENVINO_DEVICE", "")
    assert not openvino_runtime.supports("CPU")


@pytest.mark.parametrize("device", ["GPU.7", "NPU"])
def test_hardware_that_is_not_there_is_named(catalogue: Catalogue, device: str) -> None:
    """No machine has an eighth GPU; one with an NPU has no torch for it."""
    entry = catalogue.by_name["asl"]
    if device in ov.Core().available_devices:
        pytest.skip(f"this machine has a {device}")
    if device == "GPU.7":
        with pytest.raises(ModelUnusable, match=r"openvino finds no GPU\.7 here"):
            registry.choose(entry, "openvino", device)
    else:
        with pytest.raises(ModelUnusable, match="torch finds no NPU here; openvino finds no NPU here"):
            registry.choose(entry, "auto", device)


@pytest.mark.parametrize(
    "files", [set(), {"weights.pth"}, {"openvino-FP32.xml"}, {"weights.pth", "openvino-FP16.xml"}]
)
def test_what_can_run_follows_from_the_files(catalogue: Catalogue, files: set[str]) -> None:
    expected = [
        name
        for name, sign in (("torch", "weights.pth"), ("openvino", ".xml"))
        if any(file.endswith(sign) for file in files)
    ]
    assert registry.runnable(catalogue.by_name["asl"], files, "CPU") == expected


def test_no_variant_says_how_to_get_one(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="download it again with precisions FP32"):
        registry.load_classifier(catalogue.by_name["asl"], tmp_path, "openvino", Host())


class _Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.target,)


def test_weights_that_would_run_code_are_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    bomb = pickle.dumps(_Bomb(tmp_path / "ran"))
    pickle.loads(bomb)
    (tmp_path / "ran").unlink()  # it works; so it must not have been loaded below
    (tmp_path / "weights.pth").write_bytes(bomb)
    with pytest.raises(ModelUnusable, match="weights of asl can't be read"):
        registry.load_classifier(catalogue.by_name["asl"], tmp_path, "torch", Host())
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_network_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(ModelUnusable, match="as word_lstm"):
        registry.load_classifier(catalogue.by_name["lstm"], model_folder("asl"), "torch", Host())


def test_broken_landmarkers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "hand_landmarker.task").write_bytes(b"not a bundle")
    with pytest.raises(ModelUnusable, match=r"hand_landmarker\.task"):
        registry.load_hands(tmp_path, Host())
    for name in ("pose_detector.tflite", "pose_landmarks_detector.tflite"):
        (tmp_path / name).write_bytes(b"not a network")
    with pytest.raises(ModelUnusable, match="pose_landmarker"):
        registry.load_pose(tmp_path, Host())


def test_finders_answer_several_threads(
    photos: list[Pixels], hand_finder: HandFinder, pose_finder: PoseFinder
) -> None:
    some = photos[:3]
    expected = [[hand.side for hand in hand_finder.find(image)] for image in some]
    assert all(expected), "there is a hand in each"
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(hand_finder.find, some * 4), expected * 4, strict=True):
            assert [hand.side for hand in found] == right
        people = list(pool.map(pose_finder.find, some * 2))
    for first, second in zip(people[:3], people[3:], strict=True):
        np.testing.assert_array_equal(first, second)


def _convert(entry: CatalogueEntry, folder: Path, *precisions: str, **more: Any) -> dict[str, VariantDetails]:
    request = ConversionRequest(entry=entry, folder=folder, precisions=list(precisions), **more)
    return make_variants(request, lambda: None)


def test_half_precision_variants(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "lstm"
    folder.mkdir()
    shutil.copy(model_folder("lstm") / "weights.pth", folder)
    entry, full = _model(catalogue, "lstm", "openvino")
    made = _convert(entry, folder, "FP16", samples=8)
    assert sorted(path.name for path in folder.iterdir()) == [
        "openvino-FP16.bin",
        "openvino-FP16.xml",
        "weights.pth",
    ]
    drift = made["openvino-FP16"].drift
    assert drift is not None
    assert (drift.samples, drift.inputs) == (8, "8 made-up movements")
    assert 0 < drift.mean_abs < drift.max_abs < 2e-2
    half = registry.load_classifier(entry, folder, "openvino", Host())
    features, lengths = _features(entry, 20)
    np.testing.assert_allclose(half.predict(features, lengths), full.predict(features, lengths), atol=2e-2)


def test_whole_numbers_of_eight_bits(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "asl"
    folder.mkdir()
    shutil.copy(model_folder("asl") / "weights.pth", folder)
    entry, full = _model(catalogue, "asl", "openvino")
    details = _convert(entry, folder, "INT8", samples=32, calibration_samples=50)["openvino-INT8"]
    assert details.calibration == "50 made-up hands"
    assert details.drift is not None
    assert details.drift.top1_agreement is not None
    assert 0.7 < details.drift.top1_agreement <= 1
    assert (folder / "openvino-INT8.bin").stat().st_size < (folder / "weights.pth").stat().st_size / 2
    small = registry.load_classifier(entry, folder, "openvino", Host())
    hands = samples.samples(entry, None, 100, seed=7)
    rows = np.concatenate([row for (row,) in hands])
    agreed = (small.predict(rows).argmax(1) == full.predict(rows).argmax(1)).mean()
    assert agreed > 0.7


def test_a_conversion_that_fails_leaves_nothing(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "asl"
    folder.mkdir()
    (folder / "weights.pth").write_bytes(b"not weights")
    with pytest.raises(ModelUnusable, match="the weights of asl can't be read"):
        _convert(catalogue.by_name["asl"], folder, "FP32")
    assert [path.name for path in folder.iterdir()] == ["weights.pth"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_openvino_does_not_run_is_not_converted(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no network that OpenVINO runs"):
        _convert(catalogue.by_name["hand_landmarker"], tmp_path, "FP32")
