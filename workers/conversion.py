"""OpenVINO variants of a model, made by a helper process: this one holds no model library."""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.catalogue import CatalogueEntry
from shared.errors import ModelUnusable
from shared.results import VariantDetails
from workers.processes import ProcessFailed, run_watched

CONVERTER = "workers.runtimes.convert"
REPORT = "report.json"
PROGRESS = "progress"
DETAILS = TypeAdapter(dict[str, VariantDetails])

Tell = Callable[[float, str], None]
"""Is told how much is done, and what is being done."""


class ConversionRequest(BaseModel):
    """What a converter makes in ``folder``, beside the model's files.

    ``media``: pictures that networks are calibrated with and compared on, by names; none: made-up ones.
    """

    model_config = ConfigDict(frozen=True)

    entry: CatalogueEntry
    folder: Path
    precisions: list[str]
    samples: int = 64
    media: dict[str, Path] = {}
    calibration_samples: int = 300


def variant_name(precision: str) -> str:
    """The stem of a variant's files, and how an installed model lists it."""
    return f"openvino-{precision}"


def make_variants(
    request: ConversionRequest, check: Callable[[], None], tell: Tell = lambda _fraction, _message: None
) -> dict[str, VariantDetails]:
    """Write ``openvino-<precision>.xml`` and ``.bin`` of each; what was found out about them, by their names.

    Raises ModelUnusable when that fails, and what ``check`` raises.
    """
    name = request.entry.name
    with tempfile.TemporaryDirectory(prefix="convert-", dir=request.folder.parent) as folder:
        asked = Path(folder) / "request.json"
        asked.write_text(request.model_dump_json(), "utf-8")
        try:
            run_watched([sys.executable, "-m", CONVERTER, str(asked)], check, _listener(tell))
        except ProcessFailed as error:
            reason = (error.last_words.splitlines() or [f"it ended with status {error.status}"])[-1]
            raise ModelUnusable(f"{name} can't be converted for OpenVINO: {reason[:500]}") from error
        made = DETAILS.validate_json((Path(folder) / REPORT).read_bytes())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {each: details.model_copy(update={"made_at": now}) for each, details in made.items()}


def _listener(tell: Tell) -> Callable[[str], None]:
    def listen(line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == PROGRESS:
            fraction, _, message = rest.partition(" ")
            tell(float(fraction), message)

    return listen
