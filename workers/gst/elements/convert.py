"""The JSON of gvametaconvert, field for field as DL Streamer writes it."""

import json
from typing import Any

from workers.gst.elements.frame import Frame, Region
from workers.networks.shapes import Tensor


def to_json(
    frame: Frame,
    size: tuple[int, int],
    timestamp: int | None,
    *,
    source: str = "",
    tags: str = "",
    empty: bool = False,
    tensors: bool = False,
    indent: int = -1,
) -> str | None:
    """None for a frame with nothing in it, unless ``empty``. ``timestamp``: stream time in nanoseconds."""
    width, height = size
    objects = [_object(region, number, size, tensors) for number, region in enumerate(frame.regions)]
    if frame.tensors:
        objects.append(_whole(frame, size, tensors))
    raw = [_tensor(one) for one in frame.tensors if one.label is None] if tensors else []
    if not objects and not raw and not empty:
        return None
    record: dict[str, Any] = {"resolution": {"height": height, "width": width}}
    if source:
        record["source"] = source
    if timestamp is not None:
        record["timestamp"] = timestamp
    if tags and (known := _parsed(tags)) is not None:
        record["tags"] = known
    if objects:
        record["objects"] = objects
    if raw:
        record["tensors"] = raw
    separators = (",", ":") if indent < 0 else None
    return json.dumps(
        record, sort_keys=True, separators=separators, indent=None if indent < 0 else indent, ensure_ascii=False
    )


def _object(region: Region, number: int, size: tuple[int, int], tensors: bool) -> dict[str, Any]:
    x, y, w, h = region.box.pixels(*size)
    made: dict[str, Any] = {"x": x, "y": y, "w": w, "h": h, "region_id": number}
    if region.parent is not None:
        made["parent_id"] = region.parent
    if region.object_id:
        made["id"] = region.object_id
    if region.label:
        made["roi_type"] = region.label
    if region.confidence is not None:
        made["detection"] = _detection(region)
    made |= {_attribute(one): _classification(one) for one in region.tensors if one.label is not None}
    if tensors:
        first = [_detection_tensor(region)] if region.confidence is not None else []
        made["tensors"] = [*first, *(_tensor(one) for one in region.tensors)]
    return made


def _detection(region: Region) -> dict[str, Any]:
    box = region.box
    made: dict[str, Any] = {
        "bounding_box": {"x_max": box.x_max, "x_min": box.x_min, "y_max": box.y_max, "y_min": box.y_min},
        "confidence": region.confidence,
    }
    if region.label_id is not None:
        made["label_id"] = region.label_id
    if region.label:
        made["label"] = region.label
    return made


def _whole(frame: Frame, size: tuple[int, int], tensors: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"x": 0, "y": 0, "w": size[0], "h": size[1]}
    made |= {_attribute(one): _classification(one) for one in frame.tensors if one.label is not None}
    if tensors:
        made["tensors"] = [_tensor(one) for one in frame.tensors]
    return made


def _attribute(tensor: Tensor) -> str:
    return tensor.name


def _classification(tensor: Tensor) -> dict[str, Any]:
    made: dict[str, Any] = {"label": tensor.label, "model": {"name": tensor.model}}
    if tensor.confidence is not None:
        made["confidence"] = tensor.confidence
    if tensor.label_id is not None:
        made["label_id"] = tensor.label_id
    return made


def _tensor(tensor: Tensor) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tensor.name, "model_name": tensor.model, "layer_name": tensor.layer}
    if tensor.data is not None:
        made |= {"precision": _PRECISIONS.get(tensor.data.dtype.name, "FP32"), "layout": "ANY"}
        made |= {"dims": list(tensor.data.shape), "data": tensor.floats()}
    optional = {
        "format": tensor.format,
        "label": tensor.label,
        "confidence": tensor.confidence,
        "label_id": tensor.label_id,
    }
    made |= {key: value for key, value in optional.items() if value not in {None, ""}}
    return {key: value for key, value in made.items() if value != ""}


def _detection_tensor(region: Region) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "detection", "confidence": region.confidence}
    if region.model:
        made["model_name"] = region.model
    return made if region.label_id is None else made | {"label_id": region.label_id}


_PRECISIONS = {"float32": "FP32", "float16": "FP16", "uint8": "U8", "int32": "I32", "int64": "I64"}


def _parsed(tags: str) -> Any:
    try:
        return json.loads(tags)
    except ValueError:
        return None
