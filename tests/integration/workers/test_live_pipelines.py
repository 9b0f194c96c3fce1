"""Cameras and live streams: a real worker, and a real RTSP server on the other side."""

import json
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.benchmarks import PerformanceResult
from shared.catalogue import SHIPPED
from shared.jobs import Completed
from shared.packing import PerformanceTask
from shared.ports import NewJob
from shared.settings import Settings
from shared.states import JobState
from tests.support.pipeline_lab import Lab, error_of, frames_in, result_of
from tests.support.pipelines import needs_gstreamer, task
from tests.support.polling import eventually
from tests.support.processes import System
from tests.support.rtsp import LOGIN, RtspServer, needs_rtsp_server, rtsp_server

pytestmark = [pytest.mark.service, needs_gstreamer(), needs_rtsp_server()]

LOOK = "rtspsrc location=yard ! decodebin3 ! videoconvert ! fakesink name=default_output_sink"
SHOW = "videotestsrc num-buffers=40 ! video/x-raw,framerate=20/1 ! fakesink name=default_output_sink"


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    """It asks for a login, as cameras and media servers do."""
    with rtsp_server(closed=True) as made:
        yield made


@pytest.fixture(scope="module")
def lab(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory, server: RtspServer) -> Iterator[Lab]:
    system = System(module_settings, tmp_path_factory.mktemp("lab"), SHIPPED)
    cameras = {
        "yard": {"url": server.url("/cam", LOGIN)},
        "locked": {"url": server.url("/cam", "viewer:wr0ng@")},
        "gone": {"url": server.url("/nothing", LOGIN)},
        "desk": {"device": "/dev/video999"},
    }
    yield Lab(
        system,
        FRAMELANE_MEASURING__FOREIGN_PERCENT="100",
        FRAMELANE_PIPELINES__CAMERAS=json.dumps(cameras),
        FRAMELANE_PIPELINES__LIVE_SERVER=server.url(login=LOGIN),
        FRAMELANE_PIPELINES__LIVE_PUBLIC="rtsp://watch.example:8554/",
    )
    system.close()


async def test_a_camera_is_recorded_until_its_time_is_over(lab: Lab) -> None:
    job = await lab.run(LOOK, streams=2, output_mode="file", max_runtime_s=2.5)

    result = result_of(job)
    assert (result.ended, result.warnings) == ("max_runtime", [])
    for each, name in zip(result.streams, result.outputs, strict=True):
        assert each.fps == pytest.approx(25, rel=0.3), "as the camera films, not as fast as it goes"
        assert abs(frames_in(lab.fetch(job, name)) - each.frames) <= 1
        assert each.frames >= 25


async def test_a_camera_that_can_not_be_read_is_told_without_its_address(lab: Lab, server: RtspServer) -> None:
    for camera, says in (("locked", "Unauthorized"), ("gone", "Not found"), ("desk", "/dev/video999")):
        code, detail = error_of(await lab.run(LOOK.replace("yard", camera)))
        assert code == "pipeline-failed"
        assert says in detail
        assert "wr0ng" not in detail
        assert str(server.port) not in detail
    code, detail = error_of(await lab.run(LOOK.replace("yard", "unset")))
    assert (code, "FRAMELANE_PIPELINES__CAMERAS" in detail) == ("invalid-spec", True)


async def test_a_live_stream_is_published_and_told(lab: Lab, server: RtspServer) -> None:
    job_id = str(uuid4())
    taken = [lab.system.folder / f"taken{stream}.ts" for stream in range(2)]
    for stream, path in enumerate(taken):
        server.record(f"/{job_id}/stream{stream}", path)

    began = time.monotonic()
    job = await lab.run(SHOW, job_id=job_id, streams=2, output_mode="live_stream")

    result = result_of(job)
    urls = [f"rtsp://watch.example:8554/{job_id}/stream{stream}" for stream in range(2)]
    assert [each.live_url for each in result.streams] == urls
    assert [each.frames for each in result.streams] == [40, 40]
    assert result.outputs == []
    assert time.monotonic() - began > 1.9, "as fast as it was filmed"
    for path in taken:
        assert eventually(lambda path=path: frames_in(path) >= 38), "the server has it"
    figures, _ = await lab.told(job_id)
    assert figures[0].streams[0].live_url == urls[0]


async def test_a_live_pipeline_runs_until_it_is_cancelled(lab: Lab, server: RtspServer) -> None:
    job_id = str(uuid4())
    server.record(f"/{job_id}/stream0", lab.system.folder / "taken.ts")
    await lab.submit(LOOK, job_id=job_id, output_mode="live_stream")
    job = await lab.system.when(job_id, lambda job: "live at rtsp://watch.example" in (job.progress.message or ""))
    assert job.progress.stage == "run"

    began = time.monotonic()
    await lab.system.cancel(job_id, "seen enough")
    job = await lab.system.ended(job_id)

    assert job.state is JobState.CANCELLED
    assert time.monotonic() - began < 30
    assert lab.nothing_left()
    assert len(lab.worker.lives) == 1


async def test_a_server_that_does_not_take_a_stream_is_told(lab: Lab) -> None:
    code, detail = error_of(await lab.run(SHOW, output_mode="live_stream"))
    assert (code, "not found" in detail.lower()) == ("pipeline-failed", True)
    assert "p4ss" not in detail


async def test_cameras_are_measured_beside_a_film(lab: Lab, server: RtspServer) -> None:
    watched = task(LOOK, streams=2, max_runtime_s=86_400.0, latency_metrics=True)
    film = task("videotestsrc ! video/x-raw,width=64,height=48 ! fakesink", max_runtime_s=86_400.0)
    asked = {"duration_s": 2.0, "warmup_s": 0.5, "repeats": 2}
    job = await lab.system.ended(await lab.send(measuring(PerformanceTask(specs=[watched, film], **asked))))

    assert isinstance(job.outcome, Completed), job.outcome
    result = job.outcome.result
    assert isinstance(result, PerformanceResult)
    cameras, films = result.pipelines
    assert [each.fps.median for each in cameras.streams] == pytest.approx([25, 25], rel=0.2), "as the camera films"
    assert films.slowest_fps.median > 50
    assert len(result.runs) == 2
    assert str(server.port) not in lab.fetch(job, "result.json").read_text()


async def test_a_camera_that_can_not_be_measured_is_told_without_its_address(lab: Lab, server: RtspServer) -> None:
    for camera, says in (("locked", "Unauthorized"), ("gone", "Not found")):
        watched = task(LOOK.replace("yard", camera), max_runtime_s=86_400.0)
        asked = PerformanceTask(specs=[watched], duration_s=1.0, warmup_s=0.0, repeats=1)
        code, detail = error_of(await lab.system.ended(await lab.send(measuring(asked))))
        assert code == "pipeline-failed"
        assert says in detail
        assert "wr0ng" not in detail
        assert str(server.port) not in detail


def measuring(asked: PerformanceTask) -> NewJob:
    return NewJob(id=str(uuid4()), task=asked, lane="cpu.long", fingerprint="-")
