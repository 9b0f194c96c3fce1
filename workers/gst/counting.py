"""Frames that reach the sink of a stream. Nothing of Python runs per frame where the sink itself counts."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from workers.gst.gi_path import Gst

_BASE_SINK_STATS = "application/x-gst-base-sink-stats"


def elements_of(gst: Gst, iterator: Any) -> Iterator[Any]:
    """What a GstIterator gives."""
    while True:
        result, element = iterator.next()
        if result == gst.IteratorResult.RESYNC:
            iterator.resync()
        elif result != gst.IteratorResult.OK:
            return
        else:
            yield element


def _is_muxer(element: Any) -> bool:
    factory = element.get_factory()
    return factory is not None and "Muxer" in factory.get_metadata("klass")


def entry(sink: Any) -> Any:
    """The pad where frames come in one by one: the sink's or, if a muxer is before it, the muxer's.

    None as long as nothing is linked.
    """
    first = pad = _linked(sink)
    while pad is not None:
        before = pad.get_peer().get_parent_element()
        if before is None:
            return first
        pad = _linked(before)
        if pad is not None and _is_muxer(before):
            return pad
        if len(before.sinkpads) > 1:
            return first
    return first


def _linked(element: Any) -> Any:
    """Its first sink pad that is linked, of video if there is a choice."""
    pads = [pad for pad in element.sinkpads if pad.is_linked()]
    return min(pads, key=lambda pad: not pad.get_name().startswith("video"), default=None)


class Counter:
    """Frames of one stream, when the first came and when the last."""

    def __init__(self, gst: Gst, sink: Any, on_first: Callable[[], None]) -> None:
        """To be made before the pipeline starts. ``on_first`` is called on the thread of the stream."""
        self._gst, self._sink, self._on_first = gst, sink, on_first
        self._counted = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.pad = entry(sink) or next(iter(sink.sinkpads), None)
        self._native = self._sink_counts()
        if self.pad is None:
            return
        kinds = gst.PadProbeType
        if not self._native:
            self.pad.add_probe(kinds.BUFFER | kinds.BUFFER_LIST, self._count)
        self.pad.add_probe(kinds.BUFFER | kinds.BUFFER_LIST, self._first)
        self.pad.add_probe(kinds.EVENT_DOWNSTREAM, self._event)

    def _sink_counts(self) -> bool:
        if (
            self.pad is None
            or self.pad.get_parent_element() != self._sink
            or not self._sink.find_property("stats")
        ):
            return False
        stats = self._sink.get_property("stats")
        return stats is not None and stats.get_name() == _BASE_SINK_STATS

    def frames(self) -> int:
        """So far."""
        if not self._native:
            return self._counted
        stats = self._sink.get_property("stats")
        return stats.get_value("rendered") + stats.get_value("dropped")

    def fps(self) -> float:
        """Of the whole run: from the first frame to the end of the stream, or to now."""
        if self.first_at is None:
            return 0.0
        seconds = (self.last_at or time.monotonic()) - self.first_at
        return max(self.frames() - 1, 0) / seconds if seconds > 0 else 0.0

    def _count(self, _pad: Any, _info: Any) -> Any:
        self._counted += 1
        return self._gst.PadProbeReturn.OK

    def _first(self, _pad: Any, _info: Any) -> Any:
        self.first_at = time.monotonic()
        self._on_first()
        return self._gst.PadProbeReturn.REMOVE

    def _event(self, _pad: Any, info: Any) -> Any:
        if info.get_event().type == self._gst.EventType.EOS:
            self.last_at = time.monotonic()
        return self._gst.PadProbeReturn.OK
