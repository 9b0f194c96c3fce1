"""Files of an uploaded model: which they may be, and whether a model can be made of them."""

import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared.catalogue import CatalogueEntry, TensorContract
from shared.errors import ModelUnusable
from shared.model_files import GRAPHS, PICKLES, WEIGHTS
from shared.results import VariantDetails
from workers.onnx_files import external_files
from workers.processes import ProcessFailed, run_watched

PROGRAM = "workers.runtimes.acceptance"
REPORT = "report.json"


class AcceptanceRequest(BaseModel):
    """A model that is to be looked into: ``main`` is its file in ``folder``."""

    model_config = ConfigDict(frozen=True)

    entry: CatalogueEntry
    folder: Path
    main: str
    memory_bytes: int = 0


class Accepted(BaseModel):
    """What was found out about it."""

    model_config = ConfigDict(frozen=True)

    labels: list[str]
    precision: str
    inputs: list[TensorContract]
    outputs: list[TensorContract]
    details: dict[str, VariantDetails]


def accepted(request: AcceptanceRequest, check: Callable[[], None]) -> Accepted:
    """Read it, run it once, make its OpenVINO variant beside it, in a process of its own.

    Raises ModelUnusable with the reason, and what ``check`` raises.
    """
    with tempfile.TemporaryDirectory(prefix="accept-", dir=request.folder.parent) as folder:
        asked = Path(folder) / "request.json"
        asked.write_text(request.model_dump_json(), "utf-8")
        try:
            run_watched([sys.executable, "-m", PROGRAM, str(asked)], check)
        except ProcessFailed as error:
            reason = (error.last_words.splitlines() or ["it says nothing"])[-1]
            how = f" (status {error.status})" if error.status != 1 else ""
            raise ModelUnusable(f"the model isn't taken: {reason[:500]}{how}") from error
        return Accepted.model_validate_json((Path(folder) / REPORT).read_bytes())


def main_file(folder: Path, architecture: str) -> str:
    """The name of the model's own file among those in ``folder``. Raises ModelUnusable for too few or too many.

    The weights of an IR are called like it then.
    """
    names = sorted(path.name for path in folder.iterdir())
    wanted = GRAPHS if architecture == "network" else WEIGHTS | PICKLES
    found = [name for name in names if Path(name).suffix.lower() in wanted]
    if len(found) != 1:
        listed = ", ".join(names) or "nothing"
        raise ModelUnusable(f"one file of {', '.join(sorted(wanted))} is needed for {architecture}, not: {listed}")
    main = found[0]
    rest = {*names} - {main}
    if main.endswith(".xml"):
        rest -= {_paired(folder, main, rest)}
    if main.endswith(".onnx"):
        rest -= _beside(folder / main, rest)
    if rest:
        raise ModelUnusable(f"it isn't known what these are for: {', '.join(sorted(rest))}")
    return main


def _paired(folder: Path, main: str, rest: Collection[str]) -> str:
    weights = [name for name in rest if name.endswith(".bin")]
    if len(weights) != 1:
        raise ModelUnusable(f"{main} needs its weights: one .bin file")
    (folder / weights[0]).rename((folder / main).with_suffix(".bin"))
    return weights[0]


def _beside(main: Path, rest: Collection[str]) -> set[str]:
    needed = external_files(main)
    if outside := sorted(name for name in needed if name not in rest):
        raise ModelUnusable(
            f"{main.name} keeps weights in {outside[0][:200]!r}, which isn't a file that came along with it"
        )
    return needed
