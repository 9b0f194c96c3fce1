# pyright: reportUntypedBaseClass=false
"""gvatrack: object ids that stay from frame to frame."""

from dataclasses import replace
from typing import Any

from workers.gst.elements import native
from workers.gst.elements.tracking import Tracker
from workers.gst.elements.transform import (
    ANY_FORMAT,
    Gst,
    InPlace,
    Property,
    metadata,
    properties,
    reported,
    templates,
)

TABLE: dict[str, Property] = {
    "tracking-type": (str, "short-term-imageless"),
    "device": (str, ""),
    "config": (str, ""),
    "feature-model": (str, ""),
    "deepsort-trck-cfg": (str, ""),
}
_TYPES = {"zero-term": False, "zero-term-imageless": False, "short-term": True, "short-term-imageless": True}


class Track(InPlace):
    """Looks at boxes only, never at the picture, whatever the type."""

    __gtype_name__ = "Framelane_gvatrack"
    __gstmetadata__ = metadata("gvatrack", "Tracks objects")
    __gsttemplates__ = templates(ANY_FORMAT)
    __gproperties__ = properties(TABLE)
    table = TABLE

    def __init__(self) -> None:
        super().__init__()
        self._tracker = Tracker(predict=True)

    @reported(failed=False)
    def do_start(self) -> bool:
        """See GstBaseTransform."""
        kind = self.value("tracking-type")
        if kind not in _TYPES:
            msg = f"tracking-type is one of {', '.join(_TYPES)}, not {kind!r}"
            raise ValueError(msg)
        self._tracker = Tracker(predict=_TYPES[kind])
        return True

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform."""
        address = hash(buffer)
        frame = native.frame_of(address)
        regions = self._tracker.update(frame.regions, looked=frame.looked)
        if regions or frame.regions:
            native.put_frame(address, replace(frame, regions=regions))
        return Gst.FlowReturn.OK


ELEMENTS = {"gvatrack": Track}
