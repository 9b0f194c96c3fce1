"""Models from strangers: taken, or refused before anything of them is left."""

import hashlib
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from safetensors.torch import save as safetensors

from shared.errors import (
    ChecksumMismatch,
    InvalidSpec,
    ModelUnusable,
    StoreUnavailable,
    UploadNotFound,
    UploadUsed,
)
from tests.support.model_jobs import LABELS, PROC, TABLE, ModelRoom
from tests.support.onnx import colours
from workers.archives import ArchiveRefused
from workers.handlers import model_upload
from workers.runtimes.acceptance import tensors_of
from workers.runtimes.contract import Host
from workers.runtimes.registry import load_classifier, load_network
from workers.runtimes.torch import alphabet_mlp

RED = np.zeros((20, 30, 3), np.uint8)
RED[..., 0] = 255


@pytest.fixture
def room(tmp_path: Path) -> ModelRoom:
    return ModelRoom(tmp_path)


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return content.getvalue()


def ir(folder: Path) -> tuple[bytes, bytes]:
    """The same network as OpenVINO's own files."""
    ov.save_model(ov.Core().read_model(io.BytesIO(colours(TABLE))), folder / "ir.xml", compress_to_fp16=False)
    return (folder / "ir.xml").read_bytes(), (folder / "ir.bin").read_bytes()


def answer(room: ModelRoom, name: str) -> str:
    entry = room.environment.entry(name)
    assert entry is not None
    network = load_network(entry, room.environment.model_store.ensure(name).path, "openvino", Host())
    outputs, _ = network.look(RED)
    return str(network.reader.tensors(outputs)[0].label)


async def test_an_onnx_model_is_installed_with_a_variant_and_answers(room: ModelRoom):
    model = await room.upload()
    assert model.variants == ["openvino-FP32"]
    assert sorted(file.name for file in model.files) == ["colours.onnx", "openvino-FP32.bin", "openvino-FP32.xml"]
    entry = room.environment.entry("colours")
    assert entry is not None
    assert (entry.labels, entry.accepts, entry.runtimes) == (LABELS, ["image"], ["openvino"])
    assert [(each.name, each.shape, each.dtype) for each in entry.inputs] == [("image", [1, 3, 8, 8], "f32")]
    assert answer(room, "colours") == "red"
    assert not room.artifacts.keys("uploads/"), "what was made something of is gone"


async def test_a_zip_may_hold_weights_beside_the_model(room: ModelRoom):
    content = zipped(net__m_onnx=colours(TABLE, "w.bin"), net__w_bin=TABLE.tobytes())
    await room.upload("packed", room.uploaded("m.zip", content), labels=LABELS, model_proc=PROC)
    assert answer(room, "packed") == "red"


async def test_openvino_s_own_files_become_the_variant_they_are(room: ModelRoom, tmp_path: Path):
    xml, weights = ir(tmp_path)
    files = [room.uploaded("net.xml", xml), {**room.uploaded("other.bin", weights), "name": "net.bin"}]
    model = await room.upload("own", *files, labels=LABELS, model_proc=PROC)
    assert sorted(file.name for file in model.files) == ["openvino-FP32.bin", "openvino-FP32.xml"]
    assert answer(room, "own") == "red"


async def test_the_same_name_again_is_a_newer_version(room: ModelRoom):
    first = await room.upload()
    second = await room.upload(licence="MIT", labels=["r", "g", "b"])
    assert (second.version, second.older) == (first.version, []), "the same files are the same version"
    assert answer(room, "colours") == "r"
    files = (room.uploaded("c.onnx", colours(TABLE * 2)),)
    third = await room.upload("colours", *files, labels=LABELS, model_proc=PROC)
    assert [each.version for each in third.older] == [first.version]


async def test_safe_tensors_become_a_gesture_model(room: ModelRoom):
    torch.manual_seed(0)
    module = alphabet_mlp(5)
    file = room.uploaded("w.safetensors", safetensors(module.state_dict()))
    model = await room.upload("mine", file, category="gesture", architecture="alphabet_mlp")
    assert sorted(each.name for each in model.files) == ["openvino-FP32.bin", "openvino-FP32.xml", "weights.pth"]
    assert model.details["openvino-FP32"].drift.max_abs < 1e-5
    entry = room.environment.entry("mine")
    assert entry is not None
    assert entry.labels == ["0", "1", "2", "3", "4"]
    rows = torch.randn(4, 63)
    folder = room.environment.model_store.ensure("mine").path
    for runtime in ("torch", "openvino"):
        got = load_classifier(entry, folder, runtime, Host()).predict(rows.numpy())
        np.testing.assert_allclose(got, module.eval()(rows).detach().numpy(), atol=1e-5)


