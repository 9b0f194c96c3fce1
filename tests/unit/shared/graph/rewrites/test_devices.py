"""Models, decoders and encoders on a CPU, an Intel GPU or NPU, and an NVIDIA GPU."""

from collections.abc import Callable

import pytest

from shared.graph.emitter import emit
from shared.graph.model import Graph
from shared.graph.parser import parse
from shared.graph.rewrites.codecs import NoEncoder, decoding
from shared.graph.rewrites.devices import on_device, sharing_models, slug
from shared.graph.rewrites.draft import Draft
from shared.graph.rewrites.live import newest_first
from shared.graph.rewrites.memory import Memory, memory_at
from shared.graph.rewrites.outputs import ToFile, ToStream, with_output
from shared.graph.rewrites.sources import redacted
from tests.support.graphs import INTEL, NVIDIA, PLAIN

DETECT = "filesrc location=/v/a.mp4 ! decodebin3 ! gvadetect model=/m/yolo.xml ! queue ! gvawatermark ! fakesink"
H264 = {"/v/a.mp4": "h264"}


def rewritten(text: str, *steps: Callable[[Graph], Graph]) -> str:
    graph = parse(text)
    for step in steps:
        graph = step(graph)
        assert parse(emit(graph)) == graph
    return emit(graph)


@pytest.mark.parametrize(
    ("device", "available", "expected"),
    [
        (
            "CPU",
            INTEL,
            (
                "filesrc location=/v/a.mp4 ! parsebin ! avdec_h264 ! videoconvert ! video/x-raw ! "
                "gvadetect model=/m/yolo.xml device=CPU ! queue ! gvawatermark ! "
                "videoconvert ! openh264enc bitrate=16000000 ! h264parse ! mp4mux ! filesink location=/out/a.mp4"
            ),
        ),
        (
            "GPU",
            INTEL,
            (
                "filesrc location=/v/a.mp4 ! parsebin ! vah264dec ! vapostproc ! video/x-raw(memory:VAMemory) ! "
                "gvadetect model=/m/yolo.xml device=GPU pre-process-backend=va-surface-sharing ! queue ! gvawatermark ! "
                "vapostproc ! vah264lpenc ! h264parse ! mp4mux ! filesink location=/out/a.mp4"
            ),
        ),
        (
            "NPU",
            INTEL,
            (
                "filesrc location=/v/a.mp4 ! parsebin ! vah264dec ! vapostproc ! video/x-raw(memory:VAMemory) ! "
                "gvadetect model=/m/yolo.xml device=NPU pre-process-backend=va ! queue ! gvawatermark ! "
                "vapostproc ! vah264lpenc ! h264parse ! mp4mux ! filesink location=/out/a.mp4"
            ),
        ),
        (
            "GPU.1",
            NVIDIA,
            (
                "filesrc location=/v/a.mp4 ! parsebin ! nvh264dec ! cudadownload ! videoconvert ! video/x-raw ! "
                "gvadetect model=/m/yolo.xml device=GPU.1 ! queue ! gvawatermark ! "
                "videoconvert ! nvh264enc ! h264parse ! mp4mux ! filesink location=/out/a.mp4"
            ),
        ),
        (
            "GPU",
            PLAIN,
            (
                "filesrc location=/v/a.mp4 ! parsebin ! avdec_h264 ! videoconvert ! video/x-raw ! "
                "gvadetect model=/m/yolo.xml device=GPU ! queue ! gvawatermark ! "
                "videoconvert ! openh264enc bitrate=16000000 ! h264parse ! mp4mux ! filesink location=/out/a.mp4"
            ),
        ),
    ],
)
def test_one_pipeline_on_every_hardware(device: str, available: frozenset[str], expected: str):
    steps: list[Callable[[Graph], Graph]] = [
        lambda graph: on_device(graph, device, available),
        lambda graph: decoding(graph, H264, device, available),
        lambda graph: with_output(graph, ToFile("/out/a.mp4"), device, available),
    ]
    assert rewritten(DETECT, *steps) == expected


