"""Models over HTTP: what comes in, which are told of, what keeps them."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from shared.catalogue import CatalogueEntry
from shared.ports import JobQuery
from shared.results import InstalledModel, VariantDetails
from shared.settings import ModelSettings, Settings, UploadSettings
from tests.support.gateway import SPEC, House, calling, worker

PART = 64 * 1024
CONTENT = bytes(range(256)) * 600
PIXEL = {
    "data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
}


@pytest.fixture
def house() -> House:
    house = House(Settings(uploads=UploadSettings(part_bytes=PART)))
    house.beacon.announce(worker("cpu", runtimes=["torch", "openvino"]), 3_600)
    return house


def installed(house: House, name: str = "mine", **changes: Any) -> InstalledModel:
    """A model that isn't in the catalogue."""
    entry = CatalogueEntry(
        name=name,
        display_name="Mine",
        category="classification",
        licence="MIT",
        architecture="network",
        files=[],
        labels=["a", "b"],
        accepts=["image"],
    )
    model = InstalledModel.model_validate(
        {
            "name": name,
            "version": "1" * 16,
            "files": [],
            "variants": ["openvino-FP32"],
            "source": "uploaded",
            "installed_at": "2026-01-01T00:00:00Z",
            "entry": entry.model_dump(mode="json", exclude_defaults=True),
            "details": {"openvino-FP32": VariantDetails(precision="FP32")},
            **changes,
        }
    )
    house.beacon.install(model)
    return model


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:framelane:error:")


async def specs(house: House) -> list[Any]:
    return [job.spec for job in (await house.parts.store.find(JobQuery())).jobs]


async def test_installed_models_beside_the_catalogue_are_told_and_used_at_once(
    client: httpx2.AsyncClient, house: House
):
    before = await client.get("/api/v1/models")
    assert "mine" not in [each["name"] for each in before.json()["models"]]
    old = installed(house)
    newer = installed(house, version="2" * 16, older=[old])

    job = {"kind": "inference", "model": "mine", "inputs": [PIXEL]}
    assert (await client.post("/api/v1/jobs", json=job)).status_code == 202
    view = (await client.get("/api/v1/models/mine")).json()
    assert (view["origin"], view["display_name"], view["classes"]) == ("custom", "Mine", 2)
    assert view["installed"]["details"]["openvino-FP32"]["precision"] == "FP32"
    assert [each["version"] for each in view["installed"]["older"]] == ["1" * 16]
    assert (await client.get("/api/v1/models/asl")).json()["origin"] == "catalogue"
    wrong = await client.post("/api/v1/jobs", json=SPEC | {"model": "mine"})
    assert "doesn't take landmarks" in wrong.text

    house.beacon.uninstall(newer.name)
    assert problem(await client.get("/api/v1/models/mine")) == (404, "model-not-found")
    assert problem(await client.post("/api/v1/jobs", json=job)) == (422, "invalid-spec")


async def test_an_entry_of_a_newer_release_is_no_obstacle(client: httpx2.AsyncClient, house: House):
    installed(house, entry={"name": "mine", "architecture": "something new"})
    assert (await client.get("/api/v1/models")).status_code == 200
    assert problem(await client.get("/api/v1/models/mine")) == (404, "model-not-found")


async def test_models_are_chosen_by_what_they_are(client: httpx2.AsyncClient, house: House):
    async def names(query: str) -> set[str]:
        answer = await client.get(f"/api/v1/models?{query}")
        assert answer.status_code == 200, answer.text
        return {model["name"] for model in answer.json()["models"]}

    assert {"text_detector", "text_recognizer"} == await names("category=ocr")
    assert "person-ssdlite" in await names("category=detection&default=true")
    assert "yolo11n" in await names("category=detection&default=false")
    del house.crew.installed["yolo11n"]
    assert "yolo11n" in await names("installed=false")
    assert "person-ssdlite" not in await names("installed=false")
    for query, pointer in (("category=none", "/category"), ("size=1", "/size")):
        answer = await client.get(f"/api/v1/models?{query}")
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_what_is_known_of_a_model_is_told(client: httpx2.AsyncClient):
    person = (await client.get("/api/v1/models/person-ssdlite")).json()
    assert (person["verified"], person["default"], person["labels"]) == (True, True, ["background", "person"])
    assert person["inputs"] == [
        {"name": "image_tensor:0", "shape": [-1, -1, -1, 3], "dtype": "u8", "meaning": "RGB"}
    ]
    yolo = (await client.get("/api/v1/models/yolo11n")).json()
    assert (yolo["verified"], yolo["precisions"], len(yolo["labels"])) == (False, ["FP16"], 80)
    assert yolo["sha256"] == {"yolo11n.onnx": None}
    assert len(yolo["sources"]) == 1


