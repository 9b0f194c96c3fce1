"""Files that begin again at their end, without a gap and without a copy: what seeks can do it.

A segment seek makes a demuxer say that it is at the end of its part instead of ending the stream; asked for the
next part, which is the same, it goes on. Time in the pipeline runs on. Seen to work with mp4, Matroska, WebM, AVI
and bare H.264; MPEG-TS can't do it, but can be appended to itself.
"""

import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from workers.gst.counting import elements_of
from workers.gst.gi_path import Gst

AGAIN = "framelane-again"
"""Name of the bus message after which ``again`` is to be called."""


class Loop:
    """Streams of a pipeline, each by itself."""

    def __init__(self, gst: Gst, pipeline: Any, pads: Iterable[Any]) -> None:
        """``pads``: where the frames of each stream come in at its end."""
        self._gst, self._pipeline = gst, pipeline
        self._pads = [pad for pad in pads if pad is not None]
        self._done: deque[Any] = deque()
        self.begun = False
        for pad in self._pads:
            pad.add_probe(gst.PadProbeType.EVENT_DOWNSTREAM, self._event)

    def begin(self) -> bool:
        """To be called when all is ready to play; False if a source can't do it."""
        self.begun = True
        if self._writes():
            # A flush would empty the file that is begun. Without one, the seek waits until the pipeline plays.
            for pad in self._pads:
                threading.Thread(target=self._seek, args=(pad, self._gst.SeekFlags.NONE), daemon=True).start()
            return True
        return bool(self._pads) and all(self._seek(pad, self._gst.SeekFlags.FLUSH) for pad in self._pads)

    def _writes(self) -> bool:
        """Whether any sink is more than a place where frames vanish."""
        sinks = elements_of(self._gst, self._pipeline.iterate_sinks())
        return any(sink.find_property("location") for sink in sinks)

    def again(self) -> None:
        """Streams that are at their end begin again."""
        while self._done:
            self._seek(self._done.popleft(), self._gst.SeekFlags.NONE)

    def _seek(self, pad: Any, flags: Any) -> bool:
        gst = self._gst
        flags |= gst.SeekFlags.SEGMENT
        seek = gst.Event.new_seek(1.0, gst.Format.TIME, flags, gst.SeekType.SET, 0, gst.SeekType.NONE, -1)
        return pad.push_event(seek)

    def _event(self, pad: Any, info: Any) -> Any:
        if info.get_event().type == self._gst.EventType.SEGMENT_DONE:
            self._done.append(pad)
            structure = self._gst.Structure.new_empty(AGAIN)
            self._pipeline.get_bus().post(self._gst.Message.new_application(self._pipeline, structure))
        return self._gst.PadProbeReturn.OK
