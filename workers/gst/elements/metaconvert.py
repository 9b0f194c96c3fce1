# pyright: reportUntypedBaseClass=false
"""gvametaconvert: what is known of a frame as JSON."""

from dataclasses import replace
from typing import Any

from workers.gst.elements import native
from workers.gst.elements.convert import to_json
from workers.gst.elements.transform import Gst, InPlace, Property, reported

TABLE: dict[str, Property] = {
    "format": (str, "json"),
    "add-tensor-data": (bool, False),
    "add-empty-results": (bool, False),
    "add-rtp-timestamp": (bool, False),
    "timestamp-utc": (bool, False),
    "timestamp-microseconds": (bool, False),
    "source": (str, None),
    "tags": (str, None),
    "json-indent": (int, -1),
}


class MetaConvert(InPlace):
    """Adds a message to each frame in which there is something."""

    element = "gvametaconvert"
    purpose = "Metadata as JSON"
    table = TABLE

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform."""
        address = hash(buffer)
        frame = native.frame_of(address)
        layout = self.layout
        if layout is None or not (frame.regions or frame.tensors or self.value("add-empty-results")):
            return Gst.FlowReturn.OK
        time = self.stream_time(native.pts_of(address))
        message = to_json(
            frame,
            (layout.width, layout.height),
            None if time == native.NO_TIME else time,
            source=self.text("source"),
            tags=self.text("tags"),
            empty=self.value("add-empty-results"),
            tensors=self.value("add-tensor-data"),
            indent=self.value("json-indent"),
        )
        if message is not None:
            native.put_frame(address, replace(frame, messages=(*frame.messages, message)))
        return Gst.FlowReturn.OK


ELEMENTS = {"gvametaconvert": MetaConvert}
