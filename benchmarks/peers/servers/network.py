"""The letter network as one would serve it without us: PyTorch, its state dict and its labels.

Peers import it in environments that don't have the project. ``PEER_WEIGHTS`` names the file of the installed
model, ``PEER_LABELS`` is a JSON list in the order of the outputs.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

WORKERS = int(os.environ.get("PEER_WORKERS", "1"))
BATCH = int(os.environ.get("PEER_BATCH", "1"))
"""Requests in one call of the network at most; 1: no batching."""
WINDOW_S = 0.002
"""How long a peer waits for a batch to fill."""
PORT = int(os.environ.get("PEER_PORT", "0"))

_POINTS = 21
_KNUCKLE = 9
_WIDTH = 256


def row(landmarks: Iterable[dict[str, float]]) -> list[float]:
    """The 63 numbers of 21 points."""
    return [value for point in landmarks for value in (point["x"], point["y"], point["z"])]


class Network:
    """One thread: workers are processes."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.labels: list[str] = json.loads(os.environ["PEER_LABELS"])
        self._module = nn.Sequential(
            nn.Linear(_POINTS * 3, _WIDTH),
            nn.ReLU(),
            nn.Identity(),  # the weights are numbered with training's dropout
            nn.Linear(_WIDTH, _WIDTH),
            nn.ReLU(),
            nn.Identity(),
            nn.Linear(_WIDTH, len(self.labels)),
            nn.Softmax(dim=1),
        )
        self._module.load_state_dict(torch.load(os.environ["PEER_WEIGHTS"], weights_only=True))
        self._module.eval()

    def answers(self, rows: Sequence[Sequence[float]] | Any) -> list[dict[str, Any]]:
        """``prediction`` and ``confidence`` of each row of 63."""
        points = np.asarray(rows, dtype=np.float32).reshape(-1, _POINTS, 3)
        points = points - points[:, :1]
        scale = np.linalg.norm(points[:, _KNUCKLE], axis=1)
        scale[scale <= 1e-6] = 1.0
        points /= scale[:, None, None]
        with torch.inference_mode():
            best = self._module(torch.from_numpy(points.reshape(-1, _POINTS * 3))).max(dim=1)
        return [
            {"prediction": self.labels[index], "confidence": confidence}
            for index, confidence in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
