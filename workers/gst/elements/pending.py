"""A frame on its way through inference, and what comes of it."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workers.gst.elements.frame import Frame, Region
from workers.networks.placing import Fit
from workers.networks.reading import Reader
from workers.networks.shapes import Detection, Outputs, Tensor


@dataclass(slots=True)
class Job:
    """A part of a frame to look at: a region by its index, or all of it. ``found`` once it is done."""

    region: int | None
    fit: Fit
    found: Sequence[Detection] | tuple[Tensor, ...] = ()


class Pending:
    """A buffer, kept until all its jobs are done.

    ``known``: tensors of earlier frames, by region. ``ticket``: of its last job with the engine.
    """

    def __init__(self, buffer: int, frame: Frame) -> None:
        self.buffer = buffer
        self.frame = frame
        self.jobs: list[Job] = []
        self.known: dict[int, tuple[Tensor, ...]] = {}
        self.error: Exception | None = None
        self.ticket = 0
        self._left = 0
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._done.set()

    def expect(self, job: Job) -> None:
        """One more to wait for."""
        with self._lock:
            self.jobs.append(job)
            self._left += 1
            self._done.clear()

    def forget(self, job: Job) -> None:
        """It wasn't started."""
        self.jobs.remove(job)
        self._finished()

    def finish(self, job: Job, outputs: Outputs | Exception, reader: Reader, threshold: float | None) -> None:
        """``threshold``: detections over it are wanted, or tensors if it is None. Any thread."""
        try:
            if isinstance(outputs, Exception):
                self.error = outputs
            elif threshold is None:
                job.found = reader.tensors(outputs)
            else:
                job.found = reader.detections(outputs, threshold)
        except Exception as error:  # noqa: BLE001 - told by the thread that pushes the frame
            self.error = error
        finally:
            self._finished()

    def _finished(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self._done.set()

    @property
    def done(self) -> bool:
        """Whether nothing is waited for."""
        return self._done.is_set()

    def wait(self) -> None:
        """Until it is done."""
        self._done.wait()


def detected(pending: Pending, reader: Reader, width: int, height: int) -> Frame:
    """The frame with the objects found in it; those smaller than a pixel go."""
    if not pending.jobs:
        return pending.frame
    regions: list[Region] = []
    for job in pending.jobs:
        parent = None if job.region is None else pending.frame.regions[job.region]
        for one in job.found:
            assert isinstance(one, Detection)  # noqa: S101 - told to the type checker
            box = job.fit.back(one.box).clipped()
            box = box.within(parent.box) if parent else box
            if 0 in box.pixels(width, height)[2:]:
                continue
            label = reader.label(one.label_id)
            regions.append(Region(box, label, one.label_id, one.confidence, model=reader.model, parent=job.region))
    return replace(pending.frame, regions=pending.frame.regions + tuple(regions), looked=True)


def described(pending: Pending) -> Frame:
    """The frame with tensors at its regions, or at itself."""
    frame = pending.frame
    more: dict[int | None, tuple[Tensor, ...]] = {**pending.known}
    for job in pending.jobs:
        more[job.region] = tuple(one for one in job.found if isinstance(one, Tensor))
    if not more:
        return frame
    regions = tuple(
        replace(region, tensors=region.tensors + more[i]) if i in more else region
        for i, region in enumerate(frame.regions)
    )
    return replace(frame, regions=regions, tensors=frame.tensors + more.get(None, ()))


class Memory:
    """The last tensors of tracked objects, so that they needn't be looked at in each frame."""

    def __init__(self, interval: int, size: int = 1000) -> None:
        self._interval = interval
        self._size = size
        self._seen: OrderedDict[int, tuple[int, tuple[Tensor, ...]]] = OrderedDict()

    def recall(self, object_id: int | None, number: int) -> tuple[Tensor, ...] | None:
        """What is known of it and still fresh at frame ``number``."""
        if object_id is None or self._interval == 1 or object_id not in self._seen:
            return None
        then, tensors = self._seen[object_id]
        return tensors if not self._interval or number - then < self._interval else None

    def note(self, object_id: int | None, number: int, tensors: tuple[Tensor, ...]) -> None:
        """Found in frame ``number``."""
        if object_id is None or self._interval == 1:
            return
        self._seen[object_id] = number, tensors
        self._seen.move_to_end(object_id)
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
