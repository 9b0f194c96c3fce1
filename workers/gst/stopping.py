"""The end of a stream put into a pipeline, so that what it writes is whole."""

import threading
from collections.abc import Iterator
from typing import Any

from workers.gst.counting import elements_of, entry
from workers.gst.gi_path import Gst


def end_sources(gst: Gst, pipeline: Any) -> None:
    """Every source ends; what is on its way comes through. Returns at once."""
    _apart(lambda: pipeline.send_event(gst.Event.new_eos()))


def end_sinks(gst: Gst, pipeline: Any) -> None:
    """Every sink, or the muxer before it, ends at once; what is on its way is lost. Returns at once."""
    for pad in _ends(gst, pipeline):
        _apart(lambda pad=pad: pad.send_event(gst.Event.new_eos()))


def _ends(gst: Gst, pipeline: Any) -> Iterator[Any]:
    for sink in elements_of(gst, pipeline.iterate_sinks()):
        pad = entry(sink)
        if pad is not None:
            yield from (each for each in pad.get_parent_element().sinkpads if each.is_linked())


def _apart(call: Any) -> None:
    """An event waits for the frame that is being worked on, which mustn't keep us from looking at the clock."""
    threading.Thread(target=call, daemon=True, name="end of stream").start()
