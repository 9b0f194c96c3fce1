"""Pipeline jobs on a real worker of a long lane, with the GStreamer of this machine."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from shared.catalogue import SHIPPED
from shared.settings import Settings
from shared.states import JobState
from tests.support.pipeline_lab import FRAMES, VIDEO, Lab, error_of, frames_in, result_of
from tests.support.pipelines import ENDLESS, needs_gstreamer
from tests.support.processes import System

pytestmark = [pytest.mark.service, needs_gstreamer()]

DETECT = (
    f"filesrc location={VIDEO} ! decodebin3 ! gvadetect model=person-ssdlite threshold=0.5 ! queue ! gvawatermark ! "
    "gvametaconvert ! gvametapublish method=file file-format=json-lines ! fakesink name=default_output_sink"
)
DECODE = f"filesrc location={VIDEO} ! decodebin3 ! videoconvert ! fakesink name=default_output_sink"


@pytest.fixture(scope="module")
def lab(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    system = System(module_settings, tmp_path_factory.mktemp("lab"), SHIPPED)
    yield Lab(system)
    system.close()


@pytest.mark.models
async def test_detections_are_told_and_a_video_with_them_is_left(lab: Lab) -> None:
    lab.furnish(model=True)
    job = await lab.run(DETECT, output_mode="file", metadata_mode="file")

    result = result_of(job)
    assert (result.ended, result.pipeline_id) == ("eos", "test")
    assert [(each.stream, each.frames) for each in result.streams] == [(0, FRAMES)]
    assert result.streams[0].fps == result.slowest_fps == result.total_fps > 0
    assert result.first_frame_ms is not None
    assert (result.outputs, result.metadata) == (["output_stream0.mp4"], ["metadata_stream0.jsonl"])
    kinds = {each.name: each.media_type for each in job.artifacts}
    assert kinds == {"output_stream0.mp4": "video/mp4", "metadata_stream0.jsonl": "application/x-ndjson"}
    assert frames_in(lab.fetch(job, "output_stream0.mp4")) == FRAMES

    written = [json.loads(line) for line in lab.fetch(job, "metadata_stream0.jsonl").read_text().splitlines()]
    figures, records = await lab.told(job.id)
    assert records == [(0, each) for each in written]
    assert len(written) == result.records >= FRAMES // 2, "a person is to be seen nearly always"
    assert all(found["detection"]["label"] == "person" for each in written for found in each["objects"])
    assert figures[-1].records == len(written)
    assert figures[-1].streams[0].frames <= FRAMES
    assert lab.nothing_left()


@pytest.mark.parametrize("isolation", ["pipeline", "stream"])
async def test_each_stream_has_its_figures_and_its_file(lab: Lab, isolation: str) -> None:
    lab.furnish()
    job = await lab.run(DECODE, streams=2, isolation=isolation, output_mode="file", latency_metrics=True)

    result = result_of(job)
    assert [(each.stream, each.frames) for each in result.streams] == [(0, FRAMES), (1, FRAMES)]
    assert all(each.latency and each.latency.max_ms >= each.latency.min_ms > 0 for each in result.streams)
    assert result.slowest_fps == min(each.fps for each in result.streams)
    assert result.outputs == ["output_stream0.mp4", "output_stream1.mp4"]
    assert all(frames_in(lab.fetch(job, name)) == FRAMES for name in result.outputs)
    assert result.metadata == []


async def test_streams_read_what_they_are_given(lab: Lab, tmp_path: Path) -> None:
    lab.furnish()
    archive = tmp_path / "walk.zip"
    with ZipFile(archive, "w") as written:
        for number in range(9):
            written.writestr(f"step {number}.png", cv2.imencode(".png", np.full((48, 64, 3), number, np.uint8))[1])
    lab.add(archive, "walk", "image_set")

    job = await lab.run(DECODE, streams=2, inputs=[[VIDEO, "walk"]], output_mode="file")

    result = result_of(job)
    assert [each.frames for each in result.streams] == [FRAMES, 9]
    assert [frames_in(lab.fetch(job, name)) for name in result.outputs] == [FRAMES, 9]


async def test_a_file_is_repeated_until_its_time_is_over(lab: Lab) -> None:
    lab.furnish()
    result = result_of(await lab.run(DECODE.replace("sink name", "sink sync=true name"), max_runtime_s=6))
    assert result.ended == "max_runtime"
    assert result.streams[0].frames > FRAMES
    assert 5.5 < result.run_s < 30


async def test_figures_come_while_it_runs_and_a_cancelled_pipeline_is_gone_soon(lab: Lab) -> None:
    job_id = await lab.submit(ENDLESS)
    await lab.system.when(job_id, lambda job: job.progress.stage == "run")
    await lab.system.when(job_id, lambda job: job.seq > 8)
    figures, _ = await lab.told(job_id)
    assert figures[-1].streams[0].frames > 0

    began = time.monotonic()
    await lab.system.cancel(job_id, "enough")
    job = await lab.system.ended(job_id)

    assert time.monotonic() - began < 30
    assert job.state is JobState.CANCELLED
    assert job.artifacts == []
    assert lab.nothing_left()
    assert len(lab.worker.lives) == 1, "the worker's process did go on"
    assert result_of(await lab.run("videotestsrc num-buffers=3 ! fakesink")).streams[0].frames == 3


async def test_an_attempt_that_takes_too_long_is_ended(lab: Lab) -> None:
    job = await lab.run(ENDLESS, timeout_s=1.0)
    assert error_of(job)[0] == "timeout"
    assert lab.nothing_left()


async def test_what_a_pipeline_fails_of_is_said(lab: Lab) -> None:
    lab.furnish()
    odd = f"filesrc location={VIDEO} ! decodebin3 ! audioconvert name=ear ! fakesink"
    code, detail = error_of(await lab.run(odd))
    assert code == "pipeline-failed"
    assert "ear" in detail

    code, detail = error_of(await lab.run("filesrc location=nothing ! decodebin3 ! fakesink"))
    assert (code, "nothing" in detail) == ("medium-not-installed", True)

    code, detail = error_of(await lab.run(DECODE, metadata_mode="file"))
    assert (code, "gvametapublish" in detail) == ("invalid-spec", True)

    assert len(lab.worker.lives) == 1
    assert lab.nothing_left()
