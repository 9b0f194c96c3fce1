# pyright: basic
"""Makes OpenVINO variants of a model: ``python -m workers.runtimes.convert <entry> <folder> FP32 [FP16]``.

Run as a process of its own, so that whoever installs models needs neither library in memory. A variant is
written only after it gave the same answers as the network it comes from.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import torch

from shared.catalogue import CatalogueEntry, load_catalogue
from shared.errors import FramelaneError, ModelUnusable
from shared.inputs import FRAME_COLUMNS, LANDMARK_COLUMNS
from workers.runtimes.contract import PRECISIONS, Host, variant
from workers.runtimes.graphs import GRAPHS
from workers.runtimes.openvino import config, core
from workers.runtimes.torch import network
from workers.vision.features import WORD_FRAMES

_DETECTION = ("detection_", "num_detections")

TOLERANCE = {"FP32": 1e-4, "FP16": 2e-2}
"""Largest difference of a probability. Half-precision weights keep three digits."""


def convert(entry: CatalogueEntry, folder: Path, precisions: Sequence[str]) -> list[Path]:
    """Write ``openvino-<precision>.xml`` and ``.bin`` into ``folder``; raises ModelUnusable if answers differ."""
    module = network(entry, folder)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    model = GRAPHS[entry.architecture](weights)
    return [_write(entry, module, model, folder, precision) for precision in precisions]


def convert_as_it_is(entry: CatalogueEntry, folder: Path, precisions: Sequence[str]) -> list[Path]:
    """The same for a model that OpenVINO reads itself: a pipeline loads the variant several times as fast."""
    try:
        model = core().read_model(folder / entry.files[0].name)
    except RuntimeError as error:
        msg = f"{entry.files[0].name} isn't a model that OpenVINO reads"
        raise ModelUnusable(msg) from error
    for output in model.outputs:
        # Beside the names that say what is in them TensorFlow's have inner ones, and readers take any.
        if telling := {name for name in output.get_names() if name.startswith(_DETECTION)}:
            output.get_tensor().set_names(telling)
    return [_save(model, folder, precision, lambda path: core().read_model(path)) for precision in precisions]


def _write(entry: CatalogueEntry, module: torch.nn.Module, model: ov.Model, folder: Path, precision: str) -> Path:
    def check(path: Path) -> None:
        difference = _difference(entry, module, path)
        if difference > TOLERANCE[precision]:
            msg = f"{entry.name} as OpenVINO {precision} differs by {difference:.1e} from its network"
            raise ModelUnusable(msg)

    return _save(model, folder, precision, check)


def _save(model: ov.Model, folder: Path, precision: str, check: Callable[[Path], object]) -> Path:
    path = folder / variant(precision)
    partial = path.with_name(f"partial-{path.name}")
    try:
        ov.save_model(model, partial, compress_to_fp16=precision == "FP16")
        check(partial)
        partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
        return partial.replace(path)
    finally:
        for left in (partial, partial.with_suffix(".bin")):
            left.unlink(missing_ok=True)


def _difference(entry: CatalogueEntry, module: torch.nn.Module, path: Path) -> float:
    compiled = core().compile_model(core().read_model(path), "CPU", config(Host()))
    worst = 0.0
    for rows in (1, 7, 64):
        samples = _samples(entry, rows)
        with torch.inference_mode():
            expected = module(*samples).numpy()
        answer = compiled([sample.numpy() for sample in samples])[0]
        worst = max(worst, float(np.abs(answer - expected).max()))
    return worst


def _samples(entry: CatalogueEntry, rows: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(rows)
    if entry.architecture == "alphabet_mlp":
        return (torch.randn(rows, LANDMARK_COLUMNS, generator=generator),)
    lengths = torch.randint(1, WORD_FRAMES + 1, (rows,), generator=generator)
    return torch.randn(rows, WORD_FRAMES, FRAME_COLUMNS, generator=generator), lengths


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m workers.runtimes.convert", description=__doc__)
    parser.add_argument("entry", help="name in the catalogue")
    parser.add_argument("folder", type=Path, help="holds the model's files; the variants go there too")
    parser.add_argument("precisions", nargs="+", choices=PRECISIONS)
    parser.add_argument("--catalogue", type=Path, help="instead of the one that ships")
    given = parser.parse_args(arguments)
    entry = load_catalogue(given.catalogue).by_name.get(given.entry)
    if entry is None or entry.architecture not in {*GRAPHS, "network"}:
        parser.error(f"{given.entry} is no model of the catalogue that can be converted")
    try:
        make = convert_as_it_is if entry.architecture == "network" else convert
        make(entry, given.folder, given.precisions)
    except FramelaneError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
