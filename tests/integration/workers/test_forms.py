"""Optimisations on a real worker of a long lane, with the GStreamer of this machine."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.benchmarks import OptimizeResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed
from shared.packing import OptimizeTask
from shared.ports import NewJob
from shared.settings import Settings
from tests.support.pipeline_lab import VIDEO, Lab
from tests.support.pipelines import needs_gstreamer, task
from tests.support.processes import System

pytestmark = [pytest.mark.service, needs_gstreamer()]

DETECT = (
    f"filesrc location={VIDEO} ! decodebin3 ! gvadetect model=person-ssdlite threshold=0.5 ! "
    "gvametaconvert ! gvametapublish method=file ! fakesink name=default_output_sink sync=false"
)


@pytest.fixture
def lab(settings: Settings, tmp_path: Path) -> Iterator[Lab]:
    system = System(settings, tmp_path, SHIPPED)
    yield Lab(system, FRAMELANE_MEASURING__FOREIGN_PERCENT="100", FRAMELANE_MEASURING__SAMPLE_FRAMES="40")
    system.close()


def optimize(text: str, space: dict[str, object], **fields: object) -> NewJob:
    nothing = {"batch_size": [], "nireq": [], "inference_interval": [], "queues": False, "converters": False}
    search = {"duration_s": 20.0, "sample_s": 1.0, "space": nothing | space}
    short = {"warmup_s": 0.3, "repeats": 2, "search": search} | fields
    pipeline = task(text, max_runtime_s=86_400.0)
    pipeline = pipeline.model_copy(update={"pipeline_id": "/pipelines/yard/variants/cpu"})
    asked = OptimizeTask(pipeline=pipeline, **short)
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")


@pytest.mark.models
async def test_what_is_faster_must_find_the_same(lab: Lab) -> None:
    lab.furnish(model=True)
    job = await lab.system.ended(await lab.send(optimize(DETECT, {"inference_interval": [4]})))

    assert isinstance(job.outcome, Completed), job.outcome
    result = job.outcome.result
    assert isinstance(result, OptimizeResult)
    print([each.model_dump() for each in result.candidates], result.gain, result.gain_low, result.notes)