async def test_removing_is_a_job(client: httpx2.AsyncClient, house: House):
    installed(house)
    answer = await client.delete("/api/v1/models/mine")
    assert (answer.status_code, answer.json()["kind"], answer.json()["lane"]) == (202, "model_delete", "io")
    (spec,) = await specs(house)
    assert (spec.models, spec.force) == (["mine"], False)
    assert problem(await client.delete("/api/v1/models/nobody")) == (404, "model-not-found")


async def test_what_is_used_stays(client: httpx2.AsyncClient, house: House):
    pipeline = {
        "name": "Watching",
        "description": "Whoever comes",
        "variants": [
            {
                "name": "cpu",
                "pipeline_graph": (
                    await client.post(
                        "/api/v1/convert/to-graph",
                        json={"pipeline_description": "videotestsrc ! gvaclassify model=mine ! fakesink"},
                    )
                ).json()["pipeline_graph"],
            }
        ],
    }
    installed(house)
    made = await client.post("/api/v1/pipelines", json=pipeline)
    assert made.status_code in {200, 201}, made.text
    answer = await client.delete("/api/v1/models/mine")
    assert problem(answer) == (409, "model-in-use")
    assert "pipeline watching" in answer.json()["detail"]
    assert "force=true" in answer.json()["detail"]
    job = {"kind": "model_delete", "models": ["mine"]}
    assert problem(await client.post("/api/v1/jobs", json=job)) == (409, "model-in-use"), "the same by a job"
    assert (await client.delete("/api/v1/models/mine?force=true")).status_code == 202

    running = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    answer = await client.delete("/api/v1/models/asl")
    assert f"job {running}" in answer.json()["detail"]
    house.finish(running)
    assert (await client.delete("/api/v1/models/asl")).status_code == 202
    convert = {"kind": "model_convert", "model": "vgt", "precisions": ["INT8"]}
    house.beacon.announce(long_lane(), 60)
    assert (await client.post("/api/v1/jobs", json=convert)).status_code == 202
    assert problem(await client.delete("/api/v1/models/vgt")) == (409, "model-in-use")


def long_lane() -> Any:
    return worker("cpu.long")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"model": "nobody"}, "/model"),
        ({"model": "hand_landmarker"}, "/model"),
        ({"precisions": []}, "/precisions"),
        ({"precisions": ["INT4"]}, "/precisions/0"),
        ({"calibration": {"media": ["bikes"]}}, "/calibration/media"),
        ({"calibration": {"samples": 0}}, "/calibration/samples"),
        ({"device": "GPU"}, "/device"),
    ],
)
async def test_conversions_that_cannot_be_are_refused(
    client: httpx2.AsyncClient, changes: dict[str, Any], pointer: str
):
    job = {"kind": "model_convert", "model": "asl", "precisions": ["INT8"], **changes}
    answer = await client.post("/api/v1/jobs", json=job)
    assert problem(answer) == (422, "invalid-spec")
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_conversions_go_to_the_long_lane_of_a_cpu(client: httpx2.AsyncClient, house: House):
    house.beacon.announce(long_lane(), 60)
    job = {"kind": "model_convert", "model": "person-ssdlite", "precisions": ["INT8"]}
    assert (await client.post("/api/v1/jobs", json=job)).json()["lane"] == "cpu.long"
    there_is_none = await client.post("/api/v1/jobs", json=job | {"calibration": {"media": ["nothing"]}})
    assert problem(there_is_none) == (409, "medium-not-installed")


async def test_a_precision_is_asked_of_openvino_only(client: httpx2.AsyncClient):
    job = SPEC | {"options": {"precision": "FP16", "runtime": "torch"}}
    answer = await client.post("/api/v1/jobs", json=job)
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/options/precision"]
    assert (await client.post("/api/v1/jobs", json=SPEC | {"options": {"precision": "FP16"}})).status_code == 202


async def upload(client: httpx2.AsyncClient, *names: str, **fields: str) -> httpx2.Response:
    files = [("file", (name, CONTENT)) for name in names]
    return await client.post("/api/v1/models/upload", files=files, data=fields)


