"""Arrays, photos and tensors reach the gateway as the bytes they are."""

import json
from array import array
from base64 import b64encode
from typing import Any

import msgpack
import numpy as np
import pytest

from api.packed_specs import PackedSpec
from client.sdk import calls
from shared.inputs import Tensor, TensorInput
from shared.packing import pack
from shared.specs import JOB_SPEC, InferenceSpec

ROWS = np.random.default_rng(7).random((5, 63), dtype=np.float32)
SPEC: dict[str, Any] = {"kind": "inference", "model": "asl"}


def call(spec: calls.Spec, **given: Any) -> calls.Call[Any]:
    return calls.submit(spec, **{"wait": None, "idempotency_key": None, "files": None, "job_id": None, **given})


def sent(spec: calls.Spec) -> Any:
    """What is in a request in msgpack."""
    made = call(spec)
    assert made.headers is not None
    assert made.headers["Content-Type"] == "application/msgpack"
    assert made.content is not None
    return msgpack.unpackb(made.content)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        ROWS.astype(np.float64),
        ROWS.astype(">f4"),
        np.asfortranarray(ROWS),
        np.concatenate([ROWS, ROWS], axis=1)[:, :63],
        ROWS.data,
    ],
    ids=["float32", "float64", "big endian", "columns first", "a part of another", "a view"],
)
def test_an_array_is_its_numbers(rows: Any) -> None:
    spec = sent(SPEC | {"inputs": [{"tensor": rows}], "priority": 7})
    assert spec["inputs"] == [{"tensor": {"shape": [5, 63], "data": ROWS.tobytes()}}]
    assert (spec["model"], spec["priority"]) == ("asl", 7)


def test_the_gateway_takes_it_as_the_same_task() -> None:
    made = call(SPEC | {"inputs": [{"tensor": ROWS}]})
    upload = PackedSpec.of(made.content or b"")
    spec = JOB_SPEC.validate_json(upload.document)
    assert isinstance(spec, InferenceSpec)
    assert pack(spec, upload.files, lambda _image: None)[1] == [ROWS.tobytes()]


def test_a_typed_tensor_loses_its_base64() -> None:
    data = b64encode(ROWS.tobytes()).decode()
    typed = InferenceSpec(model="asl", inputs=[TensorInput(tensor=Tensor(shape=(5, 63), data=data))], device="CPU")
    spec = sent(typed)
    assert spec["inputs"][0]["tensor"]["data"] == ROWS.tobytes()
    assert spec["device"] == "CPU"


def test_what_is_no_base64_is_the_gateways_to_tell() -> None:
    typed = InferenceSpec(model="asl", inputs=[TensorInput(tensor=Tensor(shape=(5, 63), data="?"))])
    made = call(typed)
    assert JOB_SPEC.validate_json(made.content or b"") == typed


def test_a_photo_in_bytes() -> None:
    assert sent(SPEC | {"inputs": [{"data": b"jpeg"}, {"media": "x"}]})["inputs"] == [
        {"data": b"jpeg"},
        {"media": "x"},
    ]


def test_beside_files_it_is_base64() -> None:
    spec = SPEC | {"inputs": [{"tensor": ROWS}, {"file": "photo"}, {"data": b"jpeg"}]}
    made = call(spec, files={"photo": b"png"})
    parts = dict(made.files)
    inputs = json.loads(parts["spec"][1])["inputs"]
    assert inputs[0]["tensor"]["data"] == b64encode(ROWS.tobytes()).decode()
    assert inputs[2]["data"] == b64encode(b"jpeg").decode()


@pytest.mark.parametrize("rows", [ROWS[0], ROWS[:, :62], ROWS.reshape(1, 5, 63)], ids=["one", "62", "three"])
def test_another_shape_is_told(rows: Any) -> None:
    with pytest.raises(ValueError, match="63"):
        call(SPEC | {"inputs": [{"tensor": rows}]})


def test_other_numbers_are_told() -> None:
    with pytest.raises(ValueError, match="float32"):
        call(SPEC | {"inputs": [{"tensor": array("q", [1, 2])}]})


@pytest.mark.parametrize(
    "inputs", [None, "x", [1], [{"landmarks": []}], [{"tensor": None}], [{"tensor": [[0.5]]}]]
)
def test_all_else_goes_as_it_is(inputs: Any) -> None:
    made = call(SPEC | {"inputs": inputs})
    assert json.loads(made.content or b"") == SPEC | {"inputs": inputs}
