"""A model on a device with its infer requests, shared by the elements that name the same instance."""

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, cast

import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from workers.networks.recipe import Recipe, recipe_of
from workers.networks.shapes import Array, Outputs

CACHE = "FRAMELANE_MODEL_CACHE"
"""Environment variable: a folder for compiled models."""

Done = Callable[[Outputs | Exception], None]
"""Called once an item is through, in a thread of OpenVINO's. The arrays are the model's own: copy what is kept."""

_ROW = 7


@dataclass(frozen=True, slots=True)
class Order:
    """What makes one engine differ from another. ``size``: width and height, 0 where the model has its own."""

    model: Path
    device: str = "CPU"
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    requests: int = 0
    batch: int = 1
    size: tuple[int, int] = (0, 0)
    model_proc: Path | None = None
    labels: str = ""


class Slot:
    """An infer request and the items in its batch."""

    def __init__(self, request: Any, array: Array) -> None:
        self.request = request
        self.array = array
        self.waiting: list[Done] = []


class Engine:
    """Compiled once. Requests free themselves when they are through, read or not."""

    def __init__(self, order: Order) -> None:
        core: Any = ov.Core()
        folder = os.environ.get(CACHE)
        if folder:
            core.set_property({"CACHE_DIR": folder})
        model = _read(core, order.model, Path(folder) if folder else None)
        name = str(model.get_friendly_name())
        self.name = order.model.stem if not name or name.endswith("_IR") else name
        self.recipe = recipe_of(order.model_proc, _rt_info(model), order.labels)
        self.batch = order.batch
        self.width, self.height = _prepare(model, order, self.recipe)
        names = [_name(one) for one in model.outputs]
        prepared = _with_preprocessing(model, self.recipe)
        config = _config(order)
        self._compiled: Any = core.compile_model(prepared, order.device, config)
        self.outputs = {name: _shape(one) for name, one in zip(names, self._compiled.outputs, strict=True)}
        # One more than run at once: it is filled meanwhile.
        count = order.requests or int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1
        self.requests = count
        self._lock = threading.Lock()
        self._partial: Slot | None = None
        self._added = self._started = 0
        self._free: SimpleQueue[Slot] = SimpleQueue()
        for _ in range(count):
            self._free.put(self._slot())

    def _slot(self) -> Slot:
        request = self._compiled.create_infer_request()
        tensor = ov.Tensor(ov.Type.u8, ov.Shape([self.batch, self.height, self.width, 3]))
        request.set_input_tensor(tensor)
        slot = Slot(request, tensor.data)
        request.set_callback(self._finished, slot)
        return slot

    def add(self, fill: Callable[[Array], None], done: Done, *, block: bool = True) -> int | None:
        """Fill the next place in a batch; its number, None if all requests are busy and ``block`` is false.

        A batch takes items of all elements that share the engine: nobody waits for a request that another one
        holds half full.
        """
        if self.batch == 1:
            slot = self._take(block)
            if slot is not None:
                self._fill(slot, fill, done)
                slot.request.start_async()
            return None if slot is None else 0
        with self._lock:
            slot = self._partial or self._take(block)
            if slot is None:
                return None
            self._partial = slot
            self._fill(slot, fill, done)
            self._added += 1
            if len(slot.waiting) == self.batch:
                self._start()
            return self._added

    def flush(self, number: int) -> None:
        """See that the item of this number runs, though its batch isn't full."""
        with self._lock:
            if self._started < number:
                self._start()

    def _start(self) -> None:
        slot, self._partial = self._partial, None
        if slot is not None:
            self._started = self._added
            slot.request.start_async()

    def _fill(self, slot: Slot, fill: Callable[[Array], None], done: Done) -> None:
        try:
            fill(slot.array[len(slot.waiting)])
        except BaseException:
            if not slot.waiting:
                self._partial = None
                self._free.put(slot)
            raise
        slot.waiting.append(done)

    def _take(self, block: bool) -> Slot | None:
        try:
            return self._free.get(block)
        except Empty:
            return None

    def _finished(self, slot: Slot) -> None:
        waiting, slot.waiting = slot.waiting, []
        try:
            tensors = {name: slot.request.get_output_tensor(i).data for i, name in enumerate(self.outputs)}
            for number, done in enumerate(waiting):
                done(item(tensors, number, self.batch))
        except Exception as error:  # noqa: BLE001 - OpenVINO would end the process
            for done in waiting:
                done(error)
        finally:
            self._free.put(slot)


def item(tensors: Outputs, number: int, batch: int) -> Outputs:
    """One item's part of the outputs of a batch. Rows of seven tell themselves whose they are."""
    if batch == 1:
        return tensors
    return {name: _part(one, number, batch) for name, one in tensors.items()}


def _part(one: Array, number: int, batch: int) -> Array:
    if one.ndim and one.shape[0] == batch:
        return one[number : number + 1]
    if one.shape[-1:] == (_ROW,):
        rows = one.reshape(-1, _ROW)
        mine = rows[rows[:, 0] == number].copy()
        return mine.reshape(1, 1, -1, _ROW)
    return one


_engines: dict[str, tuple[Engine, int]] = {}
_engines_lock = threading.Lock()


