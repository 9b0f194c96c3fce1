# pyright: reportUntypedBaseClass=false
"""gvatrack: object ids that stay from frame to frame."""

from dataclasses import replace
from typing import Any

from workers.gst.elements import native
from workers.gst.elements.tracking import Tracker
from workers.gst.elements.transform import Gst, InPlace, Property, reported

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

    element = "gvatrack"
    purpose = "Tracks objects"
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
