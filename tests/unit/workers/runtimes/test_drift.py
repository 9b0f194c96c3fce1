"""How far answers are apart."""

import numpy as np
import pytest

from shared.errors import ModelUnusable
from workers.networks.shapes import Box, Detection
from workers.runtimes.drift import compared


def drift(category, *pairs, finds=None):
    return compared(category, [([one], [other]) for one, other in pairs], "samples", finds)


def test_numbers_and_best_classes_are_compared():
    found = drift(
        "gesture",
        (np.array([[0.1, 0.9]]), np.array([[0.3, 0.7]])),
        (np.array([[0.6, 0.4]]), np.array([[0.4, 0.6]])),
    )
    assert (found.samples, found.inputs, found.top1_agreement, found.boxes_agreement) == (2, "samples", 0.5, None)
    assert found.max_abs == pytest.approx(0.2)
    assert found.mean_abs == pytest.approx(0.2)


def test_what_is_no_class_has_no_best_one():
    assert drift("detection", (np.ones((1, 4)), np.ones((1, 4)))).top1_agreement is None


def test_outputs_of_other_shapes_say_nothing():
    assert drift("detection", (np.ones((1, 4)), np.ones((2, 4)))) is None


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ModelUnusable, match="aren't finite"):
        drift("gesture", (np.ones((1, 2)), np.array([[np.nan, 1.0]])))


def rows(*boxes):
    return np.array([[*box, label] for box, label in boxes], np.float32)


def read(outputs):
    return [Detection(Box(*map(float, row[:4])), int(row[4]), 0.9) for row in outputs[0]]


def test_boxes_are_the_same_in_whatever_order():
    one, other = ((0, 0, 0.4, 0.4), 1), ((0.5, 0.5, 0.9, 0.9), 2)
    near = ((0.5, 0.5, 0.9, 0.88), 2)
    assert drift("detection", (rows(one, other), rows(near, one)), finds=read).boxes_agreement == 1
    moved, renamed = ((0.7, 0.7, 1, 1), 2), ((0.5, 0.5, 0.9, 0.9), 3)
    assert drift("detection", (rows(one, other), rows(one, moved)), finds=read).boxes_agreement == 0.5
    assert drift("detection", (rows(one, other), rows(one, renamed)), finds=read).boxes_agreement == 0.5
    assert drift("detection", (rows(one, one), rows(one, other)), finds=read).boxes_agreement == 0.5, "one for one"
    nothing = np.zeros((1, 5), np.float32)[:0]
    assert drift("detection", (rows(one), rows(one)), (nothing, nothing), finds=read).boxes_agreement == 1