@pytest.mark.parametrize(
    ("text", "device", "backend"),
    [
        ("filesrc ! decodebin3 ! gvadetect", "CPU", None),
        ("filesrc ! decodebin3 ! gvadetect pre-process-backend=va-surface-sharing", "CPU", "opencv"),
        ("filesrc ! decodebin3 ! gvadetect pre-process-backend=ie", "CPU", "ie"),
        ("filesrc ! decodebin3 ! gvadetect pre-process-backend=opencv", "GPU", "va-surface-sharing"),
        ("filesrc ! decodebin3 ! gvadetect ! queue ! gvaclassify", "NPU", "va"),
        ("filesrc ! decodebin3 ! videoconvert ! gvadetect", "GPU", None),
        ("filesrc ! decodebin3 ! video/x-raw ! queue ! gvadetect pre-process-backend=va", "GPU", "opencv"),
        ("filesrc ! decodebin3 ! vapostproc ! video/x-raw(memory:VAMemory) ! tee ! gvadetect", "CPU", "va"),
    ],
)
def test_pre_processing_goes_where_the_frames_are(text: str, device: str, backend: str | None):
    graph = on_device(parse(text + " ! fakesink"), device, INTEL)
    models = [node.data for node in graph.nodes if node.type in {"gvadetect", "gvaclassify"}]
    assert {data["device"] for data in models} == {device}
    assert {data.get("pre-process-backend") for data in models} == {backend}


def test_equal_models_are_shared_and_others_are_not():
    text = (
        "gvadetect model=/m/Yolo v8.xml device=GPU ! gvaclassify model=age device=NPU object-class=face ! fakesink "
        "gvadetect model=/m/Yolo v8.xml device=GPU threshold=0.9 name=x ! gvaclassify model=age device=NPU ! fakesink "
        "gvadetect model=/m/Yolo v8.xml device=GPU batch-size=4 ! gvaclassify model=age ! fakesink "
        "gvadetect model=mine model-instance-id=own ! gvainference ! gvatrack ! fakesink"
    ).replace("/m/Yolo v8.xml", '"/m/Yolo v8.xml"')
    graph = sharing_models(parse(text))
    assert [node.data.get("model-instance-id") for node in graph.nodes if node.type.startswith("gva")] == [
        "gpu_yolo-v8",
        "npu_age",
        "gpu_yolo-v8",
        "npu_age",
        "gpu_yolo-v8_2",
        "cpu_age",
        "own",
        None,
        None,
    ]


@pytest.mark.parametrize(("text", "expected"), [("GPU.1", "gpu-1"), ("/a/b c.xml", "b-c"), ("é", "x"), ("", "x")])
def test_slugs(text: str, expected: str):
    assert slug(text) == expected


