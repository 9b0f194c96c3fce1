"""A stranger's model through a whole system: uploaded, asked, made smaller, replaced, removed."""

import base64
import json
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest

from client.sdk import Framelane
from shared.states import JobState
from tests.support.model_jobs import LABELS, PROC, TABLE
from tests.support.onnx import colours
from tests.support.polling import eventually
from tests.support.stacks import stack_on

pytestmark = pytest.mark.service

BLUE = np.zeros((30, 40, 3), np.uint8)
BLUE[..., 0] = 255  # as OpenCV has it


def test_a_model_from_its_upload_to_its_end(tmp_path: Path):
    with stack_on(tmp_path, lanes=("cpu", "io", "cpu.long")) as stack, Framelane(stack.url) as client:
        fields = {
            "name": "sky",
            "category": "classification",
            "labels": json.dumps(LABELS),
            "model_proc": json.dumps(PROC),
        }
        answer = httpx2.post(
            f"{stack.url}/api/v1/models/upload",
            files={"file": ("sky.onnx", colours(TABLE))},
            data=fields,
            headers={"Prefer": "wait=60"},
            timeout=90,
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["outcome"]["outcome"] == "completed", answer.text

        picture = {"data": base64.b64encode(cv2.imencode(".png", BLUE)[1].tobytes()).decode()}

        def asked(**options: str) -> tuple[str, str]:
            spec = {"kind": "inference", "model": "sky", "inputs": [picture], "options": options}
            done = client.wait(client.submit(spec).id, 60)
            assert done.state is JobState.COMPLETED, done.outcome
            result = done.outcome.result
            return result.predictions[0].attributes[0].label, result.version

        label, first = asked()
        assert label == "blue"
        spec = {"kind": "model_convert", "model": "sky", "precisions": ["FP16"], "samples": 4}
        made = client.wait(client.submit(spec).id, 120)
        assert made.state is JobState.COMPLETED, made.outcome
        assert asked(precision="FP16")[0] == "blue"
        assert eventually(lambda: asked()[1] != first), "the new version is taken up"

        back = client.wait(client.submit({"kind": "model_download", "models": [f"sky@{first}"]}).id, 60)
        assert back.state is JobState.COMPLETED, back.outcome
        assert eventually(lambda: asked()[1] == first), "the old version is back"

        gone = httpx2.delete(f"{stack.url}/api/v1/models/sky", headers={"Prefer": "wait=30"}, timeout=60)
        assert gone.json()["outcome"]["result"]["models"] == ["sky"], gone.text
        assert not list((tmp_path / "artifacts").rglob("models/sky"))
        assert httpx2.get(f"{stack.url}/api/v1/models/sky").status_code == 404
