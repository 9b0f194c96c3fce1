"""What a pipeline job must fulfil before it is accepted, and what its worker gets."""

import hashlib
import json
from typing import Any

import httpx2
import pytest

from shared.graph.emitter import emit
from shared.packing import PipelineTask
from shared.results import InstalledFile, InstalledMedium
from tests.support.gateway import House, worker

JOBS = "/api/v1/jobs"
MODEL = "person-ssdlite"
PLAIN = "videotestsrc num-buffers=9 ! fakesink"
DETECT = f"filesrc location=bikes ! decodebin3 ! gvadetect model={MODEL} ! fakesink"
GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "b", "type": "fakesink", "data": {}},
        {"id": "a", "type": "filesrc", "data": {"location": "bikes"}},
    ],
    "edges": [{"id": "0", "source": "a", "target": "b"}],
}


@pytest.fixture
def house() -> House:
    house = House()
    house.beacon.announce(worker("cpu.long"), 3_600)
    for name in ("bikes", "carphone"):
        house.beacon.add_medium(medium(name))
    return house


def medium(name: str) -> InstalledMedium:
    return InstalledMedium(
        name=name,
        version="0" * 16,
        kind="video",
        file=InstalledFile(name=f"{name}.mp4", size=1, sha256="0" * 64),
        container="mp4",
        codec="h264",
        width=640,
        height=272,
        fps=25,
        frames=250,
        duration_s=10,
        licence="BSD-3-Clause",
        installed_at="2026-01-01T00:00:00Z",
    )


def text_job(text: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "pipeline", "pipeline": {"source": "description", "pipeline_description": text}, **fields}


def variant_job(pipeline: str, variant: str = "cpu", **fields: Any) -> dict[str, Any]:
    source = {"source": "variant", "pipeline_id": pipeline, "variant_id": variant}
    return {"kind": "pipeline", "pipeline": source, **fields}


def graph_job(graph: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "pipeline", "pipeline": {"source": "graph", "pipeline_graph": graph}, **fields}


async def accepted(client: httpx2.AsyncClient, house: House, spec: dict[str, Any]) -> PipelineTask:
    answer = await client.post(JOBS, json=spec)
    assert answer.status_code == 202, answer.text
    task = house.claim(answer.json()["id"]).job.spec
    assert isinstance(task, PipelineTask)
    return task


async def refused(client: httpx2.AsyncClient, house: House, spec: dict[str, Any]) -> dict[str, str]:
    answer = await client.post(JOBS, json=spec)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:framelane:error:invalid-spec"), answer.text
    assert house.kept == []
    return {error["pointer"]: error["message"] for error in answer.json()["errors"]}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def test_a_variant_is_run_as_it_is_now(client: httpx2.AsyncClient, house: House) -> None:
    task = await accepted(client, house, variant_job("person-detection", streams=2, output_mode="file"))
    assert task.pipeline_id == "/pipelines/person-detection/variants/cpu"
    assert (task.streams, task.output_mode) == (2, "file")
    listed = (await client.get("/api/v1/pipelines/person-detection")).json()
    assert task.graph.model_dump(mode="json") == listed["variants"][0]["pipeline_graph"]
    assert (await client.get(JOBS)).json()["jobs"][0]["lane"] == "cpu.long"


async def test_a_variant_of_ones_own(client: httpx2.AsyncClient, house: House) -> None:
    variants = [{"name": "x", "pipeline_description": PLAIN}]
    await client.post("/api/v1/pipelines", json={"name": "Mine", "description": "-", "variants": variants})
    assert emit((await accepted(client, house, variant_job("mine", "x"))).graph) == PLAIN


async def test_texts_and_graphs_are_called_by_their_content(client: httpx2.AsyncClient, house: House) -> None:
    task = await accepted(client, house, text_job(DETECT))
    assert (task.pipeline_id, emit(task.graph)) == (f"__description-{digest(DETECT)}", DETECT)
    task = await accepted(client, house, graph_job(GRAPH))
    assert task.pipeline_id == f"__graph-{digest(json.dumps(GRAPH, sort_keys=True))}"
    named = graph_job(GRAPH)
    named["pipeline"]["graph_id"] = "my-yard"
    assert (await accepted(client, house, named)).pipeline_id == "my-yard"


