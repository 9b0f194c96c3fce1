"""Forms of decoding and converting on this machine's GStreamer: each that is offered gives the same frames."""

import re
from pathlib import Path

import pytest

from shared.devices import Device
from shared.graph.emitter import emit
from shared.graph.rewrites.codecs import decoders, decoding
from shared.measurements import SearchSpace
from tests.integration.gst.conftest import Play
from tests.support.pipelines import task
from workers.gst.available import available, properties, version
from workers.measuring.converting import CONVERTERS
from workers.measuring.decoding import Machine
from workers.measuring.forms import Surroundings, applied, options, singles

FRAMES = 12
MADE = "videotestsrc num-buffers={} ! video/x-raw,format=I420,width=64,height=48,framerate=12/1 ! {} ! filesink name=s location=film"
SCALED = "decodebin3 ! videoconvert ! videoscale ! video/x-raw,format=RGB,width=32,height=24 ! fakesink name=s"


@pytest.mark.parametrize(
    ("codec", "encoder", "least"),
    [
        ("h264", "x264enc ! mp4mux", ["avdec_h264 max-threads=1", "openh264dec"]),
        ("vp8", "vp8enc deadline=1 ! webmmux", ["vp8dec threads=1", "avdec_vp8"]),
    ],
)
def test_each_form_that_is_offered_gives_all_frames(
    play: Play, tmp_path: Path, codec: str, encoder: str, least: list[str]
) -> None:
    play(MADE.format(FRAMES, encoder))
    film = str(tmp_path / "film")
    elements = available()
    names = {each.element for each in decoders(codec, Device.CPU, elements)} | {*CONVERTERS}
    machine = Machine(elements, properties(frozenset(names)))
    here = Surroundings("CPU", codecs=frozenset({codec}), machine=machine)
    one = task(f"filesrc location={film} ! {SCALED}")
    found = options(SearchSpace(), one, here)

    assert {*least} <= {*found["decoder"]}
    assert (found["converters-merged"], found["convert-threads"]) == (["yes"], ["2"])
    for form in singles(found):
        graph = decoding(applied(one, form).graph, {film: codec}, "CPU", elements)
        ended = play(emit(graph))
        assert (ended.streams[0].frames, ended.warnings) == (FRAMES, []), form


def test_nothing_is_told_of_what_is_not_there() -> None:
    told = properties(frozenset({"videoscale", "no-such-element"}))
    assert told.keys() == {"videoscale"}
    assert {"method", "n-threads"} <= told["videoscale"]
    assert properties(frozenset()) == {}
    assert re.fullmatch(r"1\.\d+\.\d+", version())
