"""Frames that reach the sink of a stream. Nothing of Python runs per frame where the sink itself counts."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from workers.gst.gi_path import Gst

_PACKING = ("Muxer", "Encoder")
_BETWEEN = ("Parser", "Generic")
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


def _is(element: Any, *kinds: str) -> bool:
    factory = element.get_factory()
    return factory is not None and any(kind in factory.get_metadata("klass") for kind in kinds)


def entry(sink: Any) -> Any:
    """The pad through which frames come in one by one, where they are still what the pipeline made of them.

    It is the sink's own or, if an encoder or a muxer packs for it, theirs. None as long as nothing is linked.
    """
    found = pad = _linked(sink)
    while pad is not None:
        before = pad.get_peer().get_parent_element()
        if before is None or not _is(before, *_PACKING, *_BETWEEN):
            break
        pad = _linked(before)
        if _is(before, *_PACKING):
            found = pad or found
    return found


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
        self._lock = threading.Lock()
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
        with self._lock:
            return self._counted + self._shown()

    def _shown(self) -> int:
        """By the sink; a sink begins at 0 again with each segment."""
        if not self._native:
            return 0
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

    def _event(self, pad: Any, info: Any) -> Any:
        kinds = self._gst.PadProbeType
        match info.get_event().type:
            case self._gst.EventType.EOS:
                self.last_at = time.monotonic()
            case self._gst.EventType.SEGMENT if self._native:
                before = self._shown()
                pad.add_probe(kinds.BUFFER | kinds.BUFFER_LIST, self._began_again, before)
            case _:
                pass
        return self._gst.PadProbeReturn.OK

    def _began_again(self, _pad: Any, _info: Any, before: int) -> Any:
        """At the first frame of a segment, before the sink counts it."""
        with self._lock:
            if self._shown() < before:
                self._counted += before
        return self._gst.PadProbeReturn.REMOVE
