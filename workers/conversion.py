"""OpenVINO variants of a model, made by a helper process: this one holds no model library."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.errors import ModelUnusable
from shared.settings import Settings
from workers.processes import ProcessFailed, run_watched

CONVERTER = "workers.runtimes.convert"


def variant_name(precision: str) -> str:
    """The stem of a variant's files, and how an installed model lists it."""
    return f"openvino-{precision}"


def convert(
    settings: Settings, name: str, folder: Path, precisions: Sequence[str], check: Callable[[], None]
) -> None:
    """Write ``openvino-<precision>.xml`` and ``.bin`` beside the weights in ``folder``.

    Raises ModelUnusable when that fails, and what ``check`` raises.
    """
    catalogue = settings.worker.catalogue
    command = [
        *(sys.executable, "-m", CONVERTER, name, str(folder), *precisions),
        *(() if catalogue is None else ("--catalogue", str(catalogue))),
    ]
    try:
        run_watched(command, check)
    except ProcessFailed as error:
        reason = (error.last_words.splitlines() or [f"it ended with status {error.status}"])[-1]
        raise ModelUnusable(
            f"{name} can't be converted for OpenVINO: {reason[:500]}. Ask for no precisions to install it without"
        ) from error
    if missing := [one for one in precisions if not (folder / f"{variant_name(one)}.xml").is_file()]:
        raise ModelUnusable(f"{name}: the conversion made no variant for {', '.join(missing)}")
