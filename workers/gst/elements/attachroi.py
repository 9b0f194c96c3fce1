# pyright: reportUntypedBaseClass=false
"""gvaattachroi: regions that aren't found but given."""

import json
from pathlib import Path
from typing import Any

from workers.gst.elements import native
from workers.gst.elements.frame import Region
from workers.gst.elements.transform import Gst, InPlace, Property, reported
from workers.networks.shapes import Box

TABLE: dict[str, Property] = {"mode": (str, "in-order"), "roi": (str, None), "file-path": (str, None)}
_CORNERS = 4


def rectangle(text: str) -> tuple[int, int, int, int]:
    """``x_top_left,y_top_left,x_bottom_right,y_bottom_right`` in pixels. Raises ValueError."""
    corners = [int(one) for one in text.split(",")]
    if len(corners) != _CORNERS or corners[0] >= corners[2] or corners[1] >= corners[3]:
        msg = f"roi is x_top_left,y_top_left,x_bottom_right,y_bottom_right, not {text!r}"
        raise ValueError(msg)
    return corners[0], corners[1], corners[2], corners[3]


def from_record(record: Any, width: int, height: int) -> tuple[Region, ...]:
    """The objects of a record that gvametaconvert wrote."""
    return tuple(
        Region(
            Box(
                one["x"] / width, one["y"] / height, (one["x"] + one["w"]) / width, (one["y"] + one["h"]) / height
            ),
            str(one.get("roi_type", "")),
        )
        for one in record.get("objects", ())
    )


class AttachRoi(InPlace):
    """From ``roi``, the same in every frame, or a file of gvametaconvert's records."""

    element = "gvaattachroi"
    purpose = "Attaches regions"
    table = TABLE

    def __init__(self) -> None:
        super().__init__()
        self._records: list[Any] = []
        self._by_time: dict[int, Any] = {}
        self._number = 0

    @reported(failed=False)
    def do_start(self) -> bool:
        """See GstBaseTransform."""
        path = self.text("file-path")
        if bool(path) == bool(self.text("roi")):
            msg = "either roi or file-path is needed"
            raise ValueError(msg)
        if self.value("mode") not in {"in-order", "in-loop", "by-timestamp"}:
            msg = f"mode is in-order, in-loop or by-timestamp, not {self.value('mode')!r}"
            raise ValueError(msg)
        if path:
            text = Path(path).read_text("utf-8")
            lines = text.splitlines()
            self._records = json.loads(text) if text.startswith("[") else [json.loads(one) for one in lines if one]
            self._by_time = {one["timestamp"]: one for one in self._records if "timestamp" in one}
        else:
            rectangle(self.text("roi"))
        self._number = 0
        return True

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform."""
        address, layout = hash(buffer), self.layout
        number, self._number = self._number, self._number + 1
        if layout is not None:
            regions = self._regions(number, native.pts_of(address), layout.width, layout.height)
            if regions:
                native.put_frame(address, native.frame_of(address).with_regions(regions))
        return Gst.FlowReturn.OK

    def _regions(self, number: int, pts: int, width: int, height: int) -> tuple[Region, ...]:
        if text := self.text("roi"):
            x_min, y_min, x_max, y_max = rectangle(text)
            return (Region(Box(x_min / width, y_min / height, x_max / width, y_max / height).clipped()),)
        mode = self.value("mode")
        if mode == "by-timestamp":
            record = self._by_time.get(self.stream_time(pts))
        elif number < len(self._records) or (mode == "in-loop" and self._records):
            record = self._records[number % len(self._records)]
        else:
            record = None
        return from_record(record, width, height) if record else ()


ELEMENTS = {"gvaattachroi": AttachRoi}
