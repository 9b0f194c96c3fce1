"""Inference jobs as a worker runs them: packed inputs in, typed results and drawings out, with the real models."""

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.catalogue import Catalogue
from shared.errors import InputUnreadable, JobCancelled, ModelNotInstalled, ModelUnusable
from shared.jobs import OUTCOME, Completed
from shared.results import BatchPrediction, GesturePrediction, KeypointsPrediction
from tests.support.models import photo
from tests.support.workplace import Workplace
from workers.context import JobContext
from workers.vision.features import Floats, mirror_rows

pytestmark = pytest.mark.models


def _points(row: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip("xyz", point, strict=True)) for point in row.reshape(21, 3).tolist()]


def _landmarks(row: np.ndarray) -> dict[str, Any]:
    return {"landmarks": _points(row)}


def _tensor(rows: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(rows.astype("<f4").tobytes()).decode()
    return {"tensor": {"shape": list(rows.shape), "data": data}}


def _data(content: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(content).decode()}


def _blank() -> bytes:
    return cv2.imencode(".png", np.full((200, 300, 3), 90, np.uint8))[1].tobytes()


async def _gestures(place: Workplace, spec: dict[str, Any]) -> list[GesturePrediction]:
    result = await place.run(spec)
    found = [prediction for prediction in result.predictions if isinstance(prediction, GesturePrediction)]
    assert len(found) == len(result.predictions)
    return found


@pytest.mark.parametrize("runtime", ["auto", "torch", "openvino"])
async def test_a_batch_answers_what_single_jobs_answer(
    workplace: Workplace, real_hands: Floats, runtime: str
) -> None:
    rows = real_hands[:12]
    options = {"top_k": 2, "runtime": runtime}
    together = await _gestures(workplace, {"model": "asl", "inputs": [*map(_landmarks, rows)], "options": options})
    for row, answer in zip(rows, together, strict=True):
        [alone] = await _gestures(workplace, {"model": "asl", "inputs": [_landmarks(row)], "options": options})
        assert [score.label for score in answer.top] == [score.label for score in alone.top]
        assert answer.confidence == pytest.approx(alone.confidence, abs=1e-5)


async def test_inputs_of_every_form_in_one_job_keep_their_order(workplace: Workplace, real_hands: Floats) -> None:
    a, b = _landmarks(real_hands[0]), _landmarks(real_hands[1])
    spec = {
        "model": "vgt",
        "inputs": [a, b, _tensor(real_hands[:5]), _data(_blank()), {"file": "hand"}, b],
    }
    result = await workplace.run(spec, {"hand": photo("nocurl").read_bytes()})
    first, second, batch, blank, hand, last = result.predictions
    assert isinstance(batch, BatchPrediction)
    assert [batch.classes[index] for index in batch.indices[:2]] == [first.label, second.label]
    assert (blank.detected, blank.label, blank.top) == (False, None, [])
    assert hand.label
    assert hand.hand.handedness in {"Left", "Right"}
    assert len(hand.hand.landmarks) == 21
    assert last == second
    assert min(result.timings.decode_ms, result.timings.landmarks_ms, result.timings.model_ms) > 0
    assert OUTCOME.validate_json(Completed(result=result).model_dump_json()).result == result


async def test_the_landmarks_a_photo_gave_give_its_letter_again(workplace: Workplace) -> None:
    [seen] = await _gestures(workplace, {"model": "asl", "inputs": [_data(photo("fullcurl").read_bytes())]})
    assert seen.hand
    points = [point.model_dump() for point in seen.hand.landmarks]
    [again] = await _gestures(workplace, {"model": "asl", "inputs": [{"landmarks": points}]})
    assert (again.label, again.confidence) == (seen.label, pytest.approx(seen.confidence, abs=1e-5))


async def test_a_mirrored_photo_is_answered_as_its_flipped_copy(workplace: Workplace) -> None:
    original = photo("nocurl").read_bytes()
    image = cv2.imdecode(np.frombuffer(original, np.uint8), cv2.IMREAD_COLOR)
    flipped = cv2.imencode(".png", cv2.flip(image, 1))[1].tobytes()
    plain = await _gestures(workplace, {"model": "asl", "inputs": [_data(flipped)]})
    mirrored = await _gestures(
        workplace, {"model": "asl", "inputs": [_data(original)], "options": {"mirror": True}}
    )
    assert mirrored == plain


async def test_mirrored_landmarks(workplace: Workplace, real_hands: Floats) -> None:
    rows = real_hands[:4]
    plain = await workplace.run({"model": "asl", "inputs": [_tensor(mirror_rows(rows))]})
    mirrored = await workplace.run({"model": "asl", "inputs": [_tensor(rows)], "options": {"mirror": True}})
    assert mirrored.predictions == plain.predictions


async def test_ten_thousand_rows_in_one_tensor(workplace: Workplace, real_hands: Floats) -> None:
    rows = np.resize(real_hands, (10_000, 63))
    everything = await workplace.run({"model": "asl", "inputs": [_tensor(rows)]})
    [plain] = everything.predictions
    assert isinstance(plain, BatchPrediction)
    # They go through the network in several calls.
    assert plain.indices == [plain.indices[at % len(real_hands)] for at in range(10_000)]
    between = (min(plain.confidences) + max(plain.confidences)) / 2
    options = {"min_confidence": between}
    result = await workplace.run({"model": "asl", "inputs": [_tensor(rows)], "options": options})
    [batch] = result.predictions
    assert isinstance(batch, BatchPrediction)
    assert batch.rows == len(batch.indices) == len(batch.confidences) == 10_000
    for index, confidence in zip(batch.indices, batch.confidences, strict=True):
        assert (index is None) == (confidence < between)
    assert {None} < set(batch.indices), "both sides of the threshold occur"


async def test_words_from_poses_of_photos(workplace: Workplace) -> None:
    keypoints = await workplace.run({"model": "pose_landmarker", "inputs": [_data(photo("nocurl").read_bytes())]})
    [seen] = keypoints.predictions
    assert isinstance(seen, KeypointsPrediction)
    frame = seen.model_dump(include={"pose", "left_hand", "right_hand"}, exclude_none=True)
    assert frame, "the hand at least"
    answers = await _gestures(
        workplace, {"model": "lstm", "inputs": [{"sequence": [frame] * n} for n in (1, 40, 55)]}
    )
    assert answers[1] == answers[2], "what comes after 40 frames isn't looked at"
    for answer in answers:
        assert answer.label in {"goed", "hallo", "ja", "nee", "tot_ziens"}
        assert sum(score.confidence for score in answer.top) <= 1.00001


async def test_more_sequences_than_are_run_at_once(workplace: Workplace) -> None:
    sequences = [{"sequence": [{}] * (1 + number % 3)} for number in range(300)]
    answers = await _gestures(workplace, {"model": "lstm", "inputs": sequences})
    assert len(answers) == 300
    for number, answer in enumerate(answers[3:]):
        assert answer.confidence == pytest.approx(answers[number % 3].confidence, abs=1e-5)


async def test_hands_of_a_photo(workplace: Workplace) -> None:
    inputs = [_data(photo("nocurl").read_bytes()), _data(_blank())]
    result = await workplace.run({"model": "hand_landmarker", "inputs": inputs})
    hand, nothing = result.predictions
    assert isinstance(hand, KeypointsPrediction)
    assert hand.detected
    assert all(-0.1 <= point.x <= 1.1 for point in hand.hands[0].landmarks)
    assert nothing == KeypointsPrediction(detected=False)
    assert (result.runtime, result.device) == ("mediapipe", "CPU")


@pytest.mark.parametrize("model", ["asl", "hand_landmarker", "pose_landmarker"])
async def test_drawings(workplace: Workplace, model: str) -> None:
    original = photo("halfcurl").read_bytes()
    spec = {"model": model, "inputs": [_data(_blank()), _data(original)], "options": {"annotate": True}}
    context = await workplace.context(spec)
    result = workplace.handler.run(context)
    assert [artifact.name for artifact in context.artifacts] == ["annotated-0.jpg", "annotated-1.jpg"]
    [key] = [key for key in workplace.artifacts.keys("jobs/") if context.job.id in key and "annotated-1" in key]
    drawn = cv2.imdecode(np.frombuffer(b"".join(workplace.artifacts.read(key)), np.uint8), cv2.IMREAD_COLOR)
    plain = cv2.imdecode(np.frombuffer(original, np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == plain.shape
    changed = np.abs(drawn.astype(int) - plain).max(axis=2) > 60
    assert 0.002 < changed.mean() < 0.2, "lines and a caption, and most of the photo as it was"
    wrist = _wrist(result.predictions[1])
    row, column = int(wrist.y * plain.shape[0]), int(wrist.x * plain.shape[1])
    assert changed[row - 6 : row + 7, column - 6 : column + 7].any(), "something is drawn at the wrist"
    assert result.timings.annotate_ms > 0


def _wrist(prediction: Any) -> Any:
    hand = prediction.hand if isinstance(prediction, GesturePrediction) else prediction.hands[0]
    return hand.landmarks[0]


async def test_labels_below_the_threshold_are_left_out(workplace: Workplace) -> None:
    noise = np.random.default_rng(5).random((1, 63), dtype=np.float32)
    options = {"min_confidence": 1.0}
    [answer] = await _gestures(workplace, {"model": "asl", "inputs": [_landmarks(noise)], "options": options})
    assert (answer.detected, answer.label, answer.confidence, answer.top) == (True, None, None, [])


async def test_bytes_that_are_no_image_name_their_input(workplace: Workplace, real_hands: Floats) -> None:
    inputs = [
        _landmarks(real_hands[0]),
        _landmarks(real_hands[1]),
        _data(b"\xff\xd8\xff\xe0 text posing as a JPEG"),
    ]
    with pytest.raises(InputUnreadable, match="input 2 can't be decoded"):
        await workplace.run({"model": "asl", "inputs": inputs})


async def _spoilt(place: Workplace, spec: dict[str, Any], blob: int, number: int) -> JobContext:
    """An attempt at ``spec`` whose blob has, as its number ``number``, one that isn't any."""
    context = await place.context(spec)
    numbers = np.frombuffer(context.blobs[blob], "<f4").copy()
    numbers[number] = np.nan
    context.blobs[blob] = numbers.tobytes()
    return context


async def test_an_answer_that_is_not_finite_is_none_and_names_its_input(
    workplace: Workplace, real_hands: Floats
) -> None:
    rows = real_hands[:3]
    options = {"runtime": "torch"}
    single: dict[str, Any] = {
        "model": "asl",
        "inputs": [*map(_landmarks, rows), _tensor(rows)],
        "options": options,
    }
    context = await _spoilt(workplace, single, 0, 2 * 63 + 5)
    with pytest.raises(ModelUnusable, match=r"^input 2: asl gave numbers that aren't finite"):
        workplace.handler.run(context)
    context = await _spoilt(workplace, single, 1, 63)
    with pytest.raises(ModelUnusable, match=r"^input 3, row 1: asl gave"):
        workplace.handler.run(context)
    moving = {"model": "lstm", "inputs": [{"sequence": [{}] * 3}] * 2, "options": options}
    context = await _spoilt(workplace, moving, 1, 0)
    with pytest.raises(ModelUnusable, match=r"^input 1: lstm gave"):
        workplace.handler.run(context)


async def test_an_input_the_model_does_not_take(workplace: Workplace) -> None:
    with pytest.raises(InputUnreadable, match="input 0: lstm takes sequence, not image"):
        await workplace.run({"model": "lstm", "inputs": [_data(_blank())]})


async def test_a_runtime_the_model_does_not_have(workplace: Workplace) -> None:
    spec = {"model": "hand_landmarker", "inputs": [_data(_blank())], "options": {"runtime": "torch"}}
    with pytest.raises(ModelUnusable, match="hand_landmarker runs on mediapipe"):
        await workplace.run(spec)


async def test_a_cancelled_job_stops_before_its_next_photo(workplace: Workplace) -> None:
    context = await workplace.context({"model": "asl", "inputs": [_data(_blank())] * 3})
    context.stop(JobCancelled())
    with pytest.raises(JobCancelled):
        workplace.handler.run(context)


async def test_progress_of_several_photos(workplace: Workplace) -> None:
    context = await workplace.context({"model": "hand_landmarker", "inputs": [_data(_blank())] * 3})
    workplace.handler.run(context)
    context.tell(now=True)
    record = await workplace.record(context.job.id)
    assert record.progress.stage == "photos"
    assert record.progress.fraction == pytest.approx(2 / 3)
    assert record.progress.message == "photo 3 of 3"


async def test_a_model_that_is_not_installed(tmp_path: Path, catalogue: Catalogue) -> None:
    place = Workplace(tmp_path, catalogue)
    with pytest.raises(ModelNotInstalled):
        await place.run({"model": "asl", "inputs": [_data(_blank())]})
    assert place.handler.loaded() == []


def test_all_models_are_warm_at_start(workplace: Workplace, catalogue: Catalogue) -> None:
    own = {name for name, entry in catalogue.by_name.items() if entry.architecture != "network"}
    assert set(workplace.handler.loaded()) == own
    assert workplace.handler.runtimes() == ["torch", "openvino", "mediapipe"]
