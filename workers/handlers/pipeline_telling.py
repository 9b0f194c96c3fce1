"""What a running pipeline says, on its way to the store.

The store is called on a thread of its own: however slow it is, it never holds up the one that hears the pipeline,
and so never a frame.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from pydantic_core import from_json

from shared.ports import Record
from shared.results import Latency, StreamFigures
from workers.context import JobContext

PERIOD_S = 0.25
"""Figures are told at most this often."""

LONGEST_RECORD = 64 * 1024
"""Characters; longer records are in the artifact only, and so is what isn't a JSON object."""

_BATCH = 500
_BATCH_CHARACTERS = 1 << 20
_PAUSE_S = 2.0
_LAST_TRIES = 3


class Telling:
    """One run. While inside, what is heard is told. ``most``: records that may wait for the store."""

    def __init__(
        self,
        context: JobContext,
        streams: int,
        most: int,
        frames: int,
        began: float,
        live_urls: Sequence[str] = (),
        rates: dict[int, float] | None = None,
    ) -> None:
        """``frames``: expected of all streams, 0 if unknown; ``began``: when the attempt did (monotonic).

        ``live_urls``: where each stream can be watched, if anywhere. ``rates``: kept up to date with each one's.
        """
        self._rates = {} if rates is None else rates
        self.first_frame_ms: float | None = None
        self.records = 0
        self.omitted = 0
        """Records that live readers don't get."""
        self._context = context
        self._frames = frames
        self._began = began
        self._most = most
        self._lock = threading.Lock()
        self._live_urls = dict(enumerate(live_urls))
        self._figures = {number: self._begun(number) for number in range(streams)}
        self._changed = False
        self._waiting: deque[Record] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telling", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is None:
            self._tell_the_rest()

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in what a pipeline's process said. Waits for nothing."""
        with self._lock:
            match message["type"]:
                case "fps":
                    for each in message["streams"]:
                        self._update(each["stream"], frames=each["frames"], fps=each["fps"])
                        self._rates[each["stream"]] = each["fps"]
                case "latency":
                    figures = Latency.model_validate(message)
                    self._update(message["stream"], latency=figures)
                case "first_frame" if self.first_frame_ms is None:
                    self.first_frame_ms = round((time.monotonic() - self._began) * 1000, 1)
                case "record":
                    self._record(Record(message["stream"], message["json"].strip()))
                case _:
                    """The end is told by who waits for it."""

    def located(self, figures: Iterable[StreamFigures]) -> list[StreamFigures]:
        """Figures of the end, by stream, with where each could be watched."""
        ordered = sorted(figures, key=lambda one: one.stream)
        return [each.model_copy(update={"live_url": self._live_urls.get(each.stream)}) for each in ordered]

    def _begun(self, stream: int) -> StreamFigures:
        return StreamFigures(stream=stream, frames=0, fps=0.0, live_url=self._live_urls.get(stream))

    def _update(self, stream: int, **news: object) -> None:
        self._figures[stream] = self._figures[stream].model_copy(update=news)
        self._changed = True

    def _record(self, record: Record) -> None:
        self.records += 1
        if len(record.json) > LONGEST_RECORD or not _is_object(record.json):
            self.omitted += 1
            return
        self._waiting.append(record)
        while len(self._waiting) > self._most:
            self._waiting.popleft()
            self.omitted += 1

    def _run(self) -> None:
        pause_s = PERIOD_S
        while not self._over.wait(pause_s):
            pause_s = PERIOD_S if self._tell() else _PAUSE_S
            self._progress()

    def _tell_the_rest(self) -> None:
        failures = 0
        while (self._waiting or self._changed) and not self._context.should_stop() and failures < _LAST_TRIES:
            if not self._tell():
                failures += 1
                threading.Event().wait(PERIOD_S)
        with self._lock:
            self.omitted += len(self._waiting)

    def _tell(self) -> bool:
        """Send what is new, as much as goes at once; False if the store didn't take it."""
        with self._lock:
            if not (self._changed or self._waiting):
                return True
            figures, self._changed = list(self._figures.values()), False
            batch = self._take_batch()
        if self._context.measure(figures, batch):
            return True
        with self._lock:
            self._changed = True
            self._waiting.extendleft(reversed(batch))
        return False

    def _take_batch(self) -> list[Record]:
        batch: list[Record] = []
        characters = 0
        while self._waiting and len(batch) < _BATCH and characters < _BATCH_CHARACTERS:
            batch.append(self._waiting.popleft())
            characters += len(batch[-1].json)
        return batch

    def _progress(self) -> None:
        with self._lock:
            frames = sum(each.frames for each in self._figures.values())
            fps = sum(each.fps for each in self._figures.values())
        if self.first_frame_ms is None:
            self._context.progress(0.0, "start")
            return
        task = self._context.task
        limit_s = getattr(task, "max_runtime_s", 0.0)
        shares = [
            frames / self._frames if self._frames else 0.0,
            (time.monotonic() - self._began) / limit_s if limit_s else 0.0,
        ]
        self._context.progress(min(max(shares), 0.99), "run", f"{frames} frames, {fps:.1f} FPS{self._watched()}")

    def _watched(self) -> str:
        if not self._live_urls:
            return ""
        more = f" and {len(self._live_urls) - 1} more" if len(self._live_urls) > 1 else ""
        return f", live at {self._live_urls[0]}{more}"


def _is_object(text: str) -> bool:
    try:
        return isinstance(from_json(text, allow_inf_nan=False), dict)
    except ValueError:
        return False