def obtain(order: Order, instance: str) -> Engine:
    """The engine of this instance, made from ``order`` if it is the first to ask; its own one without a name."""
    if not instance:
        return Engine(order)
    with _engines_lock:
        engine, users = _engines.get(instance) or (Engine(order), 0)
        _engines[instance] = engine, users + 1
        return engine


def release(instance: str) -> None:
    """The last to release an instance ends it."""
    with _engines_lock:
        if instance in _engines:
            engine, users = _engines.pop(instance)
            if users > 1:
                _engines[instance] = engine, users - 1


def parsed_config(text: str) -> dict[str, str]:
    """``KEY=VALUE,KEY=VALUE``. Raises ValueError."""
    pairs = [one.partition("=") for one in text.split(",") if one.strip()]
    if broken := [key for key, equals, _ in pairs if not equals]:
        msg = f"ie-config wants KEY=VALUE, not {broken[0]!r}"
        raise ValueError(msg)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _read(core: Any, path: Path, cache: Path | None) -> Any:
    """Other formats than OpenVINO's own are slow to read: with a cache, that is done once."""
    if cache is None or path.suffix == ".xml":
        return core.read_model(path)
    there = path.stat()
    key = sha256(f"{path.resolve()} {there.st_size} {there.st_mtime_ns} {ov.get_version()}".encode()).hexdigest()
    kept = cache / f"{key[:32]}.xml"
    if kept.is_file():
        return core.read_model(kept)
    model = core.read_model(path)
    with tempfile.TemporaryDirectory(dir=_made(cache)) as folder:
        made = Path(folder) / kept.name
        ov.save_model(model, made, compress_to_fp16=False)
        # The weights first: whoever sees the one finds the other.
        made.with_suffix(".bin").replace(kept.with_suffix(".bin"))
        made.replace(kept)
    return model


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _config(order: Order) -> dict[str, str]:
    chosen = dict(order.config)
    if not chosen.keys() & {"PERFORMANCE_HINT", "NUM_STREAMS"}:
        chosen["PERFORMANCE_HINT"] = "THROUGHPUT"
    return chosen


def _prepare(model: Any, order: Order, recipe: Recipe) -> tuple[int, int]:
    """Give the input its final shape; width and height."""
    if len(model.inputs) != 1:
        msg = f"{order.model.name} has {len(model.inputs)} inputs, one image is all there is"
        raise ValueError(msg)
    shape = model.input(0).partial_shape
    rank = shape.rank
    if not rank.is_static or rank.get_length() != 4:  # noqa: PLR2004 - batch, channels, height, width
        msg = f"{order.model.name} doesn't take images: {shape}"
        raise ValueError(msg)
    rows, columns = (1, 2) if _is_nhwc(shape) else (2, 3)
    asked = order.size if all(order.size) else recipe.shape or (0, 0)
    for place, wanted in ((rows, asked[1]), (columns, asked[0])):
        if wanted:
            shape[place] = wanted
        elif not shape[place].is_static:
            msg = f"{order.model.name} leaves its size open ({shape}): set reshape-width and reshape-height"
            raise ValueError(msg)
    shape[0] = order.batch
    model.reshape(shape)
    return shape[columns].get_length(), shape[rows].get_length()


def _is_nhwc(shape: Any) -> bool:
    return shape[3].is_static and shape[3].get_length() == 3  # noqa: PLR2004 - colours


def _with_preprocessing(model: Any, recipe: Recipe) -> Any:
    """Takes BGR bytes, turns and scales them itself."""
    steps: Any = PrePostProcessor(model)
    input_info = steps.input()
    layout = "NHWC" if _is_nhwc(model.input(0).partial_shape) else "NCHW"
    input_info.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(
        ColorFormat.BGR
    )
    input_info.model().set_layout(ov.Layout(layout))
    process = input_info.preprocess()
    if recipe.rgb:
        process.convert_color(ColorFormat.RGB)
    process.convert_element_type(model.input(0).element_type if not (recipe.mean or recipe.scale) else ov.Type.f32)
    if recipe.mean:
        process.mean(list(recipe.mean))
    if recipe.scale:
        process.scale(list(recipe.scale))
    return steps.build()


def _rt_info(model: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for section in ("framework", "model_info"):
        if model.has_rt_info([section]):
            entries: Any = model.get_rt_info([section])
            found |= {str(key): _text(model, section, str(key)) for key in _keys(entries)}
    return found


def _keys(entries: Any) -> list[str]:
    value = getattr(entries, "value", entries)
    return [str(key) for key in cast("dict[Any, Any]", value)] if isinstance(value, dict) else []


def _text(model: Any, section: str, key: str) -> str:
    return str(model.get_rt_info([section, key]).astype(str))


def _name(output: Any) -> str:
    """The author's: frontends add names of their own."""
    names: set[str] = output.get_names()
    friendly = str(output.get_node().get_friendly_name())
    return friendly if friendly in names or not names else min(names, key=lambda name: (len(name), name))


def _shape(output: Any) -> list[int]:
    return [one.get_length() if one.is_static else -1 for one in output.partial_shape]