class Evil:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def pickled(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


async def test_pickled_weights_are_refused_unless_an_operator_allows_them(room: ModelRoom, tmp_path: Path):
    content = pickled(alphabet_mlp(3).state_dict())
    file = {**room.uploaded("w.pt", content), "sha256": "0" * 64}
    with pytest.raises(InvalidSpec, match=r"can run code when it is read.*FRAMELANE_MODELS__PICKLES"):
        await room.upload("mine", file, category="gesture", architecture="alphabet_mlp")
    assert room.stored() == []

    allowing = ModelRoom(tmp_path / "other", pickles=True)
    gesture = {"category": "gesture", "architecture": "alphabet_mlp"}
    with pytest.raises(InvalidSpec, match="whose sha256 is given"):
        await allowing.upload("mine", allowing.uploaded("w.pt", content), **gesture)
    with pytest.raises(ChecksumMismatch):
        await allowing.upload("mine", {**allowing.uploaded("w.pt", content), "sha256": "0" * 64}, **gesture)
    known = hashlib.sha256(content).hexdigest()
    model = await allowing.upload("mine", {**allowing.uploaded("w.pt", content), "sha256": known}, **gesture)
    assert model.entry["labels"] == ["0", "1", "2"]


async def test_a_pickle_that_wants_to_run_something_runs_nothing(tmp_path: Path):
    room, mark = ModelRoom(tmp_path / "room", pickles=True), tmp_path / "mark"
    content = pickled({"0.weight": Evil(mark)})
    file = {**room.uploaded("w.pth", content), "sha256": hashlib.sha256(content).hexdigest()}
    with pytest.raises(ModelUnusable, match="can't be read as tensors"):
        await room.upload("mine", file, category="gesture", architecture="alphabet_mlp")
    assert not mark.exists()
    assert room.stored() == []
    assert room.beacon.models() == {}


@pytest.mark.parametrize("kind", ["evil", "cut", "claims", "list"])
def test_what_no_tensors_can_be_read_from_is_refused(tmp_path: Path, kind: str):
    whole, mark = pickled({"0.weight": torch.zeros(1000)}), tmp_path / "mark"
    contents = {
        "evil": pickle.dumps(Evil(mark)),
        "cut": whole[:-500],
        "claims": whole.replace(b"K\xe8", b"J\xff\xff\xff\x7f").replace(b"M\xe8\x03", b"M\xff\xff"),
        "list": pickled([torch.zeros(3)]),
    }
    path = tmp_path / "w.pt"
    path.write_bytes(contents[kind])
    with pytest.raises(ModelUnusable, match=r"w\.pt (can't be read as|holds something else than named) tensors"):
        tensors_of(path)
    assert not mark.exists()


async def test_weights_outside_of_the_model_are_refused(room: ModelRoom, tmp_path: Path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(TABLE.tobytes())
    for location in (str(secret), "../secret.bin", "w.bin"):
        file = room.uploaded("m.onnx", colours(TABLE, location))
        with pytest.raises(ModelUnusable, match="isn't a file that came along with it"):
            await room.upload("mine", file)
    assert room.stored() == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("m.onnx", b"not a model", "isn't an ONNX model"),
        ("m.onnx", b"", "is empty"),
        ("m.tflite", b"not a model either", "isn't a model that OpenVINO reads"),
        ("m.xml", b"<net/>", "needs its weights"),
        ("m.safetensors", b"x", r"one file of .*\.onnx.* is needed for network"),
    ],
)
async def test_what_is_no_model_is_refused(room: ModelRoom, name: str, content: bytes, why: str):
    with pytest.raises(ModelUnusable, match=why):
        await room.upload("mine", room.uploaded(name, content))
    assert room.stored() == []


@pytest.mark.parametrize(
    "name", ["../m.onnx", "a b.onnx", "/etc/passwd", "m.py", "m.exe", "", ".onnx", "m\u202e.onnx"]
)
async def test_names_that_are_no_model_s_are_refused(room: ModelRoom, name: str):
    with pytest.raises(InvalidSpec, match="/model/files/0"):
        await room.upload("mine", room.uploaded(name, colours(TABLE)))
    assert room.stored() == []


async def test_archives_are_unpacked_with_care(room: ModelRoom):
    model = colours(TABLE)
    for content, error in (
        (zipped(a_onnx=model, setup_py=b"import os"), InvalidSpec),
        (zipped(a_onnx=model, w_pth=b"x"), InvalidSpec),
        (zipped(x__a_onnx=model, y__a_onnx=model), InvalidSpec),
        (zipped(**{"..__a_onnx": model}), ArchiveRefused),
        (b"PK\x03\x04 not really", ArchiveRefused),
    ):
        with pytest.raises(error):
            await room.upload("mine", room.uploaded("m.zip", content))
    assert room.stored() == []


async def test_a_recipe_that_does_not_fit_is_told(room: ModelRoom):
    wrong = {**PROC, "input_preproc": [{"format": "image", "params": {"resize": "sideways"}}]}
    with pytest.raises(ModelUnusable, match="unknown way to resize"):
        await room.upload("mine", room.uploaded("m.onnx", colours(TABLE)), model_proc=wrong)


async def test_names_of_the_catalogue_are_taken(room: ModelRoom):
    with pytest.raises(InvalidSpec, match="/model/name: asl is a model of the catalogue"):
        await room.upload("asl", room.uploaded("m.onnx", colours(TABLE)))


async def test_uploads_are_used_once(room: ModelRoom):
    file = room.uploaded("m.onnx", colours(TABLE))
    await room.upload("mine", file, labels=LABELS)
    with pytest.raises(UploadUsed):
        await room.upload("other", file, labels=LABELS)
    with pytest.raises(UploadNotFound):
        await room.upload("other", {"upload": "00000000-0000-0000-0000-000000000000"})


async def test_an_attempt_that_was_lost_just_before_its_end_is_made_again(
    room: ModelRoom, monkeypatch: pytest.MonkeyPatch
):
    file = room.uploaded("m.onnx", colours(TABLE))
    model = {"name": "mine", "category": "classification", "files": [file], "labels": LABELS, "model_proc": PROC}

    def lost(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(model_upload, "use_up", lost)
        with pytest.raises(StoreUnavailable):
            await room.run(kind="model_upload", model=model)
    assert room.beacon.models()["mine"].variants == ["openvino-FP32"]
    again = await room.run(kind="model_upload", model=model)
    assert (again.model.version, again.model.older) == (room.beacon.models()["mine"].version, [])
    assert not room.artifacts.keys("uploads/")
