"""GStreamer's buffers through ctypes: what gi copies, hides or gets wrong, and faster.

A Python object rides on a buffer in a custom meta, as a reference that GStreamer copies and frees with the buffer:
it goes through queues, tees, converters and scalers, and ends with the last copy of its buffer.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workers.gst.elements.frame import EMPTY, Frame
from workers.gst.elements.pictures import Layout
from workers.networks.shapes import Array

_META = b"FramelaneFrameMeta"
_FIELD = b"frame"
_FLAGS, _PTS = 16, 72
_DISCONT = 1 << 6
_READ, _WRITE = 1, 3
NO_TIME = 2**64 - 1


class _Value(ctypes.Structure):
    _fields_ = [("type", c_size_t), ("data", c_uint64 * 2)]


class _VideoMeta(ctypes.Structure):
    _fields_ = [
        ("meta_flags", c_int),
        ("info", c_void_p),
        ("buffer", c_void_p),
        ("flags", c_int),
        ("format", c_int),
        ("id", c_int),
        ("width", c_uint32),
        ("height", c_uint32),
        ("n_planes", c_uint32),
        ("offset", c_size_t * 4),
        ("stride", c_int * 4),
    ]


class _Map(ctypes.Structure):
    _fields_ = [
        ("memory", c_void_p),
        ("flags", c_int),
        ("data", c_void_p),
        ("size", c_size_t),
        ("maxsize", c_size_t),
        ("user_data", c_void_p * 4),
        ("reserved", c_void_p * 4),
    ]


@dataclass(frozen=True, slots=True)
class _Libraries:
    gst: Any
    video: Any
    gobject: Any
    python_type: int


_loaded: list[_Libraries] = []


def load(python_type: int) -> None:
    """Once per process, after Gst.init. ``python_type``: the GType of Python objects."""
    if _loaded:
        return
    gst, video, gobject = (
        ctypes.CDLL(name) for name in ("libgstreamer-1.0.so.0", "libgstvideo-1.0.so.0", "libgobject-2.0.so.0")
    )
    pointer = c_void_p
    signatures: list[tuple[Any, Any, list[Any]]] = [
        (gst.gst_meta_register_custom, pointer, [c_char_p, pointer, pointer, pointer, pointer]),
        (gst.gst_buffer_add_custom_meta, pointer, [pointer, c_char_p]),
        (gst.gst_buffer_get_custom_meta, pointer, [pointer, c_char_p]),
        (gst.gst_custom_meta_get_structure, pointer, [pointer]),
        (gst.gst_structure_set_value, None, [pointer, c_char_p, pointer]),
        (gst.gst_structure_get_value, pointer, [pointer, c_char_p]),
        (gst.gst_mini_object_ref, pointer, [pointer]),
        (gst.gst_mini_object_unref, None, [pointer]),
        (gst.gst_pad_push, c_int, [pointer, pointer]),
        (gst.gst_buffer_map, c_int, [pointer, POINTER(_Map), c_int]),
        (gst.gst_buffer_unmap, None, [pointer, POINTER(_Map)]),
        (video.gst_buffer_get_video_meta, POINTER(_VideoMeta), [pointer]),
        (gobject.g_value_init, pointer, [pointer, c_size_t]),
        (gobject.g_value_set_boxed, None, [pointer, pointer]),
        (gobject.g_value_get_boxed, pointer, [pointer]),
        (gobject.g_value_unset, None, [pointer]),
        (gobject.g_object_ref, pointer, [pointer]),
        (gobject.g_object_is_floating, c_int, [pointer]),
        (gobject.g_object_force_floating, None, [pointer]),
    ]
    for function, result, arguments in signatures:
        function.restype, function.argtypes = result, arguments
    gst.gst_meta_register_custom(_META, byref((c_char_p * 1)(None)), None, None, None)
    _loaded.append(_Libraries(gst, video, gobject, python_type))


def float_again(element: int) -> None:
    """PyGObject before 3.44 gives out elements that GStreamer thinks somebody owns already, and warns of."""
    gobject = _loaded[0].gobject
    if not gobject.g_object_is_floating(element):
        gobject.g_object_ref(element)
        gobject.g_object_force_floating(element)


def frame_of(buffer: int) -> Frame:
    """What is known of the frame; nothing, if no element has said anything yet."""
    libraries = _loaded[0]
    meta = libraries.gst.gst_buffer_get_custom_meta(buffer, _META)
    if not meta:
        return EMPTY
    value = libraries.gst.gst_structure_get_value(libraries.gst.gst_custom_meta_get_structure(meta), _FIELD)
    return ctypes.cast(libraries.gobject.g_value_get_boxed(value), ctypes.py_object).value


def put_frame(buffer: int, frame: Frame) -> None:
    """Replace what is known. The buffer must be writable."""
    libraries = _loaded[0]
    gst, gobject = libraries.gst, libraries.gobject
    meta = gst.gst_buffer_get_custom_meta(buffer, _META) or gst.gst_buffer_add_custom_meta(buffer, _META)
    value = _Value()
    gobject.g_value_init(byref(value), libraries.python_type)
    gobject.g_value_set_boxed(byref(value), id(frame))
    gst.gst_structure_set_value(gst.gst_custom_meta_get_structure(meta), _FIELD, byref(value))
    gobject.g_value_unset(byref(value))


def pts_of(buffer: int) -> int:
    """Nanoseconds, or NO_TIME."""
    return c_uint64.from_address(buffer + _PTS).value


def is_discontinuous(buffer: int) -> bool:
    """Whether frames were lost before this one."""
    return bool(c_uint32.from_address(buffer + _FLAGS).value & _DISCONT)


def continuous(buffer: int) -> None:
    """Say that it follows the one before. Writable buffers only."""
    flags = c_uint32.from_address(buffer + _FLAGS)
    flags.value &= ~_DISCONT


def keep(buffer: int) -> int:
    """Own it too, until ``push`` or ``drop``."""
    return _loaded[0].gst.gst_mini_object_ref(buffer)


def drop(buffer: int) -> None:
    """Give up what ``keep`` took."""
    _loaded[0].gst.gst_mini_object_unref(buffer)


def push(pad: int, buffer: int) -> int:
    """Send it downstream; it isn't ours any more. The flow return as a number."""
    return _loaded[0].gst.gst_pad_push(pad, buffer)


