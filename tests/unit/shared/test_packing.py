"""What comes out of packed inputs is what went in."""

import base64
import struct
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import InvalidSpec
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS, MAX_JOB_FRAMES, WORD_FRAMES, Point, PosePoint
from shared.packing import TASK, InferenceTask, all_moderate, decode_base64, floats, pack
from shared.specs import JOB_SPEC, InferenceSpec
from workers.vision import features as word_models

coordinates = st.floats(-1e6, 1e6, width=32)


def points(values: list[float]) -> list[dict[str, float]]:
    return [dict(zip("xyz", values[at : at + 3], strict=True)) for at in range(0, len(values), 3)]


def unpacked(blob: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(blob) // 4}f", blob))


hands = st.lists(coordinates, min_size=63, max_size=63)
images = st.binary(min_size=1, max_size=30)


@st.composite
def inputs(draw: st.DrawFn) -> tuple[dict[str, object], str, int]:
    """An input as it stands on the wire, the kind it packs into, and its rows."""
    form = draw(st.sampled_from(["landmarks", "sequence", "tensor", "data", "file"]))
    match form:
        case "landmarks":
            return {"landmarks": points(draw(hands))}, "landmarks", 1
        case "sequence":
            frames = draw(st.lists(hands.map(lambda hand: {"left_hand": points(hand)}), min_size=1, max_size=3))
            return {"sequence": frames}, "sequence", len(frames)
        case "tensor":
            rows = draw(st.lists(hands, min_size=1, max_size=3))
            raw = floats(value for row in rows for value in row)
            tensor = {"shape": [len(rows), 63], "data": base64.b64encode(raw).decode()}
            return {"tensor": tensor}, "tensor", len(rows)
        case "data":
            return {"data": base64.b64encode(draw(images)).decode()}, "image", 1
        case _:
            return {"file": "photo"}, "image", 1


def spec_of(*forms: dict[str, object]) -> InferenceSpec:
    spec = JOB_SPEC.validate_python({"kind": "inference", "model": "asl", "inputs": forms})
    assert isinstance(spec, InferenceSpec)
    return spec


def packed(*forms: dict[str, object], files: dict[str, bytes] | None = None) -> tuple[InferenceTask, list[bytes]]:
    return pack(spec_of(*forms), files or {"photo": b"a photo"}, lambda _image: None)


@given(st.lists(inputs(), min_size=1, max_size=8))
def test_rows_are_counted_and_neighbouring_landmarks_share_a_blob(
    given_inputs: list[tuple[dict[str, object], str, int]],
):
    task, blobs = packed(*(form for form, _, _ in given_inputs))

    expected: list[tuple[str, int]] = []
    for kind, group in groupby(given_inputs, key=lambda each: each[1]):
        rows = [each[2] for each in group]
        expected += [(kind, sum(rows))] if kind == "landmarks" else [(kind, count) for count in rows]
    assert [(each.kind, each.rows) for each in task.inputs] == expected
    assert [each.blob for each in task.inputs] == list(range(len(blobs)))
    columns = {"landmarks": LANDMARK_COLUMNS, "tensor": LANDMARK_COLUMNS, "sequence": FRAME_COLUMNS}
    for each in task.inputs:
        if each.kind != "image":
            assert len(blobs[each.blob]) == each.rows * columns[each.kind] * 4


@given(st.lists(hands, min_size=1, max_size=4))
def test_landmarks_come_back(rows: list[list[float]]):
    task, (blob,) = packed(*({"landmarks": points(row)} for row in rows))
    assert task.inputs[0].rows == len(rows)
    assert unpacked(blob) == [value for row in rows for value in row]


@given(st.lists(st.floats(-1e6, 1e6), min_size=63, max_size=63))
def test_doubles_come_back_as_near_as_float32_is(row: list[float]):
    _, (blob,) = packed({"landmarks": points(row)})
    for out, value in zip(unpacked(blob), row, strict=True):
        assert out == pytest.approx(value, rel=2**-23, abs=2**-149)


@given(hands, hands, st.lists(coordinates, min_size=132, max_size=132))
def test_a_frame_is_pose_then_left_then_right_and_zeros_for_what_was_not_seen(
    left: list[float], right: list[float], pose: list[float]
):
    pose_points = [
        dict(zip(("x", "y", "z", "visibility"), pose[at : at + 4], strict=True)) for at in range(0, 132, 4)
    ]
    full = {"pose": pose_points, "left_hand": points(left), "right_hand": points(right)}
    _, (blob,) = packed({"sequence": [full, {"right_hand": points(right)}, {}]})
    zeros = [0.0] * 63
    assert unpacked(blob) == [*pose, *left, *right, *[0.0] * 132, *zeros, *right, *[0.0] * FRAME_COLUMNS]


def test_frames_no_model_looks_at_are_left_out():
    frames = [{"left_hand": points([float(number)] * 63)} for number in range(WORD_FRAMES + 5)]
    task, (blob,) = packed({"sequence": frames})
    assert task.inputs[0].rows == WORD_FRAMES == word_models.WORD_FRAMES
    assert unpacked(blob) == [
        value for number in range(WORD_FRAMES) for value in [*[0.0] * 132, *[float(number)] * 63, *[0.0] * 63]
    ]


def test_the_frames_of_a_job_are_limited():
    most = [{"sequence": [{}] * 1_000}] * (MAX_JOB_FRAMES // 1_000)
    task, blobs = packed(*most)
    assert len(task.inputs) == len(most)
    assert sum(map(len, blobs)) == len(most) * WORD_FRAMES * FRAME_COLUMNS * 4

    hand: dict[str, object] = {"landmarks": points([0.0] * 63)}
    with pytest.raises(InvalidSpec) as raised:
        packed(hand, *most, hand, {"sequence": [{}]}, {"sequence": [{}]})
    assert raised.value.broken == (
        (f"/inputs/{len(most) + 2}", "the sequences of a job have at most 20,000 frames in all"),
    )


@given(images)
def test_photos_stay_as_they_were_sent(image: bytes):
    _, blobs = packed({"data": base64.b64encode(image).decode()}, {"file": "x"}, files={"x": image})
    assert blobs == [image, image]


@given(st.lists(inputs(), min_size=1, max_size=4))
def test_a_task_survives_being_written_down(given_inputs: list[tuple[dict[str, object], str, int]]):
    task, _ = packed(*(form for form, _, _ in given_inputs))
    assert TASK.validate_json(task.model_dump_json()) == task


def test_every_broken_input_is_named_at_once():
    good = base64.b64encode(floats([0.5] * 63)).decode()
    forms: list[dict[str, object]] = [
        {"data": "no base64!"},
        {"file": "nothing"},
        {"data": base64.b64encode(b"text").decode()},
        {"landmarks": points([0.0] * 63)},
        {"tensor": {"shape": [2, 63], "data": good}},
        {"tensor": {"shape": [1, 63], "data": "===="}},
        {"tensor": {"shape": [1, 63], "data": base64.b64encode(floats([float("nan")] * 63)).decode()}},
    ]

    def check(_image: bytes) -> None:
        msg = "not an image"
        raise ValueError(msg)

    with pytest.raises(InvalidSpec) as raised:
        pack(spec_of(*forms), {}, check)

    assert dict(raised.value.broken) == {
        "/inputs/0/data": "not standard base64",
        "/inputs/1/file": "the request has no part named 'nothing'",
        "/inputs/2/data": "not an image",
        "/inputs/4/tensor/data": "252 bytes, but shape [2, 63] needs 504",
        "/inputs/5/tensor/data": "not standard base64",
        "/inputs/6/tensor/data": "every number must be finite and within ±1,000,000",
    }


@given(st.binary(max_size=60))
def test_base64_comes_back(raw: bytes):
    assert decode_base64(base64.b64encode(raw).decode()) == raw


@pytest.mark.parametrize(
    "rubbish", ["a", "ab", "abc", "ab=c", "a b=", "YQ", "Y-_=", "é===", "YQ==\n", "====", "Y Q=="]
)
def test_base64_rubbish_is_none(rubbish: str):
    assert decode_base64(rubbish) is None


@given(st.lists(st.floats(width=32) | coordinates, max_size=20))
def test_moderate_means_every_number(values: list[float]):
    assert all_moderate(floats(values)) is all(abs(value) <= 1e6 for value in values)


@pytest.mark.parametrize("at", [0, 1, 62])
@pytest.mark.parametrize("value", [3e38, -3e38, 1_000_001.0, float("nan"), float("inf")])
def test_a_tensor_takes_the_numbers_that_points_take(value: float, at: int):
    row = [0.5] * 63
    row[at] = value
    data = base64.b64encode(floats(row)).decode()
    with pytest.raises(InvalidSpec) as raised:
        packed({"tensor": {"shape": [1, 63], "data": data}})
    assert [pointer for pointer, _ in raised.value.broken] == ["/inputs/0/tensor/data"]


def test_points_know_their_names():
    assert list(Point.model_fields) == ["x", "y", "z"]
    assert list(PosePoint.model_fields) == ["x", "y", "z", "visibility"]


def test_the_rows_of_a_job_are_limited_in_all():
    tensor = {"tensor": {"shape": [10_000, 63], "data": base64.b64encode(bytes(10_000 * 63 * 4)).decode()}}
    with pytest.raises(InvalidSpec) as caught:
        pack(
            InferenceSpec.model_validate({"model": "asl", "inputs": [tensor, tensor]}), {}, lambda _: None, 19_999
        )
    assert caught.value.broken == (("/inputs", "a job has at most 19,999 rows in all, not 20,000"),)


def test_a_tensor_may_come_as_a_part() -> None:
    raw = floats([0.5] * 126)
    of_part = {"tensor": {"shape": [2, 63], "file": "rows"}}
    in_base64 = {"tensor": {"shape": [2, 63], "data": base64.b64encode(raw).decode()}}
    assert packed(of_part, files={"rows": raw}) == packed(in_base64)
    for files in ({"other": raw}, {"rows": raw[1:]}, {"rows": floats([2e6] * 126)}):
        with pytest.raises(InvalidSpec) as caught:
            packed(of_part, files=files)
        assert [pointer for pointer, _ in caught.value.broken] == ["/inputs/0/tensor/file"]


@pytest.mark.parametrize("source", [{}, {"data": "AAAA", "file": "rows"}])
def test_a_tensor_has_one_source(source: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="exactly one of data"):
        spec_of({"tensor": {"shape": [1, 63]} | source})
