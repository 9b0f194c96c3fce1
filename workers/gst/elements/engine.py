"""A model on a device with its infer requests, shared by the elements that name the same instance."""

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import openvino as ov

from workers.networks.recipe import recipe_of
from workers.networks.shapes import Array, Outputs
from workers.runtimes.pictured import output_name, output_shape, own_name, prepared, rt_info, settled

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
        folder = order.config.get("CACHE_DIR")
        model = _read(core, order.model, Path(folder) if folder else None)
        self.name = own_name(model, order.model.stem)
        self.recipe = recipe_of(order.model_proc, rt_info(model), order.labels)
        self.batch = order.batch
        asked = order.size if all(order.size) else self.recipe.shape or (0, 0)
        self.width, self.height = settled(model, order.model.name, asked, order.batch)
        names = [output_name(one) for one in model.outputs]
        config = _config(order)
        self._compiled: Any = core.compile_model(prepared(model, self.recipe, "BGR"), order.device, config)
        self.outputs = {name: output_shape(one) for name, one in zip(names, self._compiled.outputs, strict=True)}
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
