"""Answers of the package the weights come from: ``python oracle.py <inputs.npz> <answers.json>``.

Run as a process of its own with only that package added to the path, so that nothing of it reaches the tests'.
Inputs: ``hands`` [N, 63]; ``frames`` [sum of lengths, 258] and ``lengths`` [M] of sequences.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from os import environ
from pathlib import Path

import numpy as np

Answer = tuple[str, float]


def answers_of(hands: np.ndarray, sequences: Sequence[np.ndarray], package: Path) -> dict[str, list[Answer]]:
    """Label and confidence by ``asl``, ``vgt`` and ``lstm``, as the package gives them."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, answers = Path(folder) / "inputs.npz", Path(folder) / "answers.json"
        lengths = [len(frames) for frames in sequences]
        np.savez(inputs, hands=hands, frames=np.concatenate(sequences), lengths=np.array(lengths))
        subprocess.run(
            [sys.executable, __file__, str(inputs), str(answers)],
            check=True,
            env={**environ, "PYTHONPATH": str(package)},
        )
        return {
            name: [(label, score) for label, score in told]
            for name, told in json.loads(answers.read_text()).items()
        }


def main(inputs: str, answers: str) -> None:
    from smart_gestures.alphabet.asl_model import ASLModel
    from smart_gestures.alphabet.vgt_model import VGTModel
    from smart_gestures.gestures.lstm_model import LSTMModel

    with np.load(inputs) as given:
        hands, frames, lengths = given["hands"], given["frames"], given["lengths"]
    points = [[dict(zip("xyz", point, strict=True)) for point in hand.reshape(21, 3).tolist()] for hand in hands]
    sequences = np.split(frames, np.cumsum(lengths)[:-1])
    asl, vgt, lstm = ASLModel(), VGTModel(), LSTMModel()
    told = {
        "asl": [asl.predict(hand) for hand in points],
        "vgt": [vgt.predict(hand) for hand in points],
        "lstm": [lstm.predict(frames) for frames in sequences],
    }
    Path(answers).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
