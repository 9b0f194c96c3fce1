"""A form of a model held against the original by a helper process: this one holds no model library."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.catalogue import CatalogueEntry
from shared.errors import ModelUnusable
from shared.figures import Drift
from workers.processes import ProcessFailed, run_watched

COMPARER = "workers.runtimes.compare"
REPORT = "report.json"


class ComparisonRequest(BaseModel):
    """What is compared: the model in ``folder`` as it is, on the CPU, with one of its forms on ``device``.

    ``media``: pictures both see, by names; none: made-up inputs.
    """

    model_config = ConfigDict(frozen=True)

    entry: CatalogueEntry
    folder: Path
    runtime: Literal["torch", "openvino"]
    precision: str | None
    device: str
    threads: int
    samples: int
    media: dict[str, Path] = {}


class Compared(BaseModel):
    """What came of it. ``failed``: the stage that didn't hold, and why; then there is no drift."""

    model_config = ConfigDict(frozen=True)

    original: str
    variant: str
    failed: tuple[Literal["load", "run"], str] | None = None
    drift: Drift | None = None


def compare(request: ComparisonRequest, scratch: Path, check: Callable[[], None]) -> Compared:
    """Raises ModelUnusable where the original can't be had or the process dies, and what ``check`` raises."""
    with tempfile.TemporaryDirectory(prefix="compare-", dir=scratch) as folder:
        asked = Path(folder) / "request.json"
        asked.write_text(request.model_dump_json(), "utf-8")
        try:
            run_watched([sys.executable, "-m", COMPARER, str(asked)], check)
        except ProcessFailed as error:
            reason = (error.last_words.splitlines() or [f"it ended with status {error.status}"])[-1]
            raise ModelUnusable(f"{request.entry.name} can't be compared: {reason[:500]}") from error
        return Compared.model_validate_json((Path(folder) / REPORT).read_bytes())
