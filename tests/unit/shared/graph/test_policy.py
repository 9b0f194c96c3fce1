"""What a client's pipeline may not do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.elements import SHIPPED, Elements, load_elements, shipped
from shared.graph.model import Graph, Node
from shared.graph.parser import parse
from shared.graph.policy import SETTING, Policy
from shared.settings import Settings

POLICY = Policy.shipped()


def refused(text: str, *allow: str) -> list[str]:
    return [refusal.pointer for refusal in Policy.shipped(allow).refusals(parse(text))]


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        ("filesrc location=/etc/passwd ! fakesink", ["/nodes/0/data/location"]),
        ("filesrc location=../a.mp4 ! fakesink", ["/nodes/0/data/location"]),
        ("filesrc location=.hidden ! fakesink", ["/nodes/0/data/location"]),
        ("filesrc location=a\\\\b ! fakesink", ["/nodes/0/data/location"]),
        ("filesrc location=http://x ! fakesink", ["/nodes/0/data/location"]),
        ("multifilesrc location=/x/%d.jpg ! fakesink", ["/nodes/0/data/location"]),
        ("urisourcebin uri=file:///etc/passwd ! fakesink", ["/nodes/0/data/uri"]),
        ("uridecodebin uri=http://10.0.0.1/ ! fakesink", ["/nodes/0/data/uri"]),
        ("rtspsrc location=rtsp://x/y ! fakesink", ["/nodes/0/data/location"]),
        ("rtspsrc location=cam user-id=a user-pw=b proxy=c tls-database=d ! fakesink",
         ["/nodes/0/data/user-id", "/nodes/0/data/user-pw", "/nodes/0/data/proxy", "/nodes/0/data/tls-database"]),
        ("v4l2src device=/dev/mem ! fakesink", ["/nodes/0/data/device"]),
        ("source kind=radio source=/x ! fakesink", ["/nodes/0/data/kind", "/nodes/0/data/source"]),
        ("fdsrc fd=0 ! fakesink", ["/nodes/0/type"]),
        ("souphttpsrc location=http://x ! fakesink", ["/nodes/0/type"]),
        ("tcpclientsrc ! fakesink", ["/nodes/0/type"]),
        ("ximagesrc ! fakesink", ["/nodes/0/type"]),
        ("appsrc ! fakesink", ["/nodes/0/type"]),
        ("fakesrc ! filesink location=x", ["/nodes/1/type"]),
        ("fakesrc ! multifilesink location=x", ["/nodes/1/type"]),
        ("fakesrc ! shmsink socket-path=/x", ["/nodes/1/type"]),
        ("fakesrc ! udpsink host=x", ["/nodes/1/type"]),
        ("fakesrc ! rtspclientsink location=x", ["/nodes/1/type"]),
        ("fakesrc ! autovideosink", ["/nodes/1/type"]),
        ("fakesrc ! gvapython module=a.py class=B", ["/nodes/1/type"]),
        ("fakesrc ! neverheardof", ["/nodes/1/type"]),
        ("gvadetect model=/m/x.xml", ["/nodes/0/data/model"]),
        ("gvadetect model=m/x.xml", ["/nodes/0/data/model"]),
        ("gvadetect model=x model-proc=x.json", ["/nodes/0/data/model-proc"]),
        ("gvadetect model=x labels-file=x.txt", ["/nodes/0/data/labels-file"]),
        ("gvadetect model=x labels=/etc/passwd", ["/nodes/0/data/labels"]),
        ("gvadetect model=x custom-postproc-lib=x.so", ["/nodes/0/data/custom-postproc-lib"]),
        ("gvadetect model=x ov-extension-lib=x.so", ["/nodes/0/data/ov-extension-lib"]),
        ("gvadetect model=x ie-config=CACHE_DIR=x", ["/nodes/0/data/ie-config"]),
        ("gvadetect model=x ie-config=A=1,B=/x", ["/nodes/0/data/ie-config"]),
        ("gvagenai model-path=/m prompt-path=/x model-cache-path=y",
         ["/nodes/0/data/model-path", "/nodes/0/data/prompt-path", "/nodes/0/data/model-cache-path"]),
        ("gvatrack config=/x feature-model=y", ["/nodes/0/data/config", "/nodes/0/data/feature-model"]),
        ("gvaattachroi file-path=x", ["/nodes/0/data/file-path"]),
        ("gvafpscounter write-pipe=x read-pipe=y", ["/nodes/0/data/write-pipe", "/nodes/0/data/read-pipe"]),
        ("gvametapublish method=mqtt address=x topic=y",
         ["/nodes/0/data/method", "/nodes/0/data/address", "/nodes/0/data/topic"]),
        ("gvametapublish file-path=/x", ["/nodes/0/data/file-path"]),
        ("splitmuxsink location=/x", ["/nodes/0/data/location"]),
        ("splitmuxsink location=a/b.mp4", ["/nodes/0/data/location"]),
        ("splitmuxsink location=%s.mp4", ["/nodes/0/data/location"]),
        ("splitmuxsink sink=filesink muxer-factory=filesink", ["/nodes/0/data/sink", "/nodes/0/data/muxer-factory"]),
        ("splitmuxsink sink-factory=udpsink sink_factory=udpsink sink-properties=x sink::location=/x",
         ["/nodes/0/data/sink-factory", "/nodes/0/data/sink_factory", "/nodes/0/data/sink-properties",
          "/nodes/0/data/sink::location"]),
        ("x264enc option-string=stats=/x multipass-cache-file=/x multipass_cache_file=/x @preset=x",
         ["/nodes/0/data/option-string", "/nodes/0/data/multipass-cache-file", "/nodes/0/data/multipass_cache_file",
          "/nodes/0/data/@preset"]),
        ("mp4mux faststart-file=x moov-recovery-file=y", ["/nodes/0/data/faststart-file", "/nodes/0/data/moov-recovery-file"]),
        ("queue2 temp-template=/x", ["/nodes/0/data/temp-template"]),
        ("queue child::location=/x", ["/nodes/0/data/child::location"]),
        ("filesrc LOCATION=/x", ["/nodes/0/data/LOCATION"]),
        ("fakesink dump=true", ["/nodes/0/data/dump"]),
    ],
)  # fmt: skip
def test_refused(text: str, pointers: list[str]):
    assert refused(text) == pointers


@pytest.mark.parametrize(
    "text",
    [
        "filesrc location=person-walk.mp4 num-buffers=5 ! decodebin3 ! fakesink name=default_output_sink sync=false",
        'filesrc location="Ein Film (2).mp4" ! decodebin3 ! fakesink',
        "filesrc location=0f8fad5b-d9cb-469f-a165-70867728950e ! parsebin ! vah264dec ! vapostproc ! fakesink",
        'filesrc location="" ! gvadetect model="" ! fakesink',
        "source kind=camera source=network-camera-10.0.0.5-80 ! decodebin3 ! fakesink",
        "rtspsrc location=front latency=100 protocols=tcp ! rtph264depay ! h264parse ! avdec_h264 ! fakesink",
        "v4l2src device=usb-cam ! image/jpeg,width=640 ! jpegdec ! videoconvert ! fakesink",
        "gvadetect model=yolo11s_INT8 device=GPU.1 ie-config=NUM_STREAMS=2,PERFORMANCE_HINT=LATENCY nireq=4",
        'gvadetect model="YOLO v8n (INT8)" inference_interval=3 object-class=car',
        "gvatrack tracking-type=zero-term config=a=1 ! gvawatermark displ-cfg=thickness=2 ! gvafpscounter starting-frame=10",
        'gvametaconvert tags="{\\"a\\": \\"/x\\"}" ! gvametapublish file-format=json-lines file-path=found.jsonl method=file',
        "splitmuxsink location=rec_%05d.mp4 max-size-time=1 max-files=5 muxer-factory=matroskamux",
        "compositor name=c sink_0::xpos=10 sink_1::alpha=0.5",
        "x264enc bitrate=100 tune=zerolatency speed-preset=veryfast",
        "videotestsrc pattern=ball is-live=true ! tee name=t",
    ],
)
def test_taken(text: str):
    assert refused(text) == []


def test_a_refusal_says_where_what_and_what_to_do():
    (first, second) = POLICY.refusals(parse("filesrc location=/etc/passwd ! filesink name=x"))
    assert (first.node, first.element, first.key) == ("0", "filesrc", "location")
    assert first.broken == (
        "/nodes/0/data/location",
        "filesrc.location takes the name of a video, image set or camera (camera:<name>), not a path or address",
    )
    assert (second.node, second.element, second.key) == ("1", "filesink", None)
    assert "output_mode `file`" in second.message
    assert SETTING in second.message


def test_an_operator_allows_more():
    text = "gvapython module=a.py class=B ! udpsink host=x port=5 sync=false ! filesrc location=/x"
    assert refused(text, "gvapython", "gvapython.module", "gvapython.class", "udpsink", "udpsink.*") == [
        "/nodes/2/data/location"
    ]
    assert refused(text, "gvapython", "udpsink", "filesrc.location") == [
        "/nodes/0/data/module",
        "/nodes/1/data/host",
        "/nodes/1/data/port",
    ]
    assert refused("v4l2h264enc ! v4l2h265enc", "v4l2*enc") == []


def test_to_allow_a_property_of_all_is_to_allow_no_element():
    assert refused("filesink location=/x", "*.location") == ["/nodes/0/type"]
    assert refused("filesrc location=/x", "*.location") == []


@given(st.text(min_size=1, max_size=20), st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8)))
def test_what_nobody_knows_is_refused(element: str, data: dict[str, str]):
    graph = Graph(nodes=[Node(id="0", type=element, data=data)])
    if element in shipped().by_type or "/" in element:
        return
    assert [refusal.pointer for refusal in POLICY.refusals(graph)] == ["/nodes/0/type"]


@given(
    st.sampled_from(sorted(shipped().by_type)),
    st.sampled_from(
        ["location", "uri", "file-path", "file_path", "socket-path", "host", "module", "user-pw", "a::b"]
    ),
    st.sampled_from(["/x", "../x", "//x", "file:///x", "http://x", "C:\\x", "-x", "x/y", "\n/x"]),
)
def test_no_element_takes_a_path_from_a_client(element: str, key: str, value: str):
    assert POLICY.refusals(Graph(nodes=[Node(id="0", type=element, data={key: value})]))


def test_settings_carry_the_operators_list(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SETTING, '["udpsink"]')
    assert Settings().pipelines.allow == ["udpsink"]


def test_each_element_is_in_one_group():
    table = load_elements(SHIPPED)
    with pytest.raises(ValueError, match="in more than one group: filesrc"):
        Elements(outside=[], instead={}, groups=[*table.groups, table.by_type["filesrc"]])
