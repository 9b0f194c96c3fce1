# pyright: reportUntypedBaseClass=false
"""gvafpscounter: prints how fast frames come by."""

from typing import Any

from workers.gst.elements import native
from workers.gst.elements.fps import Counter, clock, counters
from workers.gst.elements.transform import Gst, InPlace, Property, reported

TABLE: dict[str, Property] = {
    "interval": (str, "1"),
    "starting-frame": (int, 0),
    "print-std-dev": (bool, False),
    "print-latency": (bool, False),
    "write-pipe": (str, None),
    "read-pipe": (str, None),
}


class FpsCounter(InPlace):
    """Counts together with all others of the process that have the same settings."""

    element = "gvafpscounter"
    purpose = "Frames per second"
    caps = "ANY"
    table = TABLE
    passthrough = True

    def __init__(self) -> None:
        super().__init__()
        self._counters: list[Counter] = []
        self._stream = ""

    @reported(failed=False)
    def do_start(self) -> bool:
        """See GstBaseTransform."""
        self._counters = counters(self.text("interval"), self.value("starting-frame"))
        self._stream = f"{self.get_name()}@{hash(self)}"
        return True

    def do_set_caps(self, _incaps: Any, _outcaps: Any) -> bool:
        """Any will do."""
        return True

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform."""
        objects, now = len(native.frame_of(hash(buffer)).regions), clock()
        for counter in self._counters:
            counter.frame(self._stream, objects, now)
        return Gst.FlowReturn.OK

    @reported(failed=False)
    def do_sink_event(self, event: Any) -> bool:
        """See GstBaseTransform."""
        if event.type == Gst.EventType.EOS:
            self._end()
        return InPlace.do_sink_event(self, event)

    @reported(failed=False)
    def do_stop(self) -> bool:
        """See GstBaseTransform."""
        self._end()
        return True

    def _end(self) -> None:
        ended, self._counters = self._counters, []
        for counter in reversed(ended):
            counter.end(self._stream, clock())


ELEMENTS = {"gvafpscounter": FpsCounter}
