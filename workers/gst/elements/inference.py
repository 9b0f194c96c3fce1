# pyright: reportUntypedBaseClass=false
"""gvadetect, gvaclassify, gvainference.

Frames go out in the order they came in, each when its inference is through; meanwhile the next ones come in. All
happens in the thread that brings the frames, so no more of them are held than there are infer requests.
"""

from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

from workers.gst.elements import native
from workers.gst.elements.engine import Engine, Order, obtain, parsed_config, release
from workers.gst.elements.frame import Frame, Region
from workers.gst.elements.pending import Job, Memory, Pending, described, detected
from workers.gst.elements.pictures import picture
from workers.gst.elements.transform import OUR_FORMATS, Gst, InPlace, Property, reported
from workers.networks.placing import Fit, part, placed
from workers.networks.reading import Reader, reader_of
from workers.networks.shapes import WHOLE, Array, Box

_SERIALIZED = {
    Gst.EventType.EOS,
    Gst.EventType.CAPS,
    Gst.EventType.SEGMENT,
    Gst.EventType.STREAM_START,
    Gst.EventType.GAP,
    Gst.EventType.SEGMENT_DONE,
}


def _table(region: str) -> dict[str, Property]:
    return {
        "model": (str, None),
        "model-proc": (str, None),
        "labels": (str, None),
        "labels-file": (str, None),
        "device": (str, "CPU"),
        "model-instance-id": (str, None),
        "ie-config": (str, ""),
        "pre-process-backend": (str, ""),
        "pre-process-config": (str, ""),
        "scheduling-policy": (str, ""),
        "inference-region": (str, region),
        "object-class": (str, ""),
        "nireq": (int, 0),
        "batch-size": (int, 1),
        "batch-timeout": (int, -1),
        "inference-interval": (int, 1),
        "reclassify-interval": (int, 1),
        "reshape": (bool, False),
        "reshape-width": (int, 0),
        "reshape-height": (int, 0),
        "cpu-throughput-streams": (int, 0),
        "gpu-throughput-streams": (int, 0),
        "no-block": (bool, False),
        "share-va-display-ctx": (bool, True),
        "add-tensor-data": (bool, False),
        "threshold": (float, 0.5),
        "scale-method": (str, ""),
    }


