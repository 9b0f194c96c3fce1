"""The parent's side of a pipeline: starts its process, hears all it says, and outlives whatever becomes of it."""

import json
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from shared.errors import PipelineFailed
from shared.results import Latency, StreamFigures
from workers.deaths import describe, oom_kills
from workers.gst.faults import in_words
from workers.gst.limits import Limits
from workers.gst.process import Child
from workers.gst.request import Request
from workers.gst.tail import Tail

Message = Mapping[str, Any]

_LOOK_S = 0.1
_LONGEST_STOP_S = 7.0
_LATE_S = 1.0
_TERM_S = 1.5
_WORDS_KEPT = 12


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pipeline that didn't fail ended. ``fps`` of its streams are of the whole run.

    ``first_frame_ms``: from the call to the first frame at any stream's sink; None if there was none.
    """

    ended: Literal["eos", "max_runtime"]
    streams: list[StreamFigures]
    run_s: float
    first_frame_ms: float | None
    records: int
    warnings: list[str] = field(default_factory=list[str])


def run_pipeline(
    request: Request,
    *,
    cwd: Path,
    limits: Limits,
    check: Callable[[], None],
    on_message: Callable[[Message], None] = lambda _message: None,
) -> Ended:
    """Run to the end in a process of its own, below the calling thread, in the folder ``cwd``.

    ``on_message`` hears every message of the child in order (``type``: state, first_frame, fps, latency,
    warning, error, eos, ended) and every line that was appended to the files of ``request.records`` (``type``:
    record), until the process is gone, however it went. ``check`` is called ten times a second; when it raises,
    the pipeline finishes its files, within ten seconds, and what was raised is let through. Raises PipelineFailed,
    which names the element where there is one.
    """
    limits = replace(limits, stop_s=min(limits.stop_s, _LONGEST_STOP_S))
    killed_before = oom_kills()
    watch = _Watch(request, limits, cwd, check, on_message)
    with Child(request.to_line(limits), cwd, watch.hear, watch.hear_words) as child:
        while child.read(_LOOK_S):
            watch.look(child)
        status = child.wait()
    watch.read_records(last=True)
    return watch.outcome(status, oom=oom_kills() > killed_before)


class _Watch:
    """What the parent knows of one run, and when it loses patience."""

    def __init__(
        self,
        request: Request,
        limits: Limits,
        cwd: Path,
        check: Callable[[], None],
        on_message: Callable[[Message], None],
    ) -> None:
        self._words: deque[str] = deque(maxlen=_WORDS_KEPT)
        self._request, self._limits, self._check, self._on_message = request, limits, check, on_message
        self._tails = [Tail(cwd / each.path, each.stream) for each in request.records]
        self._records = 0
        self._began = self._moved_at = time.monotonic()
        self._frames = 0
        self._first_frame_ms: float | None = None
        self._warnings: list[str] = []
        self._error: str | None = None
        self._ended: Message | None = None
        self._stopped: BaseException | None = None
        self._press: deque[tuple[float, signal.Signals]] = deque()

    def hear(self, line: bytes) -> None:
        """One line of the child; a torn one, at a sudden death, isn't for anybody."""
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        self._note(message)
        self._on_message(message)

    def hear_words(self, line: bytes) -> None:
        """One line of what it printed."""
        self._words.append(line.decode("utf-8", "replace").rstrip())

    def _note(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "first_frame" if self._first_frame_ms is None:
                self._first_frame_ms = (time.monotonic() - self._began) * 1_000
            case "fps":
                frames = sum(each["frames"] for each in message["streams"])
                if frames != self._frames:
                    self._frames, self._moved_at = frames, time.monotonic()
            case "warning":
                self._warnings.append(in_words(message))
            case "error" if self._error is None:
                self._error = in_words(message)
                self._hurry()
            case "ended":
                self._ended = message
                self._hurry()
            case _:
                pass

    def look(self, child: Child) -> None:
        """Whether it is to be stopped, and whether it does stop."""
        self.read_records()
        now = time.monotonic()
        if self._stopped is None and not self._press:
            self._stopped = self._reason_to_stop(now)
            if self._stopped is not None:
                child.stop()
                self._press_after(self._limits.stop_s + _LATE_S)
        while self._press and now >= self._press[0][0]:
            child.signal(self._press.popleft()[1])

    def _reason_to_stop(self, now: float) -> BaseException | None:
        try:
            self._check()
        except BaseException as error:  # noqa: BLE001  let through when the pipeline has finished its files
            return error
        still_s, ran_s = now - self._moved_at, now - self._began
        if still_s >= self._limits.inactivity_s:
            return PipelineFailed(f"no frame moved for {still_s:.1f} s")
        if self._limits.wall_s is not None and ran_s >= self._limits.wall_s:
            return PipelineFailed(f"ran longer than {self._limits.wall_s:g} s")
        longest_s = self._request.max_runtime_s
        if (
            longest_s is not None
            and now - self._began >= longest_s + self._limits.stop_s + self._limits.inactivity_s
        ):
            return PipelineFailed(f"didn't end after {longest_s:g} s, as it was asked to")
        return None

    def _hurry(self) -> None:
        """All is said: what is left of the process has to go."""
        if not self._press:
            self._press_after(_LATE_S)

    def _press_after(self, seconds: float) -> None:
        at = time.monotonic() + seconds
        self._press = deque([(at, signal.SIGTERM), (at + _TERM_S, signal.SIGKILL)])

    def read_records(self, *, last: bool = False) -> None:
        """Hand on what was appended; ``last``: nothing will follow."""
        for tail in self._tails:
            for line in tail.read(last=last):
                self._records += 1
                self._on_message({"type": "record", "stream": tail.stream, "json": line})

    def outcome(self, status: int, *, oom: bool) -> Ended:
        """What to tell the caller. ``status``: of the process; ``oom``: the kernel killed one to free memory."""
        if self._stopped is not None:
            raise self._stopped
        if self._error is not None:
            raise PipelineFailed(self._error)
        death = describe(status, oom=oom, what="the pipeline's process")
        if self._ended is None:
            raise PipelineFailed("\n".join([death, *self._words]))
        if status != 0:
            self._warnings.append(f"after its end, {death}")
        return Ended(
            ended=self._ended["ended"],
            streams=[_figures(each) for each in self._ended["streams"]],
            run_s=self._ended["run_s"],
            first_frame_ms=self._first_frame_ms,
            records=self._records,
            warnings=self._warnings,
        )


def _figures(told: Message) -> StreamFigures:
    latency = Latency(**told["latency"]) if told["latency"] else None
    return StreamFigures(stream=told["stream"], frames=told["frames"], fps=told["fps"], latency=latency)