async def test_everything_that_is_wrong_is_told_at_once(client: httpx2.AsyncClient, house: House) -> None:
    graph = {
        "nodes": [
            {"id": "0", "type": "filesrc", "data": {"location": "/etc/passwd"}},
            {"id": "1", "type": "gvapython", "data": {}},
            {"id": "2", "type": "gvadetect", "data": {"model": "nope", "device": "CPU"}},
            {"id": "3", "type": "gvaclassify", "data": {"model": ""}},
            {"id": "4", "type": "gvaclassify", "data": {"model": "asl"}},
            {"id": "5", "type": "filesrc", "data": {"location": ""}},
            {"id": "6", "type": "rtspsrc", "data": {"location": "yard"}},
        ],
        "edges": [{"id": "0", "source": "0", "target": "9"}],
    }
    spec = graph_job(
        graph, output_mode="file", metadata_mode="file", max_runtime_s=5, callback_url="http://here.example/"
    )
    found = await refused(client, house, spec)
    at = "/pipeline/pipeline_graph"
    assert found.keys() == {
        f"{at}/nodes/0/data/location",
        f"{at}/nodes/1/type",
        f"{at}/nodes/2/data/model",
        f"{at}/nodes/3/data/model",
        f"{at}/nodes/4/data/model",
        f"{at}/nodes/5/data/location",
        f"{at}/nodes/6/data/location",
        f"{at}/edges/0/target",
        "/output_mode",
        "/metadata_mode",
        "/callback_url",
    }
    assert MODEL in found[f"{at}/nodes/2/data/model"]
    assert "isn't for pipelines" in found[f"{at}/nodes/4/data/model"]
    assert "default_output_sink" in found["/output_mode"]
    assert "none is set here (FRAMELANE_PIPELINES__CAMERAS)" in found[f"{at}/nodes/6/data/location"]


async def test_a_text_that_cannot_be_read_says_where(client: httpx2.AsyncClient, house: House) -> None:
    found = await refused(client, house, text_job("videotestsrc ! ! fakesink", output_mode="live_stream"))
    assert "line 1, column 16" in found["/pipeline/pipeline_description"]
    assert "live streams" in found["/output_mode"]


async def test_what_is_wrong_in_a_text_or_variant_names_the_element(
    client: httpx2.AsyncClient, house: House
) -> None:
    found = await refused(client, house, text_job("filesrc location=bikes ! gvapython module=x ! fakesink"))
    assert found["/pipeline/pipeline_description"].startswith("element 2, gvapython: ")
    text = "filesrc location=bikes ! decodebin3 ! gvaclassify model=none ! fakesink"
    mine = {"name": "Mine", "description": "-", "variants": [{"name": "CPU", "pipeline_description": text}]}
    created = await client.post("/api/v1/pipelines", json=mine)
    assert created.status_code == 201, created.text
    found = await refused(client, house, variant_job(created.json()["id"]))
    assert "element 3, gvaclassify: unknown model" in found["/pipeline/variant_id"]
    odd = f"filesrc location=bikes ! decodebin3 ! gvadetect model={MODEL}@FP8 ! fakesink"
    found = await refused(client, house, text_job(odd))
    assert "variants in FP32, FP16, INT8, not in 'FP8'" in found["/pipeline/pipeline_description"]


@pytest.mark.parametrize(
    ("spec", "pointer", "said"),
    [
        (variant_job("none"), "/pipeline/pipeline_id", "person-detection"),
        (variant_job("person-detection", "tpu"), "/pipeline/variant_id", "cpu, gpu, npu"),
        (variant_job("Person Detection"), "/pipeline/pipeline_id", "pattern"),
        (variant_job("detect-only"), "/pipeline/pipeline_id", "no pipeline"),
        ({"kind": "pipeline"}, "/pipeline", "required"),
        ({"kind": "pipeline", "pipeline": {}}, "/pipeline/source", "description, graph, variant"),
        ({"kind": "pipeline", "pipeline": {"source": "url"}}, "/pipeline/source", "description, graph, variant"),
        (text_job(""), "/pipeline/pipeline_description", "at least 1"),
        (graph_job({"nodes": [], "edges": [{"id": ""}]}), "/pipeline/pipeline_graph/edges/0/id", "at least 1"),
        (graph_job({"nodes": [{"id": "0", "type": "x", "data": {"a": 1}}]}),
         "/pipeline/pipeline_graph/nodes/0/data/a", "string"),
        (graph_job({"nodes": []}), "/pipeline/pipeline_graph/nodes", "at least one element"),
        (text_job(PLAIN, streams=0), "/streams", "greater than"),
        (text_job(PLAIN, inputs=["bikes"]), "/inputs", "0 sources"),
        (text_job(DETECT, inputs=["bikes", "carphone"]), "/inputs", "1 source that"),
        (text_job(DETECT, streams=2, inputs=["bikes", "carphone"]), "/inputs", "put a list in the place of one"),
        (text_job(DETECT, streams=2, inputs=[["bikes"] * 3]), "/inputs/0", "raise `streams`"),
        (text_job(DETECT, inputs=[["bikes", "/etc/passwd"]]), "/inputs/0/1", "pattern"),
        (text_job(DETECT, inputs=[[]]), "/inputs/0", "at least 1"),
        (text_job(DETECT, inputs=[7]), "/inputs/0", "string"),
        (text_job(DETECT, streams=2, inputs=[["bikes", "camera:yard"]]), "/inputs/0/1", "no camera 'yard'"),
        (text_job(DETECT, output_mode="live_stream"), "/output_mode", "FRAMELANE_PIPELINES__LIVE_SERVER"),
        (text_job(DETECT, metadata_mode="file"), "/metadata_mode", "gvametapublish"),
        (text_job(PLAIN.replace("fakesink", "tee name=t t. ! fakesink t. ! fakesink"), output_mode="file"),
         "/output_mode", "2 fakesinks"),
        ({"kind": "media_download", "media": ["bikes", "nope"]}, "/media/1", "known media: astronaut, bikes"),
    ],
)  # fmt: skip
async def test_one_broken_rule(
    client: httpx2.AsyncClient, house: House, spec: dict[str, Any], pointer: str, said: str
) -> None:
    found = await refused(client, house, spec)
    assert said in found[pointer], found