async def test_files_of_a_model_become_a_job(client: httpx2.AsyncClient, house: House):
    proc = {"output_postproc": [{"converter": "label"}]}
    told = {"labels": "a b\nc\n", "model_proc": json.dumps(proc), "licence": "MIT"}
    answer = await upload(client, "net.xml", "net.bin", name="mine", category="classification", **told)
    assert answer.status_code == 202, answer.text
    (spec,) = await specs(house)
    assert (spec.model.name, spec.model.labels, spec.model.model_proc) == ("mine", ["a b", "c"], proc)
    kept = [house.uploads.get(each.upload) for each in spec.model.files]
    assert [(each.filename, each.offset, len(each.parts)) for each in kept] == [
        ("net.xml", len(CONTENT), 3),
        ("net.bin", len(CONTENT), 3),
    ]


async def test_finished_uploads_become_a_job_too(client: httpx2.AsyncClient, house: House):
    answer = await upload(client, "net.onnx", name="mine", category="detection")
    (spec,) = await specs(house)
    body = {"name": "other", "category": "detection", "files": [{"upload": spec.model.files[0].upload}]}
    again = await client.post("/api/v1/models/upload", json=body)
    assert (answer.status_code, again.status_code) == (202, 202)
    missing = await client.post("/api/v1/models/upload", json=body | {"files": [{"upload": str(uuid4())}]})
    assert problem(missing) == (404, "upload-not-found")


@pytest.mark.parametrize(
    ("names", "fields", "pointer", "says"),
    [
        (["net.py"], {}, "/file", "isn't a file of a model"),
        (["net.pt"], {}, "/file", "can run code"),
        (["net.onnx"], {"name": "../x"}, "/model/name", ""),
        (["net.onnx"], {"name": "asl"}, "/model/name", "of the catalogue"),
        (["net.onnx"], {"category": "magic"}, "/model/category", ""),
        (["net.onnx"], {"labels": "[1"}, "/labels", "not JSON"),
        (["net.onnx"], {"model_proc": "{"}, "/model_proc", "not JSON"),
        (["net.onnx"], {"sha256": "0" * 64}, "/sha256", "came with"),
        (["a.onnx"] * 17, {}, "/file", "too often"),
        ([], {}, "/file", "needs a part"),
        (["net.onnx"], {"colour": "red"}, "/colour", "not known"),
    ],
)
async def test_uploads_that_cannot_be_leave_nothing(
    client: httpx2.AsyncClient, house: House, names: list[str], fields: dict[str, str], pointer: str, says: str
):
    if not names:
        answer = await client.post("/api/v1/models/upload", files={"name": (None, "mine")})
    else:
        answer = await upload(client, *names, **{"name": "mine", "category": "detection", **fields})
    assert problem(answer) == (422, "invalid-spec"), answer.text
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert says in answer.text
    assert house.artifacts.keys("") == []
    assert await specs(house) == []


async def test_pickles_need_an_operator_and_a_sum(client: httpx2.AsyncClient, house: House):
    body = {"name": "mine", "category": "gesture", "architecture": "alphabet_mlp"}
    refused = await upload(client, "w.pth", **body)
    assert "FRAMELANE_MODELS__PICKLES" in refused.text


async def test_an_operator_lets_pickles_in(allowing: httpx2.AsyncClient):
    body = {"name": "mine", "category": "gesture", "architecture": "alphabet_mlp"}
    unsure = await upload(allowing, "w.pth", **body)
    assert [each["pointer"] for each in unsure.json()["errors"]] == ["/model/files/0"]
    known = hashlib.sha256(CONTENT).hexdigest()
    assert (await upload(allowing, "w.pth", **body, sha256=known)).status_code == 202


@pytest.fixture
async def allowing():
    async with calling(House(Settings(models=ModelSettings(pickles=True)))) as client:
        yield client


async def test_kept_versions_can_be_asked_for(client: httpx2.AsyncClient, house: House):
    installed(house, version="2" * 16, older=[installed(house)])
    answers = [
        await client.post("/api/v1/jobs", json={"kind": "model_download", "models": [f"mine@{digit * 16}"]})
        for digit in "123"
    ]
    assert [each.status_code for each in answers] == [202, 202, 422]
    assert f"there are: {'2' * 16}, {'1' * 16}" in answers[2].text
