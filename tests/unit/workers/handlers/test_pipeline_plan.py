"""From a graph by names to what a process is asked, without GStreamer."""

import hashlib
import json

import pytest

from shared.adapters.memory import (
    MemoryArtifactStore,
    MemoryAttemptStore,
    MemoryJobs,
    MemoryUploadStore,
    MemoryWorkerBeacon,
    MemoryWorkers,
)
from shared.catalogue import load_catalogue
from shared.devices import DeviceInfo, Lane, family_of
from shared.errors import InvalidSpec, MediumNotInstalled, ModelNotInstalled, ModelUnusable
from shared.graph.parser import parse
from shared.graph.rewrites.codecs import NoEncoder
from shared.media import load_media
from shared.results import InstalledFile, InstalledMedium, InstalledModel
from shared.settings import Settings, WorkerSettings
from tests.support.leases import no_lease
from tests.support.pipelines import task
from workers.handlers import WorkerEnvironment
from workers.handlers.pipeline_plan import Planner
from workers.installation import version_of
from workers.media_store import MediaStore, medium_key
from workers.model_store import ModelStore, model_key

CPU = frozenset({"avdec_h264", "videoconvert", "openh264enc", "h264parse", "mp4mux"})
INTEL = CPU | {"vah264dec", "vah264enc", "vapostproc", "gvadetect", "gvawatermark"}
DETECT = (
    "filesrc location=film ! decodebin3 ! gvadetect model=person-ssdlite ! gvawatermark ! "
    "gvametaconvert ! gvametapublish method=file ! fakesink name=default_output_sink"
)


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Desk:
    """A planner on twins, with a video and models."""

    def __init__(self, folder, lane="cpu.long", elements=CPU):
        self.folder = folder / "run"
        self.folder.mkdir(parents=True)
        self.data = folder / "data"
        artifacts, beacon = MemoryArtifactStore(), MemoryWorkerBeacon(MemoryWorkers())
        self.environment = WorkerEnvironment(
            settings=Settings(worker=WorkerSettings(data_dir=self.data)),
            device=DeviceInfo(id=Lane(lane).device, family=family_of(Lane(lane).device), full_name=lane),
            lane=Lane(lane),
            catalogue=load_catalogue(),
            media=load_media(),
            model_store=ModelStore(self.data / "models", artifacts, beacon),
            media_store=MediaStore(self.data / "media", artifacts, beacon),
            artifacts=artifacts,
            beacon=beacon,
            attempts=MemoryAttemptStore(MemoryJobs()),
            uploads=MemoryUploadStore(),
            exclusive=no_lease(),
        )
        self._add_film(b"a film")
        self._install("person-ssdlite", "frozen_inference_graph.pb", "openvino-FP16.xml", "openvino-FP32.xml")
        self._install("asl", "weights.pth")
        self.planner = Planner(self.environment, lambda: elements)

    def _add_film(self, content):
        file = InstalledFile(name="film.mp4", size=len(content), sha256=sha(content))
        about = {"container": "mp4", "codec": "h264", "width": 64, "height": 48, "fps": 10.0, "frames": 12}
        medium = InstalledMedium(
            name="film",
            version="1",
            kind="video",
            file=file,
            duration_s=1.2,
            licence="-",
            installed_at="-",
            **about,
        )
        self.environment.artifacts.put_bytes(medium_key("film", "1", "film.mp4"), content, "video/mp4")
        self.environment.beacon.add_medium(medium)

    def _install(self, name, *names):
        files = [InstalledFile(name=each, size=len(each), sha256=sha(each.encode())) for each in names]
        version = version_of(files)
        for each in names:
            self.environment.artifacts.put_bytes(model_key(name, version, each), each.encode(), "-")
        variants = [each.removesuffix(".xml") for each in names if each.endswith(".xml")]
        self.environment.beacon.install(
            InstalledModel(
                name=name, version=version, files=files, variants=variants, source="-", installed_at="-"
            )
        )

    def plan(self, text, **fields):
        return self.planner.plan(task(text, **fields), "job-1", self.folder)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def nodes(request, *types):
    return [node for node in parse(request.text).nodes if node.type in types]


def test_names_become_paths_and_models_bring_what_they_need(desk):
    (request,) = desk.plan(DETECT).requests
    (source,) = nodes(request, "filesrc")
    assert source.data["location"] == str(desk.data / "media/film/1/film.mp4")
    (detect,) = nodes(request, "gvadetect")
    assert detect.data["model"].startswith(str(desk.data / "models/person-ssdlite"))
    assert detect.data["model"].endswith("openvino-FP32.xml")
    assert detect.data["device"] == "CPU"
    assert json.loads((desk.folder / "person-ssdlite.model-proc.json").read_text())["output_postproc"]
    assert detect.data["model-proc"] == str(desk.folder / "person-ssdlite.model-proc.json")
    assert detect.data["ie-config"] == f"CACHE_DIR={desk.data / 'compiled'}"
    assert [node.type for node in nodes(request, "decodebin3", "parsebin", "avdec_h264")] == [
        "parsebin",
        "avdec_h264",
    ]
    assert nodes(request, "gvawatermark", "gvametapublish") == [], "nobody looks at it"
    assert [stream.sink for stream in request.streams] == ["sink_p0_s0"]
    assert (request.loop, request.max_runtime_s, request.records) == (False, None, ())


def test_what_the_client_says_of_inference_stays(desk):
    text = DETECT.replace("gvadetect ", "gvadetect ie-config=NUM_STREAMS=2 threshold=0.7 ")
    (detect,) = nodes(desk.plan(text).requests[0], "gvadetect")
    assert detect.data["ie-config"] == f"NUM_STREAMS=2,CACHE_DIR={desk.data / 'compiled'}"
    assert detect.data["threshold"] == "0.7"


