"""Pipelines that ship, as they are, on a real worker: their CPU variants, with models and a video of packages."""

import json
from collections.abc import Iterator

import pytest

from api.services import shelf
from api.services.graphs import Graphs
from api.services.pipeline_files import Files
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.catalogue import SHIPPED
from shared.graph.emitter import emit
from shared.settings import PipelineSettings, Settings
from tests.support.models import CORE, install_into
from tests.support.pipeline_lab import FRAMES, VIDEO, Lab, frames_in, result_of
from tests.support.pipelines import needs_gstreamer
from tests.support.processes import System

pytestmark = [pytest.mark.service, pytest.mark.models, needs_gstreamer(), pytest.mark.timeout(400)]

_GRAPHS = Graphs(PipelineSettings())
PIPELINES = shelf.shipped(shelf.LIBRARY / "pipelines", "PREDEFINED", _GRAPHS, Files(_GRAPHS, {}, {}))


@pytest.fixture(scope="module")
def lab(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    system = System(module_settings, tmp_path_factory.mktemp("lab"), SHIPPED)
    lab = Lab(system)
    lab.furnish()
    beacon = RedisWorkerBeacon(module_settings)
    install_into(lab.artifacts, beacon, [*CORE, "face_detector", "face_landmarks"])
    beacon.close()
    yield lab
    system.close()


def cpu_text(name: str) -> str:
    (variant,) = [each for each in PIPELINES[name].variants if each.id == "cpu"]
    return emit(variant.pipeline_graph)


def points_of(thing: dict[str, object]) -> list[float]:
    """The numbers of the one tensor beside the detection."""
    (tensor,) = [each for each in thing["tensors"] if each.get("data")]  # type: ignore[attr-defined]
    return tensor["data"]


async def test_they_run_and_tell_what_they_are_for(lab: Lab) -> None:
    found: dict[str, list[dict[str, object]]] = {}
    for name in ("person-detection", "person-tracking", "human-pose", "faces", "text-reading", "smart-recorder"):
        job = await lab.run(cpu_text(name), inputs=[VIDEO], metadata_mode="file")
        result = result_of(job)
        assert (result.ended, [each.frames for each in result.streams]) == ("eos", [FRAMES]), name
        _, records = await lab.told(job.id)
        found[name] = [thing for _, record in records for thing in record.get("objects", [])]
        if name == "smart-recorder":
            (part,) = [each.name for each in job.artifacts if each.name.startswith("recording_")]
            assert frames_in(lab.fetch(job, part)) == FRAMES

    labels = {thing["detection"]["label"] for thing in found["person-detection"]}  # type: ignore[index]
    assert labels == {"person"}
    tracks = {thing["id"] for thing in found["person-tracking"]}
    assert 1 <= len(tracks) < 5, "one person in a car keeps its number"
    assert {thing["id"] for thing in found["smart-recorder"]} == tracks
    poses = json.dumps(found["human-pose"])
    assert '"data"' in poses, "the points are in the records"
    faces = found["faces"]
    assert len(faces) > FRAMES * 0.9, "the person in the car looks into the camera"
    assert {thing["detection"]["label"] for thing in faces} == {"face"}  # type: ignore[index]
    assert {len(points_of(thing)) for thing in faces} == {3 * 468}
    assert len(found["text-reading"]) == FRAMES


async def test_the_recorder_records(lab: Lab) -> None:
    job = await lab.run(cpu_text("recorder"), inputs=[VIDEO], output_mode="file")
    assert result_of(job).ended == "eos"
    names = {each.name for each in job.artifacts}
    assert names == {"output_stream0.mp4", "recording_00000.mp4"}
    assert (
        frames_in(lab.fetch(job, "recording_00000.mp4"))
        == frames_in(lab.fetch(job, "output_stream0.mp4"))
        == FRAMES
    )
