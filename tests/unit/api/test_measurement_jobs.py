"""What a measurement must fulfil before it is accepted, and what its worker gets."""

from typing import Any

import httpx2
import pytest

from shared.cameras import CameraSettings
from shared.packing import AnyTask, DensityTask, OptimizeTask, PerformanceTask, SuiteTask, ValidateTask
from shared.pipeline_settings import PipelineSettings
from shared.settings import Settings
from shared.specs import JOB_SPEC
from tests.support.gateway import SPEC, House, worker
from tests.unit.api.test_pipeline_jobs import DETECT, GRAPH, JOBS, MODEL, PLAIN, medium, refused

YARD = CameraSettings(url="rtsp://10.0.0.7/yard")


def text(pipeline: str = DETECT) -> dict[str, Any]:
    return {"source": "description", "pipeline_description": pipeline}


def variant(pipeline_id: str, variant_id: str = "cpu") -> dict[str, Any]:
    return {"source": "variant", "pipeline_id": pipeline_id, "variant_id": variant_id}


def performance(*specs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "performance", "specs": list(specs) or [{"pipeline": text()}], **fields}


def density(*specs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    shares = list(specs) or [{"pipeline": text(), "stream_rate": 100}]
    return {"kind": "density", "fps_floor": 15, "specs": shares, **fields}


def optimize(pipeline: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"kind": "optimize", "pipeline": pipeline or text(), **fields}


def validate(pipeline: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"kind": "validate", "pipeline": pipeline or text(), **fields}


def compared(name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "validate", "model": {"name": name, **fields}}


def suite(*tests: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "suite", "tests": list(tests) or [TEST, OTHER], **fields}


@pytest.fixture
def house() -> House:
    house = House(Settings(pipelines=PipelineSettings(cameras={"yard": YARD})))
    house.beacon.announce(worker("cpu.long", runtimes=[]), 3_600)  # as such workers do
    for name in ("bikes", "carphone"):
        house.beacon.add_medium(medium(name))
    return house


async def accepted(client: httpx2.AsyncClient, house: House, spec: dict[str, Any]) -> AnyTask:
    answer = await client.post(JOBS, json=spec)
    assert answer.status_code == 202, answer.text
    assert answer.json()["lane"] == "cpu.long"
    return house.claim(answer.json()["id"]).job.spec


async def test_pipelines_of_a_performance_test_are_as_jobs_of_their_own_have_them(
    client: httpx2.AsyncClient, house: House
) -> None:
    first = {"pipeline": variant("person-detection"), "streams": 3, "inputs": [["bikes", "carphone"]]}
    second = {"pipeline": {"source": "graph", "pipeline_graph": GRAPH, "graph_id": "yard"}}
    spec = performance(first, second, latency_metrics=True, isolation="stream", repeats=5, name="Night")
    task = await accepted(client, house, spec)
    assert isinstance(task, PerformanceTask)
    assert (task.name, task.repeats) == ("Night", 5)
    assert [one.pipeline_id for one in task.specs] == ["/pipelines/person-detection/variants/cpu", "yard"]
    assert [one.streams for one in task.specs] == [3, 1]
    assert task.specs[0].inputs == [["bikes", "carphone"]]
    for one in task.specs:
        assert (one.max_runtime_s, one.latency_metrics, one.isolation) == (86_400, True, "stream")
        assert (one.output_mode, one.metadata_mode) == ("disabled", "disabled")


async def test_shares_of_a_search_for_density(client: httpx2.AsyncClient, house: House) -> None:
    shares = [
        {"pipeline": text(), "stream_rate": 70, "inputs": [["bikes", "carphone"]]},
        {"pipeline": text(PLAIN), "stream_rate": 30},
        {"pipeline": text(PLAIN), "streams": 4},
    ]
    task = await accepted(client, house, density(*shares, max_streams=9))
    assert isinstance(task, DensityTask)
    assert [(share.stream_rate, share.streams) for share in task.shares] == [(70, None), (30, None), (None, 4)]
    assert [one.streams for one in task.specs] == [1, 1, 4]
    assert not task.specs[0].latency_metrics


async def test_tests_of_a_suite_are_as_jobs_of_their_own(client: httpx2.AsyncClient, house: House) -> None:
    task = await accepted(client, house, suite(name="Gate", device="CPU"))
    assert isinstance(task, SuiteTask)
    rate, search = task.tests
    assert (rate.name, rate.weight, rate.reference) == ("people", 2, 30)
    assert isinstance(rate.task, PerformanceTask)
    assert (rate.task.name, rate.task.device, rate.task.repeats) == ("Gate: people", "CPU", 2)
    assert rate.task.specs[0].streams == 3
    assert isinstance(search.task, DensityTask)
    assert (search.task.fps_floor, search.task.shares[0].stream_rate, search.weight) == (15, 100, 1)
    assert rate.task.specs[0].max_runtime_s == 86_400


async def test_suites_that_ship_are_listed_and_accepted(client: httpx2.AsyncClient, house: House) -> None:
    house.install("face_detector", "face_landmarks", "pose_landmarks", "text_recognizer")
    listed = (await client.get("/api/v1/suites")).json()["suites"]
    assert {"retail", "metro", "manufacturing"} <= {each["name"] for each in listed}
    for each in listed:
        task = await accepted(client, house, {"kind": "suite", "suite": each["name"]})
        assert isinstance(task, SuiteTask)
        assert (task.name, [test.name for test in task.tests]) == (
            each["title"],
            [test["name"] for test in each["tests"]],
        )


async def test_forms_are_compared_by_their_latency_too(client: httpx2.AsyncClient, house: House) -> None:
    task = await accepted(client, house, optimize(variant("person-detection"), streams=2))
    assert isinstance(task, OptimizeTask)
    assert (task.pipeline.streams, task.pipeline.latency_metrics) == (2, True)


async def test_streams_share_processes_as_asked(client: httpx2.AsyncClient, house: House) -> None:
    task = await accepted(client, house, performance({"pipeline": text(), "streams": 5}, streams_per_process=2))
    assert isinstance(task, PerformanceTask)
    assert [(one.streams_per_process, one.most_per_process(5)) for one in task.specs] == [(2, 2)]
    space = {"decoders": False, "decode_threads": [], "streams_per_process": [1, 2]}
    task = await accepted(client, house, optimize(streams=4, isolation="stream", search={"space": space}))
    assert isinstance(task, OptimizeTask)
    assert task.pipeline.most_per_process(4) == 1
    assert (task.search.space.decoders, task.search.space.streams_per_process) == (False, [1, 2])
    assert task.search.space.convert_threads == [2]


async def test_what_cannot_run_is_validated_all_the_same(client: httpx2.AsyncClient, house: House) -> None:
    for pipeline in (
        "videotestsrc ! ! fakesink",
        "gvapython module=x ! fakesink",
        "filesrc location=/etc/passwd ! x",
        "filesrc location=nobody-knows ! decodebin3 ! gvadetect model=none ! fakesink",
    ):
        task = await accepted(client, house, validate(text(pipeline)))
        assert isinstance(task, ValidateTask)
        assert task.graph is None
    task = await accepted(client, house, validate(variant("person-detection")))
    assert isinstance(task, ValidateTask)
    assert task.pipeline_id == "/pipelines/person-detection/variants/cpu"
    assert task.graph is not None


async def test_a_model_is_validated(client: httpx2.AsyncClient, house: House) -> None:
    asked = compared(MODEL, precision="FP16", media=["bikes"], tolerance={"boxes": 0.9})
    task = await accepted(client, house, asked)
    assert isinstance(task, ValidateTask)
    assert task.model is not None
    assert (task.pipeline, task.model.name, task.model.tolerance.boxes) == (None, MODEL, 0.9)
    in_use = await client.delete("/api/v1/videos/bikes")
    assert in_use.status_code == 409
    gone = await client.post(JOBS, json=compared(MODEL, media=["walk"]))
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:framelane:error:medium-not-installed")


async def test_cameras_are_measured_where_their_rate_is_what_counts(
    client: httpx2.AsyncClient, house: House
) -> None:
    task = await accepted(client, house, performance({"pipeline": text(), "inputs": ["camera:yard"]}))
    assert isinstance(task, PerformanceTask)
    await accepted(client, house, validate(inputs=["camera:yard"]))


CAMERA = {"inputs": ["camera:yard"]}
HALF = {"pipeline": text(), "stream_rate": 50}
ONE = {"pipeline": text(), "stream_rate": 100}
TEST = {"kind": "performance", "name": "people", "weight": 2, "reference": 30, "repeats": 2,
        "specs": [{"pipeline": text(), "streams": 3}]}  # fmt: skip
OTHER = {"kind": "density", "name": "cameras", "reference": 8, "fps_floor": 15, "specs": [ONE]}
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no pipeline": (performance() | {"specs": []}, "/specs", "at least 1"),
    "zero streams": (performance({"pipeline": text(), "streams": 0}), "/specs/0/streams", "greater than"),
    "zero streams at most": (density(max_streams=0), "/max_streams", "greater than"),
    "too many streams": (performance(*[{"pipeline": text(), "streams": 200}] * 2), "/specs", "400 streams in all"),
    "unknown pipeline": (performance({"pipeline": text()}, {"pipeline": variant("none")}),
                         "/specs/1/pipeline/pipeline_id", "person-detection"),
    "unknown variant": (density(ONE | {"pipeline": variant("person-detection", "tpu")}),
                        "/specs/0/pipeline/variant_id", "cpu, gpu, npu"),
    "unknown variant to validate": (validate(variant("person-detection", "tpu")),
                                    "/pipeline/variant_id", "cpu, gpu, npu"),
    "no such source": (performance({"pipeline": {"source": "url"}}), "/specs/0/pipeline/source", "description"),
    "no source": (density(ONE | {"pipeline": {}}), "/specs/0/pipeline/source", "description"),
    "unreadable": (density(ONE | {"pipeline": text("a ! ! b")}),
                   "/specs/0/pipeline/pipeline_description", "line 1, column 5"),
    "refused element": (optimize(text("gvapython module=x ! fakesink")),
                        "/pipeline/pipeline_description", "element 1, gvapython"),
    "too many inputs": (performance({"pipeline": text(), "inputs": ["bikes", "bikes"]}),
                        "/specs/0/inputs", "1 source that"),
    "inputs for streams there aren't": (density(ONE | {"inputs": [["bikes"] * 3]}, max_streams=2),
                                        "/specs/0/inputs/0", "raise `streams`"),
    "input that is no name": (performance({"pipeline": text(), "inputs": [7]}), "/specs/0/inputs/0", "string"),
    "input that isn't one": (performance({"pipeline": text(), "inputs": [["bikes", "/etc"]]}),
                             "/specs/0/inputs/0/1", "pattern"),
    "unknown camera": (performance({"pipeline": text(), "inputs": ["camera:gate"]}),
                       "/specs/0/inputs/0", "no camera 'gate'"),
    "inputs to validate": (validate(inputs=["bikes", "bikes"]), "/inputs", "1 source that"),
    "live output in density": (density(output_mode="live_stream"), "/output_mode", "keeps no frames"),
    "live output of a share": (density(ONE | {"output_mode": "live_stream"}),
                               "/specs/0/output_mode", "keeps no frames"),
    "camera in density": (density(ONE | CAMERA), "/specs/0/inputs", "media of the library"),
    "camera in a pipeline": (
        density(HALF, HALF | {"pipeline": text("rtspsrc location=camera:yard ! decodebin3 ! fakesink")}),
        "/specs/1/pipeline", "media of the library"),
    "camera to optimise": (optimize(**CAMERA), "/inputs", "media of the library"),
    "rates of 50": (density(HALF), "/specs", "sum to 50, not to 100"),
    "rates of 150": (density(HALF, ONE), "/specs", "sum to 150, not to 100"),
    "negative rate": (density(HALF | {"stream_rate": -50}), "/specs/0/stream_rate", "greater than"),
    "no rate": (density({"pipeline": text()}), "/specs/0", "either `stream_rate` (percent) or `streams`"),
    "rate and streams": (density(ONE | {"streams": 2}), "/specs/0", "either `stream_rate`"),
    "all pinned": (density({"pipeline": text(), "streams": 2}), "/specs", "every pipeline is pinned"),
    "fewer than pipelines": (density(HALF, HALF, max_streams=1), "/max_streams", "allow at least 2"),
    "more than all": (density(ONE, {"pipeline": text(), "streams": 250}), "/max_streams", "314 streams in all"),
    "floor of 0": (density(fps_floor=0), "/fps_floor", "greater than 0"),
    "floor below 0": (density(fps_floor=-1), "/fps_floor", "greater than 0"),
    "no floor": ({"kind": "density", "specs": [ONE]}, "/fps_floor", "required"),
    "budget too small": (density(budget_s=3), "/budget_s", "7 s are needed at least"),
    "search too short": (optimize(warmup_s=4, search={"duration_s": 12}), "/search/duration_s", "14 s"),
    "nothing to save into": (optimize(save_as="fast"), "/save_as", "`source`: `variant`"),
    "a pipeline that ships": (optimize(variant("person-detection"), save_as="fast"), "/save_as", "ships with"),
    "unknown pipeline to optimise": (optimize(variant("none"), save_as="fast"),
                                     "/pipeline/pipeline_id", "there is no pipeline"),
    "unknown property": (optimize(search={"space": {"colour": ["red"]}}), "/search/space/colour", "not known"),
    "threads of 0": (optimize(search={"space": {"decode_threads": [1, 0]}}),
                     "/search/space/decode_threads/1", "greater than"),
    "threads that are no list": (optimize(search={"space": {"convert_threads": 2}}),
                                 "/search/space/convert_threads", "must be a list"),
    "unknown way to scale": (optimize(search={"space": {"scale_method": ["best"]}}),
                             "/search/space/scale_method/0", "lanczos"),
    "decoders by name": (optimize(search={"space": {"decoders": ["avdec_h264"]}}),
                         "/search/space/decoders", "boolean"),
    "processes twice": (optimize(search={"space": {"isolation": ["stream"], "streams_per_process": [1]}}),
                        "/search/space/streams_per_process", "leave `isolation` out"),
    "processes of 0": (optimize(search={"space": {"streams_per_process": [0]}}),
                       "/search/space/streams_per_process/0", "greater than"),
    "one and two in a process": (performance(isolation="stream", streams_per_process=2),
                                 "/streams_per_process", "exclude each other"),
    "the same in a suite": (suite(TEST | {"isolation": "stream", "streams_per_process": 2}),
                            "/tests/0/streams_per_process", "exclude each other"),
    "none in a process": (density(streams_per_process=0), "/streams_per_process", "greater than"),
    "unknown reference": (validate(expect={"reference_job": "0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f"}),
                          "/expect/reference_job", "COMPLETED pipeline job"),
    "reference that is no id": (validate(expect={"reference_job": "-" * 32}), "/expect/reference_job", "COMPLETED"),
    "unknown suite": ({"kind": "suite", "suite": "opera"}, "/suite", "retail"),
    "neither suite nor tests": ({"kind": "suite"}, "/tests", "give `suite`"),
    "suite and tests": (suite(suite="retail"), "/tests", "give `suite`"),
    "no tests": ({"kind": "suite", "tests": []}, "/tests", "give `suite`"),
    "two of one name": (suite(TEST, TEST), "/tests", "two tests are called people"),
    "weight of 0": (suite(TEST | {"weight": 0}), "/tests/0/weight", "greater than 0"),
    "weight below 0": (suite(TEST, OTHER | {"weight": -1}), "/tests/1/weight", "greater than 0"),
    "reference of 0": (suite(TEST | {"reference": 0}), "/tests/0/reference", "greater than 0"),
    "no reference": (suite({name: TEST[name] for name in TEST if name != "reference"}),
                     "/tests/0/reference", "required"),
    "a test of another kind": (suite(TEST, {"kind": "validate"}), "/tests/1/kind", "density, performance"),
    "a test with a device": (suite(TEST | {"device": "CPU"}), "/tests/0/device", "not known"),
    "rates in a suite": (suite(TEST, OTHER | {"specs": [HALF]}), "/tests/1/specs", "sum to 50"),
    "unknown pipeline in a suite": (suite(TEST, OTHER | {"specs": [ONE | {"pipeline": variant("none")}]}),
                                    "/tests/1/specs/0/pipeline/pipeline_id", "person-detection"),
    "no source in a suite": (suite(TEST | {"specs": [{"pipeline": {}}]}),
                             "/tests/0/specs/0/pipeline/source", "description"),
    "live output in a suite": (suite(TEST | {"output_mode": "live_stream"}), "/tests/0/output_mode", "keeps no"),
    "budget in a suite": (suite(OTHER | {"budget_s": 3}), "/tests/0/budget_s", "7 s are needed"),
    "neither pipeline nor model": ({"kind": "validate"}, "/pipeline", "either `pipeline` or `model`"),
    "pipeline and model": (validate(model={"name": "asl"}), "/pipeline", "either `pipeline` or `model`"),
    "unknown model to validate": (compared("none"), "/model/name", "unknown model 'none'"),
    "a model without a network": (compared("hand_landmarker"), "/model/runtime", "runs with mediapipe only"),
    "precision with torch": (compared("asl", runtime="torch", precision="INT8"), "/model/precision", "OpenVINO"),
    "pictures for hands": (compared("asl", media=["bikes"]), "/model/media", "made-up hands"),
    "odd precision": (compared("asl", precision="INT4"), "/model/precision", "INT8"),
    "tolerance above 1": (compared("asl", tolerance={"top1": 2}), "/model/tolerance/top1", "less than"),
    "what pipelines are expected to find": (compared("asl") | {"expect": {"frames": 3}}, "/model", "`expect` belongs"),
    "callback": (validate(callback_url="http://here.example/"), "/callback_url", "no callbacks"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_one_broken_rule(client: httpx2.AsyncClient, house: House, case: str) -> None:
    spec, pointer, said = BAD[case]
    found = await refused(client, house, spec)
    assert said in found.get(pointer, ""), found


async def test_everything_that_is_wrong_is_told_at_once(client: httpx2.AsyncClient, house: House) -> None:
    specs = [HALF | {"pipeline": variant("none")}, HALF | CAMERA]
    found = await refused(client, house, density(*specs, max_streams=1, callback_url="http://here.example/"))
    assert found.keys() == {"/specs/0/pipeline/pipeline_id", "/specs/1/inputs", "/max_streams", "/callback_url"}


async def test_a_job_without_records_is_no_reference(client: httpx2.AsyncClient, house: House) -> None:
    job_id = (await client.post(JOBS, json=SPEC)).json()["id"]
    house.settle(house.claim(job_id))
    answer = await client.post(JOBS, json=validate(expect={"reference_job": job_id}))
    assert answer.status_code == 422


async def test_a_variant_that_is_there_is_not_saved_again(client: httpx2.AsyncClient, house: House) -> None:
    variants = [{"name": "x", "pipeline_description": PLAIN}]
    await client.post("/api/v1/pipelines", json={"name": "Mine", "description": "-", "variants": variants})
    found = await refused(client, house, optimize(variant("mine", "x"), save_as="x"))
    assert "choose another id" in found["/save_as"]
    task = await accepted(client, house, optimize(variant("mine", "x"), save_as="faster"))
    assert isinstance(task, OptimizeTask)
    assert task.save_as == "faster"


@pytest.mark.parametrize(
    "make",
    [performance, density, optimize, validate, suite, lambda: compared(MODEL, media=["bikes"])],
    ids=["performance", "density", "optimize", "validate", "suite", "model"],
)
async def test_models_and_media_must_be_there(client: httpx2.AsyncClient, house: House, make: Any) -> None:
    house.beacon.uninstall(MODEL)
    answer = await client.post(JOBS, json=make())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:model-not-installed")
    house.install(MODEL)
    house.beacon.remove_medium("bikes")
    answer = await client.post(JOBS, json=make())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:medium-not-installed")


async def test_a_medium_that_is_measured_with_is_in_use(client: httpx2.AsyncClient, house: House) -> None:
    job_id = (await client.post(JOBS, json=density(ONE | {"inputs": ["carphone"]}))).json()["id"]
    answer = await client.delete("/api/v1/videos/carphone")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:framelane:error:medium-in-use")
    assert job_id in answer.json()["detail"]


async def test_pipelines_that_need_other_devices_go_nowhere(client: httpx2.AsyncClient, house: House) -> None:
    both = [{"pipeline": variant("person-detection", which)} for which in ("cpu", "gpu")]
    answer = await client.post(JOBS, json=performance(*both))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:framelane:error:device-unavailable")


async def test_the_same_request_is_the_same_job_though_a_variant_changed(
    client: httpx2.AsyncClient, house: House
) -> None:
    variants = [{"name": "x", "pipeline_description": PLAIN}]
    await client.post("/api/v1/pipelines", json={"name": "Mine", "description": "-", "variants": variants})
    spec = density({"pipeline": variant("mine", "x"), "stream_rate": 100})
    key = {"Idempotency-Key": "night-1"}
    first = (await client.post(JOBS, json=spec, headers=key)).json()["id"]
    url = "/api/v1/pipelines/mine/variants/x"
    changed = await client.patch(url, json={"pipeline_graph": GRAPH}, headers={"If-Match": "*"})
    assert changed.status_code == 200
    again = await client.post(JOBS, json=spec, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first)


async def test_a_failed_measurement_is_tried_again(client: httpx2.AsyncClient, house: House) -> None:
    old = (await client.post(JOBS, json=density())).json()["id"]
    house.fail(old, "pipeline-failed")
    answer = await client.post(f"{JOBS}/{old}/retry")
    assert answer.status_code == 202
    assert isinstance(house.claim(answer.json()["id"]).job.spec, DensityTask)


def test_examples_are_specs() -> None:
    for spec in (performance(), density(), optimize(), validate(), suite()):
        JOB_SPEC.validate_python(spec)
