"""A file in pieces says the same as the file."""

import hashlib
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.arrived import LOOK, Arrived, all_small, content_of

FLOATS = np.random.default_rng(7).random(LOOK // 2, dtype="<f4").tobytes()
PIECES = st.lists(st.binary(max_size=40), max_size=8)


def arrived(pieces: list[bytes], *, once: bool = False) -> Arrived:
    file = Arrived(once=once)
    for piece in pieces:
        file.add(piece)
    return file


@given(PIECES)
def test_whatever_its_pieces(pieces: list[bytes]):
    whole, file = b"".join(pieces), arrived(pieces)
    assert len(file) == len(whole)
    assert file.digest() == hashlib.sha256(whole).digest()
    assert file.is_small == all_small(whole)
    assert content_of(file) == content_of(whole) == whole
    assert file.content() == whole


@given(PIECES)
def test_one_that_comes_once_is_no_other(pieces: list[bytes]):
    whole, file = b"".join(pieces), arrived(pieces, once=True)
    assert (len(file), file.is_small, file.content()) == (len(whole), all_small(whole), whole)
    assert file.digest() != arrived(pieces, once=True).digest()


@given(st.integers(0, len(FLOATS) // 4 - 1), st.lists(st.integers(0, len(FLOATS)), max_size=3))
def test_one_large_number_is_seen_wherever_pieces_end(at: int, cuts: list[int]):
    places = [0, *sorted(cuts), len(FLOATS)]
    large = FLOATS[: 4 * at] + np.float32(np.inf).tobytes() + FLOATS[4 * at + 4 :]
    for whole, small in ((FLOATS, True), (large, False)):
        pieces = [whole[first:last] for first, last in pairwise(places)]
        assert arrived(pieces).is_small is small
