"""A pipeline from its start to its end, inside the child."""

import sys
import threading
import time
from typing import Any, Protocol

from workers.gst.counting import Counter
from workers.gst.diagnosis import at_odds, fault_of
from workers.gst.faults import Fault
from workers.gst.gi_path import Gst
from workers.gst.latency import Latencies
from workers.gst.looping import AGAIN, Loop
from workers.gst.request import Request
from workers.gst.stopping import end_sinks, end_sources
from workers.gst.tracing import Trace

_STATE_FAILED_NS = 1_000_000_000
_NS_PER_S = 1e9
_SHARE_OF_SOURCES = 0.6
"""Of the time for stopping: so long the sources' end may take to come through."""


class Say(Protocol):
    """Tells the parent."""

    def __call__(self, type_: str, **rest: object) -> None:
        """Returns when it is on its way."""


class Run:
    """One pipeline. ``to_the_end`` is to be called once."""

    def __init__(
        self, gst: Gst, pipeline: Any, request: Request, stop_s: float, say: Say, trace: Trace | None
    ) -> None:
        self._gst, self._pipeline, self._request, self._say = gst, pipeline, request, say
        self._bus = pipeline.get_bus()
        self._stop_s = stop_s
        self._counters = {each.number: self._counter(each.number, each.sink) for each in request.streams}
        self._latencies = Latencies(self._stream_of)
        if trace is not None:
            trace.feed(self._latencies)
        pads = [counter.pad for counter in self._counters.values()]
        self._loop = Loop(gst, pipeline, pads) if request.loop else None
        self._stop_asked = threading.Event()
        self._ended_by = ""
        self._stop_at = float("inf")
        self._forced = False
        self._status: int | None = None
        self._late_link: Fault | None = None
        self._began = self._told_at = 0.0
        self._told = dict.fromkeys(self._counters, 0)

    def _counter(self, number: int, sink: str) -> Counter:
        def on_first() -> None:
            self._say("first_frame", stream=number)

        return Counter(self._gst, self._pipeline.get_by_name(sink), on_first)

    def _stream_of(self, sink: str) -> int | None:
        """The stream whose main sink is, or holds, the element of this name."""
        mains = {each.sink: each.number for each in self._request.streams}
        element = None if sink in mains else self._pipeline.get_by_name(sink)
        while element is not None and sink not in mains:
            element = element.get_parent()
            sink = element.get_name() if element is not None else sink
        return mains.get(sink)

    def to_the_end(self) -> int:
        """0 if it came to an end, 1 if it failed; either was told."""
        kinds = self._gst.MessageType
        wanted = kinds.EOS | kinds.ERROR | kinds.WARNING | kinds.STATE_CHANGED | kinds.LATENCY | kinds.CLOCK_LOST
        wanted |= kinds.APPLICATION | kinds.ASYNC_DONE
        threading.Thread(target=self._listen, daemon=True, name="stop").start()
        self._began = self._told_at = time.monotonic()
        self._start(kinds.ERROR)
        while self._status is None:
            patience_ns = int(self._patience_s() * _NS_PER_S)
            message = self._bus.timed_pop_filtered(patience_ns, wanted)
            if message is not None:
                self._hear(message)
            self._look(time.monotonic() - self._began)
        if self._status == 0:
            self._tell_end(time.monotonic() - self._began)
        self._pipeline.set_state(self._gst.State.NULL)
        return self._status

    def _start(self, error: Any) -> None:
        results = self._gst.StateChangeReturn
        result = self._pipeline.set_state(
            self._gst.State.PLAYING if self._loop is None else self._gst.State.PAUSED
        )
        if result == results.NO_PREROLL and self._loop is not None:
            self._fail(Fault("a live source can't begin again"))
        if result != results.FAILURE:
            return
        message = self._bus.timed_pop_filtered(_STATE_FAILED_NS, error)
        if message is not None:
            self._hear(message)
        else:
            self._fail(Fault("it doesn't start, and no element says why"))

    def _listen(self) -> None:
        """Anything that comes means stop, the parent's death too."""
        sys.stdin.buffer.readline()
        self._stop_asked.set()
        structure = self._gst.Structure.new_empty("framelane-stop")
        self._bus.post(self._gst.Message.new_application(self._pipeline, structure))

    def _patience_s(self) -> float:
        """Until there is something to do."""
        due = self._told_at + self._request.interval_s
        if not self._ended_by:
            due = min(due, self._began + (self._request.max_runtime_s or float("inf")))
        return max(due - time.monotonic(), 0.0)

    def _hear(self, message: Any) -> None:
        kinds = self._gst.MessageType
        match message.type:
            case kinds.EOS:
                if self._loop is not None and not self._ended_by:
                    self._warn(Fault("came to its end, although its files should begin again"))
                self._say("eos")
                self._status = 0
            case kinds.ERROR:
                self._fail(fault_of(message.src, *message.parse_error()))
            case kinds.WARNING:
                self._warn(fault_of(message.src, *message.parse_warning()))
            case kinds.STATE_CHANGED if message.src == self._pipeline:
                self._say("state", state=message.parse_state_changed()[1].value_nick.upper())
            case kinds.LATENCY:
                self._pipeline.recalculate_latency()
            case kinds.CLOCK_LOST:
                self._pipeline.set_state(self._gst.State.PAUSED)
                self._pipeline.set_state(self._gst.State.PLAYING)
            case _:
                self._hear_of_loop(message)

    def _hear_of_loop(self, message: Any) -> None:
        kinds, loop = self._gst.MessageType, self._loop
        if loop is None:
            return
        if message.type == kinds.ASYNC_DONE and not loop.begun:
            if loop.begin():
                self._pipeline.set_state(self._gst.State.PLAYING)
            else:
                self._fail(Fault("its source can't begin again", element=self._request.streams[0].sink))
        elif message.type == kinds.APPLICATION and message.get_structure().get_name() == AGAIN:
            if self._ended_by:
                end_sinks(self._gst, self._pipeline)
            else:
                loop.again()

    def _warn(self, fault: Fault) -> None:
        told = fault.told()
        if told["phase"] == "link":
            self._late_link = fault
        self._say("warning", **told)

    def _fail(self, fault: Fault) -> None:
        """The first error counts; what breaks while it is being stopped is no error any more."""
        if self._ended_by:
            self._warn(fault)
            return
        told = fault.told()
        if told["phase"] == "link" and self._late_link is not None:
            told = self._late_link.told()  # it says more than the source that was stopped by it
        if told["phase"] == "negotiate":
            told |= at_odds(self._gst, self._pipeline)
        self._say("error", **told)
        self._status = 1

    def _look(self, ran_s: float) -> None:
        """At the clock: figures, the end of the time, the end of patience with a pipeline that is stopped."""
        now = time.monotonic()
        if now >= self._told_at + self._request.interval_s:
            self._tell_figures(now)
        if self._status is not None:
            return
        if self._stop_asked.is_set():
            self._stop("stopped", now)
        elif self._request.max_runtime_s is not None and ran_s >= self._request.max_runtime_s:
            self._stop("max_runtime", now)
        if not self._forced and now >= self._stop_at + _SHARE_OF_SOURCES * self._stop_s:
            self._forced = True
            end_sinks(self._gst, self._pipeline)
        if now >= self._stop_at + self._stop_s:
            self._warn(Fault(f"didn't end within {self._stop_s:g} s of being stopped: files may lack their end"))
            self._status = 0

    def _stop(self, why: str, now: float) -> None:
        if not self._ended_by:
            self._ended_by, self._stop_at = why, now
            end_sources(self._gst, self._pipeline)

    def _tell_figures(self, now: float) -> None:
        frames = {number: counter.frames() for number, counter in self._counters.items()}
        seconds, self._told_at = now - self._told_at, now
        streams = [
            {
                "stream": number,
                "frames": count,
                "dropped": self._counters[number].dropped(),
                "fps": round((count - self._told[number]) / seconds, 2),
            }
            for number, count in frames.items()
        ]
        self._told = frames
        self._say("fps", streams=streams)
        for number, figures in self._latencies.interval().items():
            self._say("latency", stream=number, **figures)

    def _tell_end(self, ran_s: float) -> None:
        whole = self._latencies.whole()
        streams = [
            {
                "stream": number,
                "frames": counter.frames(),
                "fps": round(counter.fps(), 2),
                "latency": whole.get(number),
            }
            for number, counter in self._counters.items()
        ]
        self._say("ended", ended=self._ended_by or "eos", streams=streams, run_s=round(ran_s, 4))