@pytest.mark.parametrize(("isolation", "processes"), [("pipeline", 1), ("stream", 3)])
def test_each_stream_has_files_of_its_own(desk, isolation, processes):
    plan = desk.plan(DETECT, streams=3, isolation=isolation, output_mode="file", metadata_mode="file")
    assert [path.name for path in plan.outputs] == [f"output_stream{n}.mp4" for n in range(3)]
    assert [path.name for path in plan.metadata] == [f"metadata_stream{n}.jsonl" for n in range(3)]
    assert len(plan.requests) == processes
    assert [stream.number for each in plan.requests for stream in each.streams] == [0, 1, 2]
    sinks = [node.data["location"] for each in plan.requests for node in nodes(each, "filesink")]
    assert sinks == [str(path) for path in plan.outputs]
    lines = [node.data["file-path"] for each in plan.requests for node in nodes(each, "gvametapublish")]
    assert lines == [str(path) for path in plan.metadata]
    assert [(one.stream, one.path) for each in plan.requests for one in each.records] == list(enumerate(lines))
    assert plan.frames == 36


def test_two_publishers_of_a_stream_do_not_write_into_one_file(desk):
    text = (
        "filesrc location=film ! decodebin3 ! tee name=t  t. ! gvametaconvert ! gvametapublish ! fakesink "
        "t. ! gvametaconvert ! gvametapublish ! fakesink name=default_output_sink"
    )
    plan = desk.plan(text, metadata_mode="file")
    assert len({path.name for path in plan.metadata}) == 2
    assert {each.stream for each in plan.requests[0].records} == {0}


def test_files_that_the_graph_names_get_a_folder_of_their_own(desk):
    text = (
        "filesrc location=film ! decodebin3 ! tee name=t  t. ! openh264enc ! splitmuxsink location=part%02d.mp4 "
        "t. ! fakesink name=default_output_sink"
    )
    one, two = desk.plan(text), desk.plan(text, streams=2)
    (sink,) = nodes(one.requests[0], "splitmuxsink")
    assert sink.data["location"] == str(one.named / "part%02d.mp4")
    names = [node.data["location"] for node in nodes(two.requests[0], "splitmuxsink")]
    assert names == [str(two.named / f"part%02d_stream{n}.mp4") for n in range(2)]


def test_files_are_repeated_for_a_run_of_some_length_but_cameras_are_not(desk):
    plan = desk.plan(DETECT, max_runtime_s=5.0)
    assert (plan.requests[0].loop, plan.requests[0].max_runtime_s, plan.frames) == (True, 5.0, 0)


def test_our_elements_are_asked_for_only_where_they_are_needed(tmp_path):
    assert Desk(tmp_path / "a").plan(DETECT).requests[0].plugins
    assert not Desk(tmp_path / "b").plan("filesrc location=film ! decodebin3 ! fakesink").requests[0].plugins
    native = CPU | {"gvadetect", "gvawatermark", "gvametaconvert", "gvametapublish"}
    assert not Desk(tmp_path / "c", elements=native).plan(DETECT).requests[0].plugins


def test_other_media_in_place_of_those_it_names(desk):
    (request,) = desk.plan(DETECT.replace("film", "nothing"), inputs=["film"]).requests
    assert nodes(request, "filesrc")[0].data["location"].endswith("film.mp4")


def test_on_a_gpu(tmp_path):
    (request,) = Desk(tmp_path, "gpu.1.long", INTEL).plan(DETECT, output_mode="file").requests
    (detect,) = nodes(request, "gvadetect")
    assert detect.data["device"] == "GPU.1"
    assert detect.data["model"].endswith("openvino-FP16.xml")
    assert [node.type for node in nodes(request, "vah264dec", "vah264enc")] == ["vah264dec", "vah264enc"]


def test_a_mix_of_devices_is_the_clients_choice_unless_the_job_names_one(tmp_path):
    desk = Desk(tmp_path, "gpu.long", INTEL)
    mix = DETECT.replace("gvadetect ", "gvadetect device=NPU ")
    assert nodes(desk.plan(mix).requests[0], "gvadetect")[0].data["device"] == "NPU"
    assert nodes(desk.plan(mix, device="GPU").requests[0], "gvadetect")[0].data["device"] == "GPU"


@pytest.mark.parametrize(
    ("text", "fields", "error", "said"),
    [
        (DETECT.replace("film", "nothing"), {}, MediumNotInstalled, "nothing"),
        (DETECT.replace("person-ssdlite", "nothing"), {}, ModelNotInstalled, "nothing"),
        (DETECT.replace("person-ssdlite", "asl"), {}, ModelUnusable, "asl can't be used in pipelines"),
        (DETECT, {"output_mode": "live_stream"}, InvalidSpec, "no server"),
        (
            "filesrc location=film ! decodebin3 ! fakesink",
            {"metadata_mode": "file"},
            InvalidSpec,
            "gvametapublish",
        ),
        (
            "videotestsrc ! tee name=t  t. ! fakesink  t. ! fakesink",
            {"output_mode": "file"},
            InvalidSpec,
            "fakesinks",
        ),
    ],
)
def test_what_can_not_be_run_is_said(desk, text, fields, error, said):
    with pytest.raises(error, match=said):
        desk.plan(text, **fields)


def test_without_an_encoder_there_is_no_video(tmp_path):
    with pytest.raises(NoEncoder, match="openh264enc, x264enc"):
        Desk(tmp_path, elements=CPU - {"openh264enc"}).plan(DETECT, output_mode="file")
