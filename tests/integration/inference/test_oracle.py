"""The package the weights come from is the oracle: same label, confidence within 1e-4, on both runtimes."""

from collections.abc import Sequence

import numpy as np
import pytest

from shared.catalogue import Catalogue
from tests.support.models import model_folder, oracle_path
from tests.support.oracle import Answer, answers_of
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.vision import answers
from workers.vision.answers import Wanted
from workers.vision.features import Floats, hand_features, word_features

pytestmark = pytest.mark.models

_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def hands(real_hands: Floats) -> Floats:
    generator = np.random.default_rng(1)
    made_up = generator.normal(0.5, 0.2, (300, 63)).astype(np.float32)
    degenerate = np.full((1, 63), 0.25, np.float32)
    return np.concatenate([real_hands, made_up, degenerate])


@pytest.fixture(scope="module")
def sequences(real_hands: Floats) -> list[Floats]:
    """Of 1 to 60 frames: noise, hands that move, and such in which a part is never seen."""
    generator = np.random.default_rng(2)
    made: list[Floats] = []
    for number in range(60):
        frames = generator.random((int(generator.integers(1, 61)), 258), dtype=np.float32)
        if number % 2:
            still = real_hands[number % len(real_hands)]
            frames[:, 132:] = np.tile(still, 2) + frames[:, 132:] / 20
        missing = [None, slice(0, 132), slice(132, 195), slice(195, 258), slice(132, 258)][number % 5]
        if missing is not None:
            frames[:, missing] = 0
        made.append(frames)
    return made


@pytest.fixture(scope="module")
def oracle(hands: Floats, sequences: list[Floats]) -> dict[str, list[Answer]]:
    return answers_of(hands, sequences, oracle_path())


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("name", ["asl", "vgt", "lstm"])
def test_same_answers_as_the_package(
    name: str,
    runtime: str,
    catalogue: Catalogue,
    hands: Floats,
    sequences: list[Floats],
    oracle: dict[str, list[Answer]],
) -> None:
    entry = catalogue.by_name[name]
    model = registry.load_classifier(entry, model_folder(name), runtime, Host())
    probabilities = (
        model.predict(*word_features(sequences)) if name == "lstm" else model.predict(hand_features(hands))
    )
    told = answers.gestures(probabilities, Wanted(entry.labels, 1, 0.0))
    _same([(answer.label or "", answer.confidence or 0.0) for answer in told], oracle[name])


def _same(ours: Sequence[Answer], theirs: Sequence[Answer]) -> None:
    assert [label for label, _ in ours] == [label for label, _ in theirs]
    np.testing.assert_allclose(
        [score for _, score in ours], [score for _, score in theirs], rtol=0, atol=_TOLERANCE
    )


def test_the_oracle_tells_hands_apart(oracle: dict[str, list[Answer]]) -> None:
    for name, least in (("asl", 8), ("vgt", 8), ("lstm", 3)):
        assert len({label for label, _ in oracle[name]}) >= least, f"{name} was asked for hardly any of its labels"
