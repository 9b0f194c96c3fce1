"""Run by an interpreter that has GStreamer's bindings: what GStreamer makes of texts.

Reads a JSON list of texts, writes a JSON list: ``{"code", "says"}`` of an error, or ``{"elements": {name: factory},
"links": [[from, to]], "values": {name: location}}`` of a pipeline, its unnamed caps filters left out.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402  a version must be chosen first


def members(pipeline):
    """The elements at the top of the pipeline."""
    if not isinstance(pipeline, Gst.Pipeline):
        return [pipeline]
    found, walk = [], pipeline.iterate_elements()
    while True:
        result, element = walk.next()
        if result != Gst.IteratorResult.OK:
            return found[::-1]
        found.append(element)


def is_filter(element):
    return element.get_factory().get_name() == "capsfilter" and element.get_name().startswith("capsfilter")


def target(pad):
    """The element a source pad leads to, past unnamed caps filters."""
    peer = pad.get_peer()
    if peer is None:
        return None
    element = peer.get_parent_element()
    if not is_filter(element):
        return element.get_name()
    return target(element.get_static_pad("src"))


def read(text):
    try:
        pipeline = Gst.parse_launch_full(text, None, Gst.ParseFlags.FATAL_ERRORS)
    except GLib.Error as error:
        return {"code": error.code, "says": error.message}
    elements = [element for element in members(pipeline) if not is_filter(element)]
    links = [
        [element.get_name(), target(pad)]
        for element in elements
        for pad in element.pads
        if pad.get_direction() == Gst.PadDirection.SRC and target(pad)
    ]
    values = {
        each.get_name(): each.get_property("location") for each in elements if each.find_property("location")
    }
    return {
        "elements": {each.get_name(): each.get_factory().get_name() for each in elements},
        "links": links,
        "values": values,
    }


Gst.init([])
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
