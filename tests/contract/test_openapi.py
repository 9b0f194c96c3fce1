"""The committed OpenAPI document is the gateway's, complete, and true of what it answers."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from api.contracts import FOLDER, REFRESH, documents
from api.examples import SPECS
from api.main import create_app
from shared.catalogue import load_catalogue
from shared.settings import PipelineSettings, Settings
from shared.specs import JOB_SPEC, InferenceSpec, ModelDownloadSpec
from tests.support import benchmarks as made
from tests.support.gateway import HAND, SPEC, House, calling

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text("utf-8"))
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_document_is_fresh() -> None:
    assert (FOLDER / "openapi.json").read_text("utf-8") == documents()["openapi.json"], f"run: {REFRESH}"


def test_document_is_valid() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere() -> None:
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert names <= DOCUMENT["components"]["schemas"].keys()
    assert not {"HTTPValidationError", "ValidationError"} & DOCUMENT["components"]["schemas"].keys()


def test_every_operation_is_named_grouped_and_described() -> None:
    assert len(OPERATIONS) == sum(map(len, DOCUMENT["paths"].values()))
    groups = {tag["name"] for tag in DOCUMENT["tags"]}
    for name, (_, _, operation) in OPERATIONS.items():
        assert set(operation["tags"]) <= groups, name
        assert operation["tags"], name
        assert operation["description"], name


def test_examples_are_specs() -> None:
    models = load_catalogue().by_name
    for example in SPECS.values():
        spec = JOB_SPEC.validate_python(example["value"])
        assert isinstance(spec, InferenceSpec | ModelDownloadSpec)
        named = [spec.model] if isinstance(spec, InferenceSpec) else spec.models
        assert set(named) <= models.keys()


def test_every_operation_that_can_fail_says_how() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        if name == "live":
            continue
        failing = {status: told for status, told in operation["responses"].items() if status[0] not in "23"}
        assert "default" in failing, name
        for told in failing.values():
            assert told["content"].keys() == {"application/problem+json"}, name


CONTRACT = {
    "post /api/v1/jobs",
    "get /api/v1/jobs",
    "put /api/v1/jobs/{job_id}",
    "get /api/v1/jobs/{job_id}",
    "delete /api/v1/jobs/{job_id}",
    "post /api/v1/jobs/{job_id}/cancel",
    "post /api/v1/jobs/{job_id}/retry",
    "get /api/v1/jobs/{job_id}/events",
    "get /api/v1/jobs/{job_id}/artifacts",
    "get /api/v1/jobs/{job_id}/artifacts/{name}",
    "get /api/v1/gestures/models",
    "get /api/v1/gestures/{model}/classes",
    "post /api/v1/gestures/{model}/predict",
    "post /api/v1/keypoints/hands",
    "post /api/v1/keypoints/pose",
    "get /api/v1/models",
    "get /api/v1/models/{name}",
    "get /api/v1/pipelines",
    "post /api/v1/pipelines",
    "post /api/v1/pipelines/import",
    "get /api/v1/pipelines/{pipeline_id}",
    "patch /api/v1/pipelines/{pipeline_id}",
    "delete /api/v1/pipelines/{pipeline_id}",
    "get /api/v1/pipelines/{pipeline_id}/export",
    "post /api/v1/pipelines/{pipeline_id}/variants",
    "patch /api/v1/pipelines/{pipeline_id}/variants/{variant_id}",
    "delete /api/v1/pipelines/{pipeline_id}/variants/{variant_id}",
    "post /api/v1/pipelines/{pipeline_id}/variants/{variant_id}/convert-to-simple",
    "post /api/v1/pipelines/{pipeline_id}/variants/{variant_id}/convert-to-advanced",
    "get /api/v1/pipeline-templates",
    "get /api/v1/pipeline-templates/{template_id}",
    "post /api/v1/convert/to-graph",
    "post /api/v1/convert/to-description",
    "get /api/v1/videos",
    "post /api/v1/videos",
    "get /api/v1/videos/{name}",
    "delete /api/v1/videos/{name}",
    "get /api/v1/videos/{name}/content",
    "get /api/v1/videos/{name}/thumbnail",
    "get /api/v1/images",
    "post /api/v1/images",
    "get /api/v1/images/{name}",
    "delete /api/v1/images/{name}",
    "get /api/v1/images/{name}/content",
    "get /api/v1/images/{name}/thumbnail",
    "options /api/v1/uploads",
    "post /api/v1/uploads",
    "head /api/v1/uploads/{upload_id}",
    "get /api/v1/uploads/{upload_id}",
    "patch /api/v1/uploads/{upload_id}",
    "delete /api/v1/uploads/{upload_id}",
    "post /api/v1/uploads/direct",
    "post /api/v1/uploads/{upload_id}/complete",
    "get /api/v1/benchmarks",
    "get /api/v1/benchmarks/compare",
    "get /api/v1/benchmarks/{benchmark_id}",
    "delete /api/v1/benchmarks/{benchmark_id}",
    "get /api/v1/suites",
    "get /api/v1/devices",
    "get /api/v1/workers",
    "get /api/v1/status",
    "get /health/live",
    "get /health/ready",
}


def test_contract_is_there() -> None:
    assert {f"{method} {path}" for method, path, _ in OPERATIONS.values()} >= CONTRACT


@pytest.mark.parametrize("name", ["submit_job", "put_job", "predict_gesture", "find_hands", "find_pose"])
def test_uploads_are_described(name: str) -> None:
    content = OPERATIONS[name][2]["requestBody"]["content"]
    multipart = content["multipart/form-data"]["schema"]
    assert multipart["required"] in (["spec"], ["image"])
    assert ("application/json" in content) == (not name.startswith("find"))


def schema_of(name: str, status: int, media_type: str = "application/json") -> Draft202012Validator:
    responses = OPERATIONS[name][2]["responses"]
    told = responses.get(str(status)) or responses["default"]
    return Draft202012Validator({**told["content"][media_type]["schema"], "components": DOCUMENT["components"]})


async def test_answers_are_as_described() -> None:
    house = House()
    async with calling(house) as client:
        job_id = "0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f"
        house.fail((await client.post("/api/v1/jobs", json=SPEC)).json()["id"])
        asked = [
            ("put_job", await client.put(f"/api/v1/jobs/{job_id}", json=SPEC)),
            ("get_job", await client.get(f"/api/v1/jobs/{job_id}")),
            ("list_jobs", await client.get("/api/v1/jobs")),
            ("cancel_job", await client.post(f"/api/v1/jobs/{job_id}/cancel")),
            ("list_artifacts", await client.get(f"/api/v1/jobs/{job_id}/artifacts")),
            ("list_models", await client.get("/api/v1/models")),
            ("list_classes", await client.get("/api/v1/gestures/asl/classes")),
            ("list_devices", await client.get("/api/v1/devices")),
            ("list_workers", await client.get("/api/v1/workers")),
            ("status", await client.get("/api/v1/status")),
            ("ready", await client.get("/health/ready")),
            ("predict_gesture", await client.post(
                "/api/v1/gestures/asl/predict", json={"landmarks": HAND}, headers={"Prefer": "wait=0"}
            )),
        ]  # fmt: skip
        for name, answer in asked:
            assert answer.status_code < 300, name
            schema_of(name, answer.status_code).validate(answer.json())
        failed = [
            ("submit_job", await client.post("/api/v1/jobs", json={})),
            ("submit_job", await client.post("/api/v1/jobs", content=b"x")),
            ("cancel_job", await client.post(f"/api/v1/jobs/{job_id}/cancel")),
            ("get_job", await client.get("/api/v1/jobs/none")),
        ]
        for name, answer in failed:
            assert answer.status_code >= 400, name
            schema_of(name, answer.status_code, "application/problem+json").validate(answer.json())


PIPELINE = {
    "name": "Yard",
    "description": "-",
    "variants": [{"name": "CPU", "pipeline_description": "a ! fakesink"}],
}
TEXT = {"pipeline_description": "videotestsrc ! queue ! fakesink"}


async def test_answers_about_pipelines_are_as_described() -> None:
    house = House(Settings(pipelines=PipelineSettings(allow=["a"])))
    async with calling(house) as client:
        pipelines = "/api/v1/pipelines"
        made = await client.post(pipelines, json=PIPELINE)
        match = {"If-Match": "*"}
        yard, cpu = f"{pipelines}/yard", f"{pipelines}/yard/variants/cpu"
        graph = made.json()["variants"][0]["pipeline_graph"]
        file = (await client.get(f"{yard}/export")).content
        asked = [
            ("create_pipeline", made),
            ("list_pipelines", await client.get(pipelines)),
            ("get_pipeline", await client.get(yard)),
            ("change_pipeline", await client.patch(yard, json={"name": "Gate"}, headers=match)),
            ("import_pipeline", await client.post(
                f"{pipelines}/import", content=file, headers={"Content-Type": "application/yaml"}
            )),
            ("add_variant", await client.post(f"{yard}/variants", json=PIPELINE["variants"][0])),
            ("change_variant", await client.patch(cpu, json={"name": "GPU"}, headers=match)),
            ("convert_to_simple", await client.post(f"{cpu}/convert-to-simple", json=graph)),
            ("list_templates", await client.get("/api/v1/pipeline-templates")),
            ("get_template", await client.get("/api/v1/pipeline-templates/detect-only")),
            ("convert_to_graph", await client.post("/api/v1/convert/to-graph", json=TEXT)),
            ("convert_to_description", await client.post(
                "/api/v1/convert/to-description", json={"pipeline_graph": graph}
            )),
        ]  # fmt: skip
        for name, answer in asked:
            assert answer.status_code < 300, (name, answer.text)
            schema_of(name, answer.status_code).validate(answer.json())
        failed = [
            ("delete_pipeline", 428, await client.delete(yard)),
            ("change_pipeline", 412, await client.patch(yard, json={"name": "x"}, headers={"If-Match": "x"})),
            ("get_pipeline", 404, await client.get(f"{pipelines}/none")),
            ("convert_to_graph", 422, await client.post("/api/v1/convert/to-graph", json={})),
        ]
        for name, status, answer in failed:
            assert answer.status_code == status, name
            schema_of(name, status, "application/problem+json").validate(answer.json())


async def test_answers_about_benchmarks_are_as_described() -> None:
    house = House()
    for result in (made.performance(), made.density(), made.optimize(), made.validate(), made.suite()):
        house.benchmarks.keep(made.benchmark(result))
    async with calling(house) as client:
        benchmarks = "/api/v1/benchmarks"
        asked = [("get_benchmark", 200, await client.get(f"{benchmarks}/b{number}")) for number in (1, 2, 3, 4, 5)]
        asked += [
            ("list_benchmarks", 200, await client.get(f"{benchmarks}?kind=density")),
            ("compare_benchmarks", 200, await client.get(f"{benchmarks}/compare?a=b2&b=b2")),
            ("compare_benchmarks", 200, await client.get(f"{benchmarks}/compare?a=b5&b=b5")),
            ("list_suites", 200, await client.get("/api/v1/suites")),
        ]
        for name, status, answer in asked:
            assert answer.status_code == status, (name, answer.text)
            schema_of(name, status).validate(answer.json())
        failed = [
            ("compare_benchmarks", 422, await client.get(f"{benchmarks}/compare?a=b1&b=b2")),
            ("get_benchmark", 404, await client.get(f"{benchmarks}/none")),
            ("delete_benchmark", 404, await client.delete(f"{benchmarks}/none")),
        ]
        for name, status, answer in failed:
            assert answer.status_code == status, name
            schema_of(name, status, "application/problem+json").validate(answer.json())


def test_bodies_about_pipelines_are_the_ones_that_are_checked() -> None:
    for name, document in (
        ("PipelineDefinition", PIPELINE),
        ("TextToConvert", TEXT),
        ("PipelineChange", {"tags": []}),
    ):
        content = next(
            operation["requestBody"]["content"]["application/json"]["schema"]
            for _, _, operation in OPERATIONS.values()
            if name in json.dumps(operation.get("requestBody", {}))
        )
        schema = Draft202012Validator(content | {"components": DOCUMENT["components"]})
        schema.validate(document)
        assert not schema.is_valid({**document, "unknown": 1})


def test_spec_is_the_one_that_is_checked() -> None:
    schema = Draft202012Validator({"$ref": "#/components/schemas/JobSpec", "components": DOCUMENT["components"]})
    schema.validate(SPEC)
    schema.validate({"kind": "model_download", "models": ["asl"]})
    schema.validate({"kind": "pipeline", "pipeline": {"source": "description", **TEXT}})
    assert not schema.is_valid(SPEC | {"unknown": 1})
    assert not schema.is_valid(SPEC | {"inputs": [{"landmarks": HAND[:20]}]})


def test_served_document_is_the_committed_one() -> None:
    assert create_app().openapi() == DOCUMENT