@pytest.mark.parametrize(
    ("codec", "device", "available", "decoder"),
    [
        ("h265", "CPU", INTEL, "parsebin ! avdec_h265 ! videoconvert ! video/x-raw"),
        ("h265", "GPU", INTEL, "parsebin ! vah265dec ! vapostproc ! video/x-raw(memory:VAMemory)"),
        ("h265", "GPU", NVIDIA, "parsebin ! nvh265dec ! cudadownload ! videoconvert ! video/x-raw"),
        ("h264", "GPU", PLAIN | {"nvh264dec"}, "parsebin ! nvh264dec ! videoconvert ! video/x-raw"),
        (
            "h264",
            "GPU",
            PLAIN | {"qsvh264dec", "vapostproc"},
            "parsebin ! h264parse ! qsvh264dec ! vapostproc ! video/x-raw(memory:VAMemory)",
        ),
        ("h264", "GPU", PLAIN | {"vah264dec"}, "parsebin ! avdec_h264 ! videoconvert ! video/x-raw"),
        ("mjpeg", "CPU", PLAIN, "parsebin ! jpegdec ! videoconvert ! video/x-raw"),
        (
            "h265",
            "GPU",
            PLAIN | {"qsvh265dec", "vapostproc"},
            "parsebin ! h265parse ! qsvh265dec ! vapostproc ! video/x-raw(memory:VAMemory)",
        ),
        (
            "mjpeg",
            "GPU",
            INTEL | {"vajpegdec"},
            "parsebin ! vajpegdec ! vapostproc ! video/x-raw(memory:VAMemory)",
        ),
        (
            "mjpeg",
            "GPU",
            NVIDIA | {"nvjpegdec"},
            "parsebin ! nvjpegdec ! cudadownload ! videoconvert ! video/x-raw",
        ),
        ("vp9", "NPU", INTEL | {"vavp9dec"}, "parsebin ! vavp9dec ! vapostproc ! video/x-raw(memory:VAMemory)"),
        (
            "vp9",
            "GPU",
            PLAIN | {"qsvvp9dec", "vapostproc"},
            "parsebin ! qsvvp9dec ! vapostproc ! video/x-raw(memory:VAMemory)",
        ),
        ("av1", "GPU", INTEL | {"vaav1dec"}, "parsebin ! vaav1dec ! vapostproc ! video/x-raw(memory:VAMemory)"),
        ("av1", "GPU", NVIDIA | {"nvav1dec"}, "parsebin ! nvav1dec ! cudadownload ! videoconvert ! video/x-raw"),
        ("vp8", "GPU", NVIDIA | {"nvvp8dec"}, "parsebin ! nvvp8dec ! cudadownload ! videoconvert ! video/x-raw"),
        ("av1", "GPU", PLAIN | {"dav1ddec"}, "parsebin ! dav1ddec ! videoconvert ! video/x-raw"),
        ("h264", "CPU", INTEL | NVIDIA, "parsebin ! avdec_h264 ! videoconvert ! video/x-raw"),
        ("vp9", "CPU", PLAIN, "decodebin3"),
        ("theora", "CPU", PLAIN, "decodebin3"),
        ("raw", "CPU", INTEL, "videoconvert ! video/x-raw"),
        ("raw", "GPU", INTEL, "vapostproc ! video/x-raw(memory:VAMemory)"),
        ("raw", "GPU", NVIDIA, "videoconvert ! video/x-raw"),
    ],
)
def test_decoders(codec: str, device: str, available: frozenset[str], decoder: str):
    text = f"filesrc location=/v/a.mp4 ! decodebin3 ! queue ! gvadetect device={device} ! fakesink"
    graph = decoding(parse(text), {"/v/a.mp4": codec}, "CPU", available)
    assert emit(graph) == text.replace("decodebin3", decoder)


def test_a_decoder_suits_the_nearest_model_else_the_job():
    text = "filesrc location=/v/a.mp4 ! decodebin ! tee name=t ! fakesink t. ! gvadetect device=GPU ! fakesink"
    assert "vah264dec" in emit(decoding(parse(text), H264, "CPU", INTEL))
    assert "avdec_h264" in emit(decoding(parse(text.replace(" device=GPU", "")), H264, "GPU", INTEL))
    bare = "filesrc location=/v/a.mp4 ! decodebin3 ! fakesink"
    assert "vah264dec" in emit(decoding(parse(bare), H264, "NPU", INTEL))


@pytest.mark.parametrize(
    "text",
    [
        "filesrc location=/v/b.mp4 ! decodebin3 ! fakesink",
        "videotestsrc ! decodebin3 ! fakesink",
        "filesrc location=/v/a.mp4 ! decodebin3 name=d d.video_0 ! fakesink d.audio_0 ! fakesink",
        "filesrc location=/v/a.mp4 ! decodebin3 name=d d.video_0 ! fakesink",
    ],
)
def test_what_finds_its_decoder_by_itself_stays(text: str):
    graph = parse(text)
    assert decoding(graph, H264, "GPU", INTEL) == graph


