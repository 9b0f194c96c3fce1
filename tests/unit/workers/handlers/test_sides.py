"""Which of the hands found in a photo is the person's left, which the right."""

from typing import Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.handlers.inference_keypoints import sides
from workers.runtimes.contract import FoundHand


def _hand(side: Literal["Left", "Right"], score: float = 0.9, x: float = 0.5) -> FoundHand:
    points = np.zeros((21, 3), np.float32)
    points[:, 0] = x
    return FoundHand(points, side, score)


def _person(left: float, right: float) -> np.ndarray:
    person = np.zeros((33, 4), np.float32)
    person[15, 0], person[16, 0] = left, right
    return person


def test_hands_of_different_names_keep_them() -> None:
    left, right = _hand("Left"), _hand("Right")
    assert sides(None, [left, right]) == sides(None, [right, left]) == (left, right)
    assert sides(None, [right]) == (None, right)
    assert sides(None, []) == (None, None)


def test_of_two_left_hands_the_less_certain_is_the_right() -> None:
    sure, unsure = _hand("Left", 0.9), _hand("Left", 0.6)
    assert sides(None, [unsure, sure]) == sides(None, [sure, unsure]) == (sure, unsure)


def test_wrists_of_the_person_decide_if_there_is_one() -> None:
    near_left, near_right = _hand("Right", 0.99, x=0.8), _hand("Right", 0.6, x=0.2)
    assert sides(_person(left=0.8, right=0.2), [near_left, near_right]) == (near_left, near_right)


@given(st.lists(st.tuples(st.sampled_from(["Left", "Right"]), st.floats(0, 1)), max_size=2), st.booleans())
def test_no_hand_is_lost_or_doubled(given_hands: list[tuple[Literal["Left", "Right"], float]], seen: bool) -> None:
    found = [_hand(side, score, x=number / 2) for number, (side, score) in enumerate(given_hands)]
    placed = [hand for hand in sides(_person(0.1, 0.9) if seen else None, found) if hand]
    assert {id(hand) for hand in placed} == {id(hand) for hand in found}
