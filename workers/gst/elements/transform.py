# pyright: reportUntypedBaseClass=false, reportUnknownMemberType=false
"""What all elements share: properties, caps, and errors that reach the pipeline's bus."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from workers.gst import gi_path
from workers.gst.elements import native
from workers.gst.elements.pictures import Layout

Gst, GstBase, GstVideo, GObject, GLib = gi_path.load("Gst", "GstBase", "GstVideo", "GObject", "GLib")

ANY_FORMAT = "video/x-raw(ANY)"
OUR_FORMATS = "video/x-raw,format={BGR,RGB,BGRx,BGRA,RGBx,RGBA,NV12,I420}"

Property = tuple[type[str] | type[int] | type[float] | type[bool], Any]
"""Type and default."""

_FLAGS = GObject.ParamFlags.READWRITE
_LIMITS: dict[type, tuple[float, float]] = {int: (-(2**31), 2**31 - 1), float: (-1e308, 1e308)}


def _property(kind: type, default: Any, name: str) -> tuple[Any, ...]:
    limits = _LIMITS.get(kind, ())
    return (kind, name, name, *limits, default, _FLAGS)


def _templates(caps: str) -> tuple[Any, Any]:
    return tuple(
        Gst.PadTemplate.new(name, direction, Gst.PadPresence.ALWAYS, Gst.Caps.from_string(caps))
        for name, direction in (("sink", Gst.PadDirection.SINK), ("src", Gst.PadDirection.SRC))
    )


def reported(*, failed: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An exception becomes an error on the bus, and ``failed`` is returned."""

    def decorate(method: Any) -> Any:
        @wraps(method)
        def called(self: Any, *arguments: Any) -> Any:
            try:
                return method(self, *arguments)
            except Exception as error:  # noqa: BLE001 - an exception would be lost in C
                self.complain(error)
                return failed

        return called

    return decorate


class InPlace(GstBase.BaseTransform):
    """An element that looks at frames, or changes what is known of them.

    A class with an ``element`` (its name in pipelines) is registered as that, with what it says below.
    """

    element = ""
    purpose = ""
    caps = ANY_FORMAT
    """Of its sink and its source."""
    table: Mapping[str, Property] = {}
    passthrough = False
    """Whether frames and what is known of them stay as they are."""

    def __init_subclass__(cls) -> None:
        """What GObject reads of a class when it is made; this comes before."""
        super().__init_subclass__()
        if cls.element:
            cls.__gtype_name__ = f"Framelane_{cls.element}"
            cls.__gstmetadata__ = (cls.element, "Filter/Analyzer/Video", cls.purpose, "Framelane")
            cls.__gsttemplates__ = _templates(cls.caps)
            cls.__gproperties__ = {name: _property(*each, name) for name, each in cls.table.items()}

    def __init__(self) -> None:
        super().__init__()
        native.float_again(hash(self))
        self.given: dict[str, Any] = {}
        self.layout: Layout | None = None
        self.set_in_place(True)
        if self.passthrough:
            self.set_passthrough(True)

    def do_get_property(self, spec: Any) -> Any:
        """See GObject."""
        return self.value(spec.name)

    def do_set_property(self, spec: Any, value: Any) -> None:
        """See GObject."""
        self.given[spec.name] = value

    def value(self, name: str) -> Any:
        """A property's, or its default."""
        return self.given.get(name, self.table[name][1])

    def text(self, name: str) -> str:
        """A text property's, empty by default."""
        return self.value(name) or ""

    @reported(failed=False)
    def do_set_caps(self, incaps: Any, _outcaps: Any) -> bool:
        """See GstBaseTransform."""
        self.layout = layout_of(incaps)
        return True

    def complain(self, error: Exception) -> None:
        """Tell the bus; the pipeline ends."""
        told = GLib.Error.new_literal(
            Gst.StreamError.quark(), str(error) or type(error).__name__, Gst.StreamError.FAILED
        )
        self.post_message(Gst.Message.new_error(self, told, type(error).__name__))

    def stream_time(self, pts: int) -> int:
        """Of a buffer's time, in nanoseconds; NO_TIME if it has none."""
        return pts if pts == native.NO_TIME else self.segment.to_stream_time(Gst.Format.TIME, pts)


def layout_of(caps: Any) -> Layout:
    """How frames of these caps lie in memory. Raises ValueError if they aren't video."""
    info = GstVideo.VideoInfo.new_from_caps(caps)
    if info is None:
        msg = f"not raw video: {caps.to_string()}"
        raise ValueError(msg)
    return Layout(
        info.finfo.name, info.width, info.height, tuple(info.stride[: info.finfo.n_planes]),
        tuple(info.offset[: info.finfo.n_planes]),
    )  # fmt: skip
