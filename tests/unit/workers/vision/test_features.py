"""Laws of what the networks are fed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workers.vision.features import (
    WORD_FRAMES,
    Floats,
    hand_features,
    mirror_frames,
    mirror_rows,
    word_features,
)

_COORDINATES = st.floats(-1, 1, width=32)


def _arrays(columns: int, most: int) -> st.SearchStrategy[Floats]:
    return arrays.arrays(np.float32, st.tuples(st.integers(1, most), st.just(columns)), elements=_COORDINATES)


def _spread(rows: Floats) -> Floats:
    """The same hands with a middle finger that is surely longer than rounding errors."""
    spread = rows.copy()
    spread[:, 27:30] = spread[:, 0:3] + np.float32([0.3, 0.4, 0.0])
    return spread


@given(_arrays(63, 5), st.floats(-4, 4, width=32), st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_where_a_hand_is_and_how_large_does_not_matter(rows: Floats, shift: float, scale: float) -> None:
    rows = _spread(rows)
    moved = (rows * np.float32(scale) + np.float32(shift)).astype(np.float32)
    np.testing.assert_allclose(hand_features(moved), hand_features(rows), atol=2e-4)


@given(_arrays(63, 5))
def test_the_wrist_is_the_origin_and_the_knuckle_one_away(rows: Floats) -> None:
    features = hand_features(_spread(rows)).reshape(-1, 21, 3)
    assert not features[:, 0].any()
    np.testing.assert_allclose(np.linalg.norm(features[:, 9], axis=1), 1, atol=1e-5)


def test_a_hand_in_one_point_stays_finite() -> None:
    assert not hand_features(np.full((2, 63), 0.5, np.float32)).any()


@given(_arrays(63, 8))
def test_rows_do_not_see_each_other(rows: Floats) -> None:
    together = hand_features(rows)
    alone = np.concatenate([hand_features(rows[number : number + 1]) for number in range(len(rows))])
    np.testing.assert_array_equal(together, alone)


@given(_arrays(63, 3))
def test_the_input_is_left_alone(rows: Floats) -> None:
    before = rows.copy()
    hand_features(rows)
    mirror_rows(rows)
    np.testing.assert_array_equal(rows, before)


@given(_arrays(63, 5))
def test_mirrored_twice_is_the_same_hand(rows: Floats) -> None:
    np.testing.assert_allclose(mirror_rows(mirror_rows(rows)), rows, atol=1e-6)


@given(_arrays(258, 5))
def test_mirrored_twice_is_the_same_movement(frames: Floats) -> None:
    np.testing.assert_allclose(mirror_frames(mirror_frames(frames)), frames, atol=1e-6)


def test_a_mirror_exchanges_left_and_right() -> None:
    frames = np.zeros((1, 258), np.float32)
    frames[0, 15 * 4 : 15 * 4 + 4] = 0.25, 0.5, 0.1, 0.9  # the left wrist of the pose
    frames[0, 132:195] = 0.25  # a left hand; no right one
    mirrored = mirror_frames(frames)
    np.testing.assert_allclose(mirrored[0, 16 * 4 : 16 * 4 + 4], [0.75, 0.5, 0.1, 0.9])
    assert not mirrored[0, 132:195].any(), "the absent right hand became an absent left one"
    np.testing.assert_allclose(mirrored[0, 195::3], 0.75)
    np.testing.assert_allclose(mirrored[0, 196::3], 0.25)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_sequences_are_cut_and_padded_to_the_longest(lengths: list[int]) -> None:
    generator = np.random.default_rng(len(lengths))
    sequences = [generator.random((length, 258), dtype=np.float32) for length in lengths]
    padded, told = word_features(sequences)
    assert told.tolist() == [min(length, WORD_FRAMES) for length in lengths]
    assert padded.shape == (len(lengths), max(told), 258)
    for frames, length, sequence in zip(padded, told, sequences, strict=True):
        assert not frames[length:].any()
        np.testing.assert_array_equal(frames[:length, :132], sequence[:length, :132])
        np.testing.assert_allclose(frames[:length], word_features([sequence])[0][0])


@given(st.floats(-3, 3, width=32), st.sampled_from([0.5, 2.0, 4.0]))
def test_hands_of_a_movement_are_measured_by_its_first_frame(shift: float, scale: float) -> None:
    frames = np.random.default_rng(7).random((6, 258), dtype=np.float32)
    moved = frames.copy()
    moved[:, 132:] = moved[:, 132:] * np.float32(scale) + np.float32(shift)
    np.testing.assert_allclose(word_features([moved])[0], word_features([frames])[0], atol=2e-4)
