"""One run of several pipelines at once, as figures over the window in which all of them were in step."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.errors import PipelineFailed
from shared.results import Latency
from workers.gst.latency import Span
from workers.gst.request import Request
from workers.gst.supervise import Message
from workers.measuring.counts import Counts, StreamKey, Window, window
from workers.measuring.gauges import Gauge
from workers.measuring.watching import MachineWatch, Moment, Summary, summed_up

_ALIGN_S = 0.5
"""Length of the samples by which a steady window is found."""


class Play(Protocol):
    """Runs one process to its end; see ``run_pipeline``."""

    def __call__(
        self, request: Request, *, check: Callable[[], None], on_message: Callable[[Message], None]
    ) -> object:
        """Raises what ``check`` raises, and PipelineFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """``requests``: one for each process, by pipeline; their files loop. Seconds are of the measured part."""

    requests: Sequence[Sequence[Request]]
    warm_up_s: float
    duration_s: float
    patience_s: float = 60.0
    """For the last stream's first frame."""


@dataclass(frozen=True, slots=True)
class Trial:
    """``rates``: frames a second by stream over the window; ``dropped``: frames its sink left out as too late.

    ``latency``: of the frames of the window, where it is measured.
    """

    rates: Mapping[StreamKey, float]
    window: Window
    latency: Mapping[StreamKey, Latency]
    machine: Mapping[str, Summary]
    moments: Sequence[Moment]
    dropped: Mapping[StreamKey, int] = field(default_factory=dict[StreamKey, int])

    @property
    def slowest(self) -> StreamKey:
        """The stream of the lowest rate."""
        return min(self.rates, key=lambda key: (self.rates[key], key))

    @property
    def total_fps(self) -> float:
        """Of all streams."""
        return sum(self.rates.values())


class _Enough(Exception):
    """The measured part is over."""


@dataclass
class _Heard:
    """What all processes said, by stream."""

    keys: Sequence[StreamKey]
    clock: Callable[[], float]
    counts: dict[StreamKey, Counts] = field(default_factory=dict[StreamKey, Counts])
    dropped: dict[StreamKey, Counts] = field(default_factory=dict[StreamKey, Counts])
    latency: list[tuple[float, StreamKey, Mapping[str, Any]]] = field(
        default_factory=list[tuple[float, StreamKey, Mapping[str, Any]]]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.counts = {key: Counts() for key in self.keys}
        self.dropped = {key: Counts() for key in self.keys}

    def hear(self, pipeline: int, message: Mapping[str, Any]) -> None:
        now = self.clock()
        with self.lock:
            if message["type"] == "fps":
                for told in message["streams"]:
                    self.counts[pipeline, told["stream"]].add(now, told["frames"])
                    self.dropped[pipeline, told["stream"]].add(now, told["dropped"])
            elif message["type"] == "latency":
                self.latency.append((now, (pipeline, message["stream"]), message))

    def latency_within(self, window: Window) -> dict[StreamKey, Latency]:
        """Of what was told in the window; its first part began up to an interval before."""
        spans: dict[StreamKey, Span] = {}
        for at, key, figures in self.latency:
            if window.began < at <= window.ended:
                spans.setdefault(key, Span()).merge(figures)
        return {key: Latency.model_validate(span.figures()) for key, span in spans.items()}

    def all_began(self) -> float | None:
        """When the last stream's first frame was told of."""
        with self.lock:
            firsts = [each.first_at for each in self.counts.values()]
        return None if None in firsts else max(at for at in firsts if at is not None)

    def told_until(self) -> float:
        """The latest time at which the counts of all streams are known; only to be asked when all have begun."""
        with self.lock:
            return min(each.at[-1] for each in self.counts.values())


def run_trial(
    asked: Asked,
    play: Play,
    check: Callable[[], None],
    gauges: Sequence[Gauge],
    clock: Callable[[], float] = time.monotonic,
) -> Trial:
    """Start all, wait until all give frames, measure, stop all.

    Raises PipelineFailed when a process fails, a stream gives no frame in ``patience_s``, one ends before the
    measured part does, or none gives a frame in it; and what ``check`` raises.
    """
    keys = [
        (number, stream.number)
        for number, requests in enumerate(asked.requests)
        for request in requests
        for stream in request.streams
    ]
    heard = _Heard(keys, clock)
    stop = _Stop(asked, heard, check)
    with MachineWatch(gauges) as watch:
        _play_all(asked, play, heard, stop)
    found = window(heard.counts, asked.warm_up_s, stop.ended_at, _ALIGN_S)
    if found is None:
        raise PipelineFailed("the measured part is too short for a figure")
    moments = watch.within(found.began, found.ended)
    rates = {key: counts.rate(found.began, found.ended) for key, counts in heard.counts.items()}
    if not any(rates.values()):
        raise PipelineFailed("no frame came in the measured part: does the source end, or wait for something?")
    dropped = {
        key: round(counts.by(found.ended) - counts.by(found.began)) for key, counts in heard.dropped.items()
    }
    return Trial(rates, found, heard.latency_within(found), summed_up(moments), moments, dropped)


class _Stop:
    """Tells every process when it is over."""

    def __init__(self, asked: Asked, heard: _Heard, check: Callable[[], None]) -> None:
        self._asked, self._heard, self._check = asked, heard, check
        self._began = heard.clock()
        self._failed = threading.Event()
        self.ended_at = 0.0

    def fail(self) -> None:
        """One process failed: the others stop."""
        self._failed.set()

    def check(self) -> None:
        """Raises what the caller's check does, _Enough at the end, PipelineFailed if frames don't come."""
        self._check()
        now = self._heard.clock()
        if self.ended_at or self._failed.is_set():
            raise _Enough
        began = self._heard.all_began()
        if began is None:
            if now - self._began > self._asked.patience_s:
                raise PipelineFailed(f"not all streams gave a frame within {self._asked.patience_s:g} s")
            return
        # At a time that all have told of: what came since isn't known, and would be missing from the rates.
        told = self._heard.told_until()
        if told - began >= self._asked.warm_up_s + self._asked.duration_s:
            self.ended_at = told
            raise _Enough


def _play_all(asked: Asked, play: Play, heard: _Heard, stop: _Stop) -> None:
    jobs = [(number, request) for number, requests in enumerate(asked.requests) for request in requests]

    def one(number: int, request: Request) -> None:
        try:
            play(request, check=stop.check, on_message=lambda message: heard.hear(number, message))
        except _Enough:
            return
        except OSError as error:
            stop.fail()
            raise PipelineFailed(f"its process can't be started: {error.strerror or error}") from error
        except BaseException:
            stop.fail()
            raise
        stop.fail()
        raise PipelineFailed("it ended before the measured part did; its source can't be repeated")

    with ThreadPoolExecutor(len(jobs), thread_name_prefix="trial") as pool:
        try:
            futures = [pool.submit(one, *job) for job in jobs]
        except RuntimeError as error:  # of the threads that there may be
            stop.fail()
            raise PipelineFailed(f"its processes can't be watched: {error}") from error
    for future in futures:
        if error := future.exception():
            raise error
