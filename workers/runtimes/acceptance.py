# pyright: basic
"""Looks into an uploaded model and makes it usable: ``python -m workers.runtimes.acceptance FILE``.

The file is an ``AcceptanceRequest`` as JSON. Run as a process of its own: what a stranger's model does while it is
read and run for the first time, it does here. Pickled weights are read as tensors only, and written anew.
"""

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov

from shared.catalogue import TensorContract
from shared.errors import FramelaneError, ModelUnusable
from shared.results import VariantDetails
from workers.acceptance import REPORT, AcceptanceRequest, Accepted
from workers.conversion import ConversionRequest
from workers.runtimes.contract import WEIGHTS, Host, variant
from workers.runtimes.convert import convert, network_of, save
from workers.runtimes.openvino_networks import load
from workers.runtimes.pictured import output_name, output_shape, rt_info

_SAMPLES = 16
_BLANK = np.zeros((64, 64, 3), np.uint8)


def accept(request: AcceptanceRequest) -> Accepted:
    """The folder holds what is installed then. Raises ModelUnusable."""
    if request.entry.architecture == "network":
        return _network(request)
    return _weights(request)


def _network(request: AcceptanceRequest) -> Accepted:
    entry, folder = request.entry, request.folder
    given = folder / request.main
    model = network_of(given)
    if given.suffix == ".xml":
        precision = precision_of(model)
        del model  # it has the files open
        given.with_suffix(".bin").rename(folder / variant(precision).replace(".xml", ".bin"))
        given.rename(folder / variant(precision))
        details = VariantDetails(precision=precision)
    else:
        precision = "FP32"
        save(model, folder, precision, lambda _path: None)
        details = VariantDetails(precision=precision)
    model = network_of(folder / variant(precision))
    load(entry, folder, Host()).look(_BLANK)
    return Accepted(
        labels=entry.labels or rt_info(model).get("labels", "").split(),
        precision=precision,
        inputs=[_contract(each) for each in model.inputs],
        outputs=[_contract(each) for each in model.outputs],
        details={f"openvino-{precision}": details},
    )


def _contract(port: ov.Output) -> TensorContract:
    return TensorContract(
        name=output_name(port), shape=output_shape(port), dtype=port.element_type.get_type_name()
    )


def precision_of(model: ov.Model) -> str:
    """Of its weights: INT8 if some are whole numbers of eight bits, FP16 if most of their bytes are halves."""
    sizes = {"f16": 0, "f32": 0}
    for node in model.get_ops():
        if node.get_type_name() == "FakeQuantize":
            return "INT8"
        if node.get_type_name() == "Constant":
            kind = node.get_element_type().get_type_name()
            if kind in {"i8", "u8"} and node.get_byte_size() > 256:  # noqa: PLR2004 - not a few settings
                return "INT8"
            if kind in sizes:
                sizes[kind] += node.get_byte_size()
    return "FP16" if sizes["f16"] > sizes["f32"] else "FP32"


def _weights(request: AcceptanceRequest) -> Accepted:
    import torch

    given = request.folder / request.main
    tensors = tensors_of(given)
    last = [tensor for tensor in tensors.values() if tensor.ndim == 1]
    if not last:
        raise ModelUnusable(f"{given.name} has no weights of {request.entry.architecture}")
    labels = request.entry.labels or [str(number) for number in range(len(last[-1]))]
    entry = request.entry.model_copy(update={"labels": labels})
    given.unlink()
    torch.save(tensors, request.folder / WEIGHTS)
    asked = ConversionRequest(entry=entry, folder=request.folder, precisions=["FP32"], samples=_SAMPLES)
    details = convert(asked, lambda _fraction, _message: None)
    return Accepted(labels=labels, precision="FP32", inputs=[], outputs=[], details=details)


def tensors_of(path: Path) -> dict:
    """Named tensors of a safetensors or pickled file; nothing of it is run. Raises ModelUnusable."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ModelUnusable(f"{path.name} can't be read: {error}") from error
    except Exception as error:
        # Unpickling a damaged or hostile file can raise about anything.
        raise ModelUnusable(f"{path.name} can't be read as tensors: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict) or not all(isinstance(each, torch.Tensor) for each in found.values()):
        raise ModelUnusable(f"{path.name} holds something else than named tensors")
    return {str(name): tensor.contiguous() for name, tensor in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with the reason on stderr."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    request = AcceptanceRequest.model_validate_json(Path(path).read_bytes())
    if request.memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (request.memory_bytes, request.memory_bytes))
    try:
        accepted = accept(request)
    except (FramelaneError, MemoryError) as error:
        sys.stderr.write(f"{str(error).splitlines()[0] if str(error) else 'not enough memory'}\n")
        return 1
    Path(path).with_name(REPORT).write_text(accepted.model_dump_json(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
