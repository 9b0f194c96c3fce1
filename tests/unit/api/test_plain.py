"""Numbers of one hand are read as pydantic's models read them, or left to those."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.routes.gestures import PredictRequest
from api.services.plain import landmarks_of, spec_of_hand
from shared.inputs import LandmarksInput
from shared.packing import hand_floats
from shared.specs import JOB_SPEC, InferenceSpec
from tests.support.gateway import HAND, SPEC

SMALL = 500_000.0
NUMBERS = st.floats(-SMALL, SMALL) | st.integers(-int(SMALL), int(SMALL))
POINTS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
HANDS = st.lists(POINTS, min_size=21, max_size=21)
ORDERS = st.permutations(["x", "y", "z"])


def said(hand: list[tuple[float, float, float]], order: list[str]) -> list[dict[str, float]]:
    return [{name: dict(zip("xyz", point, strict=True))[name] for name in order} for point in hand]


@given(hand=HANDS, order=ORDERS)
def test_the_same_bytes(hand: list[tuple[float, float, float]], order: list[str]) -> None:
    points = said(hand, order)
    document = json.dumps({"landmarks": points}).encode()
    assert landmarks_of(document) == PredictRequest.model_validate_json(document).numbers.blob
    spec = json.dumps(SPEC | {"inputs": [{"landmarks": points}]}).encode()
    parsed, found = JOB_SPEC.validate_json(spec), spec_of_hand(spec)
    assert isinstance(parsed, InferenceSpec)
    assert isinstance(parsed.inputs[0], LandmarksInput)
    assert found is not None
    assert found[1] == hand_floats(parsed.inputs[0].landmarks)


def changed(**values: Any) -> list[dict[str, Any]]:
    return [HAND[0] | values, *HAND[1:]]


ODD: dict[str, Any] = {
    "a point too few": HAND[:20],
    "a point too many": [*HAND, HAND[0]],
    "text": changed(x="0.1"),
    "a truth": changed(x=True),
    "nothing": changed(x=None),
    "a list": changed(x=[0.1]),
    "another name": changed(w=0.1),
    "a name missing": [{"x": 0.1, "y": 0.2}, *HAND[1:]],
    "one for another": [{"x": 0.1, "y": 0.2, "w": 0.3}, *HAND[1:]],
    "too large": changed(x=1e6 + 1),
    "far too large": changed(x=1e300),
    "not a number": changed(x=math.nan),
    "without end": changed(x=-math.inf),
    "not points": [0.1] * 21,
    "lists": [[0.1, 0.2, 0.3]] * 21,
    "no list": {str(number): point for number, point in enumerate(HAND)},
    "large, but right": changed(x=1e6),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_left_to_others(case: str) -> None:
    document = json.dumps({"landmarks": ODD[case]}).encode()
    assert landmarks_of(document) is None
    assert spec_of_hand(json.dumps(SPEC | {"inputs": [{"landmarks": ODD[case]}]}).encode()) is None


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"landmarks": null}', b"\xff"])
def test_so_are_other_documents(document: bytes) -> None:
    assert landmarks_of(document) is None
    assert spec_of_hand(document) is None


@pytest.mark.parametrize(
    "inputs",
    [[], [{}], {}, None, [{"landmarks": HAND}] * 2, [{"landmarks": HAND, "file": "x"}], [{"sequence": [{}]}], [1]],
)
def test_and_other_inputs(inputs: Any) -> None:
    assert spec_of_hand(json.dumps(SPEC | {"inputs": inputs}).encode()) is None


def test_what_else_is_said_makes_a_difference() -> None:
    options = [{"top_k": 1}, {"top_k": True}, {"top_k": 1.0}, {"top_k": "1"}, {"mirror": 1}, {}]
    texts = {
        found[0]
        for each in options
        if (found := spec_of_hand(json.dumps(SPEC | {"options": each}).encode())) is not None
    }
    assert len(texts) == len(options)
