"""The curve of a search for density, as it grows: streams against the rate of the slowest one."""

from statistics import median
from typing import Any, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from client.cli.render import STYLES
from client.sdk import Framelane
from client.sdk.following import Followed
from shared.events import CancelRequested, Measured, Progressed, Snapshot, StateChanged
from shared.jobs import Job, Progress
from shared.states import JobState

_BAR = 40


class Curve:
    """What was measured so far. ``pinned``: streams of every run that don't count."""

    def __init__(self, floor: float, pinned: int = 0) -> None:
        self._floor = floor
        self._pinned = pinned
        self._rates: dict[int, list[float]] = {}
        self._state = JobState.PENDING
        self._said = ""

    def hear(self, frame: Followed) -> str:
        """Take what follows; a line about it where it is a run."""
        match frame:
            case Snapshot(job=job):
                self._state = job.state
                self._tell(job.progress)
            case Progressed(progress=progress):
                self._tell(progress)
            case StateChanged(state=state):
                self._state = state
            case CancelRequested():
                self._said = "asked to stop"
            case Measured(streams=streams) if streams:
                return self.add(len(streams) - self._pinned, min(each.fps for each in streams))
            case Measured():
                pass
        return ""

    def add(self, streams: int, slowest: float) -> str:
        """A run; a line about it."""
        self._rates.setdefault(streams, []).append(slowest)
        return f"{streams} stream{'s'[: streams != 1]}: the slowest at {slowest:.1f} FPS"

    def view(self) -> RenderableType:
        """A bar for each number of streams, with a mark at the floor."""
        head = Text(self._state.value, style=STYLES[self._state]).append(f" {self._said}", style="default")
        return Group(head, *self.bars())

    def bars(self) -> list[Text]:
        """By number of streams; rates are medians of the runs."""
        rates = {streams: median(rates) for streams, rates in sorted(self._rates.items())}
        widest = max([self._floor * 1.2, *rates.values()])
        return [self._bar(streams, rate, widest) for streams, rate in rates.items()]

    def _bar(self, streams: int, rate: float, widest: float) -> Text:
        length, mark = round(_BAR * rate / widest), min(round(_BAR * self._floor / widest), _BAR - 1)
        style = "green" if rate >= self._floor else "red"
        bar = Text(f"{streams:>4} ").append("█" * length + " " * (_BAR - length), style=style)
        bar.plain = f"{bar.plain[: 5 + mark]}│{bar.plain[6 + mark :]}"
        times = len(self._rates[streams])
        return bar.append(f" {rate:.1f} FPS", style=style).append(f" x{times}" if times > 1 else "", style="dim")

    def _tell(self, progress: Progress) -> None:
        self._said = f"{progress.stage}: {progress.message}" if progress.message else progress.stage


def watch_curve(client: Framelane, job_id: str, spec: dict[str, Any], console: Console) -> Job:
    """Show the curve while the job lives, or a line for each run where nobody could see it move."""
    curve = Curve(float(spec["fps_floor"]), _pinned(spec))
    with Live(curve.view(), console=console, transient=True, auto_refresh=False) as live:
        for frame in client.follow(job_id):
            line = curve.hear(frame)
            if console.is_terminal:
                live.update(curve.view(), refresh=True)
            elif line:
                console.print(line)
    return client.get(job_id)


def _pinned(spec: dict[str, Any]) -> int:
    shares = cast("list[dict[str, Any]]", spec.get("specs", []))
    return sum(int(share.get("streams") or 0) for share in shares)
