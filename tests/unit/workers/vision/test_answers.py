"""From probabilities to answers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.results import BatchPrediction, GesturePrediction
from workers.vision import answers
from workers.vision.answers import Best, Wanted

_LABELS = ["a", "b", "c", "d"]


def _probabilities(rows: int, seed: int) -> np.ndarray:
    raw = np.random.default_rng(seed).random((rows, len(_LABELS)), dtype=np.float32)
    return raw / raw.sum(axis=1, keepdims=True)


@given(st.integers(1, 6), st.integers(1, 9), st.floats(0, 1), st.integers(0, 99))
def test_an_answer_is_valid_sorted_and_above_the_threshold(rows: int, top_k: int, least: float, seed: int) -> None:
    probabilities = _probabilities(rows, seed)
    for row, answer in zip(
        probabilities, answers.gestures(probabilities, Wanted(_LABELS, top_k, least)), strict=True
    ):
        assert GesturePrediction.model_validate_json(answer.model_dump_json()) == answer
        scores = [score.confidence for score in answer.top]
        assert len(scores) <= min(top_k, len(_LABELS))
        assert scores == sorted(scores, reverse=True)
        assert all(score >= least for score in scores)
        assert (answer.label is None) == (not scores)
        if scores:
            assert answer.label == _LABELS[int(row.argmax())]
            assert abs(answer.confidence - row.max()) < 1e-6


@given(st.integers(1, 6), st.integers(0, 6), st.floats(0, 1), st.integers(0, 99))
def test_a_batch_says_what_single_answers_say(rows: int, cut: int, least: float, seed: int) -> None:
    probabilities = _probabilities(rows, seed)
    wanted = Wanted(_LABELS, 1, least)
    pieces = [Best.of(piece) for piece in (probabilities[:cut], probabilities[cut:])]
    batch = answers.batch(pieces, wanted)
    assert BatchPrediction.model_validate_json(batch.model_dump_json()) == batch
    labels = [None if index is None else batch.classes[index] for index in batch.indices]
    assert labels == [answer.label for answer in answers.gestures(probabilities, wanted)]


def test_more_labels_wanted_than_there_are() -> None:
    [answer] = answers.gestures(_probabilities(1, 0), Wanted(_LABELS, 50, 0.0))
    assert {score.label for score in answer.top} == set(_LABELS)
