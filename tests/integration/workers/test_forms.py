"""Optimisations on a real worker of a long lane, with the GStreamer of this machine."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.adapters.redis_pipelines import RedisPipelineStore
from shared.benchmarks import OptimizeResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed
from shared.packing import OptimizeTask
from shared.ports import NewJob
from shared.settings import Settings
from tests.support.pipeline_lab import VIDEO, Lab
from tests.support.pipelines import needs_gstreamer, task, user_pipeline
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
    nothing |= {"decoders": False, "decode_threads": [], "merge_converters": False, "convert_threads": []}
    search = {"duration_s": 10.0, "sample_s": 1.0, "space": nothing | space}
    short = {"warmup_s": 0.3, "repeats": 3, "search": search} | fields
    pipeline = task(text, max_runtime_s=86_400.0)
    pipeline = pipeline.model_copy(update={"pipeline_id": "/pipelines/yard/variants/cpu"})
    asked = OptimizeTask(pipeline=pipeline, **short)
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")


@pytest.mark.models
async def test_the_fastest_that_finds_the_same_is_told_and_saved(lab: Lab, settings: Settings) -> None:
    lab.furnish(model=True)
    store = RedisPipelineStore(settings)
    await store.add(user_pipeline("yard"))
    # Every fourth frame is less than half of what is found: for who is content with it.
    new = optimize(DETECT, {"inference_interval": [4], "device": ["NPU"]}, tolerance=0.2, save_as="cpu-fast")
    job_id = await lab.send(new)
    await lab.system.when(job_id, lambda job: job.terminal or "turn" in (job.progress.message or ""))
    job = await lab.system.ended(job_id)

    assert isinstance(job.outcome, Completed), job.outcome
    result = job.outcome.result
    assert isinstance(result, OptimizeResult)
    assert result.changes == {"inference-interval": "4"}
    assert "model=person-ssdlite threshold=0.5 inference-interval=4 !" in result.pipeline_description
    told = {each.changes.get("inference-interval", "original"): each for each in result.candidates}
    assert told["original"].agreement == 1.0
    assert 0.2 <= (told["4"].agreement or 0) < 0.8
    assert told["4"].pareto
    assert any("NPU wasn't tried" in note for note in result.notes)

    saved = await store.get("yard")
    await store.close()
    sure = result.gain_low > 0  # as on any machine that does nothing else
    assert result.gain_low <= result.gain <= result.gain_high
    assert result.gain > 0.2 or not sure
    assert result.saved_as == ("cpu-fast" if sure else None)
    assert [each.id for each in saved.variants] == (["cpu", "cpu-fast"] if sure else ["cpu"])
    assert saved.variants[-1].pipeline_graph == result.pipeline_graph or not sure
    assert "inference-interval = 4" in lab.fetch(job, "report.html").read_text()
    assert lab.nothing_left()
