# pyright: basic
"""OpenVINO: networks that take one picture, from whatever it reads: its own IR, ONNX, TensorFlow, TFLite."""

import threading
from pathlib import Path

import numpy as np
import openvino as ov

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import ModelUnusable
from workers.networks.placing import Fit, placed
from workers.networks.reading import Reader, reader_of
from workers.networks.recipe import Recipe, told
from workers.networks.shapes import Outputs
from workers.runtimes.contract import Host
from workers.runtimes.openvino import bound, config, core, variant_file
from workers.runtimes.pictured import OPEN, output_name, output_shape, prepared, rt_info, settled
from workers.vision.images import Pixels

_STEP = 32
_MOST_STEPS = 60
"""Of a line of text's width: wider ones are pressed together."""


class OpenVinoNetwork:
    """A compiled network; each thread keeps an infer request of its own."""

    runtime = "openvino"

    def __init__(self, compiled: ov.CompiledModel, names: list[str], reader: Reader, least_width: int) -> None:
        """``least_width``: of an input whose width is open, 0 where it isn't."""
        self.reader = reader
        self._compiled = compiled
        self._names = names
        self._least_width = least_width
        self._local = threading.local()

    def look(self, image: Pixels) -> tuple[Outputs, Fit]:
        """See ImageNetwork."""
        request, array = self._request(self._width(image))
        fit = placed(array[0], image, self.reader.recipe)
        request.infer()
        return {name: request.get_output_tensor(i).data for i, name in enumerate(self._names)}, fit

    def _width(self, image: Pixels) -> int:
        if not self._least_width:
            return self.reader.width
        height, width = image.shape[:2]
        steps = -(-width * self.reader.height // (height * _STEP))
        return max(min(steps, _MOST_STEPS) * _STEP, self._least_width)

    def _request(self, width: int) -> tuple[ov.InferRequest, np.ndarray]:
        kept = getattr(self._local, "kept", None)
        if kept is None or kept[1].shape[2] != width:
            request = self._compiled.create_infer_request() if kept is None else kept[0]
            tensor = ov.Tensor(ov.Type.u8, ov.Shape([1, self.reader.height, width, 3]))
            request.set_input_tensor(tensor)
            kept = self._local.kept = (request, tensor.data)
        return kept


def load(entry: CatalogueEntry, folder: Path, host: Host) -> OpenVinoNetwork:
    """The most precise variant, else the first file, compiled for the lane's device. Raises ModelUnusable."""
    path = variant_file(entry, folder, host) or folder / entry.files[0].name
    try:
        return _network(entry, path, host)
    except (RuntimeError, ValueError) as error:
        msg = f"OpenVINO can't run {entry.name} on {host.device}: {error}"
        raise ModelUnusable(msg) from error


def _network(entry: CatalogueEntry, path: Path, host: Host) -> OpenVinoNetwork:
    model = core().read_model(path)
    recipe = told(entry.proc, rt_info(model))
    width, height = recipe.shape or (0, 0)
    # A line of text is as long as it is: pressed into one width, long ones can't be read.
    wide = recipe.converter == "ctc" and family_of(host.device) is Device.CPU
    settled_width, settled_height = settled(model, path.name, (OPEN if wide else width, height))
    names = [output_name(one) for one in model.outputs]
    shapes = {name: output_shape(one) for name, one in zip(names, model.outputs, strict=True)}
    compiled = core().compile_model(prepared(model, recipe, "RGB"), bound(host.device), config(host))
    size = (width if wide else settled_width, settled_height)
    reader = reader_of(recipe, entry.name, size, shapes, _use(entry, recipe))
    return OpenVinoNetwork(compiled, names, reader, width if wide else 0)


def _use(entry: CatalogueEntry, recipe: Recipe) -> str:
    """A detector whose recipe names no converter shows by its outputs which one it needs."""
    return "gvadetect" if entry.category == "detection" and recipe.converter is None else ""
