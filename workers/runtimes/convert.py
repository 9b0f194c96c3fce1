# pyright: basic
"""Makes OpenVINO variants of a model, telling how far each is off: ``python -m workers.runtimes.convert FILE``.

The file is a ``ConversionRequest`` as JSON. Run as a process of its own, so that whoever installs models needs no
model library in memory. What is made appears when it is whole: a variant, and at the end the report.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import openvino as ov

from shared.catalogue import CatalogueEntry
from shared.errors import FramelaneError, ModelUnusable
from shared.results import Drift, VariantDetails
from workers.conversion import DETAILS, PROGRESS, REPORT, ConversionRequest, variant_name
from workers.networks.reading import THRESHOLD, reader_of
from workers.networks.recipe import told
from workers.runtimes.contract import PRECISIONS, Host, variant
from workers.runtimes.drift import Finds, compared
from workers.runtimes.openvino import config, core
from workers.runtimes.pictured import output_name, output_shape, rt_info, settled
from workers.runtimes.samples import Samples, Tensors, samples

_DETECTION = ("detection_", "num_detections")
_AROUND = ["^(Pre|Post)processor/.*"]
"""What TensorFlow's detectors have around their network: boxes in eight bits would be nowhere."""
_COMPARED, _CALIBRATED = 1, 0
"""Seeds: what a variant was calibrated with says little of how good it is."""

TOLERANCE = {"FP32": 1e-4, "FP16": 2e-2}
"""Largest difference of a gesture model's probability. Half-precision weights keep three digits."""

Answer = Callable[[Tensors], list]


def convert(request: ConversionRequest, tell: Callable[[float, str], None]) -> dict[str, VariantDetails]:
    """Write ``openvino-<precision>.xml`` and ``.bin`` of each beside the model's files. Raises ModelUnusable."""
    entry, folder = request.entry, request.folder
    model, answer = original(entry, folder)
    compare = samples(entry, model, request.samples, _COMPARED, request.media)
    made: dict[str, VariantDetails] = {}
    for number, precision in enumerate(request.precisions):
        tell(number / len(request.precisions), f"{entry.name}: {precision}")
        made[variant_name(precision)] = _make(request, model, precision, answer, compare)
    return made


def _make(
    request: ConversionRequest, model: ov.Model, precision: str, answer: Answer, compare: Samples
) -> VariantDetails:
    entry, exact, said = request.entry, model, None
    if precision == "INT8":
        calibration = samples(entry, model, request.calibration_samples, _CALIBRATED, request.media)
        model, said = quantized(model, calibration), calibration.said

    def check(path: Path) -> Drift | None:
        other = _answers(core().read_model(path))
        pairs = ((answer(one), other(one)) for one in compare)
        drift = compared(entry.category, pairs, compare.said, finder(entry, exact))
        worst = 0.0 if drift is None else drift.max_abs
        if entry.architecture != "network" and worst > TOLERANCE.get(precision, 1.0):
            msg = f"{entry.name} as OpenVINO {precision} differs by {worst:.1e} from its network"
            raise ModelUnusable(msg)
        return drift

    return VariantDetails(
        precision=precision, drift=save(model, request.folder, precision, check), calibration=said
    )


def finder(entry: CatalogueEntry, model: ov.Model) -> Finds | None:
    """Reads the boxes out of a detector's outputs; None for what isn't one."""
    if entry.architecture != "network":
        return None
    names = [output_name(each) for each in model.outputs]
    try:
        recipe = told(entry.proc, rt_info(model))
        size = settled(model.clone(), entry.name, recipe.shape or (0, 0))
        shapes = {name: output_shape(each) for name, each in zip(names, model.outputs, strict=True)}
        use = "gvadetect" if entry.category == "detection" and recipe.converter is None else ""
        reader = reader_of(recipe, entry.name, size, shapes, use)
    except (ValueError, RuntimeError):  # then it is compared by its numbers only
        return None
    threshold = THRESHOLD if recipe.threshold is None else recipe.threshold
    if not reader.detects:
        return None
    return lambda outputs: reader.detections(dict(zip(names, outputs, strict=True)), threshold)


