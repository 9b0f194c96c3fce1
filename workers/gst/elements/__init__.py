"""The elements of DL Streamer, in Python on OpenVINO, for machines that don't have it."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from workers.gst import gi_path
from workers.gst.elements import native

# GStreamer brings libunwind, whose functions can take the place of those that C++ exceptions need: OpenVINO's
# would end the process. What is global comes first.
with suppress(OSError):
    ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)

NAMES = {
    "gvadetect": "inference",
    "gvaclassify": "inference",
    "gvainference": "inference",
    "gvatrack": "track",
    "gvawatermark": "watermark",
    "gvametaconvert": "metaconvert",
    "gvametapublish": "publish",
    "gvafpscounter": "fpscounter",
    "gvaattachroi": "attachroi",
}
"""Element names, and the modules here that have them."""


def register(gst: Any = None) -> list[str]:
    """Make those elements usable by this process that no plugin of the machine offers. Their names.

    ``gst``: ``gi.repository.Gst``, initialised.
    """
    known, objects = gi_path.load("Gst", "GObject")
    gst = gst or known
    absent = [name for name in NAMES if gst.ElementFactory.find(name) is None]
    if absent:
        native.load(hash(objects.TYPE_PYOBJECT))
    for name in absent:
        elements: dict[str, Callable[..., Any]] = import_module(f"{__name__}.{NAMES[name]}").ELEMENTS
        if not gst.Element.register(None, name, gst.Rank.NONE, elements[name]):
            msg = f"GStreamer doesn't take {name}"
            raise RuntimeError(msg)
    return absent
