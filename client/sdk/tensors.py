"""Specs with numbers and photos as they lie in memory: sent in msgpack, without a detour by text."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from shared.inputs import LANDMARK_COLUMNS, TensorInput
from shared.specs import InferenceSpec

_FLOATS = frozenset({"f", "<f"})


def with_binaries(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The spec as msgpack takes it, and whether anything in it is binary.

    A ``tensor`` may be an array of [rows, 63] (NumPy's, or any that lends its memory), ``data`` may be bytes.
    Raises ValueError for another array.
    """
    return _changed(spec, lambda content: content)


def without_binaries(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same as JSON takes it, with base64 instead."""
    return _changed(spec, lambda content: b64encode(content).decode())[0]


def unpacked(spec: InferenceSpec) -> Mapping[str, Any] | None:
    """A typed spec whose tensors are bytes again; None if none is in base64."""
    if not any(isinstance(item, TensorInput) and item.tensor.data for item in spec.inputs):
        return None
    plain = spec.model_dump(mode="json", exclude_none=True)
    for item in plain["inputs"]:
        tensor = item.get("tensor", {})
        if "data" in tensor:
            try:
                tensor["data"] = b64decode(tensor["data"], validate=True)
            except ValueError:  # the gateway says what is wrong with it
                return None
    return plain


def _changed(spec: Mapping[str, Any], say: Callable[[bytes], Any]) -> tuple[Mapping[str, Any], bool]:
    inputs: Any = spec.get("inputs")
    if not isinstance(inputs, list | tuple):
        return spec, False
    found = [_input(item, say) for item in cast("Sequence[Any]", inputs)]
    if not any(binary for _, binary in found):
        return spec, False
    return {**spec, "inputs": [item for item, _ in found]}, True


def _input(item: Any, say: Callable[[bytes], Any]) -> tuple[Any, bool]:
    if not isinstance(item, Mapping):
        return item, False
    fields = cast("Mapping[str, Any]", item)
    if "tensor" in fields:
        tensor, binary = _tensor(fields["tensor"], say)
        return {**fields, "tensor": tensor}, binary
    return _data(fields, say)


def _data(fields: Mapping[str, Any], say: Callable[[bytes], Any]) -> tuple[Mapping[str, Any], bool]:
    content = fields.get("data")
    return ({**fields, "data": say(content)}, True) if isinstance(content, bytes) else (fields, False)


def _tensor(tensor: Any, say: Callable[[bytes], Any]) -> tuple[Any, bool]:
    if isinstance(tensor, Mapping):
        return _data(cast("Mapping[str, Any]", tensor), say)
    try:
        rows = _floats(tensor)
    except TypeError:
        return tensor, False
    if rows.ndim != 2 or rows.shape is None or rows.shape[1] != LANDMARK_COLUMNS:  # noqa: PLR2004  rows and columns
        msg = f"a tensor has the shape [rows, {LANDMARK_COLUMNS}], not {list(rows.shape or ())}"
        raise ValueError(msg)
    return {"shape": list(rows.shape), "data": say(rows.tobytes())}, True


def _floats(array: Any) -> memoryview:
    """Raises TypeError for what lends no memory."""
    view = memoryview(array)
    if view.format not in _FLOATS and hasattr(array, "astype"):
        view = memoryview(array.astype("<f4"))
    if view.format not in _FLOATS:
        msg = f"a tensor is float32, not {view.format}"
        raise ValueError(msg)
    return view
