"""What lines and errors of GStreamer mean."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gst.faults import Fault, element_in, in_words, phase_of
from workers.gst.latency import Latencies, Span, sample
from workers.gst.limits import Limits
from workers.gst.request import Records, Request, Stream, from_line

LINE = (
    "0:00:00.450837933 18107 0x7f04f0008f00 TRACE             GST_TRACER :0:: latency, "
    "src-element-id=(string)0x562b35524b20, src-element=(string)filesrc2, src=(string)src, "
    "sink-element-id=(string)0x562b35533930, sink-element=(string){sink}, sink=(string)sink, "
    "time=(guint64){ns}, ts=(guint64)450835109;\n"
)


def line(sink: str, ms: float) -> bytes:
    return LINE.format(sink=sink, ns=round(ms * 1e6)).encode()


def test_a_line_of_the_tracer_is_a_sink_and_a_time():
    assert sample(line("sink_p0_s1", 10.476)) == ("sink_p0_s1", 10.476)


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"0:00:00.01 1 0x1 TRACE GST_TRACER :0:: element-latency, element=(string)a, src=(string)src, time=(guint64)5;",
        b"0:00:00.01 1 0x1 DEBUG GST_TRACER gsttracer.c:159:gst_tracer_register:<registry0> update existing feature",
        b'0:00:00.01 1 0x1 TRACE GST_TRACER x.c:1:f: latency.class, src-element-id=(structure)"scope"',
    ],
)  # fmt: skip
def test_other_lines_are_none(other: bytes):
    assert sample(other) is None
    assert not Latencies(lambda _sink: 0).hear(other)


@given(st.lists(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=8), min_size=1, max_size=5))
def test_latencies_are_of_the_interval_and_of_the_whole_run(spans: list[list[int]]):
    latencies, merged = Latencies({"a": 0}.get), Span()
    for span in spans:
        for us in span:
            assert latencies.hear(line("a", us / 1e3))
            assert latencies.hear(line("another", 1))
        figures = latencies.interval()
        assert set(figures) == {0}
        assert figures[0]["min_ms"] == pytest.approx(min(span) / 1e3, abs=1e-3)
        assert figures[0]["max_ms"] == pytest.approx(max(span) / 1e3, abs=1e-3)
        assert latencies.interval() == {}
        merged.merge(figures[0])
    whole = [us / 1e3 for span in spans for us in span]
    told = latencies.whole()[0]
    assert told["avg_ms"] == pytest.approx(sum(whole) / len(whole), abs=1e-3)
    for name, share in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99)):
        exact = sorted(whole)[math.ceil(share * len(whole)) - 1]
        assert told[name] == pytest.approx(exact, abs=0.01 * exact + 2.5e-3)
        assert merged.figures()[name] == pytest.approx(told[name], abs=1e-3)
    assert merged.figures()["avg_ms"] == pytest.approx(told["avg_ms"], abs=2.5e-3)


@pytest.mark.parametrize(
    ("domain", "code", "debug", "phase"),
    [
        ("gst_parse_error", 0, "", "parse"),
        ("gst_parse_error", 2, "", "parse"),
        ("gst_parse_error", 3, "", "link"),
        ("gst_parse_error", 7, "", "link"),
        ("gst-stream-error-quark", 1, "place\nstreaming stopped, reason not-linked (-1)", "link"),
        ("gst-stream-error-quark", 1, "place\nstreaming stopped, reason not-negotiated (-4)", "negotiate"),
        ("gst-core-error-quark", 7, "", "negotiate"),
        ("gst-stream-error-quark", 1, "place\nstreaming stopped, reason error (-5)", "run"),
        ("gst-resource-error-quark", 3, "", "run"),
    ],
)
def test_the_phase_of_an_error(domain: str, code: int, debug: str, phase: str):
    assert phase_of(domain, code, debug) == phase


@pytest.mark.parametrize(
    ("message", "element"),
    [
        ('no element "foo"', "foo"),
        ('no property "bogus" in element "videotestsrc"', "videotestsrc"),
        ('could not set property "num-buffers" in element "fakesink" to "abc"', "fakesink"),
        ("could not link a to fakesink2", "a"),
        ("syntax error", ""),
    ],
)
def test_the_element_of_an_error_in_the_text(message: str, element: str):
    assert element_in(message) == element


def test_an_error_in_words():
    fault = Fault("Not found.", element="src_p0_s0", factory="filesrc", debug='x.c(5): f ():\nNo such file "a"')
    assert in_words(fault.told()) == "element 'src_p0_s0' (filesrc) failed: Not found. (No such file \"a\")"
    assert (
        in_words(Fault("gone", element="filesrc0", factory="filesrc").told()) == "element 'filesrc0' failed: gone"
    )
    assert in_words(Fault("no gi", phase="start").told()) == "no gi"


def test_logins_are_not_told():
    said = in_words(Fault("Could not open rtsp://me:hush@10.0.0.1/cam", element="rtspsrc0").told())
    assert "hush" not in said
    assert "rtsp://***@10.0.0.1/cam" in said


def test_a_request_arrives_as_it_was_sent():
    request = Request("a ! b\n", (Stream(0, "é"),), max_runtime_s=2.5, records=(Records(0, "x.jsonl"),))
    sent = request.to_line(Limits(wall_s=3))
    assert sent.count(b"\n") == 1
    assert from_line(sent) == (request, Limits(wall_s=3))