@pytest.mark.parametrize(
    ("frames", "device", "available", "encoder"),
    [
        ("video/x-raw(memory:VAMemory)", "GPU", INTEL - {"vah264lpenc"}, "vapostproc ! vah264enc key-int-max=30"),
        ("video/x-raw(memory:VAMemory)", "GPU", PLAIN | {"vapostproc", "qsvh264enc"},
         "vapostproc ! qsvh264enc gop-size=30"),
        ("video/x-raw(memory:VAMemory)", "GPU", PLAIN | {"vapostproc"},
         "vapostproc ! video/x-raw ! videoconvert ! openh264enc bitrate=16000000 gop-size=30"),
        ("video/x-raw(memory:VAMemory)", "NPU", frozenset({"vapostproc", "videoconvert", "nvh264enc"}),
         "vapostproc ! video/x-raw ! videoconvert ! nvh264enc gop-size=30"),
        ("video/x-raw(memory:CUDAMemory)", "GPU", NVIDIA,
         "cudadownload ! videoconvert ! nvh264enc gop-size=30"),
        ("video/x-raw(memory:CUDAMemory)", "GPU", NVIDIA - {"nvh264enc"},
         "cudadownload ! videoconvert ! openh264enc bitrate=16000000 gop-size=30"),
        ("video/x-raw", "GPU", INTEL, "vapostproc ! vah264lpenc key-int-max=30"),
        ("video/x-raw", "GPU", NVIDIA, "videoconvert ! nvh264enc gop-size=30"),
        ("video/x-raw", "GPU", PLAIN, "videoconvert ! openh264enc bitrate=16000000 gop-size=30"),
        ("video/x-raw", "CPU", INTEL, "videoconvert ! openh264enc bitrate=16000000 gop-size=30"),
        ("video/x-raw", "CPU", PLAIN - {"openh264enc"},
         "videoconvert ! video/x-raw,format=I420 ! x264enc bitrate=16000 speed-preset=veryfast tune=zerolatency key-int-max=30"),
        ("video/x-raw", "NPU", frozenset({"videoconvert", "nvh264enc"}), "videoconvert ! nvh264enc gop-size=30"),
    ],
)  # fmt: skip
def test_encoders_of_live_streams(frames: str, device: str, available: frozenset[str], encoder: str):
    text = f"videotestsrc ! {frames} ! queue ! fakesink name=default_output_sink sync=false"
    graph = with_output(parse(text), ToStream("rtsp://m/x", "me", "pw"), device, available)
    assert emit(graph) == (
        f"videotestsrc ! {frames} ! queue ! {encoder} ! h264parse config-interval=-1 ! "
        "rtspclientsink name=default_output_sink protocols=tcp location=rtsp://m/x user-id=me user-pw=pw"
    )
    assert "pw" not in emit(redacted(graph)).replace("user-pw", "")


def test_no_encoder_is_told_with_what_was_looked_for():
    with pytest.raises(
        NoEncoder, match=r"no H\.264 encoder for CPU is installed; looked for openh264enc, x264enc, va"
    ):
        with_output(parse("videotestsrc ! fakesink"), ToFile("/x"), "CPU", frozenset({"videoconvert"}))


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("videotestsrc ! fakesink", Memory.SYSTEM),
        ("filesrc ! decodebin3 ! queue ! fakesink", Memory.OPEN),
        ("filesrc ! vah264dec ! queue ! fakesink", Memory.VA),
        ("filesrc ! vajpegdec ! videorate ! fakesink", Memory.VA),
        ("filesrc ! nvh264dec ! cudaconvert ! fakesink", Memory.CUDA),
        ("filesrc ! cudaconvert ! cudadownload ! fakesink", Memory.SYSTEM),
        ("filesrc ! image/jpeg ! fakesink", Memory.OPEN),
        ("filesrc ! video/x-raw(ANY) ! fakesink", Memory.OPEN),
        ("filesrc ! video/x-raw(memory:DMABuf) ! fakesink", Memory.VA),
    ],
)
def test_memory(text: str, memory: Memory):
    draft = Draft(parse(text))
    assert memory_at(draft, draft.parts[-1]) is memory


def test_a_model_looks_at_the_newest_frame_of_a_camera():
    camera = "rtspsrc location=rtsp://c/1 ! application/x-rtp,media=video ! decodebin3"
    queue = "queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0"
    models = "gvadetect model=a ! gvaclassify model=b ! fakesink"
    for text, expected in (
        (f"{camera} ! {models}", f"{camera} ! {queue} ! {models}"),
        (f"{camera} ! queue max-size-buffers=9 ! {models}", None),
        (f"v4l2src device=/dev/video0 ! tee name=t ! fakesink t. ! {models}",
         f"v4l2src device=/dev/video0 ! tee name=t ! fakesink t. ! {queue} ! {models}"),
        (f"filesrc location=/v/a.mp4 ! decodebin3 ! {models}", None),
        (f"{camera} ! queue ! openh264enc ! fakesink", None),
    ):  # fmt: skip
        assert emit(newest_first(parse(text))) == (expected or text)
