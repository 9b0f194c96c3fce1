"""A spec says what it means: text is no number, a word is no switch, a download has no accelerator."""

import json

import pytest
from pydantic import ValidationError

from shared.specs import JOB_SPEC

HAND = [{"x": 0.5, "y": 0, "z": 0.25}] * 21
SPEC = {"kind": "inference", "model": "asl", "inputs": [{"landmarks": HAND}]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"priority": "5"},
        {"priority": True},
        {"timeout_s": "1"},
        {"max_attempts": 2.0},
        {"options": {"annotate": "yes"}},
        {"options": {"mirror": 1}},
        {"options": {"top_k": "3"}},
        {"inputs": [{"landmarks": [{"x": "0.5", "y": 0, "z": 0}] * 21}]},
        {"inputs": [{"landmarks": [{"x": True, "y": 0, "z": 0}] * 21}]},
    ],
)
def test_nothing_is_taken_for_something_else(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        JOB_SPEC.validate_json(json.dumps(SPEC | wrong))


def test_whole_numbers_are_numbers():
    assert JOB_SPEC.validate_json(json.dumps(SPEC | {"timeout_s": 1, "priority": 9})).timeout_s == 1.0


@pytest.mark.parametrize("device", ["GPU", "NPU", "GPU.1"])
def test_a_download_runs_on_no_accelerator(device: str):
    with pytest.raises(ValidationError, match="bound to no device"):
        JOB_SPEC.validate_python({"kind": "model_download", "models": ["asl"], "device": device})
