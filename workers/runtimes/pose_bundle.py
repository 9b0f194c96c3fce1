# pyright: basic
"""A bundle MediaPipe Tasks takes, made in memory from the two bare networks of the pose landmarker.

Tasks wants to be told in each network's metadata how to scale pixels, which the bare files don't say.
"""

import io
import struct
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as tflite_schema

from shared.errors import ModelUnusable
from workers.runtimes.contract import POSE_NETWORKS

_SCALING = dict(zip(POSE_NETWORKS, [(127.5, 127.5), (0.0, 255.0)], strict=True))
"""Mean and deviation of pixels [0, 255]: the detector was trained on [-1, 1], the landmarker on [0, 1]."""


def pose_bundle(folder: Path) -> bytes:
    """The task file of the networks in ``folder``, which stay as they are. Takes about 0.3 s.

    Raises ModelUnusable for a file that is no TensorFlow Lite network.
    """
    target = io.BytesIO()
    with ZipFile(target, "w") as archive:
        for name, (mean, deviation) in _SCALING.items():
            try:
                described = _described((folder / name).read_bytes(), mean, deviation)
            except (OSError, struct.error, ValueError, TypeError, IndexError) as error:
                msg = f"{name} of the pose_landmarker can't be read: {error}"
                raise ModelUnusable(msg) from error
            archive.writestr(ZipInfo(name), described)
    return target.getvalue()


def _described(network: bytes, mean: float, deviation: float) -> bytes:
    model: Any = tflite_schema.ModelT.InitFromPackedBuf(network)
    buffer: Any = tflite_schema.BufferT()
    buffer.data = np.frombuffer(_metadata(mean, deviation), np.uint8)
    entry: Any = tflite_schema.MetadataT()
    entry.name = b"TFLITE_METADATA"
    entry.buffer = len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return _packed(model, b"TFL3", len(network))


def _metadata(mean: float, deviation: float) -> bytes:
    scaling = metadata_schema.NormalizationOptionsT()
    scaling.mean, scaling.std = [mean], [deviation]
    step = metadata_schema.ProcessUnitT()
    step.optionsType = metadata_schema.ProcessUnitOptions.NormalizationOptions
    step.options = scaling
    image = metadata_schema.ImagePropertiesT()
    image.colorSpace = metadata_schema.ColorSpaceType.RGB
    content = metadata_schema.ContentT()
    content.contentPropertiesType = metadata_schema.ContentProperties.ImageProperties
    content.contentProperties = image
    tensor = metadata_schema.TensorMetadataT()
    tensor.name, tensor.content, tensor.processUnits = "image", content, [step]
    graph = metadata_schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [tensor]
    model = metadata_schema.ModelMetadataT()
    model.subgraphMetadata = [graph]
    return _packed(model, b"M001", 1024)


def _packed(table: metadata_schema.ModelMetadataT | tflite_schema.ModelT, identifier: bytes, size: int) -> bytes:
    builder = flatbuffers.Builder(size)
    builder.Finish(table.Pack(builder), identifier)
    return bytes(builder.Output())
