"""Validations on a real worker of a long lane, with the GStreamer of this machine."""

import asyncio
import signal
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psutil
import pytest

from shared.benchmarks import ValidateResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed
from shared.packing import ValidateTask
from shared.ports import NewJob
from shared.settings import Settings
from tests.support.pipeline_lab import FRAMES, VIDEO, Lab, error_of
from tests.support.pipelines import needs_gstreamer
from tests.support.polling import eventually
from tests.support.processes import System

pytestmark = [pytest.mark.service, needs_gstreamer()]

DECODE = f"filesrc location={VIDEO} ! decodebin3 ! videoconvert ! fakesink name=default_output_sink"
DETECT = (
    f"filesrc location={VIDEO} ! decodebin3 ! gvadetect model=person-ssdlite threshold=0.5 ! "
    "gvametaconvert ! gvametapublish method=file ! fakesink name=default_output_sink sync=false"
)


@pytest.fixture(scope="module")
def lab(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    system = System(module_settings, tmp_path_factory.mktemp("lab"), SHIPPED)
    yield Lab(system)
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
        f"filesrc location={VIDEO} ! rawvideoparse format=bgr ! video/x-raw,format=RGB ! fakesink": (
            "negotiate",
            "none in common",
        ),
        "videotestsrc ! identity error-after=3 name=tired ! fakesink": ("run", "tired"),
        "videotestsrc num-buffers=0 ! fakesink": ("produce", "no frame"),
    }
    for text, (stage, word) in odd.items():
        result = await verdict(lab, text, max_runtime_s=1.0)
        assert (result.valid, result.failed_stage) == (False, stage), (text, result)
        assert word in said(result)


async def test_a_crash_is_no_verdict(lab: Lab) -> None:
    paced = "videotestsrc is-live=true ! video/x-raw,framerate=30/1 ! fakesink"
    job_id = await lab.send(new(paced, max_runtime_s=60.0))
    await lab.system.when(job_id, lambda job: job.progress.stage == "run")
    child, *_ = await asyncio.to_thread(eventually, lambda: playing(lab))
    child.send_signal(signal.SIGSEGV)
    code, detail = error_of(await lab.system.ended(job_id))
    assert (code, "SIGSEGV" in detail) == ("pipeline-failed", True)


def playing(lab: Lab) -> list[psutil.Process]:
    """Processes of pipelines."""
    below = psutil.Process(lab.worker.child).children(recursive=True)
    return [each for each in below if "workers.gst.child" in each.cmdline()]


@pytest.mark.models
async def test_what_is_found_is_compared_with_what_is_expected(lab: Lab) -> None:
    lab.furnish(model=True)
    truth = await lab.run(DETECT, metadata_mode="file")
    same = await verdict(lab, DETECT, expect={"labels": {"person": FRAMES // 2}, "reference_job": truth.id})
    assert (same.valid, same.agreement) == (True, 1.0)
    assert same.labels["person"] >= FRAMES // 2

    strict = DETECT.replace("threshold=0.5", "threshold=0.99")
    less = await verdict(lab, strict, expect={"labels": {"dog": 1}, "reference_job": truth.id})
    assert less.failed_stage == "match"
    assert less.agreement is not None
    assert less.agreement < 0.95
    assert "dog: 0, not 1" in said(less)
    assert "agreement" in said(less)

    code, detail = error_of(
        await lab.system.ended(await lab.send(new(DETECT, expect={"reference_job": str(uuid4())})))
    )
    assert (code, "metadata_mode" in detail) == ("invalid-spec", True)
