"""Jobs of several callers, answered by one pass through a network, answer what each would by itself."""

import base64
from typing import Any

import numpy as np
import pytest

from shared.errors import InputUnreadable, ModelUnusable
from shared.results import BatchPrediction, GesturePrediction, InferenceResult
from tests.support.workplace import Workplace
from workers.vision.features import Floats

pytestmark = pytest.mark.models


def _landmarks(row: np.ndarray) -> dict[str, Any]:
    return {"landmarks": [dict(zip("xyz", point, strict=True)) for point in row.reshape(21, 3).tolist()]}


def _tensor(rows: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(rows.astype("<f4").tobytes()).decode()
    return {"tensor": {"shape": list(rows.shape), "data": data}}


def _movement(frames: int, seed: int) -> dict[str, Any]:
    chance = np.random.default_rng(seed)

    def hand() -> list[dict[str, float]]:
        return [dict(zip("xyz", point, strict=True)) for point in chance.random((21, 3)).tolist()]

    return {"sequence": [{"left_hand": hand(), "right_hand": hand()} for _ in range(frames)]}


async def _both(place: Workplace, specs: list[dict[str, Any]]) -> list[tuple[InferenceResult, InferenceResult]]:
    """Of each job what it is answered with the others, and by itself."""
    together = place.handler.run_many([await place.context(spec) for spec in specs])
    alone = [await place.run(spec) for spec in specs]
    found = [answer for answer in together if isinstance(answer, InferenceResult)]
    assert len(found) == len(alone)
    return list(zip(found, alone, strict=True))


def _alike(one: InferenceResult, other: InferenceResult) -> None:
    assert (one.model, one.version, one.runtime, one.device) == (
        other.model,
        other.version,
        other.runtime,
        other.device,
    )
    for mine, its in zip(one.predictions, other.predictions, strict=True):
        if isinstance(mine, GesturePrediction):
            assert isinstance(its, GesturePrediction)
            assert [score.label for score in mine.top] == [score.label for score in its.top]
            expected = [score.confidence for score in its.top]
            assert [score.confidence for score in mine.top] == pytest.approx(expected, abs=1e-5)
        else:
            assert isinstance(mine, BatchPrediction)
            assert isinstance(its, BatchPrediction)
            assert mine.indices == its.indices
            assert mine.confidences == pytest.approx(its.confidences, abs=1e-5)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
async def test_letters(workplace: Workplace, real_hands: Floats, runtime: str) -> None:
    rows = real_hands[:9]
    wishes: list[dict[str, Any]] = [{}, {"top_k": 1}, {"mirror": True}, {"min_confidence": 0.5}]
    inputs = [[_landmarks(rows[0])], [_tensor(rows)], [*map(_landmarks, rows[1:4]), _tensor(rows[4:6])]]
    specs = [
        {"model": "asl", "inputs": own, "options": {"runtime": runtime, **wish}}
        for own in inputs
        for wish in wishes
    ]
    for one, other in await _both(workplace, specs):
        _alike(one, other)
        assert one.timings.model_ms > 0


async def test_words(workplace: Workplace) -> None:
    specs = [{"model": "lstm", "inputs": [_movement(frames, frames)]} for frames in (1, 7, 40)]
    for one, other in await _both(workplace, specs):
        _alike(one, other)


async def test_models_and_runtimes_are_not_mixed(workplace: Workplace, real_hands: Floats) -> None:
    specs = [
        {"model": "lstm", "inputs": [_movement(3, 1)]},
        {"model": "asl", "inputs": [_landmarks(real_hands[0])], "options": {"runtime": "torch"}},
        {"model": "asl", "inputs": [_landmarks(real_hands[0])], "options": {"runtime": "openvino"}},
    ]
    for one, other in await _both(workplace, specs):
        _alike(one, other)


async def test_one_that_cannot_be_answered_keeps_no_other_back(workplace: Workplace, real_hands: Floats) -> None:
    good = {"model": "asl", "inputs": [_landmarks(real_hands[0])]}
    odd = {"model": "asl", "inputs": [_landmarks(real_hands[0]), _movement(2, 1)]}
    contexts = [await workplace.context(spec) for spec in (good, odd, good)]
    contexts[2].claim.blobs[0] = contexts[2].claim.blobs[0][:-4]

    first, second, third = workplace.handler.run_many(contexts)

    assert isinstance(first, InferenceResult)
    _alike(first, await workplace.run(good))
    assert isinstance(second, InputUnreadable)
    assert "input 1" in str(second)
    assert isinstance(third, InputUnreadable)


async def test_what_is_wrong_with_the_model_is_told_to_all(workplace: Workplace, real_hands: Floats) -> None:
    specs = [{"model": name, "inputs": [_landmarks(real_hands[0])]} for name in ("nobody", "nobody", "asl")]
    answers = workplace.handler.run_many([await workplace.context(spec) for spec in specs])
    assert [isinstance(answer, ModelUnusable) for answer in answers] == [True, True, False]
