# pyright: basic
"""The networks as OpenVINO graphs, built from the same weights, with the rows of a batch left open."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS
from workers.vision.features import WORD_FRAMES

Weights = Mapping[str, np.ndarray]
"""Arrays by their names in the PyTorch state."""


def alphabet_mlp(weights: Weights) -> ov.Model:
    """[N, 63] features to probabilities."""
    rows = ops.parameter([-1, LANDMARK_COLUMNS], np.float32, name="rows")
    hidden = ops.relu(_linear(rows, weights, "0"))
    hidden = ops.relu(_linear(hidden, weights, "3"))
    return _MODEL([ops.softmax(_linear(hidden, weights, "6"), axis=1)], [rows], "alphabet_mlp")


def word_lstm(weights: Weights) -> ov.Model:
    """[N, 40, 258] frames and [N] true lengths to probabilities.

    All 40 steps are run and the last valid one is picked: the CPU plugin doesn't heed an LSTM's sequence lengths.
    """
    frames = ops.parameter([-1, WORD_FRAMES, FRAME_COLUMNS], np.float32, name="frames")
    lengths = ops.parameter([-1], np.int64, name="lengths")
    steps = _lstm(_lstm(frames, weights, 0), weights, 1)
    position = ops.unsqueeze(ops.subtract(lengths, _whole(1)), _whole(1))
    last = ops.squeeze(ops.gather(steps, position, _whole(1), batch_dims=1), _whole(1))
    return _MODEL([ops.softmax(_linear(last, weights, "fc"), axis=1)], [frames, lengths], "word_lstm")


_MODEL: Any = ov.Model  # the stub binds its __init__ to another class

GRAPHS: Mapping[str, Callable[[Weights], ov.Model]] = {"alphabet_mlp": alphabet_mlp, "word_lstm": word_lstm}


def _linear(rows: ov.Node, weights: Weights, name: str) -> ov.Node:
    product = ops.matmul(rows, ops.constant(weights[f"{name}.weight"]), transpose_a=False, transpose_b=True)
    return ops.add(product, ops.constant(weights[f"{name}.bias"]))


def _lstm(steps: ov.Node, weights: Weights, layer: int) -> ov.Node:
    """One layer: [N, 40, inputs] to [N, 40, H]."""
    bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
    size = bias.size // 4
    batch = ops.gather(ops.shape_of(steps), _whole(0), ops.constant(0))
    state = ops.broadcast(
        ops.constant(np.zeros((1, 1, size), np.float32)), ops.concat([batch, _whole(1, size)], axis=0)
    )
    node = ops.lstm_sequence(
        steps,
        state,
        state,
        ops.broadcast(_whole(WORD_FRAMES), batch),
        ops.constant(_gates(weights[f"lstm.weight_ih_l{layer}"])[None]),
        ops.constant(_gates(weights[f"lstm.weight_hh_l{layer}"])[None]),
        ops.constant(_gates(bias)[None]),
        size,
        "forward",
    )
    return ops.squeeze(node.output(0), _whole(1))


def _whole(*numbers: int) -> ov.Node:
    return ops.constant(np.array(numbers, np.int64))


def _gates(stacked: np.ndarray) -> np.ndarray:
    """From PyTorch's order (input, forget, cell, output) to OpenVINO's (forget, input, cell, output)."""
    enter, forget, cell, leave = np.split(stacked, 4)
    return np.concatenate([forget, enter, cell, leave])
