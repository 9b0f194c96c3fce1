"""Validations on a real worker of a long lane, with the GStreamer of this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.benchmarks import ValidateResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed
from shared.packing import ValidateTask
from shared.ports import NewJob
from shared.settings import Settings
from tests.support.pipeline_lab import FRAMES, VIDEO, Lab, error_of
from tests.support.pipelines import needs_gstreamer
from tests.support.processes import System

pytestmark = [pytest.mark.service, needs_gstreamer()]

DECODE = f"filesrc location={VIDEO} ! decodebin3 ! videoconvert ! fakesink name=default_output_sink"
DETECT = (
    f"filesrc location={VIDEO} ! decodebin3 ! gvadetect model=person-ssdlite threshold=0.5 ! "
    "gvametaconvert ! gvametapublish method=file ! fakesink name=default_output_sink sync=false"
)


@pytest.fixture
def lab(settings: Settings, tmp_path: Path) -> Iterator[Lab]:
    system = System(settings, tmp_path, SHIPPED)
    yield Lab(system, FRAMELANE_PIPELINES__ALLOW='["crash*"]')
    system.close()


def new(text: str, **fields: Any) -> NewJob:
    source = {"source": "description", "pipeline_description": text}
    asked = ValidateTask.model_validate({"pipeline_id": "test", "pipeline": source, **fields})
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")


async def verdict(lab: Lab, text: str, **fields: Any) -> ValidateResult:
    job = await lab.system.ended(await lab.send(new(text, **fields)))
    assert isinstance(job.outcome, Completed), job.outcome
    assert isinstance(job.outcome.result, ValidateResult)
    return job.outcome.result


def said(result: ValidateResult) -> str:
    return next(each.detail for each in result.stages if each.stage == result.failed_stage)


async def test_the_first_stage_that_fails_is_told(lab: Lab) -> None:
    lab.furnish()
    held = await verdict(lab, DECODE, expect={"frames": FRAMES})
    assert held.valid
    assert held.failed_stage is None
    assert held.frames == FRAMES
    assert [each.ok for each in held.stages] == [True] * 6 + [None]

    odd = {
        "videotestsrc ! ! fakesink": ("parse", "expected"),
        "filesrc location=/etc/passwd ! fakesink": ("policy", "not a path"),
        "filesrc location=nothing ! decodebin3 ! fakesink": ("policy", "'nothing'"),
        "gvadetect model=nonsense ! fakesink": ("policy", "'nonsense'"),
        "videotestsrc ! audioconvert name=ear ! fakesink": ("link", "ear"),
        f"filesrc location={VIDEO} ! decodebin3 ! audioconvert name=ear ! fakesink": ("link", ""),
        "videotestsrc ! video/x-raw,width=64 ! identity ! video/x-raw,width=32 ! fakesink": ("negotiate", ""),
        "videotestsrc ! identity error-after=3 name=tired ! fakesink": ("run", "tired"),
        "videotestsrc num-buffers=0 ! fakesink": ("produce", "no frame"),
    }
    for text, (stage, word) in odd.items():
        result = await verdict(lab, text, max_runtime_s=1.0)
        print(stage, result.failed_stage, said(result) if not result.valid else "VALID")
        assert (result.valid, result.failed_stage) == (False, stage), (text, result)
        assert word in said(result)
