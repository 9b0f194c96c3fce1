"""Streams that are published by RTSP: their end, in time.

A ``rtspclientsink`` says that it is at its end when its RTCP session has said goodbye to the server. The session
takes up to seven seconds for that, by chance, although all frames are sent. So the end is told for it.
"""

import threading
from typing import Any

from workers.gst.counting import elements_of
from workers.gst.gi_path import Gst

_SENT_S = 0.3
"""After the last frame has gone into the sink, so long its packets may take to the server."""


def end_in_time(gst: Gst, pipeline: Any) -> None:
    """To be called before ``pipeline`` starts."""
    for sink in elements_of(gst, pipeline.iterate_sinks()):
        factory = sink.get_factory()
        if factory is not None and factory.get_name() == "rtspclientsink":
            _Publisher(gst, sink)


class _Publisher:
    def __init__(self, gst: Gst, sink: Any) -> None:
        self._gst, self._sink = gst, sink
        self._open = {pad.get_name() for pad in sink.sinkpads}
        for pad in sink.sinkpads:
            pad.add_probe(gst.PadProbeType.EVENT_DOWNSTREAM, self._event)

    def _event(self, pad: Any, info: Any) -> Any:
        if info.get_event().type == self._gst.EventType.EOS:
            self._open.discard(pad.get_name())
            if not self._open:
                timer = threading.Timer(_SENT_S, self._tell)
                timer.daemon = True
                timer.start()
        return self._gst.PadProbeReturn.OK

    def _tell(self) -> None:
        self._sink.post_message(self._gst.Message.new_eos(self._sink))
