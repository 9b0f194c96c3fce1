"""What a model says of a frame. Windowed models see the frames before it too."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from shared.catalogue import CatalogueEntry
from shared.errors import InputUnreadable, ModelUnusable
from shared.inputs import FRAME_COLUMNS, Frame
from shared.packing import InferenceTask, PackedInput, PackedKind, frame_floats
from shared.ports.sessions import TakenFrame
from shared.predictions import KeypointsPrediction
from shared.results import InferenceResult, InferenceTimings
from shared.sessions import POSE_MODEL, SessionSpec, windowed
from workers.handlers import Handler
from workers.sessions.asking import FrameAsking

_ROW_BYTES = FRAME_COLUMNS * 4
_SPECS = 256


@dataclass(frozen=True, slots=True)
class Seen:
    """``row``: of the window, b'' for models without; ``window``: frames that were looked at."""

    result: InferenceResult
    row: bytes = b""
    window: int | None = None


@lru_cache(maxsize=_SPECS)
def spec_of(text: str) -> SessionSpec:
    """The spec of a session, read once for all its frames. Raises ValidationError."""
    return SessionSpec.model_validate_json(text)


class Looker:
    """Asks the handler of inference jobs. ``entry_of`` knows models by name."""

    def __init__(self, handler: Handler, entry_of: Callable[[str], CatalogueEntry | None]) -> None:
        self._handler = handler
        self._entry_of = entry_of

    def look(self, frame: TakenFrame) -> Seen:
        """Raises what inference jobs raise."""
        spec = spec_of(frame.spec)
        entry = self._entry_of(spec.model)
        if entry is None:
            msg = f"{spec.model} isn't installed, nor in this worker's catalogue"
            raise ModelUnusable(msg)
        if windowed(entry):
            return self._look_back(frame, spec)
        packed: PackedKind = "landmarks" if frame.kind == "landmarks" else "image"
        return Seen(self._ask(_task(spec, spec.model, packed), frame.content))

    def _look_back(self, frame: TakenFrame, spec: SessionSpec) -> Seen:
        spent = InferenceTimings()
        row = frame.content
        if frame.kind == "image":
            # Mirrored here, so that the window holds what is looked at.
            points = self._ask(_task(spec, POSE_MODEL, "image"), row)
            spent, row = points.timings, row_of(points)
        elif spec.mirror:
            raise InputUnreadable("moments of a mirrored session are photos; mirror points before you send them")
        rows = frame.window + row
        count = len(rows) // _ROW_BYTES
        plain = spec.model_copy(update={"mirror": False})
        result = self._ask(_task(plain, spec.model, "sequence", count), rows)
        total = {name: getattr(result.timings, name) + took for name, took in spent}
        return Seen(result.model_copy(update={"timings": InferenceTimings(**total)}), row, count)

    def _ask(self, task: InferenceTask, content: bytes) -> InferenceResult:
        # The handler of inference jobs asks for no more than this, whatever handlers may ask for in general.
        result = self._handler.run(FrameAsking(task, [content]))  # pyright: ignore[reportArgumentType]
        if not isinstance(result, InferenceResult):
            raise TypeError(result)
        return result


def row_of(found: InferenceResult) -> bytes:
    """[258] float32 of what a pose model found in one photo; zeros for what it didn't."""
    points = found.predictions[0]
    if not isinstance(points, KeypointsPrediction):
        raise TypeError(points)
    seen = Frame.model_construct(pose=points.pose, left_hand=points.left_hand, right_hand=points.right_hand)
    return frame_floats([seen])


def _task(spec: SessionSpec, model: str, kind: PackedKind, rows: int = 1) -> InferenceTask:
    own = spec.model == model
    # Of a model that only prepares the input, nothing but the input was asked.
    options = spec.options if own else spec.options.model_copy(update={"runtime": "auto"})
    inputs = [PackedInput(kind=kind, blob=0, rows=rows)]
    return InferenceTask.model_construct(model=model, options=options, inputs=inputs)
