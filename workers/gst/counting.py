"""Frames that reach the sink of a stream. Nothing of Python runs per frame where anything native can count."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from workers.gst.gi_path import Gst

_PACKING = ("Muxer", "Encoder")
_BETWEEN = ("Parser", "Generic")
OURS = "frames-at-"
"""How elements begin that are put in to count."""

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
        self._gst, self._on_first = gst, on_first
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.pad: Any = entry(sink) or next(iter(sink.sinkpads), None)
        self._count = _count_at(gst, sink, self.pad)
        if self.pad is None:
            sink.connect("pad-added", self._late)
        else:
            self._watch()

    def _watch(self) -> None:
        kinds = self._gst.PadProbeType
        self.pad.add_probe(kinds.BUFFER | kinds.BUFFER_LIST, self._first)
        self.pad.add_probe(kinds.EVENT_DOWNSTREAM, self._event)

    def _late(self, _sink: Any, pad: Any) -> None:
        """A sink that gets its pads from what is linked to it while it runs: the first one's frames count."""
        if self.pad is None:
            self.pad, self._count = pad, _CalledCount(self._gst, pad)
            self._watch()

    def frames(self) -> int:
        """So far."""
        return self._count.frames()

    def dropped(self) -> int:
        """Of these, so far: those that its sink left out because they came too late."""
        return self._count.dropped()

    def fps(self) -> float:
        """Of the whole run: from the first frame to the end of the stream, or to now."""
        if self.first_at is None:
            return 0.0
        seconds = (self.last_at or time.monotonic()) - self.first_at
        return max(self.frames() - 1, 0) / seconds if seconds > 0 else 0.0

    def _first(self, _pad: Any, _info: Any) -> Any:
        self.first_at = time.monotonic()
        self._on_first()
        return self._gst.PadProbeReturn.REMOVE

    def _event(self, _pad: Any, info: Any) -> Any:
        if info.get_event().type == self._gst.EventType.EOS:
            self.last_at = time.monotonic()
        return self._gst.PadProbeReturn.OK


class _Count(Protocol):
    """A way to count."""

    def frames(self) -> int:
        """So far."""
        ...

    def dropped(self) -> int:
        """Of these, left out by the sink; 0 where it doesn't tell."""
        ...


def _count_at(gst: Gst, sink: Any, pad: Any) -> _Count:
    """The cheapest way: the sink's own figures, an element that counts, a call of ours for each frame."""
    if pad is None:
        return _CalledCount()
    if pad.get_parent_element() == sink and _counts(sink):
        return _SinkCount(gst, sink, pad)
    before = pad.get_peer()
    if before is not None and before.get_parent_element() is not None:
        return _PassingCount(gst, sink, before, pad)
    return _CalledCount(gst, pad)


def _counts(sink: Any) -> bool:
    stats = sink.get_property("stats") if sink.find_property("stats") else None
    return stats is not None and stats.get_name() == _BASE_SINK_STATS


class _SinkCount:
    """By the sink, which begins at 0 again with each segment."""

    def __init__(self, gst: Gst, sink: Any, pad: Any) -> None:
        self._gst, self._sink = gst, sink
        self._earlier = self._earlier_dropped = 0
        self._lock = threading.Lock()
        pad.add_probe(gst.PadProbeType.EVENT_DOWNSTREAM, self._event)

    def frames(self) -> int:
        with self._lock:
            return self._earlier + sum(self._shown())

    def dropped(self) -> int:
        with self._lock:
            return self._earlier_dropped + self._shown()[1]

    def _shown(self) -> tuple[int, int]:
        """Rendered and dropped in this segment."""
        stats = self._sink.get_property("stats")
        return stats.get_value("rendered"), stats.get_value("dropped")

    def _event(self, pad: Any, info: Any) -> Any:
        if info.get_event().type == self._gst.EventType.SEGMENT:
            kinds = self._gst.PadProbeType
            pad.add_probe(kinds.BUFFER | kinds.BUFFER_LIST, self._began_again, self._shown())
        return self._gst.PadProbeReturn.OK

    def _began_again(self, _pad: Any, _info: Any, before: tuple[int, int]) -> Any:
        """At the first frame of a segment, before the sink counts it."""
        with self._lock:
            if sum(self._shown()) < sum(before):
                self._earlier += sum(before)
                self._earlier_dropped += before[1]
        return self._gst.PadProbeReturn.REMOVE


class _PassingCount:
    """By an element put before the pad, through which frames pass."""

    def __init__(self, gst: Gst, sink: Any, before: Any, pad: Any) -> None:
        self._element = gst.ElementFactory.make("identity", f"{OURS}{sink.get_name()}")
        self._element.props.signal_handoffs = False
        pad.get_parent_element().get_parent().add(self._element)
        before.unlink(pad)
        before.link(self._element.get_static_pad("sink"))
        self._element.get_static_pad("src").link(pad)

    def frames(self) -> int:
        return self._element.get_property("stats").get_value("num-buffers")

    def dropped(self) -> int:
        return 0


class _CalledCount:
    """Where nothing of GStreamer's counts: a pad that is linked when the pipeline runs, or none."""

    def __init__(self, gst: Gst = None, pad: Any = None) -> None:
        self._frames = 0
        if pad is not None:
            kinds = gst.PadProbeType
            self._ok = gst.PadProbeReturn.OK
            pad.add_probe(kinds.BUFFER | kinds.BUFFER_LIST, self._count)

    def frames(self) -> int:
        return self._frames

    def dropped(self) -> int:
        return 0

    def _count(self, _pad: Any, _info: Any) -> Any:
        self._frames += 1
        return self._ok
