"""Cameras and live streams, as far as the gateway goes: what is listed, taken and refused."""

from typing import Any

import httpx2
import pytest

from shared.cameras import CameraSettings
from shared.pipeline_settings import PipelineSettings
from shared.settings import Settings
from tests.support.gateway import House, worker

JOBS = "/api/v1/jobs"
CAMERAS = {
    "yard": {"url": "rtsp://viewer:s3cret@10.0.0.7:554/stream?key=abc"},
    "desk": {"device": "/dev/video0"},
}
MODEL = "person-ssdlite"
DETECT = f"decodebin3 ! gvadetect model={MODEL} ! fakesink"


@pytest.fixture
def house() -> House:
    cameras = {name: CameraSettings.model_validate(each) for name, each in CAMERAS.items()}
    house = House(Settings(pipelines=PipelineSettings(cameras=cameras, live_server="rtsp://me:pw@media:8554")))
    house.beacon.announce(worker("cpu.long"), 3_600)
    return house


def job(text: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "pipeline", "pipeline": {"source": "description", "pipeline_description": text}, **fields}


async def test_cameras_are_listed_by_name_and_kind_only(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/cameras")
    assert answer.json() == {
        "cameras": [
            {"name": "desk", "kind": "usb", "source": "camera:desk"},
            {"name": "yard", "kind": "network", "source": "camera:yard"},
        ]
    }


@pytest.mark.parametrize(
    "spec",
    [
        job(f"rtspsrc location=yard ! {DETECT}"),
        job(f"rtspsrc location=camera:yard ! {DETECT}", max_runtime_s=5, streams=3, output_mode="file"),
        job(f"source kind=camera source=yard ! {DETECT}"),
        job(f"filesrc location=camera:yard ! {DETECT}", output_mode="live_stream"),
        job(f"v4l2src device=desk ! {DETECT}"),
        job(f"filesrc location=gone ! {DETECT}", inputs=["camera:desk"]),
        job(f"filesrc location=gone ! {DETECT}", streams=2, inputs=[["camera:desk", "camera:yard"]]),
    ],
)
async def test_a_camera_may_stand_for_any_source(client: httpx2.AsyncClient, spec: dict[str, Any]) -> None:
    answer = await client.post(JOBS, json=spec)
    assert answer.status_code == 202, answer.text
    shown = (await client.get(f"{JOBS}/{answer.json()['id']}")).text
    assert "s3cret" not in shown
    assert "10.0.0.7" not in shown


@pytest.mark.parametrize(
    ("spec", "pointer", "said"),
    [
        (job(f"rtspsrc location=nope ! {DETECT}"), "/pipeline/pipeline_description", "there are desk, yard"),
        (job(f"filesrc location=camera:nope ! {DETECT}"), "/pipeline/pipeline_description", "element 1, filesrc"),
        (job(f"rtspsrc location=rtsp://10.0.0.7 ! {DETECT}"), "/pipeline/pipeline_description", "not an address"),
        (job(f"filesrc location=x ! {DETECT}", inputs=["camera:nope"]), "/inputs/0", "no camera 'nope'"),
        (job(f"v4l2src device=desk ! {DETECT}", streams=2), "/streams", "USB camera"),
        (job(f"filesrc location=x ! {DETECT}", streams=2, inputs=["camera:desk"]), "/inputs", "USB camera"),
        (
            job("filesrc location=x ! qtdemux ! h264parse ! fakesink", inputs=["camera:yard"]),
            "/inputs/0",
            "put decodebin3 behind the source",
        ),
        (job(f"rtspsrc location=yard ! {DETECT}", output_mode="file"), "/max_runtime_s", "say how long"),
    ],
)
async def test_what_no_camera_can_do(
    client: httpx2.AsyncClient, house: House, spec: dict[str, Any], pointer: str, said: str
) -> None:
    answer = await client.post(JOBS, json=spec)
    assert answer.status_code == 422, answer.text
    assert house.kept == []
    errors = answer.json()["errors"]
    assert any(said in each["message"] for each in errors if each["pointer"] == pointer), errors


async def test_a_graph_is_told_which_node_names_no_camera(client: httpx2.AsyncClient) -> None:
    nodes = [
        {"id": "0", "type": "rtspsrc", "data": {"location": "camera:nope"}},
        {"id": "1", "type": "fakesink", "data": {}},
    ]
    graph = {"nodes": nodes, "edges": [{"id": "0", "source": "0", "target": "1"}]}
    spec = {"kind": "pipeline", "pipeline": {"source": "graph", "pipeline_graph": graph}}
    (error,) = (await client.post(JOBS, json=spec)).json()["errors"]
    assert error["pointer"] == "/pipeline/pipeline_graph/nodes/0/data/location"
