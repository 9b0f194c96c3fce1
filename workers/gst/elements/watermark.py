# pyright: reportUntypedBaseClass=false
"""gvawatermark: what is known of a frame, drawn on it."""

from typing import Any

from workers.gst.elements import native
from workers.gst.elements.draw import draw
from workers.gst.elements.transform import OUR_FORMATS, Gst, InPlace, Property, reported

TABLE: dict[str, Property] = {
    "device": (str, ""),
    "displ-cfg": (str, ""),
    "displ-avgfps": (bool, False),
    "displ-mode": (str, ""),
    "obb": (bool, False),
}


class Watermark(InPlace):
    """Draws on frames in which there is something; the others aren't touched."""

    element = "gvawatermark"
    purpose = "Draws what was found"
    caps = OUR_FORMATS
    table = TABLE

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform."""
        address = hash(buffer)
        frame = native.frame_of(address)
        if self.layout is not None and (frame.regions or frame.tensors):
            with native.Mapped(address, write=True) as data:
                draw(data, native.actual(address, self.layout), frame)
        return Gst.FlowReturn.OK


ELEMENTS = {"gvawatermark": Watermark}
