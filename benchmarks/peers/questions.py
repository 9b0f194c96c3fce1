"""What everybody is asked, how each wants it, and whether the answers are the same."""

import json
import math
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.submit_to_start import LANDMARKS

Hand: TypeAlias = list[dict[str, float]]

TOLERANCE = 1e-4
_OTHERS = 7


@dataclass(frozen=True, slots=True)
class Answer:
    """A letter."""

    label: str
    confidence: float

    def same_as(self, other: "Answer") -> bool:
        """Whether nobody could tell them apart."""
        return self.label == other.label and math.isclose(
            self.confidence, other.confidence, rel_tol=0, abs_tol=TOLERANCE
        )


@cache
def hands() -> Sequence[Hand]:
    """The hand that everybody is timed with, then some more that answers are compared of."""
    chance = random.Random(7)
    shaken = [
        [{axis: value + chance.gauss(0, 0.25) for axis, value in point.items()} for point in LANDMARKS]
        for _ in range(_OTHERS)
    ]
    return [LANDMARKS, *shaken]


class Points:
    """21 points in JSON, as our route takes them, and so what is written for a peer."""

    def body(self, hand: Hand) -> bytes:
        """The request."""
        return json.dumps({"landmarks": hand}).encode()

    def answer(self, said: bytes) -> Answer:
        """Raises ValueError or KeyError for anything else."""
        found = json.loads(said)
        return Answer(found["prediction"], found["confidence"])


POINTS = Points()


class ListOfHands(Points):
    """The same in a list: BentoML batches requests that are lists."""

    def body(self, hand: Hand) -> bytes:
        """The request."""
        return json.dumps({"hands": [{"landmarks": hand}]}).encode()

    def answer(self, said: bytes) -> Answer:
        """Its only element."""
        (found,) = json.loads(said)
        return Answer(found["prediction"], found["confidence"])


class OpenInference(Points):
    """Named tensors, all that MLServer speaks: the same 63 numbers."""

    def body(self, hand: Hand) -> bytes:
        """The request."""
        row = [value for point in hand for value in (point["x"], point["y"], point["z"])]
        tensor = {"name": "rows", "shape": [1, len(row)], "datatype": "FP32", "data": row}
        return json.dumps({"inputs": [tensor]}).encode()

    def answer(self, said: bytes) -> Answer:
        """Its two tensors."""
        found: dict[str, Any] = {each["name"]: each["data"][0] for each in json.loads(said)["outputs"]}
        return Answer(found["prediction"], found["confidence"])


def expected(weights: Path, labels: Sequence[str]) -> list[Answer]:
    """What plain PyTorch says of ``hands`` in this process."""
    os.environ["PEER_WEIGHTS"], os.environ["PEER_LABELS"] = str(weights), json.dumps(list(labels))
    from benchmarks.peers.servers.network import Network, row  # reads them

    return [
        Answer(each["prediction"], each["confidence"])
        for each in Network().answers([row(hand) for hand in hands()])
    ]