def quantized(model: ov.Model, calibration: Samples) -> ov.Model:
    """With whole numbers of eight bits inside. Raises ModelUnusable where NNCF isn't installed, or can't."""
    os.environ |= {"NNCF_CI": "1", "CI": "true"}  # else it tells its makers
    try:
        import nncf
    except ImportError as error:
        raise ModelUnusable("nncf isn't installed on this worker (pip install 'framelane[nncf]')") from error
    nncf.set_log_level(40)
    try:
        ignored = nncf.IgnoredScope(patterns=_AROUND, validate=False)
        return nncf.quantize(model, nncf.Dataset(calibration), subset_size=len(calibration), ignored_scope=ignored)
    except (RuntimeError, ValueError, nncf.InternalError, nncf.ValidationError) as error:
        raise ModelUnusable(f"it can't be quantized: {str(error).splitlines()[0]}") from error


def original(entry: CatalogueEntry, folder: Path) -> tuple[ov.Model, Answer]:
    """The exact graph, and what answers as the model itself does."""
    if entry.architecture == "network":
        model = network_of(_file(entry, folder))
        return model, _answers(model)
    import torch

    from workers.runtimes.graphs import GRAPHS
    from workers.runtimes.torch import network as module_of

    if entry.architecture not in GRAPHS:
        raise ModelUnusable(f"{entry.name} has no network that OpenVINO runs")
    module = module_of(entry, folder)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}

    def answer(tensors: Tensors) -> list:
        with torch.inference_mode():
            return [module(*map(torch.from_numpy, tensors)).numpy()]

    return GRAPHS[entry.architecture](weights), answer


def _file(entry: CatalogueEntry, folder: Path) -> Path:
    """The model's own file; an uploaded one has only variants: the most exact then."""
    made = [folder / variant(each) for each in PRECISIONS if (folder / variant(each)).is_file()]
    return folder / entry.files[0].name if entry.files else next(iter(made), folder / variant("FP32"))


def network_of(path: Path) -> ov.Model:
    """A network of any format that OpenVINO reads. Raises ModelUnusable."""
    try:
        model = core().read_model(path)
    except RuntimeError as error:
        msg = f"{path.name} isn't a model that OpenVINO reads"
        raise ModelUnusable(msg) from error
    for output in model.outputs:
        # Beside the names that say what is in them TensorFlow's have inner ones, and readers take any.
        if telling := {name for name in output.get_names() if name.startswith(_DETECTION)}:
            output.get_tensor().set_names(telling)
    return model


def _answers(model: ov.Model) -> Answer:
    compiled = core().compile_model(model, "CPU", config(Host()))
    return lambda tensors: [value.copy() for value in compiled(tensors).values()]


def save(model: ov.Model, folder: Path, precision: str, check: Callable[[Path], Drift | None]) -> Drift | None:
    """Write a variant that appears if ``check`` finds nothing against it; what that said."""
    path = folder / variant(precision)
    partial = path.with_name(f"partial-{path.name}")
    try:
        ov.save_model(model, partial, compress_to_fp16=precision == "FP16")
        drift = check(partial)
        partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
        partial.replace(path)
    finally:
        for left in (partial, partial.with_suffix(".bin")):
            left.unlink(missing_ok=True)
    return drift


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with the reason on stderr."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    request = ConversionRequest.model_validate_json(Path(path).read_bytes())

    def tell(fraction: float, message: str) -> None:
        sys.stdout.write(f"{PROGRESS} {fraction:.3f} {message}\n")
        sys.stdout.flush()

    try:
        made = convert(request, tell)
    except FramelaneError as error:
        sys.stderr.write(f"{error.detail.splitlines()[0]}\n")
        return 1
    Path(path).with_name(REPORT).write_bytes(DETAILS.dump_json(made))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
