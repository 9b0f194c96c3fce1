# pyright: basic
"""OpenVINO: the converted models on CPU, GPU or NPU, in full precision unless the device has none."""

import os
import threading
from functools import cache
from pathlib import Path

import numpy as np
import openvino as ov

from shared.catalogue import CatalogueEntry
from shared.devices import Device, family_of
from shared.errors import ModelUnusable
from workers.pinning import OPENVINO_DEVICE
from workers.runtimes.contract import PRECISIONS, GestureModel, Host, variant
from workers.runtimes.few_shapes import FewShapes, filled
from workers.vision.features import WORD_FRAMES, Floats, Lengths

STATIC_ROWS = 64
"""Rows of one call on a device that takes no dynamic shapes."""


@cache
def core() -> ov.Core:
    """One per process: it holds the device plugins."""
    return ov.Core()


class OpenVinoModel:
    """A compiled model; each thread keeps an infer request of its own."""

    runtime = "openvino"

    def __init__(self, compiled: ov.CompiledModel, static_rows: int | None = None) -> None:
        self._compiled = compiled
        self._static_rows = static_rows
        self._local = threading.local()

    def predict(self, rows: Floats, lengths: Lengths | None = None) -> Floats:
        """See GestureModel."""
        inputs = [rows] if lengths is None else [filled(rows, 1, WORD_FRAMES), lengths]
        if self._static_rows is None:
            return self._infer(inputs)
        size = self._static_rows
        answers = [
            self._infer_static([part[at : at + size] for part in inputs]) for at in range(0, len(rows), size)
        ]
        return np.concatenate(answers)

    def _infer_static(self, inputs: list[np.ndarray]) -> Floats:
        rows = len(inputs[0])
        # Padding repeats nothing real; a length of 1 keeps the last valid step inside the sequence.
        full = [filled(part, 0, self._static_rows or rows, value=part.ndim == 1) for part in inputs]
        return self._infer(full)[:rows]

    def _infer(self, inputs: list[np.ndarray]) -> Floats:
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        # The output is the request's own memory, overwritten by its next run.
        return request.infer(inputs, share_inputs=True, share_outputs=True)[0].copy()


def supports(device: str) -> bool:
    """Whether OpenVINO sees it here and this process is bound to it. ``GPU`` is the first of several."""
    named = bound(device)
    return bool(named) and not {named, f"{named}.0"}.isdisjoint(core().available_devices)


def bound(device: str) -> str:
    """What OpenVINO calls the device of a lane here."""
    return os.environ.get(OPENVINO_DEVICE, device)


def load(entry: CatalogueEntry, folder: Path, host: Host) -> GestureModel:
    """The most precise variant there is, compiled for the lane's device. Raises ModelUnusable."""
    path = variant_file(entry, folder, host)
    if path is None:
        msg = f"{entry.name} has no OpenVINO variant; download it again with precisions FP32 and force"
        raise ModelUnusable(msg)
    try:
        return _compiled(path, host)
    except RuntimeError as error:
        msg = f"OpenVINO can't run {entry.name} on {host.device}: {error}"
        raise ModelUnusable(msg) from error


def variant_file(entry: CatalogueEntry, folder: Path, host: Host) -> Path | None:
    """Of the precision asked for, else the most exact. Raises ModelUnusable if one is asked for in vain."""
    asked = (host.precision,) if host.precision else PRECISIONS
    found = [folder / variant(precision) for precision in asked if (folder / variant(precision)).is_file()]
    if host.precision and not found:
        remedy = f'{{"kind": "model_convert", "model": "{entry.name}", "precisions": ["{host.precision}"]}}'
        raise ModelUnusable(
            f"{entry.name} has no {host.precision} variant; make one with POST /api/v1/jobs {remedy}"
        )
    return found[0] if found else None


def _compiled(path: Path, host: Host) -> GestureModel:
    model = core().read_model(path)
    static = family_of(host.device) is Device.NPU
    compiled = core().compile_model(fixed(model) if static else model, bound(host.device), config(host))
    return OpenVinoModel(compiled, STATIC_ROWS) if static else FewShapes(OpenVinoModel(compiled))


def fixed(model: ov.Model) -> ov.Model:
    """The model for exactly STATIC_ROWS rows a call."""
    model.reshape({port: [STATIC_ROWS, *list(port.partial_shape)[1:]] for port in model.inputs})
    return model


def config(host: Host) -> dict[str, str | int | bool]:
    """Compile options of a lane."""
    options: dict[str, str | int | bool] = {"PERFORMANCE_HINT": "LATENCY"}
    family = family_of(host.device)
    if family is not Device.NPU:  # which computes in half precision or less
        options["INFERENCE_PRECISION_HINT"] = "f32"
    if family is Device.CPU:
        options["INFERENCE_NUM_THREADS"] = host.threads
        options["ENABLE_CPU_PINNING"] = False  # the worker's own affinity decides
    return options
