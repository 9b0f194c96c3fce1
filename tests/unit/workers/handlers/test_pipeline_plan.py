"""From a graph by names to what a process is asked, without GStreamer."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from shared.adapters.memory import (
    MemoryArtifactStore,
    MemoryAttemptStore,
    MemoryBenchmarks,
    MemoryBenchmarkWriter,
    MemoryJobs,
    MemoryPipelineStore,
    MemoryUploadStore,
    MemoryVariantWriter,
    MemoryWorkerBeacon,
    MemoryWorkers,
)
from shared.cameras import CameraSettings
from shared.devices import DeviceInfo, Lane, family_of
from shared.errors import InvalidSpec, MediumNotInstalled, ModelNotInstalled, ModelUnusable
from shared.graph.parser import parse
from shared.graph.rewrites.codecs import NoEncoder
from shared.pipeline_settings import PipelineSettings
from shared.results import InstalledFile, InstalledMedium, InstalledModel
from shared.settings import Settings, WorkerSettings
from tests.support import shipped
from tests.support.leases import no_lease
from tests.support.pipelines import task
from workers.handlers import WorkerEnvironment
from workers.handlers.pipeline_plan import Planner
from workers.installation import version_of
from workers.media_store import MediaStore, medium_key
from workers.model_store import ModelStore, model_key

CPU = frozenset({"avdec_h264", "videoconvert", "openh264enc", "h264parse", "mp4mux"})
INTEL = CPU | {"vah264dec", "vah264enc", "vapostproc", "gvadetect", "gvawatermark"}
FILM = "filesrc location=film ! decodebin3 ! fakesink"
TWO_SINKS = "videotestsrc ! tee name=t  t. ! fakesink  t. ! fakesink"
DETECT = (
    "filesrc location=film ! decodebin3 ! gvadetect model=person-ssdlite ! gvawatermark ! "
    "gvametaconvert ! gvametapublish method=file ! fakesink name=default_output_sink"
)


def sha(content):
    return hashlib.sha256(content).hexdigest()


def archive_of(images):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for number in range(1, images + 1):
            content = str(number).encode()
            about = tarfile.TarInfo(f"{number:03d}.jpg")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return written.getvalue()


class Desk:
    """A planner on twins, with a video and models."""

    def __init__(self, folder, lane="cpu.long", elements=CPU, pipelines=None):
        self.folder = folder / "run"
        self.folder.mkdir(parents=True)
        self.data = folder / "data"
        artifacts, beacon = MemoryArtifactStore(), MemoryWorkerBeacon(MemoryWorkers())
        self.environment = WorkerEnvironment(
            settings=Settings(
                worker=WorkerSettings(data_dir=self.data), pipelines=pipelines or PipelineSettings()
            ),
            device=DeviceInfo(id=Lane(lane).device, family=family_of(Lane(lane).device), full_name=lane),
            lane=Lane(lane),
            catalogue=shipped.models(),
            media=shipped.media(),
            model_store=ModelStore(self.data / "models", artifacts, beacon),
            media_store=MediaStore(self.data / "media", artifacts, beacon),
            artifacts=artifacts,
            beacon=beacon,
            attempts=MemoryAttemptStore(MemoryJobs()),
            uploads=MemoryUploadStore(),
            exclusive=no_lease(),
            benchmarks=MemoryBenchmarkWriter(MemoryBenchmarks()),
            variants=MemoryVariantWriter(MemoryPipelineStore()),
        )
        self._add_film("film", b"a film", frames=12)
        self._add_film("other", b"another film", frames=5, codec="vp9")
        self._add_film("walk", archive_of(3), frames=3, codec="jpeg", kind="image_set", file="walk.tar")
        self._add_film("portrait", b"a photo", frames=1, codec="png", kind="photo", file="50% off.png")
        self._install("person-ssdlite", "frozen_inference_graph.pb", "openvino-FP16.xml", "openvino-FP32.xml")
        self._install("asl", "weights.pth")
        self.planner = Planner(self.environment, lambda: elements)

    def _add_film(self, name, content, frames, codec="h264", kind="video", file="film.mp4"):
        medium = InstalledMedium(
            name=name,
            version=name,
            kind=kind,
            file=InstalledFile(name=file, size=len(content), sha256=sha(content)),
            container=kind,
            codec=codec,
            width=64,
            height=48,
            fps=10.0,
            frames=frames,
            duration_s=1.2,
            licence="-",
            installed_at="-",
        )
        self.environment.artifacts.put_bytes(medium_key(medium), content, "-")
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
        return self.planner.plan(task(text, **fields), "job-1", self.folder, "default")


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def nodes(request, *types):
    return [node for node in parse(request.text).nodes if node.type in types]


def test_names_become_paths_and_models_bring_what_they_need(desk):
    (request,) = desk.plan(DETECT).requests
    (source,) = nodes(request, "filesrc")
    assert source.data["location"] == str(desk.data / "media/film/film/film.mp4")
    (detect,) = nodes(request, "gvadetect")
    assert detect.data["model"].startswith(str(desk.data / "models/person-ssdlite"))
    assert detect.data["model"].endswith("openvino-FP32.xml")
    assert detect.data["device"] == "CPU"
    (output,) = json.loads((desk.folder / "person-ssdlite.model-proc.json").read_text())["output_postproc"]
    assert output["labels"] == ["background", "person"]
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


@pytest.mark.parametrize(
    ("streams", "most", "numbers"),
    [(5, 2, [[0], [1, 2], [3, 4]]), (4, 3, [[0, 1], [2, 3]]), (3, 9, [[0, 1, 2]]), (2, 1, [[0], [1]])],
)
def test_streams_share_processes(desk, streams, most, numbers):
    plan = desk.plan(DETECT, streams=streams, streams_per_process=most)
    assert [[stream.number for stream in each.streams] for each in plan.requests] == numbers
    for each in plan.requests:
        assert len(nodes(each, "gvadetect")) == len(each.streams)
    assert len({stream.sink for each in plan.requests for stream in each.streams}) == streams


def test_codecs_of_what_is_read(desk):
    def codecs(text, **fields):
        return desk.planner.codecs(task(text, **fields), "default")

    assert codecs(DETECT) == {"h264"}
    assert codecs(DETECT, streams=2, inputs=[["film", "other"]]) == {"h264", "vp9"}
    assert codecs(DETECT, inputs=["walk"]) == {"raw"}
    assert codecs("videotestsrc ! fakesink") == set()


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


def test_each_stream_may_read_another_medium(desk):
    plan = desk.plan(DETECT, streams=3, inputs=[["film", "other"]])
    (request,) = plan.requests
    sources = [node.data["location"] for node in nodes(request, "filesrc")]
    assert sources == [str(desk.data / f"media/{name}/{name}/film.mp4") for name in ("film", "other", "film")]
    assert plan.frames == 12 + 5 + 12
    assert len(nodes(request, "avdec_h264")) == 2
    assert len(nodes(request, "decodebin3")) == 1, "no decoder for vp9 is known here"
    assert {node.data["model-instance-id"] for node in nodes(request, "gvadetect")} == {"cpu_openvino-fp32"}


def test_an_image_set_is_a_folder_on_this_machine(desk):
    plan = desk.plan(DETECT, inputs=["walk"], max_runtime_s=2.0)
    (request,) = plan.requests
    (source,) = nodes(request, "multifilesrc")
    folder, pattern = source.data["location"].rsplit("/", 1)
    assert pattern == "%03d.jpg"
    assert len(list(Path(folder).iterdir())) == 3
    assert (source.data["start-index"], source.data["stop-index"], source.data["loop"]) == ("1", "3", "true")
    assert not request.loop, "it begins again by itself"
    assert [node.type for node in parse(request.text).nodes][1:4] == ["jpegdec", "videoconvert", "video/x-raw"]
    once = desk.plan(DETECT, inputs=["walk"])
    assert ("loop" in nodes(once.requests[0], "multifilesrc")[0].data, once.frames) == (False, 3)


def test_a_photo_is_an_image_set_of_one(desk):
    (source,) = nodes(desk.plan(DETECT, inputs=["portrait"]).requests[0], "multifilesrc")
    assert source.data["location"].endswith("/50%% off.png")
    assert source.data["stop-index"] == "1"


def test_images_and_videos_are_repeated_in_processes_of_their_own(desk):
    mixed = {"streams": 2, "inputs": [["film", "walk"]], "max_runtime_s": 2.0}
    with pytest.raises(InvalidSpec, match="isolation `stream`"):
        desk.plan(DETECT, **mixed)
    assert [each.loop for each in desk.plan(DETECT, **mixed, isolation="stream").requests] == [True, False]


def test_streams_whose_frames_are_elsewhere_do_not_share_a_model(tmp_path):
    pipelines = PipelineSettings(cameras={"yard": CameraSettings(url="rtsp://c/1")})
    desk = Desk(tmp_path, "gpu.long", INTEL - {"vapostproc"}, pipelines)
    text = DETECT.replace("gvadetect ", "gvadetect pre-process-backend=opencv ")
    (request,) = desk.plan(text, streams=2, inputs=[["film", "camera:yard"]]).requests
    assert len({node.data["model-instance-id"] for node in nodes(request, "gvadetect")}) == 1
    first, second = nodes(request, "gvadetect")
    assert first.data["model"] == second.data["model"]


YARD = PipelineSettings(
    cameras={
        "yard": CameraSettings(url="rtsp://me:s3cret@cam/1", codec="h264", latency_ms=250),
        "desk": CameraSettings(device="/dev/video3"),
    },
    live_server="rtsp://push:p4ss@media:8554",
    live_public="rtsp://watch.example",
)


def test_a_camera_is_read_by_its_address_which_is_a_secret(tmp_path):
    plan = Desk(tmp_path, pipelines=YARD).plan(DETECT, inputs=["camera:yard"], max_runtime_s=3.0)
    (request,) = plan.requests
    (source,) = nodes(request, "rtspsrc")
    assert source.data | {"name": ""} == {
        "name": "",
        "location": "rtsp://cam/1",
        "latency": "250",
        "protocols": "tcp",
        "user-id": "me",
        "user-pw": "s3cret",
    }
    assert (request.loop, request.max_runtime_s, plan.frames) == (False, 3.0, 0)
    assert nodes(request, "avdec_h264"), "its codec is set"
    assert nodes(request, "queue")[0].data["leaky"] == "downstream"
    assert plan.secrets["s3cret"] == "***"
    assert plan.secrets["rtsp://cam/1"] == "camera:yard"


def test_a_camera_on_an_intel_gpu_is_decoded_there(tmp_path):
    desk = Desk(tmp_path, "gpu.long", INTEL, YARD)
    (request,) = desk.plan(DETECT, inputs=["camera:yard"], output_mode="live_stream").requests
    types = [node.type for node in parse(request.text).nodes]
    assert types[:6] == [
        "rtspsrc",
        "application/x-rtp",
        "parsebin",
        "vah264dec",
        "vapostproc",
        "video/x-raw(memory:VAMemory)",
    ]
    (encoder,) = nodes(request, "vah264enc")
    assert encoder.data == {"key-int-max": "30"}


def test_a_usb_camera_finds_its_decoder_itself(tmp_path):
    (request,) = Desk(tmp_path, pipelines=YARD).plan("v4l2src device=desk ! decodebin3 ! fakesink").requests
    assert nodes(request, "v4l2src")[0].data["device"] == "/dev/video3"
    assert nodes(request, "decodebin3")


def test_streams_are_published_under_the_job(tmp_path):
    plan = Desk(tmp_path, pipelines=YARD).plan(DETECT, streams=2, output_mode="live_stream")
    sinks = nodes(plan.requests[0], "rtspclientsink")
    assert [sink.data["location"] for sink in sinks] == [f"rtsp://media:8554/job-1/stream{n}" for n in range(2)]
    assert {(sink.data["user-id"], sink.data["user-pw"]) for sink in sinks} == {("push", "p4ss")}
    assert plan.live_urls == [f"rtsp://watch.example/job-1/stream{n}" for n in range(2)]
    assert plan.secrets["p4ss"] == "***"
    assert plan.outputs == []
    assert nodes(plan.requests[0], "gvawatermark"), "somebody looks at it"


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


def test_the_variant_of_a_model_can_be_named(desk):
    half = DETECT.replace("person-ssdlite", "person-ssdlite@FP16")
    (detect,) = nodes(desk.plan(half).requests[0], "gvadetect")
    assert detect.data["model"].endswith("openvino-FP16.xml")


@pytest.mark.parametrize(
    ("text", "fields", "error", "said"),
    [
        (DETECT.replace("person-ssdlite", "person-ssdlite@INT8"), {}, ModelUnusable, "no variant in INT8"),
        (DETECT.replace("film", "nothing"), {}, MediumNotInstalled, "nothing"),
        (DETECT.replace("person-ssdlite", "nothing"), {}, ModelNotInstalled, "nothing"),
        (DETECT.replace("person-ssdlite", "asl"), {}, ModelUnusable, "asl can't be used in pipelines"),
        (DETECT, {"output_mode": "live_stream"}, InvalidSpec, "knows no server"),
        (DETECT, {"inputs": ["camera:yard"]}, InvalidSpec, "knows no camera:yard"),
        (FILM, {"metadata_mode": "file"}, InvalidSpec, "gvametapublish"),
        (TWO_SINKS, {"output_mode": "file"}, InvalidSpec, "fakesinks"),
    ],
)
def test_what_can_not_be_run_is_said(desk, text, fields, error, said):
    with pytest.raises(error, match=said):
        desk.plan(text, **fields)


def test_without_an_encoder_there_is_no_video(tmp_path):
    with pytest.raises(NoEncoder, match="openh264enc, x264enc"):
        Desk(tmp_path, elements=CPU - {"openh264enc"}).plan(DETECT, output_mode="file")
