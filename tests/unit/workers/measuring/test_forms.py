"""Forms of a pipeline, as graphs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.devices import AUTO
from shared.graph.emitter import emit
from shared.graph.parser import parse
from shared.measurements import SearchSpace
from tests.support.pipelines import task
from workers.measuring.converting import fewer_converters, merged
from workers.measuring.decoding import Machine
from workers.measuring.forms import (
    ORIGINAL,
    Form,
    Surroundings,
    applied,
    combined,
    conditions,
    expected,
    options,
    recorded,
    singles,
)

DETECT = "filesrc location=film ! decodebin3 ! gvadetect model=people batch-size=2 ! gvatrack ! fakesink"
HERE = Surroundings("CPU", ["GPU"], {"people": ["FP16", "INT8"]})


def test_only_what_differs_is_searched() -> None:
    space = SearchSpace(device=["CPU", "GPU", "NPU"], precision=["FP32", "INT8"], isolation=["stream"])
    assert options(space, task(DETECT), HERE) == {
        "batch-size": ["1", "4"],
        "inference-interval": ["2", "3"],
        "nireq": ["1", "2", "4"],
        "queues": ["yes"],
        "precision": ["INT8"],
        "device": ["GPU"],
    }


def test_without_a_model_there_is_only_how_it_is_run() -> None:
    space = SearchSpace(isolation=["pipeline", "stream"])
    assert options(space, task("videotestsrc ! fakesink"), HERE) == {}
    assert options(space, task("videotestsrc ! fakesink", streams=2), HERE) == {"isolation": ["stream"]}


def test_a_classifier_alone_skips_no_frames() -> None:
    text = "videotestsrc ! gvaclassify model=people ! fakesink"
    assert "inference-interval" not in options(SearchSpace(), task(text), HERE)


def test_a_form_has_its_changes_and_nothing_else() -> None:
    changes = {"batch-size": "4", "device": "GPU", "precision": "INT8", "inference-interval": "3", "queues": "yes"}
    made = applied(task(DETECT, device="CPU"), Form.of(changes))
    assert emit(made.graph) == (
        "filesrc location=film ! decodebin3 ! queue ! "
        "gvadetect model=people@INT8 batch-size=4 device=GPU inference-interval=3 ! queue ! gvatrack ! fakesink"
    )
    assert made.device == AUTO
    assert applied(task(DETECT), ORIGINAL) == task(DETECT)
    assert applied(task(DETECT, streams=2), Form.of({"isolation": "stream"})).isolation == "stream"


@pytest.mark.parametrize(
    ("text", "fewer"),
    [
        ("a ! videoconvert ! gvadetect model=m ! fakesink", "a ! gvadetect model=m ! fakesink"),
        ("a ! videoscale ! queue ! gvadetect ! fakesink", "a ! queue ! gvadetect ! fakesink"),
        ("a ! videoconvert ! video/x-raw,format=NV12 ! gvadetect ! fakesink", None),
        ("a ! video/x-raw,format=NV12 ! videoconvert ! gvadetect ! fakesink", None),
        ("a ! videoscale method=lanczos ! gvadetect ! fakesink", None),
        ("a ! gvadetect ! videoconvert ! fakesink", None),
    ],
)
def test_converters_go_where_the_model_converts(text: str, fewer: str | None) -> None:
    assert emit(fewer_converters(parse(text))) == (fewer or text)


PLAYED = "filesrc location=film ! decodebin3 ! videoconvert ! videoscale ! video/x-raw,width=64 ! fakesink"
THREADED = {"videoconvert": {"n-threads"}, "videoscale": {"n-threads", "method"}, "avdec_h264": {"max-threads"}}
MACHINE = Machine(
    frozenset({"avdec_h264", "openh264dec", "avdec_h265", "libde265dec", "decodebin", "videoconvertscale"}),
    THREADED,
)


def around(*codecs: str, device: str = "CPU", machine: Machine = MACHINE) -> Surroundings:
    return Surroundings(device, codecs=frozenset(codecs), machine=machine)


def found(text: str, here: Surroundings, **space: object) -> dict[str, list[str]]:
    nothing = {"decode_threads": [], "convert_threads": [], "merge_converters": False, "converters": False}
    asked = SearchSpace.model_validate(nothing | {"queues": False, **space})
    return options(asked, task(text, streams=4), here)


@pytest.mark.parametrize(
    ("text", "codecs", "decoders"),
    [
        # The worker takes the first for a decodebin, so that is what is there already.
        (PLAYED, ["h264"], ["avdec_h264 max-threads=1", "openh264dec"]),
        (
            PLAYED.replace("decodebin3", "parsebin ! openh264dec"),
            ["h264"],
            ["avdec_h264", "avdec_h264 max-threads=1"],
        ),
        (
            PLAYED.replace("decodebin3", "parsebin ! avdec_h264 max-threads=1"),
            ["h264"],
            ["avdec_h264", "openh264dec"],
        ),
        (PLAYED, ["h264", "h265"], None),
        (PLAYED, ["raw"], None),
        (PLAYED, [""], ["decodebin"]),
        (PLAYED.replace("decodebin3", "decodebin"), ["mpeg4"], None),  # decodebin3 isn't there
        (PLAYED.replace("decodebin3 !", "decodebin3 name=d d.video_0 !"), ["h264"], None),
        # Not on the list of what pipelines may have.
        (PLAYED, ["h265"], None),
        ("videotestsrc ! fakesink", [], None),
    ],
)
def test_decoders_of_the_codec_are_tried(text: str, codecs: list[str], decoders: list[str] | None) -> None:
    said = found(text, around(*codecs), decode_threads=[1])
    assert said == ({"decoder": decoders} if decoders else {})


def test_decoders_are_left_alone_if_the_client_wishes() -> None:
    assert found(PLAYED, around("h264"), decoders=False) == {}
    assert found(PLAYED, around("h264"), decoders=False, decode_threads=[1, 2]) == {
        "decoder": ["avdec_h264 max-threads=1", "avdec_h264 max-threads=2"]
    }


def test_a_gpu_decodes_where_the_job_has_it() -> None:
    elements = MACHINE.elements | {"nvh264dec", "cudadownload", "vah264dec", "vapostproc"}
    machine = Machine(elements, THREADED)
    assert found(PLAYED, around("h264", machine=machine)) == {"decoder": ["openh264dec"]}
    told = found(PLAYED, around("h264", device="GPU", machine=machine))
    assert told == {"decoder": ["nvh264dec ! cudadownload", "avdec_h264", "openh264dec"]}


@pytest.mark.parametrize(
    ("value", "text", "made"),
    [
        (
            "avdec_h264 max-threads=1",
            "a ! decodebin3 ! b",
            "a ! parsebin ! avdec_h264 max-threads=1 ! videoconvert ! video/x-raw ! b",
        ),
        (
            "openh264dec",
            "a ! h264parse ! avdec_h264 name=d max-threads=2 ! b",
            "a ! h264parse ! openh264dec name=d ! b",
        ),
        ("openh264dec", "a ! qtdemux ! avdec_h264 ! b", "a ! qtdemux ! h264parse ! openh264dec ! b"),
        (
            "openh264dec",
            "a ! decodebin3 ! b",
            "a ! parsebin ! h264parse ! openh264dec ! videoconvert ! video/x-raw ! b",
        ),
        (
            "nvh264dec ! cudadownload",
            "a ! avdec_h264 ! b",
            "a ! nvh264dec ! cudadownload ! videoconvert ! video/x-raw ! b",
        ),
        (
            "vah264dec",
            "a ! decodebin ! b",
            "a ! parsebin ! vah264dec ! vapostproc ! video/x-raw(memory:VAMemory) ! b",
        ),
        ("decodebin", "a ! decodebin3 name=d caps=x ! b", "a ! decodebin name=d ! b"),
    ],
)
def test_another_decoder_stands_in_its_place(value: str, text: str, made: str) -> None:
    assert emit(applied(task(text), Form.of({"decoder": value})).graph) == made


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("a ! videoconvert ! videoscale method=lanczos ! b", "a ! videoconvertscale method=lanczos ! b"),
        ("a ! videoscale name=s ! videoconvert n-threads=2 ! b", "a ! videoconvertscale n-threads=2 name=s ! b"),
        ("a ! videoscale qos=true ! videoconvert qos=true ! videoscale ! b",
         "a ! videoconvertscale qos=true ! videoscale ! b"),
        ("a ! videoconvert n-threads=1 ! videoscale n-threads=2 ! b", None),
        ("a ! videoconvert ! video/x-raw,format=RGB ! videoscale ! b", None),
        ("a ! videoconvert ! tee name=t t. ! videoscale ! b t. ! c", None),
    ],
)  # fmt: skip
def test_converters_next_to_each_other_become_one(text: str, one: str | None) -> None:
    assert emit(merged(parse(text))) == emit(parse(one or text))


def test_converters_are_tried_where_they_are() -> None:
    said = found(PLAYED, around(""), decoders=False, merge_converters=True, convert_threads=[1, 2, 4])
    assert said == {"converters-merged": ["yes"], "convert-threads": ["2", "4"]}
    unknown = Machine(
        frozenset({"videoconvert"}), {"videoconvert": {"n-threads"}}
    )  # of videoscale nothing is known
    assert not found(PLAYED, around(machine=unknown), merge_converters=True, convert_threads=[2])
    looked = PLAYED.replace("fakesink", "gvadetect model=people ! fakesink")
    methods = {
        "decoders": False,
        "batch_size": [],
        "nireq": [],
        "inference_interval": [],
        "scale_method": ["bilinear", "lanczos"],
    }
    assert found(looked, around(), **methods) == {"scale-method": ["lanczos"]}
    assert not found(PLAYED, around(), **methods), "nobody could tell what it does to the pictures"
    changes = {"convert-threads": "2", "scale-method": "lanczos"}
    made = emit(applied(task(looked), Form.of(changes)).graph)
    assert "videoconvert n-threads=2 ! videoscale n-threads=2 method=lanczos ! video" in made


def test_streams_share_processes_in_several_ways() -> None:
    space = SearchSpace(decoders=False, streams_per_process=[1, 2, 3, 4, 9])
    text = "videotestsrc ! fakesink"
    assert options(space, task(text, streams=4), HERE) == {"streams-per-process": ["1", "2"]}, (
        "3 are 2 processes too"
    )
    assert options(space, task(text), HERE) == {}
    alone = task(text, streams=4, isolation="stream")
    assert options(space, alone, HERE) == {"streams-per-process": ["2", "4"]}
    made = applied(alone, Form.of({"streams-per-process": "2"}))
    assert (made.isolation, made.streams_per_process, made.most_per_process(4)) == ("pipeline", 2, 2)
    assert applied(made, Form.of({"isolation": "stream"})).most_per_process(4) == 1


def test_what_a_rate_hangs_on_is_said() -> None:
    original = task(PLAYED, streams=4)
    made = applied(original, Form.of({"decoder": "openh264dec", "streams-per-process": "2"}))
    processes, codec = conditions(original, made)
    assert "`streams_per_process` 2" in processes
    assert "openh264dec reads h264 only" in codec
    assert conditions(original, applied(original, Form.of({"convert-threads": "2"}))) == []


def test_many_changes_that_help_are_not_all_combined() -> None:
    ratios = {Form(((f"{name}", "1"),)): 1.1 + name / 100 for name in range(20)}
    forms = combined(ratios)
    assert len(forms) == 2**6 - 6 - 1
    assert dict(forms[0].changes).keys() == {str(name) for name in range(14, 20)}


def test_records_are_made_behind_the_last_that_looks() -> None:
    text = (
        "a ! gvadetect ! gvatrack ! gvametaconvert ! gvametapublish file-path=x ! tee name=t t. ! fakesink t. ! b"
    )
    assert emit(recorded(parse(text))) == (
        "a ! gvadetect ! gvatrack ! gvametaconvert add-empty-results=true ! gvametapublish method=file ! tee name=t "
        "! fakesink t. ! b"
    )
    assert emit(recorded(parse("a ! fakesink"))) == "a ! fakesink"


def test_first_values_of_all_properties_come_before_second_ones() -> None:
    forms = singles({"nireq": ["1", "2"], "queues": ["yes"]})
    assert [str(form) for form in forms] == ["nireq 1", "queues yes", "nireq 2"]


RATIOS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("123")).map(lambda change: Form((change,))),
    st.floats(0.5, 2),
)


@given(RATIOS)
def test_what_helped_is_combined_the_most_promising_first(ratios: dict[Form, float]) -> None:
    forms = combined(ratios)
    assert len(set(forms)) == len(forms) <= 3**4
    for form in forms:
        assert len(dict(form.changes)) == len(form.changes) > 1
        assert all(ratios[Form((change,))] > 1 for change in form.changes)
    promised = [expected(form, ratios) for form in forms]
    assert promised == sorted(promised, reverse=True)