def actual(buffer: int, layout: Layout) -> Layout:
    """How this frame lies in memory: as its caps say, unless it brings its own strides."""
    meta = _loaded[0].video.gst_buffer_get_video_meta(buffer)
    if not meta:
        return layout
    planes = len(layout.strides)
    strides, offsets = tuple(meta.contents.stride[:planes]), tuple(meta.contents.offset[:planes])
    if strides == layout.strides and offsets == layout.offsets:
        return layout
    return replace(layout, strides=strides, offsets=offsets)


class Mapped:
    """The bytes of a buffer as a numpy array, within a ``with``."""

    def __init__(self, buffer: int, *, write: bool = False) -> None:
        self._buffer = buffer
        self._flags = _WRITE if write else _READ
        self._map = _Map()

    def __enter__(self) -> Array:
        if not _loaded[0].gst.gst_buffer_map(self._buffer, byref(self._map), self._flags):
            msg = "the frame's memory can't be mapped"
            raise RuntimeError(msg)
        return np.ctypeslib.as_array(ctypes.cast(self._map.data, POINTER(ctypes.c_uint8)), (self._map.size,))

    def __exit__(self, *_: object) -> None:
        _loaded[0].gst.gst_buffer_unmap(self._buffer, byref(self._map))


FLOW_OK, FLOW_EOS, FLOW_DROPPED, FLOW_ERROR = 0, -3, 100, -5
