# pyright: basic
"""Holds a form of a model against the original: ``python -m workers.runtimes.compare FILE``.

The file is a ``ComparisonRequest`` as JSON. Run as a process of its own, so that whoever validates needs no model
library in memory, and a form that crashes takes nothing with it.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import openvino as ov

from shared.errors import FramelaneError, ModelUnusable
from workers.comparison import REPORT, Compared, ComparisonRequest
from workers.runtimes import registry
from workers.runtimes.contract import PRECISIONS, Host
from workers.runtimes.convert import Answer, finder, network_of, original
from workers.runtimes.drift import compared
from workers.runtimes.openvino import bound, config, core, variant_file
from workers.runtimes.samples import samples

_SEED = 2
"""Others than those that variants are made with."""


def run(request: ComparisonRequest) -> Compared:
    """Raises ModelUnusable where the original itself can't be had."""
    entry = request.entry
    model, expected = original(entry, request.folder)
    shown = samples(entry, model, request.samples, _SEED, request.media)
    library = "OpenVINO" if entry.architecture == "network" else "torch"
    answer = partial(Compared, original=f"{library} FP32 on CPU", variant=_named(request))
    try:
        got = _variant(request, [list(each.shape) for each in next(iter(shown))])
    except (FramelaneError, RuntimeError) as error:
        return answer(failed=("load", _first_line(error)))
    try:
        pairs = ((expected(one), got(one)) for one in shown)
        drift = compared(entry.category, pairs, shown.said, finder(entry, model))
    except (FramelaneError, RuntimeError, ValueError) as error:
        return answer(failed=("run", _first_line(error)))
    if drift is None:
        return answer(failed=("run", "its answers have other shapes than the original's"))
    return answer(drift=drift)


def _variant(request: ComparisonRequest, shapes: list[list[int]]) -> Answer:
    host = Host(request.device, threads=request.threads, precision=request.precision)
    if request.entry.architecture != "network":
        chosen = registry.choose(request.entry, request.runtime, request.device)
        gestures = registry.load_classifier(request.entry, request.folder, chosen, host)
        return lambda tensors: [gestures.predict(*tensors)]
    path = variant_file(request.entry, request.folder, host) or request.folder / request.entry.files[0].name
    model = network_of(path)
    # Some devices take no open shapes.
    model.reshape({port: ov.PartialShape(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
    compiled = core().compile_model(model, bound(request.device), config(host))
    return lambda tensors: [value.copy() for value in compiled(tensors).values()]


def _named(request: ComparisonRequest) -> str:
    if request.runtime == "torch":
        return f"torch FP32 on {request.device}"
    host = Host(precision=request.precision)
    try:
        found = variant_file(request.entry, request.folder, host)
    except ModelUnusable:
        found = None
    precision = request.precision or (found.stem.rpartition("-")[2] if found else PRECISIONS[0])
    return f"OpenVINO {precision} on {request.device}"


def _first_line(error: Exception) -> str:
    detail = error.detail if isinstance(error, FramelaneError) else str(error)
    return (detail.strip().splitlines() or [type(error).__name__])[0][:500]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with the reason on stderr."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    request = ComparisonRequest.model_validate_json(Path(path).read_bytes())
    try:
        found = run(request)
    except FramelaneError as error:
        sys.stderr.write(f"{_first_line(error)}\n")
        return 1
    Path(path).with_name(REPORT).write_text(found.model_dump_json(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