async def test_other_broken_rules_are_told_with_an_unknown_variant(
    client: httpx2.AsyncClient, house: House
) -> None:
    found = await refused(client, house, variant_job("none", callback_url="http://here.example/"))
    assert found.keys() == {"/pipeline/pipeline_id", "/callback_url"}


async def test_inputs_stand_for_what_the_pipeline_reads(client: httpx2.AsyncClient, house: House) -> None:
    text = "filesrc location=gone ! decodebin3 ! fakesink rtspsrc location=yard ! decodebin3 ! fakesink"
    task = await accepted(client, house, text_job(text, inputs=["bikes", "carphone"], max_runtime_s=5))
    assert task.inputs == ["bikes", "carphone"]
    task = await accepted(client, house, text_job(DETECT, streams=3, inputs=[["bikes", "carphone"]]))
    assert [task.inputs_of(stream) for stream in range(3)] == [["bikes"], ["carphone"], ["bikes"]]


async def test_media_must_be_in_the_library(client: httpx2.AsyncClient, house: House) -> None:
    several = text_job(DETECT, streams=2, inputs=[["bikes", "gone"]])
    for spec in (text_job(DETECT.replace("bikes", "gone")), text_job(DETECT, inputs=["gone"]), several):
        answer = await client.post(JOBS, json=spec)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:medium-not-installed")
        assert "gone" in answer.json()["detail"]
    house.beacon.remove_medium("carphone")
    answer = await client.post(JOBS, json=text_job(DETECT, inputs=["carphone"]))
    assert '{"kind": "media_download", "media": ["carphone"]}' in answer.json()["detail"]


async def test_models_must_be_installed(client: httpx2.AsyncClient, house: House) -> None:
    house.beacon.uninstall(MODEL)
    answer = await client.post(JOBS, json=text_job(DETECT))
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:model-not-installed")
    assert MODEL in answer.json()["detail"]


async def test_a_pipeline_goes_where_its_devices_are(client: httpx2.AsyncClient, house: House) -> None:
    for lane in ("gpu.long", "npu.long"):
        house.beacon.announce(worker(lane), 3_600)
    asked = {
        "cpu.long": [variant_job("person-detection"), variant_job("person-detection", "gpu", device="CPU")],
        "gpu.long": [variant_job("person-detection", "gpu"), text_job(PLAIN, device="GPU")],
        "npu.long": [variant_job("person-detection", "npu"), text_job(DETECT, device="NPU")],
    }
    for lane, specs in asked.items():
        for spec in specs:
            assert (await client.post(JOBS, json=spec)).json()["lane"] == lane, spec
    mixed = (await client.post(JOBS, json=variant_job("human-pose", "gpu-npu"))).json()["lane"]
    assert mixed in {"gpu.long", "npu.long"}


async def test_a_device_nobody_serves_is_told(client: httpx2.AsyncClient, house: House) -> None:
    for spec in (variant_job("person-detection", "gpu"), text_job(PLAIN, device="NPU")):
        answer = await client.post(JOBS, json=spec)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:framelane:error:device-unavailable")


async def test_the_same_request_is_the_same_job_though_its_variant_changed(
    client: httpx2.AsyncClient, house: House
) -> None:
    pipelines = "/api/v1/pipelines"
    variants = [{"name": "x", "pipeline_description": PLAIN}]
    await client.post(pipelines, json={"name": "Mine", "description": "-", "variants": variants})
    key = {"Idempotency-Key": "night-1"}
    first = await client.post(JOBS, json=variant_job("mine", "x"), headers=key)
    simple = {"pipeline_graph": GRAPH}
    changed = await client.patch(f"{pipelines}/mine/variants/x", json=simple, headers={"If-Match": "*"})
    assert changed.status_code == 200
    again = await client.post(JOBS, json=variant_job("mine", "x"), headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await client.post(JOBS, json=variant_job("mine", "x", streams=2), headers=key)
    assert other.status_code == 409


async def test_a_failed_job_is_tried_again_with_the_graph_it_had(client: httpx2.AsyncClient, house: House) -> None:
    old = (await client.post(JOBS, json=text_job(DETECT))).json()["id"]
    house.fail(old, "pipeline-failed")
    answer = await client.post(f"{JOBS}/{old}/retry")
    assert answer.status_code == 202
    task = house.claim(answer.json()["id"]).job.spec
    assert isinstance(task, PipelineTask)
    assert emit(task.graph) == DETECT
