"""The command line of a worker."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from shared.devices import Lane, LaneClass
from shared.settings import Settings, WorkerSettings
from workers.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worker is to be: its settings with the lane in them, and the device (None: the lane's)."""

    settings: Settings
    device: str | None

    @property
    def lane(self) -> Lane:
        """Raises CannotStart."""
        try:
            return Lane(self.settings.worker.lane)
        except ValueError as error:
            raise CannotStart(str(error)) from error


def read(arguments: Sequence[str] | None, settings: Settings) -> Asked:
    """``--device GPU.1 --class long`` is lane ``gpu.1.long``. Exits with status 2 for options that aren't ours."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.lane and given.lane_class:
        parser.error("--lane says the class already; use --lane, or --device with --class")
    named = {"lane": given.lane or _lane_name(given), "concurrency": given.concurrency}
    chosen = settings.worker.model_dump(exclude_unset=True) | {
        name: value for name, value in named.items() if value is not None
    }
    return Asked(settings.model_copy(update={"worker": WorkerSettings.model_validate(chosen)}), given.device)


def _lane_name(given: argparse.Namespace) -> str | None:
    if not given.device and not given.lane_class:
        return None
    device: str = (given.device or "CPU").lower()
    lane_class = LaneClass(given.lane_class or LaneClass.FAST)
    # Not Lane.of: a name that is none is told later, with the others that can't be.
    suffix = ".long" if lane_class is LaneClass.LONG else ""
    return "io" if lane_class is LaneClass.IO else device + suffix


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="framelane-worker", description="Run a Framelane worker.")
    parser.add_argument("--device", help="device to serve, such as CPU, GPU, GPU.1 or NPU (default: the lane's)")
    parser.add_argument(
        "--class",
        dest="lane_class",
        choices=[str(each) for each in LaneClass],
        help="fast: inference (default); long: pipelines and measurements; io: downloads, bound to no device",
    )
    parser.add_argument(
        "--lane", help="the same in one word: cpu, gpu.1.long, io, … (default: FRAMELANE_WORKER__LANE, else cpu)"
    )
    parser.add_argument("--concurrency", type=int, help="jobs at a time")
    return parser