class Inference(InPlace):
    """What the three have in common; they differ in what they read."""

    caps = OUR_FORMATS
    detects = False

    def __init__(self) -> None:
        super().__init__()
        self._engine: Engine | None = None
        self._reader: Reader | None = None
        self._instance = ""
        self._waiting: deque[tuple[int, Pending]] = deque()
        self._number = 0
        self._threshold: float | None = None
        self._memory = Memory(1)
        self._classes: set[str] = set()
        self._out = 0

    @reported(failed=False)
    def do_start(self) -> bool:
        """See GstBaseTransform."""
        order = self._order()
        self._instance = self.text("model-instance-id")
        self._engine = engine = obtain(order, self._instance)
        size = (engine.width, engine.height)
        self._reader = reader_of(engine.recipe, engine.name, size, engine.outputs, self.element)
        self._number = 0
        chosen = engine.recipe.threshold if "threshold" not in self.given else None
        self._threshold = (self.value("threshold") if chosen is None else chosen) if self.detects else None
        self._memory = Memory(self.value("reclassify-interval") if self.element == "gvaclassify" else 1)
        self._classes = {one.strip() for one in self.text("object-class").split(",") if one.strip()}
        self._out = hash(self.srcpad)
        return True

    def _order(self) -> Order:
        model = Path(self.text("model"))
        if not model.is_file():
            msg = f"no model: {model}" if self.text("model") else "model isn't set"
            raise ValueError(msg)
        if self.value("inference-region") not in {"full-frame", "roi-list"}:
            msg = f"inference-region is full-frame or roi-list, not {self.value('inference-region')!r}"
            raise ValueError(msg)
        proc = self.text("model-proc")
        return Order(
            model,
            device=self.text("device"),
            config=parsed_config(self.text("ie-config")),
            requests=self.value("nireq"),
            batch=max(self.value("batch-size"), 1),
            size=(self.value("reshape-width"), self.value("reshape-height")),
            model_proc=Path(proc) if proc else None,
            labels=self.text("labels") or self.text("labels-file"),
        )

    @reported(failed=False)
    def do_stop(self) -> bool:
        """See GstBaseTransform."""
        self._forget()
        if self._engine is not None:
            release(self._instance)
        self._engine = None
        return True

    @reported(failed=False)
    def do_sink_event(self, event: Any) -> bool:
        """See GstBaseTransform."""
        if event.type in _SERIALIZED:
            self._advance(0)
        elif event.type == Gst.EventType.FLUSH_STOP:
            self._forget()
        return InPlace.do_sink_event(self, event)

    @reported(failed=Gst.FlowReturn.ERROR)
    def do_transform_ip(self, buffer: Any) -> Any:
        """See GstBaseTransform. What goes on goes on through ``_advance``."""
        address = hash(buffer)
        number, self._number = self._number, self._number + 1
        pending = Pending(address, native.frame_of(address))
        if number % max(self.value("inference-interval"), 1) == 0:
            self._look(address, pending, number)
        if number:
            # GstBaseTransform takes a frame that we hold back for a lost one.
            native.continuous(address)
        native.keep(address)
        self._waiting.append((number, pending))
        engine = self._engine
        flow = self._advance(engine.requests * engine.batch if engine else 0, pending)
        if flow or self._waiting[0][1] is not pending or not pending.done:
            return Gst.FlowReturn(flow or native.FLOW_DROPPED)
        self._waiting.popleft()
        native.drop(address)
        self._settle(number, pending)
        return Gst.FlowReturn.OK

    def _look(self, address: int, pending: Pending, number: int) -> None:
        assert self.layout is not None  # noqa: S101 - caps come before buffers
        wanted = self._wanted(pending, number)
        if not wanted:
            return
        with native.Mapped(address) as data:
            image = picture(data, native.actual(address, self.layout), rgb=False)
            for region, box in wanted:
                self._submit(image if region is None else part(image, box), pending, region)

    def _wanted(self, pending: Pending, number: int) -> list[tuple[int | None, Box]]:
        """Parts of the frame to look at; what is known of others is noted in ``pending``."""
        if self.value("inference-region") == "full-frame":
            return [(None, WHOLE)]
        wanted: list[tuple[int | None, Box]] = []
        for i, region in enumerate(pending.frame.regions):
            if not self._matches(region):
                continue
            known = self._memory.recall(region.object_id, number)
            if known is None:
                wanted.append((i, region.box))
            else:
                pending.known[i] = known
        return wanted

    def _matches(self, region: Region) -> bool:
        return not self._classes or region.label in self._classes

    def _submit(self, image: Array | None, pending: Pending, region: int | None) -> None:
        reader, engine = self._reader, self._engine
        if image is None or reader is None or engine is None:
            return
        job = Job(region, Fit())
        pending.expect(job)

        def fill(target: Array) -> None:
            job.fit = placed(target, image, engine.recipe)

        done = partial(self._finish, pending, job, reader)
        ticket = engine.add(fill, done, block=not self.value("no-block"))
        if ticket is None:
            pending.forget(job)
        else:
            pending.ticket = ticket

    def _finish(self, pending: Pending, job: Job, reader: Reader, outputs: Any) -> None:
        pending.finish(job, outputs, reader, self._threshold)

    def _advance(self, allowed: int, current: Pending | None = None) -> int:
        """Send on what is done, from the oldest on; wait while more than ``allowed`` frames are held.

        ``current`` stays: its buffer has another owner until ``do_transform_ip`` returns.
        """
        flow = native.FLOW_OK
        while self._waiting and self._waiting[0][1] is not current:
            number, pending = self._waiting[0]
            if not pending.done:
                if len(self._waiting) <= allowed:
                    break
                if self._engine is not None:
                    self._engine.flush(pending.ticket)
                pending.wait()
            self._waiting.popleft()
            try:
                self._settle(number, pending)
            except BaseException:
                native.drop(pending.buffer)
                raise
            flow = native.push(self._out, pending.buffer) or flow
        return flow

    def _settle(self, number: int, pending: Pending) -> None:
        """Note on the buffer what was found."""
        if pending.error is not None:
            raise pending.error
        frame = self._read(number, pending)
        if frame is not pending.frame:
            native.put_frame(pending.buffer, frame)

    def _read(self, number: int, pending: Pending) -> Frame:
        if self.detects:
            assert self._reader is not None and self.layout is not None  # noqa: S101, PT018 - started, with caps
            return detected(pending, self._reader, self.layout.width, self.layout.height)
        for job in pending.jobs:
            if job.region is not None:
                self._memory.note(pending.frame.regions[job.region].object_id, number, tuple(job.found))  # pyright: ignore[reportArgumentType]
        return described(pending)

    def _forget(self) -> None:
        while self._waiting:
            _, pending = self._waiting.popleft()
            native.drop(pending.buffer)


def _element(name: str, purpose: str, region: str, *, detects: bool) -> type[Any]:
    said = {"element": name, "purpose": purpose, "table": _table(region), "detects": detects}
    return type(name, (Inference,), said)


ELEMENTS = {
    "gvadetect": _element("gvadetect", "Finds objects", "full-frame", detects=True),
    "gvaclassify": _element("gvaclassify", "Classifies objects", "roi-list", detects=False),
    "gvainference": _element("gvainference", "Runs a model", "full-frame", detects=False),
}
