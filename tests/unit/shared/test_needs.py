"""What jobs ask of devices."""

import pytest

from shared.devices import Device
from shared.needs import needs_of, pipeline_families
from shared.packing import InferenceTask
from shared.results import InstalledFile, InstalledModel
from shared.routing import Needs
from shared.settings import RoutingSettings
from shared.specs import InferenceOptions, ModelDownloadSpec
from tests.support import shipped
from tests.support.pipelines import task as pipeline_task

ENTRIES = shipped.models().by_name
SETTINGS = RoutingSettings(memory_factor=2.0, memory_base_bytes=10)


def installed(name: str, *sizes: int, **fields) -> dict[str, InstalledModel]:
    files = [InstalledFile(name=f"f{n}", size=size, sha256="0" * 64) for n, size in enumerate(sizes)]
    told = {"version": "1", "variants": [], "source": "", "installed_at": "2026-01-01T00:00:00Z"}
    return {name: InstalledModel(name=name, files=files, **(told | fields))}


def inference(model: str, **options) -> InferenceTask:
    return InferenceTask(model=model, inputs=[], options=InferenceOptions(**options))


def test_a_model_runs_where_its_entry_says_and_takes_a_multiple_of_its_largest_file():
    needs = needs_of(inference("hand_landmarker"), ENTRIES, installed("hand_landmarker", 5, 100), SETTINGS)
    assert needs == Needs(
        families=frozenset([Device.CPU]),
        work="inference/hand_landmarker",
        model="hand_landmarker",
        memory_bytes=210,
        runtimes=frozenset(["mediapipe"]),
    )


def test_what_nobody_knows_runs_anywhere_in_no_memory():
    assert needs_of(inference("new"), ENTRIES, {}, SETTINGS) == Needs(work="inference/new", model="new")


def test_an_uploaded_model_brings_its_own_entry():
    entry = ENTRIES["hand_landmarker"].model_copy(update={"name": "mine"})
    mine = installed("mine", 100, entry=entry.model_dump(mode="json"))
    assert needs_of(inference("mine"), ENTRIES, mine, SETTINGS).families == {Device.CPU}
    later = installed("mine", 100, entry={"name": "mine", "written": "by a later version"})
    assert needs_of(inference("mine"), ENTRIES, later, SETTINGS).families == frozenset(Device)


@pytest.mark.parametrize(
    ("options", "runtimes", "precisions"),
    [
        ({}, {"torch", "openvino"}, set()),
        ({"runtime": "openvino"}, {"openvino"}, set()),
        ({"runtime": "openvino", "precision": "INT8"}, {"openvino"}, {"INT8"}),
        ({"precision": "FP16"}, {"torch", "openvino"}, {"FP16", "FP32"}),
    ],
)
def test_what_the_caller_chose_must_work_there(options, runtimes, precisions):
    needs = needs_of(inference("asl", **options), ENTRIES, {}, SETTINGS)
    assert (needs.runtimes, needs.precisions) == (runtimes, precisions)


def test_a_pipeline_takes_the_memory_of_all_its_models_and_runs_where_each_does():
    job = pipeline_task("filesrc location=a.mp4 ! decodebin3 ! gvadetect model=asl device=GPU ! fakesink")
    needs = needs_of(job, ENTRIES, installed("asl", 100), SETTINGS)
    assert (needs.families, needs.memory_bytes, needs.work) == ({Device.GPU}, 210, "pipeline")
    assert pipeline_families(job.graph, [ENTRIES["hand_landmarker"]]) == frozenset()


def test_downloads_ask_for_nothing():
    assert needs_of(ModelDownloadSpec(models=["asl"]), ENTRIES, {}, SETTINGS) == Needs(work="model_download")
