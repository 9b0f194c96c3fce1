"""Whatever number of rows comes, the runtime sees one of a few, and the answers are those of the rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue import load_catalogue
from tests.support.models import model_folder
from workers.runtimes.contract import Host
from workers.runtimes.few_shapes import BLOCK, MOST, STEPS, FewShapes, filled_up, parts
from workers.runtimes.registry import load_classifier
from workers.vision.features import WORD_FRAMES, Floats, Lengths

CHOICE = np.random.default_rng(7)


class Sums:
    """Answers with what it was shown of each row, within its length."""

    runtime = "sums"

    def __init__(self) -> None:
        self.seen: Counter[tuple[int, ...]] = Counter()

    def predict(self, rows: Floats, lengths: Lengths | None = None) -> Floats:
        self.seen[rows.shape] += 1
        if lengths is None:
            return rows[:, :2]
        assert len(lengths) == len(rows)
        assert lengths.min(initial=1) >= 1
        return np.array(
            [[row[:length].sum(), length] for row, length in zip(rows, lengths, strict=True)], np.float32
        ).reshape(-1, 2)


@given(st.integers(0, 20_000))
def test_parts_are_all_rows_in_their_order(count: int):
    found = list(parts(count))
    assert [row for first, last in found for row in range(first, last)] == list(range(count))
    assert len(found) <= count // MOST + 2
    assert all(filled_up(last - first) >= last - first for first, last in found)
    assert sum(filled_up(last - first) for first, last in found) < count + BLOCK


def test_a_runtime_sees_few_shapes():
    sizes = {filled_up(last - first) for count in range(1, 10_000) for first, last in parts(count)}
    assert len(sizes) == 16
    assert max(sizes) == MOST


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=4))
def test_answers_are_those_of_the_rows(counts: list[int]):
    model = Sums()
    for count in counts:
        rows = CHOICE.random((count, 63), dtype=np.float32)
        assert (FewShapes(model).predict(rows) == rows[:, :2]).all()
    assert {columns for _, columns in model.seen} == {63}


@given(st.integers(0, 300), st.integers(1, WORD_FRAMES))
def test_answers_are_those_of_the_sequences(count: int, longest: int):
    frames = CHOICE.integers(0, 9, (count, longest, 3)).astype(np.float32)
    lengths = CHOICE.integers(1, longest + 1, count)
    model = Sums()
    assert (FewShapes(model).predict(frames, lengths) == Sums().predict(frames, lengths)).all()
    assert all(steps % STEPS == 0 and steps <= WORD_FRAMES for _, steps, _ in model.seen)


@pytest.mark.models
@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("name", ["asl", "lstm"])
def test_each_row_is_answered_as_if_it_came_alone(name: str, runtime: str):
    model = load_classifier(load_catalogue().by_name[name], model_folder(name), runtime, Host())
    moving = name == "lstm"
    rows = CHOICE.random((300, 13, 258) if moving else (2_500, 63), dtype=np.float32)
    lengths = CHOICE.integers(1, 14, len(rows)) if moving else None
    together = model.predict(rows, lengths)
    for row in (0, 150, 255, 256, 299, len(rows) - 1):
        own = None if lengths is None else lengths[row : row + 1]
        alone = model.predict(rows[row : row + 1], own)
        assert alone == pytest.approx(together[row : row + 1], abs=1e-4)
